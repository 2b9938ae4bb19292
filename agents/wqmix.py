"""Weighted QMIX (Rashid et al. 2020): a monotone mix that trusts what went as well as, or better than, it said.

QMIX's mix cannot hold every joint value, and what it cannot hold spoils the rest. So a further value, Q*, is mixed by a
network that may do anything; targets are made of it, at the actions that are best by the agents' own values (eq. 5),
and in the monotone mix's loss a joint action that need not be valued well counts for less, by `alpha` (section 4):

- `cw` (centrally weighted, eq. 9): all count for less but those that were worth more than Q* says of the best ones, and
  the best ones themselves;
- `ow` (optimistically weighted, eq. 10): all count for less but those that were worth more than the mix says.

Q* has agent networks of its own, as in the authors' code, and is mixed by a plain network over the agents' values and
the state, to which a value of the state is added. Departures are those of `q_learning`.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from counterplay.agents import together
from counterplay.agents.learner import suits, within
from counterplay.agents.nn.dense import MLP
from counterplay.agents.nn.mixers import QMIX
from counterplay.agents.q_learning import OffPolicy, OffPolicySettings
from counterplay.agents.team import Batch, Rows, at_actions, take_rows
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError

_WEIGHTINGS = ("cw", "ow")


@dataclass(frozen=True)
class WQMIXSettings(OffPolicySettings):
    """What can be set of Weighted QMIX."""

    weighting: Annotated[str, "cw (centrally) or ow (optimistically weighted)"] = "cw"
    alpha: Annotated[float, "weight of joint actions that need not be valued well, 0 to 1; 1 is a mix by QMIX"] = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, alpha=(0, 1))
        if self.weighting not in _WEIGHTINGS:
            raise UserError(f"weighting must be {' or '.join(_WEIGHTINGS)}, not {self.weighting!r}")


class Unrestricted(nn.Module):
    """A mixer that may do anything: a network over the agents' values and the state, and a value of the state."""

    def __init__(self, agents: int, state: int, hidden: int) -> None:
        super().__init__()
        self.mix, self.value = MLP(agents + state, hidden, 1), MLP(state, hidden, 1, layers=1)

    def forward(self, values: Tensor, states: Tensor) -> Tensor:
        """Return [...] of values [..., N] and states [..., S]."""
        mixed: Tensor = self.mix(torch.cat([values, states], dim=-1)) + self.value(states)
        return mixed[..., 0]


class WQMIX(OffPolicy):
    """Agents and QMIX's mixer; agents of Q* and their mixer, which have targets."""

    settings: WQMIXSettings

    def __init__(self, spec: EnvSpec, settings: WQMIXSettings, seed: int) -> None:
        suits(spec, "wqmix", team=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(spec, settings)
            self.networks["mixer"] = QMIX(spec.agents, spec.state)
            for modules in (self.networks, self.targets):
                modules["star_agents"] = self.agent_network()
                modules["star"] = Unrestricted(spec.agents, spec.state, settings.hidden)
        self.ready()

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return both losses' sum, the TD errors of Q*, [R], and figures by name."""
        settings, networks, rows = self.settings, self.networks, batch.rows()
        states = take_rows(batch.state, rows.seen)  # [R', S]
        values = self.ask(self.agents, batch, rows.seen)  # [R', N, A]
        action = take_rows(batch.action, rows.step)
        at = rows.seen.index_select(0, rows.now)
        present, here = batch.present(at), states.index_select(0, rows.now)
        star_values = self.ask(networks["star_agents"], batch, at)  # type: ignore[arg-type]  # [R, N, A]
        star = networks["star"](_there(at_actions(star_values, action), present), here)
        mixed = networks["mixer"](_there(at_actions(values, action, rows.now), present), here)
        target = self.target(batch, rows, values.detach(), states)

        with torch.no_grad():
            if settings.weighting == "cw":
                best = self.best(values.index_select(0, rows.now), batch, at)
                most = networks["star"](_there(at_actions(star_values, best), present), here)
                counts = (target > most) | (action == best).all(dim=-1)
            else:
                counts = target > mixed
            weight = torch.where(counts, 1.0, settings.alpha)
        parts = (self.weighted((one - target).square(), batch, rows) for one in (mixed, star))
        qmix, star_loss = together.means([weight * next(parts), next(parts)])
        value, worth, full = together.means([mixed, star, counts.float()])
        figures = {"value": value, "star": worth, "star_loss": star_loss, "full": full}
        return qmix + star_loss, (star - target).detach(), {name: figure.detach() for name, figure in figures.items()}

    @torch.no_grad()
    def target(self, batch: Batch, rows: Rows, values: Tensor, states: Tensor) -> Tensor:
        """Return what the team's value of each step should have been, [R]."""
        at = rows.seen.index_select(0, rows.next)
        following = self.following(batch, rows, values, self.ask(self.target_agents, batch, at))
        after = self.ask(self.targets["star_agents"], batch, at)  # type: ignore[arg-type]
        each = _there(at_actions(after, following), batch.present(at))
        return self.returns(batch, rows, self.targets["star"](each, states.index_select(0, rows.next)))


def _there(values: Tensor, present: Tensor | None) -> Tensor:
    """Return the agents' values [R, N], in which who is not present counts 0."""
    return values if present is None else values * present
