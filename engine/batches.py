"""Decisions of a `FactoredForm` many at a time: what was tried before them, what is done there, and mirror images.

Shape letters: n decisions of a batch, C cells, S sequences.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.attempts import attempts_of, paths
from counterplay.engine.factored import FactoredForm

BATCH = 1 << 16  # decisions

Ints = npt.NDArray[np.int64]
Vector = npt.NDArray[np.float64]


class Batch(NamedTuple):
    """Decisions of one player, numbered from `first` on."""

    player: int
    first: int
    tried: npt.NDArray[np.int8]  # [n, C] as `attempts.paths` has it: 2 * cell, 1 more if it was in vain, -1 at the end


def batches(form: FactoredForm, size: int = BATCH) -> Iterator[Batch]:
    """Yield all decisions in order, so many at a time."""
    tried = paths(form)
    for player in range(form.players):
        end = int(form.begin[player + 1])
        for first in range(int(form.begin[player]), end, size):
            yield Batch(player, first, tried[first : min(first + size, end)])


def batch_of(form: FactoredForm, player: int, decision: int) -> Batch:
    """Return one decision as a batch."""
    tried = np.full((1, form.group.shape[1]), -1, np.int8)
    for k, (cell, in_vain) in enumerate(attempts_of(form, decision)):
        tried[0, k] = 2 * cell + in_vain
    return Batch(player, decision, tried)


def attempts_in(tried: Sequence[int]) -> list[tuple[int, bool]]:
    """Return attempts as they stand in a row of a batch, as pairs of cell and whether it was in vain."""
    return [(code >> 1, bool(code & 1)) for code in tried if code >= 0]


def row_of(form: FactoredForm, batch: Batch) -> tuple[slice, Ints]:
    """Return the sequences of a batch's decisions, and which decision of the batch each belongs to."""
    begins = form.first[batch.first : batch.first + len(batch.tried) + 1].astype(np.int64)
    return slice(int(begins[0]), int(begins[-1])), np.arange(len(batch.tried)).repeat(np.diff(begins))


def odds(form: FactoredForm, sigma: Vector, batch: Batch) -> Vector:
    """Return the probability of each cell at decisions of a batch, [n, C], 0 of those that were tried before.

    Cells that a symmetry of the decision takes to each other share what `sigma` gives to the one that stands for them.
    """
    many, cells = batch.tried.shape
    left, least = np.ones((many, cells), bool), np.full((many, cells), cells)
    for turn in form.group.astype(np.int64):
        least = np.where(_stays(batch.tried, turn)[:, None], np.minimum(least, turn), least)
    at, k = np.nonzero(batch.tried >= 0)
    left[at, batch.tried[at, k] >> 1] = False
    own, row = row_of(form, batch)
    share = form.share.astype(np.float64)
    found = np.zeros((many, cells))
    above = share[form.parent[batch.first : batch.first + many]]
    found[row, form.cell[own]] = sigma[own] * above[row] / share[own]
    return np.where(left, np.take_along_axis(found, least, axis=1), 0.0)


def images(form: FactoredForm, batch: Batch) -> Iterator[tuple[Ints, npt.NDArray[np.bool_], npt.NDArray[np.int8]]]:
    """Yield symmetries, where each makes an image that none before made, [n], and what was tried there, [n, C]."""
    group = form.group.astype(np.int64)
    for g, turn in enumerate(group):
        new = np.ones(len(batch.tried), bool)
        for before in group[:g]:
            new &= ~_stays(batch.tried, np.argsort(before)[turn])  # it makes the same image if it moves no cell further
        code = np.where(batch.tried < 0, -1, 2 * turn[batch.tried >> 1] + (batch.tried & 1))
        yield turn, new, code.astype(np.int8)


def _stays(tried: npt.NDArray[np.int8], turn: Ints) -> npt.NDArray[np.bool_]:
    """Tell at which decisions all cells that were tried stay where they are, [n]."""
    stays = turn == np.arange(len(turn))
    found: npt.NDArray[np.bool_] = (stays[tried >> 1] | (tried < 0)).all(axis=1)
    return found
