"""Rows that show the same, told apart, so that networks are asked once for all of them.

Episodes that were played on a tree say themselves which rows are the same; of others that is found by random sums, and
checked. Where one agent has a choice at a time, so that policies matter at its observation alone, decisions are told
apart too, which are fewer: policies are asked at these, and probabilities, entropies and divergences worked out there.

Shape letters as in `team`: B episodes, T steps, N agents, A actions, O observation; R steps were taken. There are U
kinds of rows, and K is the most decisions that one agent has met.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.nn.device import host, like
from counterplay.engine.tabled import side_by_side

if TYPE_CHECKING:
    from counterplay.agents.team import Batch

Ints = npt.NDArray[np.int64]

_LARGEST = 2**16  # of the numbers that tell rows apart: sums of zeros and ones are exact, and seldom the same


class Asked(NamedTuple):
    """The decisions that were met, side by side: row k has each agent's k-th one."""

    obs: Tensor  # [K, N, O]
    legal: Tensor  # [K, N, A]
    number: Tensor  # [B * (T + 1)] which k the decision of who has a choice in a row is; any where nobody has one
    at: Tensor  # [R * N] which of K * N each agent's at a step is; any where it has no choice
    free: Tensor  # [R, N] f32, 1 where it has one


class Merged(NamedTuple):
    """Which rows of a batch are the same."""

    distinct: Tensor  # [U] rows among B * (T + 1), one of each kind
    number: Tensor  # [B * (T + 1)] which of them shows the same as a row; 0 of a row whose worth nobody asks
    asked: Asked | None  # None where several agents may have a choice at a time


def merge(batch: "Batch", in_turn: bool) -> Merged | None:
    """Return which rows, in which agents and state show something else, are the same; None where it cannot be told.

    Rows in which a step was taken or time ran out are told apart; nothing follows the others, so that it does not count
    what they are taken for. `in_turn` says that one agent has a choice at a time, by what it observes.
    """
    filled, ended = host(batch.filled), host(batch.terminated)
    heard = np.zeros((len(filled), filled.shape[1] + 1), np.bool_)
    heard[:, :-1] = filled
    heard[:, 1:] |= filled & ~ended
    rows = np.flatnonzero(heard)
    if batch.number is not None:
        label: Ints | None = host(batch.number).ravel()[rows]
    else:
        at = like(batch.filled, rows)
        shown = batch.obs.flatten(0, 1).flatten(1), batch.state.flatten(0, 1)
        label = alike([part.index_select(0, at) for part in shown])
    if label is None:
        return None
    first, label = _counted(label)
    number = np.zeros(heard.size, np.int64)
    number[rows] = label
    distinct = rows[first]
    asked = _asked(batch, distinct, number) if in_turn and batch.alive is None else None
    return Merged(like(batch.filled, distinct), like(batch.filled, number), asked)


def _asked(batch: "Batch", distinct: Ints, number: Ints) -> Asked | None:
    """Return the decisions that were met in distinct rows [U], where each row has a number."""
    legal = batch.legal.flatten(0, 1).index_select(0, like(batch.filled, distinct))
    free = host(legal.sum(dim=-1) > 1)  # [U, N]
    some = np.flatnonzero(free.any(axis=1))
    if not len(some):
        return None
    agent = free[some].argmax(axis=1)
    agents, where = free.shape[1], like(batch.filled, distinct[some] * free.shape[1] + agent)
    obs = batch.obs.flatten(0, 2).index_select(0, where)
    label = alike([obs, like(obs, agent[:, None].astype(np.float32))])
    if label is None:
        return None
    first, label = _counted(label)
    place = side_by_side(agent[first])
    k, n = (like(batch.filled, part) for part in (place, agent[first]))
    shown = obs.new_zeros(int(place.max()) + 1, agents, obs.shape[1])
    shown[k, n] = obs.index_select(0, like(batch.filled, first))
    may = torch.zeros(*shown.shape[:2], legal.shape[2], dtype=torch.bool, device=legal.device)
    may[..., 0] = True
    may[k, n] = legal[like(batch.filled, some[first]), n]
    of_row = np.zeros(len(distinct), np.int64)
    of_row[some] = place[label]
    filled = host(batch.filled)
    taken = number.reshape(len(filled), -1)[:, :-1][filled]
    at = of_row[taken][:, None] * agents + np.arange(agents)
    found = (like(batch.filled, part) for part in (of_row[number], at.ravel(), free[taken].astype(np.float32)))
    return Asked(shown, may, *found)


def alike(parts: Sequence[Tensor]) -> Ints | None:
    """Return a number for each of M rows, whose parts are [M, ...], the same only where all that they show is.

    None where other rows cannot be told apart by sums that are random.
    """
    rng = np.random.default_rng(0)
    drawn = [rng.integers(1, _LARGEST, (part.shape[1], 2)).astype(np.float32) for part in parts]
    sums = torch.stack([part @ like(part, some) for part, some in zip(parts, drawn, strict=True)]).sum(dim=0)
    high, low = sums.double().unbind(dim=1)
    _, *found = np.unique(host(high * _LARGEST**2 + low), return_index=True, return_inverse=True)
    first, number = (part.ravel() for part in found)
    of_first: Any = like(parts[0], first[number])
    if not all(torch.equal(part.index_select(0, of_first), part) for part in parts):
        return None
    return number


def _counted(label: Ints) -> tuple[Ints, Ints]:
    """Return where each of the numbers that are given, [M], comes first, and for each how many smaller ones are."""
    first = np.full(int(label.max(initial=-1)) + 1, -1)
    first[label[::-1]] = np.arange(len(label))[::-1]
    met = first >= 0
    return first[met], (np.cumsum(met) - 1)[label]
