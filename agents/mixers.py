"""Mixers: how the chosen values of the agents make the team's.

A mixer is a module that is made with (agents, state size) and called with values [..., N] and states [..., S] to give
[...]. A new one is one class here and one line in `MIXERS`; one's own, elsewhere, goes by "package.module:Class".
"""

from importlib import import_module

import torch.nn.functional as F
from torch import Tensor, nn


class VDN(nn.Module):
    """The sum (Sunehag et al. 2018, "Value-Decomposition Networks for Cooperative Multi-Agent Learning")."""

    def __init__(self, agents: int, state: int) -> None:
        super().__init__()

    def forward(self, values: Tensor, states: Tensor) -> Tensor:
        """Mix."""
        return values.sum(dim=-1)


class QMIX(nn.Module):
    """Rises with each agent's value, by as much as the state says (Rashid et al. 2018, section 4.1, figure 2).

    The weights of a two-layer network over the agents' values come out of networks over the state ("hypernetworks"),
    and are made non-negative by their absolute value. As in the authors' later code, the first layer's and the second
    layer's weights come out of two-layer networks themselves.
    """

    def __init__(self, agents: int, state: int, embed: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.agents, self.embed = agents, embed
        self.weight = nn.Sequential(nn.Linear(state, hidden), nn.ReLU(), nn.Linear(hidden, agents * embed))
        self.bias = nn.Linear(state, embed)
        self.weight_out = nn.Sequential(nn.Linear(state, hidden), nn.ReLU(), nn.Linear(hidden, embed))
        self.bias_out = nn.Sequential(nn.Linear(state, embed), nn.ReLU(), nn.Linear(embed, 1))

    def forward(self, values: Tensor, states: Tensor) -> Tensor:
        """Mix."""
        weight = self.weight(states).abs().unflatten(-1, (self.agents, self.embed))
        # A sum of products rather than a batched matrix product: the matrices are one row by a few.
        hidden = F.elu((values[..., None] * weight).sum(dim=-2) + self.bias(states))
        mixed: Tensor = (hidden * self.weight_out(states).abs()).sum(dim=-1) + self.bias_out(states)[..., 0]
        return mixed


MIXERS: dict[str, type[nn.Module]] = {"vdn": VDN, "qmix": QMIX}


def make_mixer(name: str, agents: int, state: int) -> nn.Module | None:
    """Return the mixer of that name, or None for "none"; raises `ValueError` for one that does not exist."""
    if name == "none":
        return None
    if name in MIXERS:
        return MIXERS[name](agents, state)
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(
            f"there is no mixer {name!r}; the mixers are none, {', '.join(MIXERS)}, "
            "and one's own goes by 'package.module:Class'"
        )
    try:
        kind = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"cannot import the mixer {name!r}: {error}") from None
    try:
        mixer = kind(agents, state)
    except TypeError as error:
        raise ValueError(f"the mixer {name!r} has to be made with (agents, state size): {error}") from None
    if not isinstance(mixer, nn.Module):
        raise ValueError(f"the mixer {name!r} has to be a torch.nn.Module, not {type(mixer).__name__}")
    return mixer
