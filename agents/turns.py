"""Games in turn as decisions one after another, and what they are worth: V-trace in each player's own time.

A player's step goes from one decision of its own to its next one; what the others do in between belongs to it. So a
step's importance ratio is the product of those of all moves in it, and on these steps V-trace is what it is elsewhere
(Espeholt et al. 2018, eq. 1). In games for two this is the estimator of Perolat et al. 2022 (R-NaD, supplement,
"V-trace for two-player games").

Shape letters: M decisions with a choice, N players, A actions, O observation.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.agents.rollout import Episodes
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Decisions(NamedTuple):
    """M decisions with a choice, game after game, in the order in which they were met."""

    game: Ints  # [M]
    player: Ints  # [M] who decided
    obs: npt.NDArray[Any]  # [M, O] what it saw
    legal: npt.NDArray[np.bool_]  # [M, A]
    action: Ints  # [M]
    earned: Floats  # [M, N] what everybody was paid from then until the game's next decision, or its end

    def take(self, rows: npt.NDArray[Any]) -> "Decisions":
        """Return some of them; whole games, in their order."""
        return Decisions(*(part[rows] for part in self))


def decisions(episodes: Episodes, name: str) -> Decisions:
    """Return what was decided in games; raise `UserError`, with the learner's name, where several decide at a time."""
    choice = (episodes.legal[:, :-1].sum(axis=-1) > 1) & episodes.filled[..., None]
    if (choice.sum(axis=-1) > 1).any():
        raise UserError(f"{name} learns games in which one player decides at a time, and here several do")
    game, step, player = np.nonzero(choice)
    paid = np.cumsum(episodes.reward, axis=1, dtype=np.float64)
    paid = np.concatenate([np.zeros_like(paid[:, :1]), paid], axis=1)  # [B, T + 1, N] before each step
    until = np.full(len(game), paid.shape[1] - 1)
    alike = game[1:] == game[:-1]
    until[:-1][alike] = step[1:][alike]
    earned = (paid[game, until] - paid[game, step]).astype(np.float32)
    at = game, step, player
    return Decisions(game, player, episodes.obs[at], episodes.legal[:, :-1][at], episodes.action[at], earned)


def v_trace_in_turn(
    met: Decisions,
    value: Floats,
    ratio: Floats,
    bonus: Floats,
    ratio_clip: float,
    trace_clip: float,
) -> tuple[Floats, Floats]:
    """Return what each decision's value should be, [M], and what the action taken was worth, [M].

    `value` [M] is what the decision was worth to who decided, `ratio` [M] how much likelier its action is now than
    when it was taken, and `bonus` [M, N] what everybody is given for the decision beside `earned`. What the action was
    worth leaves out the decider's own bonus, and its own ratio: it is weighted by those of the moves that follow in its
    step, from then on by the clipped ones of the trace.
    """
    target, worth = np.empty_like(value), np.empty_like(value)
    _v_trace(met.game, met.player, met.earned, value, ratio, bonus, ratio_clip, trace_clip, target, worth)
    return target, worth


@jit
def _v_trace(
    game: Any,
    player: Any,
    earned: Any,
    value: Any,
    ratio: Any,
    bonus: Any,
    ratio_clip: float,
    trace_clip: float,
    target: Any,
    worth: Any,
) -> None:  # pragma: no cover
    players = earned.shape[1]
    # Of each player, from the decision at hand to its next one: what it is paid, the ratios of the others' moves, and
    # what that next decision is worth, by its value and by its target.
    paid, weight = np.zeros(players), np.ones(players)
    after, aim = np.zeros(players), np.zeros(players)
    for m in range(len(game) - 1, -1, -1):
        if m == len(game) - 1 or game[m + 1] != game[m]:
            paid[:], weight[:], after[:], aim[:] = 0.0, 1.0, 0.0, 0.0
        me = player[m]
        for p in range(players):
            paid[p] += earned[m, p]
            if p != me:
                paid[p] += bonus[m, p]
                weight[p] *= ratio[m]
        whole = ratio[m] * weight[me]
        error = paid[me] + bonus[m, me] + after[me] - value[m]
        worth[m] = weight[me] * (paid[me] + aim[me])
        target[m] = value[m] + min(ratio_clip, whole) * error + min(trace_clip, whole) * (aim[me] - after[me])
        paid[me], weight[me], after[me], aim[me] = 0.0, 1.0, value[m], target[m]
