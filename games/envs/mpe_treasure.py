"""MPE's collection of treasure, with the rules of mpe2 1.1 (after Iqbal and Sha, ICML 2019).

Tests hold it against mpe2's own, step by step. Agents are collectors first, then deposits. Nobody pushes anybody.
Actions are those of `mpe`.

Shape letters beside `particle_world`'s: C collectors, K deposits and kinds of treasure, T treasures, N = C + K.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.arguments import whole
from counterplay.games.envs.mpe import Bodies, Flags, shared
from counterplay.games.envs.mpe_chase import touching
from counterplay.games.envs.particle_world import F64, Body, Layout, Sight, World
from counterplay.games.envs.particles import Particles

# mpe2 gives both the same force, and weighs deposits 2.25.
_COLLECTOR = Body(0.05, force=1.5, fastest=1.0)
_DEPOSIT = Body(0.075, force=1.5 / 2.25, fastest=1.0)
_TREASURE = Body(0.025, sign=".")
_WORTH = 5.0  # of a treasure that is taken, of one that is brought, and what collectors that touch lose
_WITHIN = 0.95  # of the square treasures lie
_HALF = 2.0**32  # luck is kept as two numbers below it, which facts hold exactly


class _Added(NamedTuple):
    """What the task adds to the facts."""

    earned: F64  # [B] by all together in the last step
    luck: F64  # [B, 2] the state of a generator (`engine.random`), its upper half first
    holds: F64  # [B, C, K] 1 where a collector holds a treasure of that kind
    kinds: F64  # [B, T, K] 1 where a treasure is of that kind; a treasure that was just taken is of none
    views: F64  # [B, N, V] what each agent sees of the others and of treasures


@dataclass(frozen=True)
class CollectTreasure(Particles):
    """`collectors` take treasures, one at a time, and bring each to the deposit of its kind (mpe2's collect_treasure).

    A treasure that a collector touches is taken, and lies elsewhere, of any kind, a step later. All are paid 5 for each
    that is taken, and 5 for each that is brought where it belongs. A collector pays a tenth of its distance to the
    nearest treasure, or with one to its deposit, and 5 for each collector that it touches; a deposit a tenth of its
    distance to the nearest collector that brings it something, or to the middle of all collectors. With
    `reward="team"` all get the sum, with "individual" each its own.

    An agent sees its position and velocity, a collector what kind it holds (K numbers, one of them 1 or none), then
    all other agents from the nearest on (position less its own, velocity, K numbers for a deposit's kind and K for
    what is held) and all treasures from the nearest on (position less its own and K numbers for the kind; zeros, and
    last, where one was just taken).
    """

    collectors: int = 6
    deposits: int = 2
    treasures: int = 6
    reward: str = "team"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, most in (("collectors", 50), ("deposits", 6), ("treasures", 100)):
            whole(name, getattr(self, name), 1, most)
        shared(self.reward)

    @property
    def bodies(self) -> Bodies:
        return (_COLLECTOR,) * self.collectors + (_DEPOSIT,) * self.deposits, (_TREASURE,) * self.treasures

    @property
    def team(self) -> bool:
        return shared(self.reward)

    @property
    def kinds(self) -> tuple[int, ...]:
        return (0,) * self.collectors + (1,) * self.deposits

    @property
    def spread(self) -> float:
        return _WITHIN

    @property
    def draws(self) -> int:
        return 2 + self.treasures

    @property
    def _sizes(self) -> tuple[int, ...]:
        """How many numbers each part of `_Added` has."""
        agents, kinds = self.collectors + self.deposits, self.deposits
        seen = (agents - 1) * (4 + 2 * kinds) + self.treasures * (2 + kinds)
        return 1, 2, self.collectors * kinds, self.treasures * kinds, agents * seen

    @property
    def more(self) -> int:
        return sum(self._sizes)

    def added(self, world: World) -> _Added:
        """Return what the task adds, as views of the facts."""
        ends, batch = np.cumsum(self._sizes)[:-1], len(world.added)
        earned, luck, holds, kinds, views = np.split(world.added, ends, axis=1)
        return _Added(
            earned[:, 0],
            luck,
            holds.reshape(batch, self.collectors, self.deposits),
            kinds.reshape(batch, self.treasures, self.deposits),
            views.reshape(batch, self.collectors + self.deposits, -1),
        )

    def begin(self, drawn: F64, world: World, which: Flags) -> None:
        now = self.added(world)
        now.luck[which] = np.floor(drawn[which, :2] * _HALF)
        now.kinds[which] = np.eye(self.deposits)[(drawn[which, 2 : self.draws] * self.deposits).astype(np.int64)]

    def happen(self, world: World, on: Flags) -> None:
        now, place, first = self.added(world), world.place, self.collectors + self.deposits
        now.earned[on] = 0
        there = _any(now.kinds)
        near = touching(world, slice(self.collectors), _COLLECTOR.size, slice(first, None), _TREASURE.size)
        for j in range(self.treasures):
            able = near[:, :, j] & ~_any(now.holds) & (there[:, j] & on)[:, None]
            rows, by = np.flatnonzero(able.any(axis=1)), able.argmax(axis=1)
            now.holds[rows, by[rows]], now.kinds[rows, j] = now.kinds[rows, j], 0
            place[rows, first + j] = place[rows, by[rows]]
            now.earned[rows] += _WORTH
            anew = np.flatnonzero(~there[:, j] & on)
            x, y, kind = (_unit(now.luck, anew) for _ in range(3))
            place[anew, first + j] = _WITHIN * (2 * np.stack([x, y], axis=1) - 1)
            now.kinds[anew, j] = np.eye(self.deposits)[(kind * self.deposits).astype(np.int64)]
        at = touching(world, slice(self.collectors), _COLLECTOR.size, slice(self.collectors, first), _DEPOSIT.size)
        brought = (at & (now.holds > 0)).any(axis=2) & on[:, None]
        now.holds[brought] = 0
        now.earned[:] += _WORTH * brought.sum(axis=1)

    def notice(self, world: World) -> None:
        now, place, first = self.added(world), world.place, self.collectors + self.deposits
        nobody = np.zeros((len(place), first, self.deposits))
        deposits, held = nobody.copy(), nobody
        deposits[:, self.collectors :], held[:, : self.collectors] = np.eye(self.deposits), now.holds
        apart = place[:, None] - place[:, :first, None]  # [B, N, E, 2], as seen from each agent
        far = np.sqrt((apart * apart).sum(axis=3))
        far[:, np.arange(first), np.arange(first)] = np.inf  # oneself
        agents = np.concatenate([world.velocity, deposits, held], axis=2)[:, None].repeat(first, axis=1)
        there = _any(now.kinds)
        treasures = now.kinds[:, None].repeat(first, axis=1)
        apart[:, :, first:] *= there[:, None, :, None]
        hidden = np.where(there[:, None], far[:, :, first:], 1e6)
        others = _sorted(np.concatenate([apart[:, :, :first], agents], axis=3), far[:, :, :first])[:, :, :-1]
        marks = _sorted(np.concatenate([apart[:, :, first:], treasures], axis=3), hidden)
        flat = [part.reshape(*part.shape[:2], -1) for part in (others, marks)]
        now.views[:] = np.concatenate(flat, axis=2)

    def sees(self, at: Layout, i: int) -> list[Sight]:
        starts, each = np.cumsum((0, *self._sizes)).tolist(), self._sizes[4] // (self.collectors + self.deposits)
        held = at.added(starts[2] + self.deposits * i, self.deposits) if i < self.collectors else []
        return at.place(i) + at.velocity(i) + held + at.added(starts[4] + each * i, each)

    def aims(self, world: World, episode: int) -> list[tuple[float, float, str]]:
        first, kinds = self.collectors + self.deposits, self.added(world).kinds[episode]
        places = world.place[episode, first:].tolist()
        return [(x, y, _letter(kind)) for (x, y), kind in zip(places, kinds, strict=True) if kind.any()]

    def secrets(self, world: World, episode: int) -> list[str]:
        held = enumerate(self.added(world).holds[episode])
        wanted = [f"{self.collectors + k} wants {_letter(kind)}" for k, kind in enumerate(np.eye(self.deposits))]
        return [", ".join(wanted), *(f"{i} holds {_letter(kind)}" for i, kind in held if kind.any())]

    def pay(self, world: World) -> F64:
        now, first, c = self.added(world), self.collectors + self.deposits, self.collectors
        place, busy = world.place, _any(now.holds)
        apart = place[:, :c, None] - place[:, None]
        far = np.sqrt((apart * apart).sum(axis=3))  # [B, C, E]
        touched = (far[:, :, :c] < 2 * _COLLECTOR.size).sum(axis=2) - 1  # less itself
        nearest = np.where(_any(now.kinds)[:, None], far[:, :, first:], np.inf).min(axis=2)
        own = (far[:, :, c:first] * now.holds).sum(axis=2)
        way = np.where(busy, own, np.where(np.isfinite(nearest), nearest, 0.0))
        bringing = np.where(now.holds > 0, far[:, :, c:first], np.inf).min(axis=1)  # [B, K]
        off = place[:, :c].mean(axis=1)[:, None] - place[:, c:first]
        middle = np.sqrt((off * off).sum(axis=2))
        wait = np.where(np.isfinite(bringing), bringing, middle)
        paid: F64 = np.concatenate([-0.1 * way - _WORTH * touched, -0.1 * wait], axis=1) + now.earned[:, None]
        return paid


def _any(kinds: F64) -> Flags:
    """Tell which are of some kind, [B, M] of [B, M, K]."""
    found: Flags = kinds.max(axis=2) > 0
    return found


def _sorted(rows: F64, far: F64) -> F64:
    """Return rows [B, N, M, X] in the order of a number of each, [B, N, M]."""
    found: F64 = np.take_along_axis(rows, far.argsort(axis=2, kind="stable")[..., None], axis=2)
    return found


def _letter(kind: npt.NDArray[np.float64]) -> str:
    return chr(ord("A") + int(kind.argmax()))


def _unit(luck: F64, rows: npt.NDArray[np.int64]) -> F64:
    """Return a number in [0, 1) for each of these episodes, and move their generators on (`engine.random`)."""
    upper, lower = np.mod(luck[rows], _HALF).astype(np.uint64).T
    state = (upper << np.uint64(32) | lower) + np.uint64(0x9E3779B97F4A7C15)
    luck[rows] = np.stack([state >> np.uint64(32), state & np.uint64(0xFFFFFFFF)], axis=1)
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: F64 = ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
    return found
