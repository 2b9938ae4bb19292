"""How large a game is before its tree is built: nodes, memory, time; and what does not fit, said before it is tried.

Counts are exact where rules say which states are alike (`rules.Shaped`), or where a walk ends soon; else they are means
over random probes (D. E. Knuth, Mathematics of Computation 29, 1975), each with a state of every kind that it meets at
a depth (P. C. Chen, "Heuristic sampling", SIAM Journal on Computing 21, 1992). How many different tables there are is
told from those that probes met once and twice (A. Chao, Scandinavian Journal of Statistics 11, 1984).
"""

import math
import random
import time
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NamedTuple

from counterplay.engine.deals import Deals, Singles
from counterplay.engine.errors import UserError
from counterplay.engine.form import in_lanes, padded
from counterplay.engine.rules import CHANCE, LEAF, chance_of, has_arrays, has_frontier, has_future, histories, is_dealt
from counterplay.engine.system import available
from counterplay.engine.tree import MAX_NODES
from counterplay.engine.walk import TooManyNodes, walk

PROBES = 200  # at most
WIDE = 50  # states that a probe follows below one, at most
PATIENCE = 0.3  # seconds for all probes, and as much for a walk
SHORT = 20_000  # nodes that are simply walked
ENDLESS = 10**18  # nodes beyond which a probe goes no further
DEALS = 5_000_000  # numbers in all tables of a chance event, up to which a walk may make them

LONG = 30_000  # plays that the traverser may try in a walk of external sampling, up to which it is advised

# Seconds that were measured on a machine of 2024, for what is not timed on the spot.
FINISH, SWEEP, UNFOLD, TERM, ENTRY, HAND = 3e-7, 2e-6, 1e-6, 3e-7, 2e-8, 3e-6


@dataclass(frozen=True)
class Size:
    """What building a game's tree and solving it takes."""

    nodes: int
    leaves: int
    infosets: int | None  # with their lanes; None where they cannot be told before the tree stands
    build: int  # bytes at the most while tree and sequence form are built
    solve: int  # bytes that stay while it is solved
    seconds: float  # to build both
    error: float  # standard error of the counts, as a share of them; 0 where they are exact

    @property
    def exact(self) -> bool:
        """Tell whether nodes and leaves are counted, not estimated."""
        return self.error == 0.0


class _Counts(NamedTuple):
    """Nodes of a (part of a) tree, by kind."""

    nodes: float = 1.0
    leaves: float = 0.0
    decisions: float = 0.0
    rows: float = 0.0  # moves of decisions


class _Found(NamedTuple):
    """What is known of a tree besides its nodes."""

    infosets: float  # without lanes
    outcomes: float  # T
    weights: float  # K
    tables: float  # different pairs of the two
    spanned: int | None = None  # information sets with their lanes, where they were counted


def estimate(rules: Any, patience: float = PATIENCE) -> Size:
    """Return the size of a game, in a second or less; nothing large is built.

    Raises `ValueError` as `compile_tree` does, where it meets a contradiction on the way.
    """
    lanes = tuple(len(rules.hands(p)) for p in range(rules.players)) if is_dealt(rules) else (1,) * rules.players
    sample = _Sample(rules, patience)
    counts, error = sample.counts, sample.error
    if hasattr(rules, "shape"):
        counts, error = _count(rules), 0.0
    found, pace = sample.found(counts), sample.pace
    entries = math.prod(lanes) * max(sample.events, 1)
    if counts.nodes < 10 * MAX_NODES and entries <= (DEALS if has_arrays(rules) else DEALS // 40):
        walked = _walk(rules, lanes, int(min(SHORT, max(100.0, patience / pace))))
        if isinstance(walked, float):
            pace = walked
        else:
            counts, found, pace = walked
            error = 0.0
    return _size(rules, lanes, counts, found, pace, error, sample.events)


def admit(rules: Any) -> Size:
    """Return the size of a game that fits; raise `ValueError`, with what would fit, for one that does not."""
    size = estimate(rules)
    reason = refusal(size)
    if reason is None:
        return size
    smaller = _smaller(rules)
    advice = f"{smaller} would fit" if smaller else "take a smaller game"
    raise UserError(f"the game has {describe(size)}: {reason}; {advice}, or {walked(rules)} walks it as it is")


def walked(rules: Any) -> str:
    """Return the option by which a game is walked without a tree: the sampling that suits the length of its walks.

    External sampling tries all actions of one player; how many plays these make is told from random ones (Knuth 1975).
    """
    game, draw, deadline = histories(rules), random.Random(1), time.perf_counter() + PATIENCE
    tried: list[float] = []
    while len(tried) < PROBES and time.perf_counter() < deadline:
        state, plays = game.root(), [1.0] * game.players
        while (turn := game.turn(state)) != LEAF and time.perf_counter() < deadline:
            moves = range(len(game.moves(state)))
            if turn == CHANCE:
                state = game.play(state, draw.choices(moves, game.chance(state))[0])
            else:
                plays[turn] *= len(moves)
                state = game.play(state, draw.choice(moves))
        tried.append(max(plays))
    return f"--algorithm {'mccfr-outcome' if sum(tried) > LONG * len(tried) else 'mccfr-external'}"


def refusal(size: Size) -> str | None:
    """Return why a game cannot be solved as a whole, or None if it can."""
    if size.nodes / (1 + 2 * size.error) > MAX_NODES:
        return f"at most {MAX_NODES:,} nodes can be solved as a whole"
    free = available()
    return f"at most {byte_words(free)} are free" if size.build > free else None


def describe(size: Size) -> str:
    """Return the size in words, such as "about 2.1 million nodes, 340 MB, 3 s to build"."""
    if size.nodes > 100 * MAX_NODES:
        return f"more than 10^{int(math.log10(size.nodes / (1 + size.error)))} nodes"
    about = "" if size.exact else "about "
    spread = f" (give or take {size.error:.0%})" if size.error >= 0.05 else ""
    nodes, memory, seconds = number_words(size.nodes), byte_words(size.build), second_words(size.seconds)
    return f"{about}{nodes} nodes{spread}, {memory}, {seconds} to build"


def _size(
    rules: Any, lanes: tuple[int, ...], counts: _Counts, found: _Found, pace: float, error: float, events: int
) -> Size:
    """Add up what tree, sequence form and solver keep, and what building them takes."""
    players, combinations, widest = len(lanes), math.prod(lanes), max(lanes)
    nodes, leaves, sets = counts.nodes, counts.leaves, found.infosets
    rows = sets * counts.rows / max(counts.decisions, 1.0)
    entries = combinations * (found.weights + players * found.outcomes)
    tree = 33 * nodes + (24 + 8 * players) * leaves + 200 * sets + 8 * entries
    working, pace = _build(rules, pace)
    working = working * nodes + 16.0 * combinations * events
    if in_lanes(players, widest):
        tables, terms = players * found.tables * padded(widest) ** players, players * leaves
        vector = 8 * rows * padded(widest)
        form = 8 * tables + 16 * terms
    else:
        deals = leaves * _deals(rules, players)
        tables, terms, vector = 0.0, players * deals, 8 * rows * widest
        form = (8 + 4 * players) * terms
        working = max(working, form + (40 + 16 * players) * deals)  # terms are put in order
    solve = tree + form + 8 * vector
    seconds = nodes * (pace + FINISH) + terms * TERM + ENTRY * (entries + tables)
    if is_dealt(rules) and not has_arrays(rules):
        seconds += HAND * combinations * (found.outcomes + found.weights)
    spanned = found.spanned if found.spanned is not None else sets * sum(lanes) / players
    return Size(
        nodes=_whole(nodes),
        leaves=_whole(leaves),
        infosets=_whole(spanned) if is_dealt(rules) or found.spanned is not None else None,
        build=_whole(max(solve, tree + form + working)),
        solve=_whole(solve),
        seconds=seconds,
        error=error,
    )


def _build(rules: Any, pace: float) -> tuple[float, float]:
    """Return the bytes and seconds that a node takes while the tree is built, given those of a plain walk."""
    if has_frontier(rules):
        return 110.0, SWEEP
    if is_dealt(rules) and has_future(rules):
        return 60.0, UNFOLD
    return 40.0, pace


def _whole(number: float) -> int:
    return int(min(number, ENDLESS))


def _deals(rules: Any, players: int) -> float:
    """Return about how many combinations of hands are possible: as if each player's hands excluded as many others."""
    if not is_dealt(rules):
        return 1.0
    number = 1.0
    hands: tuple[int, ...] = ()
    for _ in range(players):
        possible = [i for i, p in enumerate(rules.deal(hands)) if p > 0]
        number *= len(possible)
        hands = (*hands, possible[0])
    return number


def _count(rules: Any) -> _Counts:
    """Count a tree whose rules say which states have parts of equal size below them."""
    known: dict[Hashable, _Counts] = {}

    def count(state: Any, shape: Hashable) -> _Counts:
        if shape in known:
            return known[shape]
        turn = rules.turn(state)
        nodes, leaves, decisions, rows = 1, int(turn == LEAF), int(turn >= 0), 0
        if turn != LEAF:
            moves = len(rules.moves(state))
            rows = moves if turn >= 0 else 0
            for move in range(moves):
                child = rules.play(state, move)
                below = rules.shape(child)
                if below is not None:
                    part = count(child, below)
                    nodes, leaves = nodes + part[0], leaves + part[1]  # type: ignore[assignment]
                    decisions, rows = decisions + part[2], rows + part[3]  # type: ignore[assignment]
        known[shape] = _Counts(nodes, leaves, decisions, rows)
        return known[shape]

    root = rules.root()
    return count(root, rules.shape(root))


def _walk(rules: Any, lanes: tuple[int, ...], most: int) -> tuple[_Counts, _Found, float] | float:
    """Walk a tree of so many nodes at most and count it; return the seconds a node takes alone if it is larger."""
    deals = Deals(rules, tuple(("",) * w for w in lanes)) if is_dealt(rules) else Singles(rules.players)
    began = time.perf_counter()
    try:
        nodes = walk(rules, deals, most, None)
    except TooManyNodes:
        return (time.perf_counter() - began) / most
    pace = (time.perf_counter() - began) / len(nodes.player)
    moves = [len(nodes.actions[i]) for i in nodes.infoset[nodes.player >= 0]]
    counts = _Counts(len(nodes.player), len(nodes.outcome), len(moves), sum(moves))
    weight = nodes.weight[nodes.player == LEAF]
    pairs = set(zip(nodes.outcome.tolist(), weight.tolist(), strict=True))
    outcomes, weights = 1 + int(nodes.outcome.max()), 1 + int(nodes.weight.max())
    spanned = sum(lanes[p] for p in nodes.owner)
    return counts, _Found(len(nodes.labels), outcomes, weights, len(pairs), spanned), pace


class _Sample:
    """Random probes of a game's tree, and what they tell of it."""

    def __init__(self, rules: Any, patience: float):
        self.rules, self.dealt = rules, is_dealt(rules)
        self.events = 0  # the most moves of a chance state
        self.labels: Counter[Hashable] = Counter()
        self.outcomes: Counter[Hashable] = Counter()
        self.weights: Counter[Hashable] = Counter()
        self.pairs: Counter[Hashable] = Counter()
        self.draw = random.Random(1)
        self.states = 0
        self.depth, self.unfinished = 0, False  # of the last probe
        began = time.perf_counter()
        self.deadline = began + 2 * patience
        probes: list[_Counts] = []
        while len(probes) < PROBES and (len(probes) < 3 or time.perf_counter() - began < patience):
            probes.append(self._probe())
            if self.depth > 1000 and self.unfinished:
                raise UserError(
                    f"a play of the game had not ended after {self.depth:,} moves: it may never end, "
                    "and only games that do can be solved as a whole"
                )
        self.pace = (time.perf_counter() - began) / self.states
        self.counts = _Counts(*(sum(column) / len(probes) for column in zip(*probes, strict=True)))
        # One probe has no spread, and those that agree prove nothing.
        ratios = [probe.nodes / self.counts.nodes - 1 for probe in probes]
        self.error = max(math.sqrt(sum(r * r for r in ratios)) / len(probes), 1e-9) if len(probes) > 1 else 1.0

    def found(self, counts: _Counts) -> _Found:
        """Return how many different sets and tables there are, the unseen ones included."""
        infosets = counts.decisions if self.dealt else min(_kinds(self.labels), counts.decisions)
        leaves = max(counts.leaves, 1.0)
        outcomes, weights, tables = (min(_kinds(c), leaves) for c in (self.outcomes, self.weights, self.pairs))
        return _Found(infosets, outcomes, weights, tables)

    def _probe(self) -> _Counts:
        """Go down the tree once, with one state of each depth and kind, and return what those stand for.

        Of all states at a depth with the same player and number of moves one is kept, drawn by what they stand for.
        """
        rules, draw = self.rules, self.draw
        hands = self._hands() if self.dealt else ()
        nodes, leaves, decisions, rows = 0.0, 0.0, 0.0, 0.0
        self.depth, self.unfinished = 0, False
        level: dict[tuple[int, int], tuple[float, Any, tuple[int, ...]]] = {}
        self._keep(level, 1.0, rules.root(), ())
        while level:
            below: dict[tuple[int, int], tuple[float, Any, tuple[int, ...]]] = {}
            for (turn, moves), (weight, state, chance) in level.items():
                nodes += weight
                if turn == LEAF:
                    leaves += weight
                    self._end(state, chance)
                    continue
                choices, each = list(range(moves)), weight
                if turn == CHANCE:
                    odds = chance_of(rules)(state, hands) if self.dealt else chance_of(rules)(state)
                    choices = [i for i, p in enumerate(odds) if p > 0]
                    each *= moves / len(choices) if self.dealt else 1.0
                    self.events = max(self.events, moves)
                else:
                    decisions, rows = decisions + weight, rows + weight * moves
                    self.labels[turn, rules.sees(state) if self.dealt else rules.sees(state, turn)] += 1
                if len(choices) > WIDE:
                    each *= len(choices) / WIDE
                    choices = draw.sample(choices, WIDE)
                for move in choices:
                    self._keep(below, each, rules.play(state, move), (*chance, move) if turn == CHANCE else chance)
            level, self.depth = below, self.depth + 1
            if nodes > ENDLESS or time.perf_counter() > self.deadline:
                self.unfinished = nodes <= ENDLESS and not leaves
                break
        return _Counts(nodes, leaves, decisions, rows)

    def _keep(self, level: Any, weight: float, state: Any, chance: tuple[int, ...]) -> None:
        """Add a state to those of its depth, in place of one of its kind or not."""
        self.states += 1
        turn = self.rules.turn(state)
        kind = turn, 0 if turn == LEAF else len(self.rules.moves(state))
        before = level.get(kind)
        total = weight + (before[0] if before else 0.0)
        if before is None or self.draw.random() * total < weight:
            level[kind] = total, state, chance
        else:
            level[kind] = total, *before[1:]

    def _end(self, state: Any, chance: tuple[int, ...]) -> None:
        key = self.rules.outcome(state).key if self.dealt else tuple(self.rules.payoffs(state))
        weight = tuple(sorted(chance))
        self.outcomes[key] += 1
        self.weights[weight] += 1
        self.pairs[key, weight] += 1

    def _hands(self) -> tuple[int, ...]:
        hands: tuple[int, ...] = ()
        for _ in range(self.rules.players):
            odds = self.rules.deal(hands)
            hands = (*hands, self.draw.choices(range(len(odds)), odds)[0])
        return hands


def _kinds(seen: "Counter[Any]") -> float:
    """Return how many kinds there are, the unseen included (Chao's estimator)."""
    often = Counter(seen.values())
    once, twice = often[1], often[2]
    return len(seen) + (once * once / (2 * twice) if twice else once * (once - 1) / 2)


def _smaller(rules: Any) -> str:
    """Return settings of one parameter each, the largest that fit, as "cards=6 or players=2"; "" if none is found."""
    began, found = time.perf_counter(), []
    for name, value in _numbers(rules):
        low, high, best = 0, value, 0  # up to `low` a value may be, from `high` on it does not fit
        while high - low > 1 and time.perf_counter() - began < 4 * PATIENCE:
            middle = (low + high) // 2
            fits = _fits(rules, name, middle)
            if fits is False:
                high = middle
            else:
                low, best = middle, middle if fits else best
        while best and not _fits(rules, name, best, PATIENCE):  # looked at closely
            best = best * 4 // 5
        if best:
            found.append(f"{name}={best}")
    return " or ".join(found[:2])


def _numbers(rules: Any) -> Iterator[tuple[str, int]]:
    if hasattr(rules, "numbers"):
        yield from rules.numbers().items()
    elif is_dataclass(rules):
        for field in fields(rules):
            value = getattr(rules, field.name)
            if field.init and isinstance(value, int) and not isinstance(value, bool) and value > 1:
                yield field.name, value


def _fits(rules: Any, name: str, value: int, patience: float = PATIENCE / 10) -> bool | None:
    """Tell whether a game fits with another value of a parameter; None if the value is refused, as too small."""
    try:
        smaller = rules.changed(name, value) if hasattr(rules, "changed") else replace(rules, **{name: value})
    except ValueError:
        return None
    return refusal(estimate(smaller, patience)) is None


def number_words(number: int) -> str:
    """Return a number with two figures where it is large, and in words."""
    return f"{_round(number / 10**6)} million" if number >= 10**6 else f"{number:,}"


def _round(number: float) -> str:
    return f"{number:.2g}" if number < 100 else f"{number:,.0f}"


def second_words(seconds: float) -> str:
    """Return seconds with two figures."""
    return "less than 1 s" if seconds < 1 else f"{_round(seconds)} s"


def byte_words(number: float) -> str:
    """Return bytes with two figures and a fitting unit."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= scale:
            return f"{_round(number / scale)} {unit}"
    return "less than 1 MB"
