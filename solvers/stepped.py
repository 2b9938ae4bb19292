"""Monte Carlo CFR in games that are never laid out (`engine.stepped`): the rows of `solvers.samplings` on a table.

What is sampled, and what an information set is told, is as in `solvers.mccfr`; here a walk plays the game itself, and
looks information sets up by their keys. It is one loop with its own stack, so that it can stop in the middle and go on:
a walk through a game of this size may take long. Where the table is full, a walk plays uniformly at information sets
that are not in it, and tells them nothing.

A walker can also train a response: one seat learns, the others play the average strategies of another table.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.engine.jit import inlined, jit
from counterplay.engine.raw import raw, shift
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.schema import fit
from counterplay.engine.stepped import State, draw, key, moves, payoff, pick, play, setup, turn, unit
from counterplay.solvers import infosets
from counterplay.solvers.infosets import COUNT, FULL, HEAD, USED, Infosets, add, average, seek, shares, visit
from counterplay.solvers.playouts import winnings
from counterplay.solvers.samplings import ALL, ONE, SAMPLINGS, Sampling
from counterplay.solvers.winnings import Winnings

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

BUDGET = 1 << 20  # states that a call visits at most: a fraction of a second

ITERATION, PLAYER, PHASE, DEPTH, VISITED, STEP = range(6)  # in `Scratch.here`
_BEGIN, _DOWN, _UP, _BROKEN = range(4)  # phases of a walk; the last is of a game with more moves than it says


class Scratch(NamedTuple):
    """Where a walk is, and the decisions that it is inside of, by depth."""

    here: I64  # [6] iterations done, traverser, phase, depth, states visited in all, iterations from one to the next
    values: F64  # [3] other, drawn, value
    random: U64  # [1]
    state: State  # [words]
    states: I64  # [depth, words] as they were before an action
    place: I64  # [depth] the record, or -1
    size: I64  # [depth] how many actions
    mine: I64  # [depth] whether the traverser decides
    action: I64  # [depth] the action whose value is awaited
    other: F64  # [depth] probability of the others' actions to here over that of drawing them
    drawn: F64  # [depth] probability of drawing the traverser's actions to here
    sigma: F64  # [depth, A] the strategy
    chance: F64  # [depth, A] the probability that an action is drawn; 0: it is not in the sample
    value: F64  # [depth, A] estimates


def scratch(game: Any, seed: int, process: int = 0, processes: int = 1) -> Scratch:
    """Return where one of so many processes begins; it takes every iteration of its own number."""
    depth, widest = max(game.depth, 1), game.widest
    states = np.zeros((depth, game.words), np.int64)
    place, size, mine, action = np.zeros((4, depth), np.int64)
    other, drawn = np.zeros((2, depth))
    sigma, chance, value = np.zeros((3, depth, widest))
    random = np.random.SeedSequence(seed, spawn_key=(process,) if process else ()).generate_state(1, np.uint64)
    here = np.array([process, 0, _BEGIN, 0, 0, processes], np.int64)
    return Scratch(
        here,
        np.array([1.0, 1.0, 0.0]),
        random.astype(np.uint64),
        np.zeros(game.words, np.int64),
        states,
        place,
        size,
        mine,
        action,
        other,
        drawn,
        sigma,
        chance,
        value,
    )


@inlined
def _include(
    table: Infosets, place: int, count: int, sigma: Any, chance: Any, traverser: int, numbers: Any, random: Any
) -> None:
    """Decide which of the traverser's actions are in the sample, and write with what probability each is, or 0."""
    explore, bonus, threshold = numbers[0], numbers[1], numbers[2]
    if traverser == ALL:
        for a in range(count):
            chance[a] = 1.0
    elif traverser == ONE:
        for a in range(count):
            chance[a] = explore / count + (1.0 - explore) * sigma[a]
        chosen = pick(chance, count, random)
        for a in range(count):
            if a != chosen:
                chance[a] = 0.0
    else:
        totals, mass = place + HEAD + count, 0.0
        for a in range(count):
            mass += table.values[totals + a] if place >= 0 else 0.0
        for a in range(count):
            own = table.values[totals + a] if place >= 0 else 0.0
            odds = min(max(explore, (bonus + threshold * own) / (bonus + mass)), 1.0)
            chance[a] = odds if unit(random) < odds else 0.0


@inlined
def _ended(table: Infosets, s: Scratch, d: int, wide: int, p: int, t: float, weight: float, rate: float) -> float:
    """Return the estimate of a decision's value once its sampled actions have theirs, and tell its information set."""
    place, count = s.place[d], s.size[d]
    sigma, chance, value = shift(s.sigma, d * wide), shift(s.chance, d * wide), shift(s.value, d * wide)
    baselines = place + HEAD + (2 + p) * count
    total = 0.0
    for a in range(count):
        b = 0.0
        if rate > 0.0 and place >= 0:
            b = table.values[baselines + a]
        if chance[a] > 0.0:
            if rate > 0.0 and place >= 0:
                table.values[baselines + a] = b + rate * (value[a] - b)
            value[a] = b + (value[a] - b) / chance[a]
        else:
            value[a] = b
        total += sigma[a] * value[a]
    if s.mine[d] and place >= 0:
        scale = s.other[d] / s.drawn[d] * t**weight
        for a in range(count):
            table.values[place + HEAD + a] += scale * (value[a] - total)
        visit(table, place)
    return total


@jit
def walk(
    rules: Any,
    learned: Infosets,
    where: Scratch,
    fixed: Infosets,
    hero: int,
    stride: int,
    traverser: int,
    others_all: bool,
    numbers: F64,
    end: int,
    budget: int,
) -> None:
    """Walk for every player in turn, an iteration, until so many iterations are done or states are visited.

    Where the table is full, the end of the iteration under way is also an end.
    With a `hero`, only that player learns, and the others play what is in `fixed`; its average is of its strategies at
    each information set, as often as it was there. `numbers` are a sampling's
    explore, bonus, threshold, power, weight and rate. Of a record, `stride` numbers belong to an action.
    """
    game, table, s, book = raw(rules), raw(learned), raw(where), raw(fixed)
    power, weight, rate = numbers[3], numbers[4], numbers[5]
    words, wide, random, state = game.words, game.widest, s.random, s.state
    first = hero if hero >= 0 else 0
    last = hero + 1 if hero >= 0 else game.players
    t, p, phase, d = s.here[ITERATION], max(s.here[PLAYER], first), s.here[PHASE], s.here[DEPTH]
    other, drawn, value = s.values[0], s.values[1], s.values[2]
    visited = 0
    while t < end and (visited < budget):
        now = float(t + 1)
        if phase == _BEGIN:
            setup(game, state)
            d, other, drawn, phase = 0, 1.0, 1.0, _DOWN
        # Down, to a leaf.
        while phase == _DOWN:
            visited += 1
            who = turn(game, state)
            if who == LEAF:
                value = payoff(game, state, p)
                break
            if who == CHANCE:
                play(game, state, draw(game, state, random))
                continue
            count = moves(game, state)
            if count == 1:
                play(game, state, 0)
                continue
            if d >= game.depth or count > wide:
                s.here[PHASE] = _BROKEN
                return
            known = key(game, state)
            sigma, chance = shift(s.sigma, d * wide), shift(s.chance, d * wide)
            place = -1
            if hero >= 0 and who != p:
                average(book, seek(book, np.uint64(known), who, count), count, sigma)
                play(game, state, pick(sigma, count, random))
                continue
            place = seek(table, np.uint64(known), who, count)
            if place < 0:
                place = add(table, np.uint64(known), who, count, stride)
            shares(table.values, place + HEAD if place >= 0 else -1, count, sigma)
            if who == p:
                _include(table, place, count, sigma, chance, traverser, numbers, random)
                if hero >= 0 and place >= 0:
                    for a in range(count):
                        table.values[place + HEAD + count + a] += now**power * sigma[a]
            else:
                if place >= 0:
                    mass = now**power * other / drawn
                    for a in range(count):
                        table.values[place + HEAD + count + a] += mass * sigma[a]
                if others_all:
                    for a in range(count):
                        chance[a] = 1.0
                else:
                    chosen = pick(sigma, count, random)
                    if rate == 0.0:  # the value of the action drawn is the decision's
                        play(game, state, chosen)
                        continue
                    for a in range(count):
                        chance[a] = sigma[a] if a == chosen else 0.0
            s.place[d], s.size[d], s.mine[d] = place, count, who == p
            s.other[d], s.drawn[d] = other, drawn
            for i in range(words):
                s.states[d * words + i] = state[i]
            d += 1
            a = 0
            while a < count and chance[a] == 0.0:
                a += 1
            s.action[d - 1] = a
            if a == count:
                break
            play(game, state, a)
            if who == p:
                drawn = drawn * chance[a]
            elif others_all:
                other = other * sigma[a]
        # Up, to the next action of the sample.
        phase = _UP
        while d > 0:
            count, a = s.size[d - 1], s.action[d - 1]
            if a < count:
                s.value[(d - 1) * wide + a] = value
                a += 1
                while a < count and s.chance[(d - 1) * wide + a] == 0.0:
                    a += 1
            if a < count:
                s.action[d - 1] = a
                other, drawn = s.other[d - 1], s.drawn[d - 1]
                if s.mine[d - 1]:
                    drawn = drawn * s.chance[(d - 1) * wide + a]
                elif others_all:
                    other = other * s.sigma[(d - 1) * wide + a]
                for i in range(words):
                    state[i] = s.states[(d - 1) * words + i]
                play(game, state, a)
                phase = _DOWN
                break
            value = _ended(table, s, d - 1, wide, p, now, weight, rate)
            d -= 1
        if phase == _UP:
            phase = _BEGIN
            p += 1
            if p == last:
                p = first
                t += s.here[STEP]
                if table.counts[FULL]:
                    break
    s.here[ITERATION], s.here[PLAYER], s.here[PHASE], s.here[DEPTH] = t, p, phase, d
    s.values[0], s.values[1], s.values[2] = other, drawn, value
    s.here[VISITED] += visited


def takes(sampling: Sampling) -> bool:
    """Tell whether a row of the samplings is one for games in steps: those of whole trees are not."""
    return not (sampling.public or sampling.lazy or sampling.period or sampling.prune)


def rows() -> list[str]:
    """Return the names of the rows that are."""
    return [name for name, sampling in SAMPLINGS.items() if takes(sampling)]


def numbers_of(sampling: Sampling) -> F64:
    """Return a row's numbers as the kernel takes them."""
    s = sampling
    return np.array([s.explore, s.bonus, s.threshold, s.power, s.weight, s.rate])


def stride_of(sampling: Sampling, players: int) -> int:
    """Return how many numbers of a record belong to an action."""
    return 2 + (players if sampling.rate else 0)


_LIKE = {"random": np.zeros(1, np.uint64), "here": np.zeros(2, np.uint64)}  # what a saved run has beside its arena


def rest_of(state: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return what a saved run has beside its arena; raises `ValueError` for what no run has."""
    saved = fit({n: a for n, a in state.items() if n != "arena"}, _LIKE, "the saved run")
    if saved["here"].max() >= 2**53:
        raise UserError("the saved run does not fit: it has more iterations than any run")
    return saved


class Walker:
    """A run of one sampling on a stepped game: its table, and how far it is."""

    def __init__(
        self,
        game: Any,
        sampling: Sampling,
        seed: int,
        table: Infosets,
        book: Infosets | None = None,
        hero: int = -1,
    ):
        self.game, self.sampling, self.table = game, sampling, table
        self.book, self.hero = infosets.nothing() if book is None else book, hero
        self.scratch = scratch(game, seed)
        self.stride, self.numbers = stride_of(sampling, game.players), numbers_of(sampling)
        self._walk(0, 0)  # the kernel is loaded, or compiled, before a run's time counts

    @property
    def iterations(self) -> int:
        """Return how many iterations are done."""
        return int(self.scratch.here[ITERATION])

    @property
    def visited(self) -> int:
        """Return how many states were visited."""
        return int(self.scratch.here[VISITED])

    @property
    def between(self) -> bool:
        """Tell whether no walk is under way."""
        return bool(self.scratch.here[PHASE] == _BEGIN and self.scratch.here[PLAYER] in (0, self.hero))

    @property
    def full(self) -> bool:
        """Tell whether an information set found no room."""
        return bool(self.table.counts[FULL])

    @property
    def infosets(self) -> int:
        """Return how many information sets were met."""
        return int(self.table.counts[COUNT])

    @property
    def bytes(self) -> int:
        """Return what they take."""
        return infosets.taken(self.table)

    def advance(self, end: int, budget: int = BUDGET) -> None:
        """Go on, until so many iterations are done or so many states visited."""
        self._walk(end, budget)

    def _walk(self, end: int, budget: int) -> None:
        s = self.sampling
        walk(
            self.game,
            self.table,
            self.scratch,
            self.book,
            self.hero,
            self.stride,
            s.traverser,
            s.others_all,
            self.numbers,
            end,
            budget,
        )
        if self.scratch.here[PHASE] == _BROKEN:
            raise UserError(
                f"{type(self.game).__name__} has a decision with more than {self.game.widest} moves, or a play with "
                f"more than {self.game.depth} decisions: its fields widest and depth have to say the most"
            )

    def settle(self, give_up: Callable[[], bool]) -> bool:
        """Let the walk under way come to its end; return whether it came there before it was to be given up."""
        while not self.between and not give_up():
            self.advance(self.iterations + 1)
        came = self.between
        self.abandon()
        return came

    def abandon(self) -> None:
        """Give up the walk that is under way: the iteration is not counted, what it has told stays."""
        self.scratch.here[[PLAYER, PHASE, DEPTH]] = 0, _BEGIN, 0

    def winnings(self, deals: int, seed: int) -> Winnings:
        """Return what the average strategy earns against uniform play."""
        return winnings(self.game, self.table, infosets.nothing(), deals, seed)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that a resumed run needs, by name; no copies."""
        used = int(self.table.counts[USED])
        here = np.array([self.iterations, self.visited], np.uint64)
        return {"arena": self.table.heads[:used], "random": self.scratch.random, "here": here}

    def restore(self, state: dict[str, npt.NDArray[Any]], was_full: bool = False) -> None:
        """Go on from what `state` gave; raises `ValueError` for what no run is.

        A run that was full still is, unless the table has room for every new information set.
        """
        saved = rest_of(state)
        infosets.restore(self.table, state["arena"], self.stride, self.game.players, self.game.widest)
        if was_full and not infosets.has_room(self.table, HEAD + self.game.widest * self.stride):
            self.table.counts[FULL] = 1
        self.scratch.random[:] = saved["random"]
        self.scratch.here[[ITERATION, VISITED]] = saved["here"].astype(np.int64)
