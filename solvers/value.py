"""Judging a profile: what every player earns, what its best response would earn, and what follows from the two.

NashConv is the sum over players of best-response value less value; exploitability is NashConv divided by the number
of players, in the game's units. In two-player zero-sum games it is zero exactly at a Nash equilibrium, and an
exploitability of e means that neither player can gain more than 2 e; with more players or general sums NashConv still
bounds what any single player can gain by deviating.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from counterplay.engine.form import SequenceForm
from counterplay.engine.strategy import Table, to_table, to_vector
from counterplay.engine.sweeps import AnyForm, measure, normalise, realise, respond
from counterplay.engine.tree import Tree

ROUNDING = 1e-12  # exploitability, in units of `magnitude`, below which rounding errors may be most of it


def nash_conv(value: Sequence[float], best: Sequence[float]) -> float:
    """Return the sum of what the players could gain by deviating alone; no best response is worth less than a value."""
    return float(sum(max(b - v, 0.0) for b, v in zip(best, value, strict=True)))


def exploitability(value: Sequence[float], best: Sequence[float]) -> float:
    """Return NashConv divided by the number of players."""
    return nash_conv(value, best) / len(value)


@dataclass(frozen=True, repr=False)
class Judgement:
    """What a profile is worth to each player, and what each could earn by deviating, in the game's units."""

    value: tuple[float, ...]
    best: tuple[float, ...]

    def __repr__(self) -> str:
        return f"Judgement(value={self.value}, best={self.best}, exploitability={self.exploitability:.6g})"

    @property
    def nash_conv(self) -> float:
        """Return the sum of what the players could gain by deviating alone."""
        return nash_conv(self.value, self.best)

    @property
    def exploitability(self) -> float:
        """Return NashConv divided by the number of players."""
        return exploitability(self.value, self.best)


def magnitude(form: AnyForm) -> float:
    """Return what players win or lose on average where all play uniformly, signs left out, in the game's units.

    Rounding errors of a judgement are some 1e-15 of it.
    """
    plain: AnyForm
    if isinstance(form, SequenceForm):
        plain = form._replace(scale=np.abs(form.scale), tables=np.abs(form.tables))
    else:
        listed = form.listed._replace(paid=np.abs(form.listed.paid))
        plain = form._replace(pay=np.abs(form.pay), listed=listed)
    uniform = normalise(form, np.zeros(form.sequences * form.origin.shape[1]))
    return max(judge(plain, uniform).value)


def judge(form: AnyForm, sigma: npt.NDArray[np.float64]) -> Judgement:
    """Judge a profile given as a vector over the form's sequences."""
    return _judged(measure(form, np.empty(0), sigma, np.empty_like(sigma)))


def judge_plans(form: AnyForm, total: npt.NDArray[np.float64]) -> Judgement:
    """Judge the profile of (scaled) realisation plans, such as an average's numerator."""
    return _judged(measure(form, total, np.empty_like(total), np.empty_like(total)))


def _judged(result: npt.NDArray[np.float64]) -> Judgement:
    return Judgement(tuple(result[0].tolist()), tuple(result[1].tolist()))


def judge_table(form: SequenceForm, table: Table) -> Judgement:
    """Judge a profile given as a table over the tree."""
    return judge(form, to_vector(form, table))


def best_response(form: SequenceForm, tree: Tree, table: Table, player: int) -> tuple[float, Table]:
    """Return what the player's best response to the others earns, and the profile with the response put in.

    The response is pure; of equally good actions it takes the first.
    """
    sigma = to_vector(form, table)
    earns = respond(form, player, realise(form, sigma), np.empty_like(sigma), sigma)
    return float(earns), to_table(form, tree, sigma)


def seated(tree: Tree, tables: Sequence[Table]) -> Table:
    """Return the profile in which player p follows `tables[p]`."""
    owner = tree.owner.repeat(np.diff(tree.first))
    profile = np.empty_like(tables[0])
    for p, table in enumerate(tables):
        profile[owner == p] = table[owner == p]
    return profile
