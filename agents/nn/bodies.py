"""Bodies: what stands between what an agent sees and its outputs, by name.

`mlp` and `gru` are `networks.AgentNetwork`, whose layers are kernels of ours. All others are here, in PyTorch's
operations but for `norm`, whose layers are kernels too (`norm_layers`): a body is a module that is made with (the
environment's spec, H) and called with observations [..., N, O] to give [..., N, H]. A new one is one class here and one
line in `BODIES`; one's own goes by "package.module:Class". What of an observation is a grid, and which of its numbers
tell of which entities, the environment says (`EnvSpec.grid`, `EnvSpec.entities`).

Shape letters: R rows, N agents, O observation, H hidden, K outputs, E entities.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterplay.agents.nn.norm_layers import Chain, norm_layers
from counterplay.engine.catalogue import is_own, load_object
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError

FAST = ("mlp", "gru")  # those of `networks.AgentNetwork`
APART = ("mlp", "norm", "residual", "cnn", "resnet", "attention")  # with which agents see apart from each other
_HEADS = 4


class Plain(nn.Module):
    """Two layers with ReLUs: `mlp` where agents have roles, whose networks are apart."""

    def __init__(self, spec: EnvSpec, hidden: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(spec.observation, hidden), nn.Linear(hidden, hidden)

    def forward(self, obs: Tensor) -> Tensor:
        """Return the last hidden layer."""
        return F.relu(self.second(F.relu(self.first(obs))))


class Normed(nn.Module):
    """Two layers, each with LayerNorm before its ReLU (as in Gallici et al. 2024, "PQN", section 3)."""

    def __init__(self, spec: EnvSpec, hidden: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(spec.observation, hidden), nn.Linear(hidden, hidden)
        self.norm, self.norm_too = nn.LayerNorm(hidden), nn.LayerNorm(hidden)

    @property
    def layers(self) -> list[tuple[nn.Linear, nn.LayerNorm]]:
        """The layers, each with its LayerNorm."""
        return [(self.first, self.norm), (self.second, self.norm_too)]

    def forward(self, obs: Tensor) -> Tensor:
        """Return the last hidden layer."""
        return norm_layers(obs, self.layers)


class Residual(nn.Module):
    """A layer, then blocks of two that add to what they are given (He et al. 2016), after LayerNorm."""

    def __init__(self, spec: EnvSpec, hidden: int, blocks: int = 2) -> None:
        super().__init__()
        self.first = nn.Linear(spec.observation, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(blocks))
        self.wide = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.back = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))

    def forward(self, obs: Tensor) -> Tensor:
        """Return the last hidden layer."""
        x = self.first(obs)
        for norm, wide, back in zip(self.norms, self.wide, self.back, strict=True):
            x = x + back(F.relu(wide(norm(x))))
        return F.relu(x)


class Convolutions(nn.Module):
    """Two layers of 3 x 3 convolutions over the grid that is seen, then two over all of it."""

    def __init__(self, spec: EnvSpec, hidden: int, channels: int = 32) -> None:
        super().__init__()
        self.grid = grid_of(spec)
        rows, columns, depth = self.grid
        self.first, self.second = (
            nn.Conv2d(depth, channels, 3, padding=1),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        rest = spec.observation - rows * columns * depth
        self.join, self.last = nn.Linear(rows * columns * channels + rest, hidden), nn.Linear(hidden, hidden)

    def seen(self, grid: Tensor) -> Tensor:
        """Return what is made of grids [R, depth, rows, columns]."""
        return F.relu(self.second(F.relu(self.first(grid))))

    def forward(self, obs: Tensor) -> Tensor:
        """Return the last hidden layer."""
        grid, rest = split_grid(obs.flatten(0, -2), self.grid)
        x = torch.cat([self.seen(grid).flatten(1), rest], dim=1)
        return F.relu(self.last(F.relu(self.join(x)))).view(*obs.shape[:-1], -1)


class ResNet(Convolutions):
    """As `cnn`, with blocks that add to what they are given (the residual blocks of Espeholt et al. 2018, figure 3)."""

    def __init__(self, spec: EnvSpec, hidden: int, channels: int = 32) -> None:
        super().__init__(spec, hidden, channels)
        self.third, self.fourth = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def seen(self, grid: Tensor) -> Tensor:
        """Return what is made of grids [R, depth, rows, columns]."""
        x = self.first(grid)
        x = x + self.third(F.relu(self.second(F.relu(x))))
        return F.relu(x + self.fourth(F.relu(x)))


class Entities(nn.Module):
    """What is seen as vectors of H: the agent's own numbers, and each entity by the network of its kind."""

    def __init__(self, spec: EnvSpec, hidden: int, name: str) -> None:
        super().__init__()
        if not spec.entities:
            raise UserError(
                f"body={name} looks at entities one by one, and this environment does not say which numbers of an "
                "observation tell of which (EnvSpec.entities); spread and foraging do; take body=mlp or residual here"
            )
        self.kinds = spec.entities
        self.own_numbers = [i for i in range(spec.observation) if not any(s <= i < s + c * w for s, c, w in self.kinds)]
        self.own = nn.Linear(max(1, len(self.own_numbers)), hidden)
        self.each = nn.ModuleList(nn.Linear(width, hidden) for _, _, width in self.kinds)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the own vector [..., H], and those of all entities, [..., E, H], of observations [..., O]."""
        own = obs[..., self.own_numbers] if self.own_numbers else obs.new_zeros(*obs.shape[:-1], 1)
        parts = []
        for (start, count, width), network in zip(self.kinds, self.each, strict=True):
            seen = obs[..., start : start + count * width].reshape(*obs.shape[:-1], count, width)
            parts.append(network(seen))
        return self.own(own), torch.cat(parts, dim=-2)


class Attention(nn.Module):
    """An agent asks all that it sees, by attention with four heads (Vaswani et al. 2017, section 3.2), once.

    Nothing depends on how many entities there are.
    """

    def __init__(self, spec: EnvSpec, hidden: int) -> None:
        super().__init__()
        if hidden % _HEADS:
            raise UserError(f"body=attention has {_HEADS} heads: take a hidden that is a multiple of it, not {hidden}")
        self.entities = Entities(spec, hidden, "attention")
        self.ask, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))
        self.join = nn.Linear(2 * hidden, hidden)

    def forward(self, obs: Tensor) -> Tensor:
        """Return the last hidden layer."""
        own, each = self.entities(obs)
        each = F.relu(each)
        ask, key, value = self.ask(F.relu(own)).unsqueeze(-2), self.key(each), self.value(each)
        ask, key, value = (part.unflatten(-1, (_HEADS, -1)).transpose(-2, -3) for part in (ask, key, value))
        weight = (ask @ key.transpose(-1, -2) * key.shape[-1] ** -0.5).softmax(dim=-1)  # [..., heads, 1, E]
        found = (weight @ value).squeeze(-2).flatten(-2)
        return F.relu(self.join(torch.cat([F.relu(own), found], dim=-1)))


class Graph(nn.Module):
    """Agents tell each other what they see, twice: each adds the mean of the others' messages.

    That is CommNet (Sukhbaatar et al. 2016). What an agent sees itself is its own numbers and the mean over
    all entities. It takes that agents can speak while they play.
    """

    def __init__(self, spec: EnvSpec, hidden: int, rounds: int = 2) -> None:
        super().__init__()
        self.entities = Entities(spec, hidden, "graph") if spec.entities else None
        self.first = None if spec.entities else nn.Linear(spec.observation, hidden)
        self.seen = nn.Linear(2 * hidden, hidden) if spec.entities else nn.Linear(hidden, hidden)
        self.keep = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(rounds))
        self.tell = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(rounds))

    def forward(self, obs: Tensor) -> Tensor:
        """Return the last hidden layer."""
        if self.entities is not None:
            own, each = self.entities(obs)
            x = torch.cat([F.relu(own), F.relu(each).mean(dim=-2)], dim=-1)
        else:
            assert self.first is not None
            x = F.relu(self.first(obs))
        x = F.relu(self.seen(x))
        others = max(1, x.shape[-2] - 1)
        for keep, tell in zip(self.keep, self.tell, strict=True):
            said = tell(x)
            x = F.relu(keep(x) + (said.sum(dim=-2, keepdim=True) - said) / others)
        return x


class Remembering(nn.Module):
    """A layer, and an LSTM over the steps (Hochreiter and Schmidhuber 1997). Its memory is [..., 2H]."""

    def __init__(self, spec: EnvSpec, hidden: int) -> None:
        super().__init__()
        self.first, self.lstm = nn.Linear(spec.observation, hidden), nn.LSTM(hidden, hidden)

    def forward(self, obs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden layer at every step, [T, R, H], and the memory after the last; `obs` are [T, R, O]."""
        before = [part.contiguous()[None] for part in memory.chunk(2, dim=-1)]
        x, after = self.lstm(F.relu(self.first(obs)), (before[0], before[1]))
        return x, torch.cat(after, dim=-1)[0]


BODIES: dict[str, Callable[[EnvSpec, int], nn.Module]] = {
    "mlp": Plain,
    "norm": Normed,
    "residual": Residual,
    "cnn": Convolutions,
    "resnet": ResNet,
    "lstm": Remembering,
    "attention": Attention,
    "graph": Graph,
}


class Bodied(nn.Module):
    """K numbers for every agent out of a body, as `networks.AgentNetwork` gives them.

    Agents of one role share a network (`EnvSpec.roles`; all do where it has none), or with `shared` off each has its
    own. With `ids` an agent's number, and with `last_action` its last action, add a vector to the hidden layer.
    """

    def __init__(
        self,
        spec: EnvSpec,
        body: str,
        outputs: int,
        *,
        hidden: int = 64,
        shared: bool = True,
        ids: bool = True,
        last_action: bool = False,
        dueling: bool = False,
    ) -> None:
        super().__init__()
        self.agents, self.hidden = spec.agents, hidden
        roles = (spec.roles or (0,) * spec.agents) if shared else tuple(range(spec.agents))
        self.groups = [[n for n, role in enumerate(roles) if role == one] for one in sorted(set(roles))]
        if body == "graph" and len(self.groups) > 1:
            raise UserError("body=graph is one network over all agents, and here they have several: take shared=true")
        self.bodies = nn.ModuleList(make_body(body, spec, hidden) for _ in self.groups)
        self.outs = nn.ModuleList(nn.Linear(hidden, outputs) for _ in self.groups)
        self.values = nn.ModuleList(nn.Linear(hidden, 1) for _ in self.groups) if dueling else None
        bound = hidden**-0.5
        own = ids and shared and spec.agents > 1
        self.ids = nn.Parameter(torch.empty(spec.agents, hidden).uniform_(-bound, bound)) if own else None
        self.last = nn.Embedding(spec.actions + 1, hidden) if last_action else None

    @property
    def memory(self) -> nn.ModuleList | None:
        """What remembers, if anything does."""
        return self.bodies if isinstance(self.bodies[0], Remembering) else None

    @property
    def out(self) -> nn.ModuleList:
        """The last layers."""
        return self.outs

    @property
    def chain(self) -> Chain | None:
        """All of this network as layers with LayerNorm and a last one; None where it is something else, or more."""
        body, out = self.bodies[0], self.outs[0]
        more = len(self.groups) > 1 or any(part is not None for part in (self.ids, self.last, self.values))
        if more or type(body) is not Normed or not isinstance(out, nn.Linear):
            return None
        return Chain(body.layers, out)

    def start(self, batch: int) -> Tensor | None:
        """Return the memory of agents that have seen nothing, [B, N, 2H]; None without recurrence."""
        if self.memory is None:
            return None
        return next(self.parameters()).new_zeros(batch, self.agents, 2 * self.hidden)

    def forward(
        self, obs: Tensor, last: Tensor | None = None, memory: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return K numbers an agent, [..., N, K], of observations [..., N, O], and the memory after the last step."""
        x, memory = self.features(obs, last, memory)
        return self.head(x), memory

    def features(
        self, obs: Tensor, last: Tensor | None = None, memory: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the last hidden layer, [..., N, H], and the memory; with one, observations are [B, T, N, O]."""
        if self.memory is None:
            x = self._each(self.bodies, obs)
        else:
            x, memory = self._over_time(obs, self.start(len(obs)) if memory is None else memory)
        if self.ids is not None:
            x = x + self.ids
        if self.last is not None:
            assert last is not None, "these agents see their last actions"
            x = x + self.last(last + 1)
        return x, memory

    def head(self, x: Tensor) -> Tensor:
        """Return K numbers an agent, [..., N, K], from the last hidden layer, [..., N, H]."""
        found = self._each(self.outs, x)
        if self.values is not None:
            found = self._each(self.values, x) + found - found.mean(dim=-1, keepdim=True)
        return found

    def _each(self, networks: Any, x: Tensor) -> Tensor:
        """Return what each agent's network says of its numbers [..., N, I]."""
        if len(self.groups) == 1:
            only: Tensor = networks[0](x)
            return only
        said = [network(x[..., group, :]) for network, group in zip(networks, self.groups, strict=True)]
        order = torch.tensor([n for group in self.groups for n in group], device=x.device).argsort()
        return torch.cat(said, dim=-2).index_select(-2, order)

    def _over_time(self, obs: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor]:
        assert memory is not None
        steps, found, after = obs.transpose(0, 1), [], []  # [T, B, N, O]
        for body, group in zip(self.bodies, self.groups, strict=True):
            x, then = body(steps[:, :, group].flatten(1, 2), memory[:, group].flatten(0, 1))
            found.append(x.reshape(x.shape[0], -1, len(group), x.shape[-1]))
            after.append(then.reshape(-1, len(group), then.shape[-1]))
        if len(self.groups) == 1:
            return found[0].transpose(0, 1), after[0]
        order = torch.tensor([n for group in self.groups for n in group], device=obs.device).argsort()
        return torch.cat(found, dim=2).index_select(2, order).transpose(0, 1), torch.cat(after, dim=1)[:, order]


def grid_of(spec: EnvSpec) -> tuple[int, int, int]:
    """Return the grid that an environment shows, (rows, columns, depth); raises `ValueError` if it shows none."""
    if not spec.grid:
        raise UserError(
            "body=cnn and resnet look at a grid, and this environment does not say that it shows one (EnvSpec.grid); "
            "predator_prey and pictures of PettingZoo's do; take body=mlp or residual here"
        )
    return spec.grid


def split_grid(obs: Tensor, grid: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Return the grids [R, depth, rows, columns] that observations [R, O] begin with, and the rest of these."""
    rows, columns, depth = grid
    size = rows * columns * depth
    return obs[:, :size].view(-1, rows, columns, depth).permute(0, 3, 1, 2), obs[:, size:]


def make_body(name: str, spec: EnvSpec, hidden: int) -> nn.Module:
    """Return the body of that name; raises `ValueError` for one that does not exist, or does not suit."""
    if name == "gru":
        raise UserError("body=gru is one network for all, or one each (shared=false): for roles take body=lstm")
    if name in BODIES:
        return BODIES[name](spec, hidden)
    if not is_own(name):
        known = ", ".join([*FAST, *(body for body in BODIES if body not in FAST)])
        raise UserError(
            f"there is no body {name!r}; the bodies are {known}, and one's own goes by 'package.module:Class'"
        )
    try:
        found = load_object(name)(spec, hidden)
    except (ValueError, TypeError) as error:
        raise UserError(f"the body {name!r} has to be made with (the environment's spec, hidden): {error}") from None
    if not isinstance(found, nn.Module):
        raise UserError(f"the body {name!r} has to be a torch.nn.Module, not {type(found).__name__}")
    return found
