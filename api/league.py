"""Leagues: many players of a game for two, each against each, and their ratings.

Players are sides of duels (`api.duel`): solutions, runs and their past selves, functions, uniform play. What they earn
is a table; who wins how often makes Elo ratings, by the model of Bradley and Terry (1952): the odds of winning are
10 ** (difference / 400), a draw is half a win, and ratings are the likeliest ones of all games together. One drawn deal
of each pair is added, so that who always wins has a rating, too. Ratings tell nothing of exploitability: where rock,
paper and scissors meet, all have the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.api.duel import Duel, duel
from counterplay.api.responses import named as responds
from counterplay.engine.errors import UserError

F64 = npt.NDArray[np.float64]

MEAN = 1500.0  # of all ratings of a league
_UNIT = np.log(10) / 400


@dataclass(frozen=True)
class League:
    """Who earns what against whom, K players; rows against columns."""

    game: str
    players: tuple[str, ...]
    deals: int  # of each pair, of two games each
    mean: F64  # [K, K] what a game earned, in the game's units; 0 against oneself
    error: F64  # [K, K] half of its 95 % interval
    score: F64  # [K, K] share of games won, with draws as half ones; 0.5 against oneself
    elo: F64  # [K]
    elo_error: F64  # [K] half of the 95 % interval

    @property
    def order(self) -> list[int]:
        """Return the players from the highest rating to the lowest."""
        found: list[int] = np.argsort(-self.elo, kind="stable").tolist()
        return found

    @property
    def average(self) -> F64:
        """Return what each player earned a game, on average over the others, [K]."""
        found: F64 = self.mean.sum(axis=1) / (len(self.players) - 1)
        return found


def league(
    game: Any,
    players: Sequence[Any],
    *,
    deals: int | None = None,
    seed: int = 0,
    on_duel: Callable[[Duel], None] | None = None,
) -> League:
    """Let every player play a duel against every other, and return what they earned and their ratings.

    `game` and the players are as `duel` takes them; `on_duel` hears of each duel. Raises `ValueError` for fewer than
    two players, and for what is no side of a duel.
    """
    players = list(players)
    if len(players) < 2:
        raise UserError("a league has two players or more, such as runs/leduc and uniform")
    if (response := next(filter(responds, players), None)) is not None:
        raise UserError(f"{response} responds to one other player, in a duel; a league's players play all alike")
    many = len(players)
    mean, error, variance = np.zeros((many, many)), np.zeros((many, many)), np.zeros((many, many))
    score, names, found = np.full((many, many), 0.5), [""] * many, None
    for i, j in combinations(range(many), 2):
        found = duel(game, players[i], players[j], deals=deals, seed=seed)
        names[i], names[j] = found.a, found.b
        mean[i, j], mean[j, i] = found.mean, -found.mean
        error[i, j] = error[j, i] = found.error
        score[i, j], score[j, i] = found.won.mean, 1 - found.won.mean
        variance[i, j] = variance[j, i] = found.won.variance
        if on_duel is not None:
            on_duel(found)
    assert found is not None
    elo, elo_error = ratings(score, variance, found.deals)
    texts = [names[k] if isinstance(player, str | Path) else f"player {k}" for k, player in enumerate(players)]
    named = _numbered(texts)
    return League(found.game, named, found.deals, mean, error, score, elo, elo_error)


def ratings(score: F64, variance: F64, deals: int) -> tuple[F64, F64]:
    """Return Elo ratings with the mean `MEAN`, and halves of their 95 % intervals, [K] each.

    `score` [K, K] is the share of games won by rows against columns, and `variance` that of a deal's. Intervals follow
    from these, not from the model (White 1982: the inverse Hessian on both sides of the gradient's variance).
    """
    many = len(score)
    apart = ~np.eye(many, dtype=bool)
    weight = np.where(apart, deals + 1.0, 0.0)  # with the drawn deal
    shares = (score * deals + 0.5) / (deals + 1)
    rating = np.zeros(many)
    for _ in range(100):
        odds = 1 / (1 + 10 ** ((rating[None] - rating[:, None]) / 400))
        slope = _UNIT * (weight * (shares - odds)).sum(axis=1)
        inverse = np.linalg.pinv(_curvature(weight * odds * (1 - odds)))
        step = inverse @ slope
        rating += np.clip(step, -200, 200)
        if np.abs(step).max() < 1e-9:
            break
    noise = _curvature(np.where(apart, deals * variance, 0.0))
    spread = inverse @ noise @ inverse
    return rating - rating.mean() + MEAN, 1.96 * np.sqrt(np.maximum(np.diag(spread), 0.0))


def _curvature(pairs: F64) -> F64:
    """Return the matrix of a sum over pairs of weights times squared differences of ratings."""
    found: F64 = _UNIT**2 * (np.diag(pairs.sum(axis=1)) - pairs)
    return found


def _numbered(names: list[str]) -> tuple[str, ...]:
    """Return names with a number behind those that come several times."""
    return tuple(
        f"{name} ({names[: k + 1].count(name)})" if names.count(name) > 1 else name for k, name in enumerate(names)
    )
