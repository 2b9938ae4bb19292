"""Whether to repair a pocket watch: one decision, whose worth shows 49 steps and many events later.

The introductory task of Arjona-Medina et al., "RUDDER: return decomposition for delayed rewards" (NeurIPS 2019), with
the numbers of the authors' code (github.com/ml-jku/rudder-demonstration-code). Their text calls the spreads of the
normal costs variances; the code, and this environment, take the same numbers as standard deviations.
"""

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.legal import lawful
from counterplay.engine.random import U64, below, seeds, unit
from counterplay.engine.scene import Scene, table
from counterplay.games.envs.solo import F64, Played, SoloEnv, close, waits

BRANDS = 4
REPAIR, LEAVE = range(2)

_PRICE = np.array([18.0, 28.0, 31.0, 59.0])  # of a repaired watch, by brand
_REPAIR = np.array([[1.0, 2.0], [4.0, 2.0], [5.0, 2.0], [24.5, 1.0]])  # mean and deviation
_DELIVERY = np.array([[0.5, 1.5], [2.5, 1.5], [4.5, 1.5], [18.0, 1.5]])  # the brand's part of it, in the same way
_JAM, _FLAT = (0.1, 0.1), (0.05, 7.0)  # how likely in a step, and what it costs
_REPAIRED, _JAMS, _FLATS, _BRAND, _TIME = range(5)  # numbers of an episode


@dataclass(frozen=True)
class WatchRepair:
    """Repair a watch (0) or leave it (1) in the first step; then it is delivered, and there is nothing to choose (1).

    Each of the four brands is as likely. To repair costs a normal sum at once. In each of `steps` steps there is a
    traffic jam with probability 0.1, which costs 0.1, and a flat tire with probability 0.05, which costs 7. In the last
    step the rules end the episode, and a repaired watch pays its price less what jams and tires cost and less a normal
    sum for the brand's delivery. A watch that is left pays nothing.

    | brand | price | repair | delivery | in 50 steps, on average |
    | --- | --- | --- | --- | --- |
    | 0 | 18 | 1 (deviation 2) | 0.5 (1.5) | -1.5 |
    | 1 | 28 | 4 (2) | 2.5 (1.5) | 3.5 |
    | 2 | 31 | 5 (2) | 4.5 (1.5) | 3.5 |
    | 3 | 59 | 24.5 (1) | 18 (1.5) | -1.5 |

    Jams and tires cost 18 on average. At best 1.75 an episode are earned, by repairing brands 1 and 2.

    | numbers of an observation | what they are |
    | --- | --- |
    | 1 | 1 if the watch was repaired |
    | 2 | traffic jams and flat tires so far |
    | 4 | 1 for the brand, else 0 |
    | 1 | the share of the steps that is over |
    """

    steps: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 10_000:
            raise UserError(f"steps must be 1 to 10,000, not {self.steps}")

    @property
    def spec(self) -> EnvSpec:
        return EnvSpec(agents=1, actions=2, observation=8, state=8, limit=self.steps)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        return (0, 1), (0, inf), (0, inf), (0, BRANDS - 1), (0, self.steps)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What each agent's actions are called, [N][A]."""
        return (("repair", "leave"),)

    def start(self, batch: int) -> SoloEnv:
        return SoloEnv(self, batch)

    def begin(self, rng: np.random.Generator, batch: int) -> tuple[F64, U64]:
        now, luck = np.zeros((batch, 5)), seeds(rng, batch)
        _choose(now, luck)
        return now, luck

    def look(self, played: Played) -> None:
        _look(played, self.steps)

    def play(self, played: Played, actions: npt.NDArray[Any]) -> bool:
        return _play(played, actions, self.steps)

    def drawn(self, now: F64) -> list[str]:
        repaired, jams, flats, brand, _ = now.astype(int).tolist()
        state = "repaired" if repaired else "not repaired"
        return [f"brand {brand}, price {_PRICE[brand]:g}, {state}", f"traffic jams: {jams}, flat tires: {flats}"]

    def scene(self, now: F64) -> Scene:
        repaired, jams, flats, brand, time = now.astype(int).tolist()
        rows = [("brand", str(brand)), ("price", f"{_PRICE[brand]:g}"), ("repaired", "yes" if repaired else "no")]
        rows += [("traffic jams", str(jams)), ("flat tires", str(flats)), ("steps so far", f"{time:,}")]
        return table(rows)


@inlined
def _normal(luck: U64, b: Index, law: npt.NDArray[np.float64]) -> Any:
    """Draw from a normal law with that mean and deviation (Box and Muller)."""
    size = np.sqrt(-2.0 * np.log(1.0 - unit(luck, b)))
    return law[0] + law[1] * size * np.cos(2.0 * np.pi * unit(luck, b))


@inlined
def _show(played: Played, b: Index, limit: int) -> None:
    now, obs = played.now, played.obs
    for k in range(3):
        obs[b, 0, k] = now[b, k]
    for k in range(BRANDS):
        obs[b, 0, 3 + k] = now[b, _BRAND] == k
    obs[b, 0, 3 + BRANDS] = now[b, _TIME] / limit
    played.legal[b, 0, REPAIR] = now[b, _TIME] == 0


@jit
def _choose(now: F64, luck: U64) -> None:
    for b in range(np.uint64(len(now))):
        now[b, _BRAND] = below(luck, b, np.uint64(BRANDS))


@jit
def _look(played: Played, limit: int) -> None:
    for b in range(np.uint64(len(played.now))):
        _show(played, b, limit)


@jit
def _play(played: Played, actions: npt.NDArray[np.int64], limit: int) -> bool:
    if not lawful(actions, played.legal, played.terminated, played.truncated):
        return False
    now, luck = played.now, played.luck
    for b in range(np.uint64(len(actions))):
        if waits(played, b):
            continue
        brand, paid = int(now[b, _BRAND]), 0.0
        if now[b, _TIME] == 0 and actions[b, 0] == REPAIR:
            now[b, _REPAIRED] = 1.0
            paid -= _normal(luck, b, _REPAIR[brand])
        now[b, _JAMS] += unit(luck, b) < _JAM[0]
        now[b, _FLATS] += unit(luck, b) < _FLAT[0]
        now[b, _TIME] += 1.0
        over = now[b, _TIME] >= limit
        if over and now[b, _REPAIRED] > 0.0:
            events = _JAM[1] * now[b, _JAMS] + _FLAT[1] * now[b, _FLATS]
            paid += _PRICE[brand] - events - _normal(luck, b, _DELIVERY[brand])
        close(played, b, paid, over, limit)
        _show(played, b, limit)
    return True
