"""Games that are played from a table: what is done at each decision is known before play begins.

Where policies follow from what players observe, and all decisions of a game can be listed, networks are asked once for
each decision and not at every step of every game. Shape letters as in `engine.env`; K is the most decisions that a
player has, U the rows that were shown in games, T the decisions of the longest of them.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import Step


class Table(NamedTuple):
    """What is done at each of the decisions that an environment lists."""

    weights: npt.NDArray[np.float64]  # [K, N, A] what each action is drawn in proportion to
    totals: npt.NDArray[np.float64]  # [K, N] their sums over the actions that are drawn
    drawn: npt.NDArray[np.bool_]  # [K, N, A] which are, among the legal ones


class Games(NamedTuple):
    """B games from start to end. Row t + 1 of what has T + 1 follows action t; after its end a game shows it again."""

    obs: npt.NDArray[np.float32]  # [B, T + 1, N, O]
    state: npt.NDArray[np.float32]  # [B, T + 1, S]
    legal: npt.NDArray[np.bool_]  # [B, T + 1, N, A]
    action: npt.NDArray[np.int64]  # [B, T, N]
    reward: npt.NDArray[np.float32]  # [B, T] for the team, or [B, T, N]
    terminated: npt.NDArray[np.bool_]  # [B, T]
    filled: npt.NDArray[np.bool_]  # [B, T] the step was played
    number: npt.NDArray[np.int64]  # [B, T + 1] which of U rows is shown


@runtime_checkable
class Tabled(Protocol):
    """An environment of a game whose decisions can be listed."""

    def listed(self, most: int) -> Step | None:
        """Return all decisions side by side: row k shows each agent its k-th one, and the rest of a step is blank.

        Where an agent has fewer, action 0 is legal. None where the decisions are none, or more than `most` an agent.
        """
        ...

    def play(self, table: Table, rng: np.random.Generator, copies: int = 1) -> Games:
        """Begin all games anew and play them to their ends from a table, which is of the decisions that are listed.

        Of several copies, which divide B, each has the same luck, as in `engine.alike`.

        The same games come of the same `rng` as by `reset` and `step` where at each step N numbers a game are drawn
        from `rng.random`, and the action is the first at which the weights, summed up, exceed that share of their sum.
        Before steps are played again, `reset` comes first.
        """
        ...


def side_by_side(agent: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the place of each decision among its agent's, both [M], in the order in which they come."""
    order = np.argsort(agent, kind="stable")
    count = np.bincount(agent)
    place = np.empty(len(agent), np.int64)
    place[order] = np.arange(len(agent)) - np.repeat(np.cumsum(count) - count, count)
    return place
