"""R-NaD: regularised Nash dynamics, by which single policies, not averages, approach an equilibrium.

Perolat et al. 2022, "Mastering the game of Stratego with model-free multiagent reinforcement learning" (DeepNash).
Payoffs are changed by how far each policy is from a policy of reference, so that the changed game has one equilibrium
and learning in it approaches it without circling; every so many updates the policy that was come to is the new
reference, and the equilibria of these games approach one of the game itself.

- The change: who decides pays eta times the divergence of its policy from the reference's at that decision, and the
  others are given it.
- Values: V-trace in each player's own time (`turns`), from a slow copy of the networks.
- Policies: NeuRD (Hennes et al. 2020), that is, logits follow their actions' advantages themselves, which does not
  fade where an action has become rare; logits that are far from the others are not taken further.

Departures: the divergence at a decision is its mean over all actions also where the others are given it; one network
says policies and another values, and both are one for all players, who see their seats; Adam has its usual moments.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.agents.learner import suits, within
from counterplay.agents.nn.adam import Adam, flatten
from counterplay.agents.nn.dense import MLP
from counterplay.agents.nn.device import host
from counterplay.agents.rollout import Episodes, sample
from counterplay.agents.turns import Decisions, decisions, v_trace_in_turn
from counterplay.engine.env import EnvSpec, Step
from counterplay.engine.errors import UserError

Floats = npt.NDArray[np.float32]

_NEVER = -1e9  # the logit of an action that is not legal


@dataclass(frozen=True)
class RNaDSettings:
    """What can be set of R-NaD."""

    envs: Annotated[int, "games played side by side between updates"] = 512
    eta: Annotated[float, "what a policy's divergence from the reference costs, in the game's units"] = 0.2
    delta: Annotated[int, "updates after which the policy is the new reference"] = 500
    epochs: Annotated[int, "times that an update goes through what was played"] = 1
    minibatches: Annotated[int, "parts, of whole games, that an epoch is made of"] = 1
    lr: Annotated[float, "learning rate of policies (Adam)"] = 5e-4
    critic_lr: Annotated[float, "learning rate of values (Adam)"] = 2e-3
    clip: Annotated[float, "largest norm of a gradient"] = 10.0
    target_rate: Annotated[float, "how far the slow copies move towards the networks at each update"] = 0.01
    logit_limit: Annotated[float, "distance of a logit from their mean beyond which it is not taken further"] = 4.0
    advantage_clip: Annotated[float, "largest advantage of an action that counts"] = 100.0
    ratio_clip: Annotated[float, "largest importance ratio of V-trace's errors (rho)"] = 1.0
    trace_clip: Annotated[float, "largest importance ratio of V-trace's traces (c)"] = 1.0
    hidden: Annotated[int, "width of hidden layers"] = 64
    layers: Annotated[int, "hidden layers"] = 2

    def __post_init__(self) -> None:
        inf = float("inf")
        within(
            self,
            envs=(1, inf),
            eta=(0, inf),
            delta=(1, inf),
            epochs=(1, inf),
            minibatches=(1, inf),
            lr=(0, inf),
            critic_lr=(0, inf),
            clip=(0, inf),
            target_rate=(0, 1),
            logit_limit=(0, inf),
            advantage_clip=(0, inf),
            ratio_clip=(0, inf),
            trace_clip=(0, inf),
            hidden=(1, 65536),
            layers=(2, 16),
        )


def force(logit: Tensor, advantage: Tensor, legal: Tensor, limit: float) -> Tensor:
    """Return what NeuRD moves logits by, [M, A]: their advantages, but 0 where that leads away beyond the limit.

    Distances are from the mean of the legal logits.
    """
    far = logit - (logit * legal).sum(dim=-1, keepdim=True) / legal.sum(dim=-1, keepdim=True)
    held = ((advantage > 0) & (far >= limit)) | ((advantage < 0) & (far <= -limit)) | ~legal
    return advantage.masked_fill(held, 0.0)


class RNaD:
    """A policy and its values, their slow copies, and the last two references."""

    settings: RNaDSettings

    def __init__(self, spec: EnvSpec, settings: RNaDSettings, seed: int) -> None:
        suits(spec, "rnad", team=False)
        if spec.team or not spec.in_turn:
            raise UserError("rnad learns turn-based games of players against each other, such as leduc")
        self.spec, self.settings, self.updates = spec, settings, 0
        self.device = torch.device("cpu")

        def net(outputs: int) -> MLP:
            return MLP(spec.observation, settings.hidden, outputs, settings.layers)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy, self.critic = net(spec.actions), net(1)
            nn.init.zeros_(self.policy.out.weight)  # every policy begins uniform
            nn.init.zeros_(self.policy.out.bias)
            names = {"policy": spec.actions, "critic": 1, "reference": spec.actions, "before": spec.actions}
            self.slow = nn.ModuleDict({name: net(outputs) for name, outputs in names.items()})
        for name in names:
            self.slow[name].load_state_dict((self.critic if name == "critic" else self.policy).state_dict())
        self._lay_out()

    def _lay_out(self) -> None:
        settings = self.settings
        self.optimiser = Adam([([self.policy], settings.lr), ([self.critic], settings.critic_lr)])
        pair = self.slow["policy"], self.slow["critic"]
        self._pairs = [(flatten([copy])[0], parts[0]) for copy, parts in zip(pair, self.optimiser.parts, strict=True)]

    @property
    def envs(self) -> int:
        """How many games are played side by side between two calls of `learn`."""
        return self.settings.envs

    def to(self, device: torch.device) -> None:
        """Take all networks to a device."""
        if device.type != self.device.type:
            moments, self.device = self.optimiser.state_dict(), device
            for part in (self.policy, self.critic, self.slow):
                part.to(device)
            self._lay_out()
            self.optimiser.load_state_dict(moments)

    def begin(self, batch: int) -> None:
        """Forget what was seen: nothing is remembered from one step to the next."""

    def act(self, step: Step, rng: np.random.Generator, explore: bool) -> npt.NDArray[np.int64]:
        """Return actions drawn from the policy; without exploring from its slow copy."""
        return sample(*self.drawn_from(step, explore), rng)

    def drawn_from(self, step: Step, explore: bool) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return what `act` draws by."""
        odds = self._odds(step, self.policy if explore else self.slow["policy"])
        with np.errstate(divide="ignore"):
            return np.log(odds), step.legal & (odds > 0)

    def probabilities(self, step: Step) -> Floats:
        """Return the policies of the slow copy, [B, N, A]."""
        return self._odds(step, self.slow["policy"])

    def learn(self, episodes: Episodes, rng: np.random.Generator) -> dict[str, float]:
        """Update by the games, which are then forgotten."""
        settings, met = self.settings, decisions(episodes, "rnad")
        if not len(met.game):
            return {}
        with torch.no_grad():
            played = self._log(self.policy, *self._shown(met)).gather(-1, self._there(met.action)[:, None])[:, 0]
        figures = []
        for _ in range(settings.epochs):
            count = min(settings.minibatches, len(episodes.filled))
            part = rng.permutation(np.arange(len(episodes.filled)) % count)[met.game]
            for k in range(count):
                rows = np.flatnonzero(part == k)
                if len(rows):
                    figures.append(self._update(met.take(rows), played[self._there(rows)]))
        means = torch.stack([torch.stack(list(each.values())) for each in figures]).mean(dim=0).tolist()
        return dict(zip(figures[0], means, strict=True)) | {"references": float(self.updates // settings.delta)}

    def _update(self, met: Decisions, played: Tensor) -> dict[str, Tensor]:
        """Follow the gradient at some decisions once, move slow copies, and take a new reference where it is time."""
        loss, figures = self.loss(met, played)
        for parameter in (*self.policy.parameters(), *self.critic.parameters()):
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step(self.settings.clip)
        self.updates += 1
        for slow, network in self._pairs:
            slow.lerp_(network, self.settings.target_rate)
        if self.updates % self.settings.delta == 0:
            self.slow["before"].load_state_dict(self.slow["reference"].state_dict())
            self.slow["reference"].load_state_dict(self.slow["policy"].state_dict())
        return figures

    def loss(self, met: Decisions, played: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss at decisions whose actions had these logarithms of probabilities, [M], and figures."""
        settings, (obs, legal) = self.settings, self._shown(met)
        action, others = self._there(met.action)[:, None], max(self.spec.agents - 1, 1)
        logit, value = self.policy(obs), self.critic(obs)[:, 0]
        with torch.no_grad():
            log = F.log_softmax(logit.masked_fill(~legal, _NEVER), dim=-1)
            odds, slow_value = log.exp(), self.slow["critic"](obs)[:, 0]
            # The first half of an iteration goes over from the reference before to the new one.
            share = min(1.0, 2 * (self.updates % settings.delta) / settings.delta)
            reference = share * self._log(self.slow["reference"], obs, legal)
            if share < 1:
                reference += (1 - share) * self._log(self.slow["before"], obs, legal)
            cost = settings.eta * (log - reference).masked_fill(~legal, 0.0)  # [M, A] of each action
            mean = (odds * cost).sum(dim=-1)
            bonus: Floats = np.repeat(host(mean)[:, None] / np.float32(others), self.spec.agents, axis=1)
            bonus[np.arange(len(bonus)), met.player] *= np.float32(-others)
            ratio = (log.gather(-1, action)[:, 0] - played).exp()
            target, worth = (
                self._there(part)
                for part in v_trace_in_turn(
                    met, host(slow_value), host(ratio), bonus, settings.ratio_clip, settings.trace_clip
                )
            )
            # Of the action taken its worth, of the others the value; that of the action in its place, on average.
            gain = torch.zeros_like(log).scatter_(-1, action, ((worth - slow_value) / played.exp())[:, None]) - cost
            advantage = gain - (odds * gain).sum(dim=-1, keepdim=True)
            advantage = advantage.clamp(-settings.advantage_clip, settings.advantage_clip)
            moved = force(logit, advantage, legal, settings.logit_limit)
        error = (value - target).square().mean()
        centred = logit - (logit * legal).sum(dim=-1, keepdim=True) / legal.sum(dim=-1, keepdim=True)
        loss = error - (moved * centred).sum(dim=-1).mean()
        entropy = -(odds * log).sum(dim=-1).mean()
        figures = {
            "loss": loss,
            "value_loss": error,
            "entropy": entropy,
            "regularisation": mean.mean(),
        }
        return loss, {name: figure.detach() for name, figure in figures.items()}

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs: networks, copies, optimiser and the number of updates."""
        return {
            "policy": self.policy.state_dict(),
            "critic": self.critic.state_dict(),
            "slow": self.slow.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "updates": self.updates,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for name, part in (("policy", self.policy), ("critic", self.critic), ("slow", self.slow)):
            part.load_state_dict(state[name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.updates = state["updates"]

    def _there(self, numbers: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(self.device)

    def _shown(self, met: Decisions) -> tuple[Tensor, Tensor]:
        return self._there(met.obs).float(), self._there(met.legal)

    @staticmethod
    def _log(net: nn.Module, obs: Tensor, legal: Tensor) -> Tensor:
        """Return a policy's logarithms of probabilities, about -1e9 for what is not legal."""
        return F.log_softmax(net(obs).masked_fill(~legal, _NEVER), dim=-1)

    @torch.no_grad()
    def _odds(self, step: Step, net: nn.Module) -> Floats:
        """Return a policy where there is a choice, elsewhere the legal action, [B, N, A]."""
        odds = step.legal.astype(np.float32)
        at = np.nonzero(step.legal.sum(axis=-1) > 1)
        odds[at] = host(self._log(net, self._there(step.obs[at]).float(), self._there(step.legal[at])).exp())
        return odds
