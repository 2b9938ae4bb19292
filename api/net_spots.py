"""Value networks for hold'em spots that are cut off after their first street.

A network is for one deck, one street and one betting: its public states are that street's boards and the ways in which
its betting may end. States to learn from come from spots with random boards and ranges: their first street is played as
a solve plays it on the way, and what follows is solved (`solvers.streets.rest`). Networks have a lane for each hand of
the deck; a spot's own lanes are found among them by `ByHands`.

Shape letters: N ends, W lanes of a spot, H hands of the deck, S states.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.streets import Subgame, Tables
from counterplay.games.holdem.cards import Deck
from counterplay.games.holdem.equity import equities
from counterplay.games.holdem.layout import StreetLayout, layout
from counterplay.games.holdem.nets import End, lay_out_to
from counterplay.games.holdem.spot import Spot
from counterplay.solvers.streets.cfr import SubgameCFR
from counterplay.solvers.streets.decisions import UPDATE, VALUE
from counterplay.solvers.streets.nets import CutCFR, ask
from counterplay.solvers.streets.rest import Rest, locked
from counterplay.solvers.value import Judgement
from counterplay.solvers.variants import VARIANTS

if TYPE_CHECKING:  # torch is imported where networks are
    from counterplay.agents.public_features import Described
    from counterplay.agents.value_net import ValueNet
    from counterplay.agents.value_training import Errors, Plan, Samples

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

VARIANT = VARIANTS["dcfr3"]
_PLAYED = (1, 2, 4, 8, 16, 32)  # iterations after which a solve's ranges are taken


def whole(spot: Spot) -> StreetLayout:
    """Return the layout of all of a spot, whose deals are not up to suits: its ranges may be any."""
    weights = spot.weights[0], spot.weights[1]
    return layout(spot.deck, spot.board, weights, spot.trees, spot.betting, spot.rake, symmetry=False)


def described(deck: Deck, last: int, ends: Sequence[End]) -> "Described":
    """Return the ends of a street as public states: the board's cards, the pot, and how strong each hand is there.

    A hand's strength is its chance to win less that to lose against all hands alike. The unit is half the pot.
    """
    from counterplay.agents.public_features import Described

    boards = list(dict.fromkeys(end.board for end in ends))
    tables = [_of_board(deck, last, board) for board in boards]
    mean = np.array([chance.mean() for chance, _ in tables])
    numbers = np.zeros((len(ends), len(deck.cards) + 1 + len(hands_of(deck))), np.float32)
    event = np.array([boards.index(end.board) for end in ends])
    for k, end in enumerate(ends):
        numbers[k, np.searchsorted(deck.cards, sorted(end.board))] = 1.0
        numbers[k, len(deck.cards)] = end.start.pot / (end.start.pot + 2 * end.start.stack)
        numbers[k, len(deck.cards) + 1 :] = tables[event[k]][1]
    half = np.array([end.start.pot / end.start.unit / 2 for end in ends])
    chance = np.array([chance / m for (chance, _), m in zip(tables, mean, strict=True)], np.float32)
    return Described(numbers, event, (half * mean[event]).astype(np.float32), chance)


def hands_of(deck: Deck) -> I64:
    """Return the numbers of a deck's hands, [H]."""
    return np.flatnonzero(deck.free()).astype(np.int64)


def _of_board(deck: Deck, last: int, board: tuple[int, ...]) -> tuple[F32, F32]:
    """Return which pairs of hands a board allows, [H, H], and how strong each hand is there, [H]."""
    from counterplay.games.holdem.lanes import lay_lanes

    free = np.flatnonzero(deck.free(board)).astype(np.int64)
    boards = lay_lanes(deck, [board], np.zeros(1, np.int64), deck.board[last], (free, free))
    found = equities(deck, (board,), boards, last, {deck.board.index(len(board))}, (free, free))
    ahead = found.ahead.reshape(len(free), -1)[:, : len(free)]
    apart = deck.apart(free, free).astype(np.float32)
    hands = hands_of(deck)
    chance, strength = np.zeros((len(hands), len(hands)), np.float32), np.zeros(len(hands), np.float32)
    places = np.searchsorted(hands, free)
    chance[np.ix_(places, places)] = apart
    strength[places] = ahead.sum(axis=1) / np.maximum(apart.sum(axis=1), 1.0)
    return chance, strength


class ByHands:
    """An evaluator of a spot's lanes by one that has a lane for each hand of the deck."""

    def __init__(self, inner: Any, ends: Sequence[End], deck: Deck):
        hands = hands_of(deck)
        self.inner, self.hands = inner, len(hands)
        self.places = [[np.searchsorted(hands, mine) for mine in end.hands] for end in ends]
        self._index: tuple[int, I64] | None = None

    def values(self, states: I64, ranges: F32) -> F32:
        """Return both players' values, [B, 2, W], of states [B] at ranges [B, 2, W]."""
        at = self._at(ranges.shape[2])[states]
        given = np.zeros((*ranges.shape[:2], self.hands + 1), np.float32)
        np.put_along_axis(given, at, ranges, axis=2)
        given[:, :, -1] = 0.0
        found = np.zeros_like(given)
        found[:, :, :-1] = self.inner.values(states, np.ascontiguousarray(given[:, :, :-1]))
        return np.take_along_axis(found, at, axis=2)

    def _at(self, width: int) -> I64:
        """Return which hand each lane is, [N, 2, W]; one more than all for those that are not there."""
        if self._index is None or self._index[0] != width:
            index = np.full((len(self.places), 2, width), self.hands)
            for k, both in enumerate(self.places):
                for p, mine in enumerate(both):
                    index[k, p, : len(mine)] = mine
            self._index = width, index
        return self._index[1]


def random_range(strength: F32, rng: np.random.Generator) -> F32:
    """Return a random range over hands that differ in strength, of sum 1: halves by strength get random shares."""
    order, found = np.argsort(strength, kind="stable"), np.zeros(len(strength), np.float32)
    stack = [(order, 1.0)]
    while stack:
        some, mass = stack.pop()
        if len(some) == 1:
            found[some] = mass
            continue
        part, half = rng.random(), len(some) // 2
        stack += [(some[:half], mass * part), (some[half:], mass * (1 - part))]
    return found


def states_of(spot: Spot, rng: np.random.Generator, times: int, iterations: int) -> tuple[list[End], "Samples"]:
    """Return the ends of a spot's first street, and states there: of random ranges, played so many times.

    Each time the street is played by the strategies of a solve that has just begun, present or average; what follows
    is solved by so many iterations.
    """
    from counterplay.agents.value_training import Samples

    laid, (cut, ends) = whole(spot), lay_out_to(spot, spot.street)
    deck, w = laid.deck, int(laid.game.boards.width[0])
    places = [np.searchsorted(hands_of(deck), mine) for mine in laid.combos]
    about, rest = described(deck, spot.betting.last, ends), Rest(laid.game, VARIANT, iterations)
    strength = about.numbers[0, len(deck.cards) + 1 :]
    states, ranges, values = list[int](), list[F32](), list[F32]()
    for _ in range(times):
        reach = np.zeros((2, w), np.float32)
        for p, mine in enumerate(places):
            reach[p, : len(mine)] = random_range(strength[mine], rng)
        run = SubgameCFR(laid.game._replace(reach=reach), spot.pot, VARIANT)
        run.advance(int(rng.choice(_PLAYED)))
        game = cut.game._replace(reach=reach)
        given = _ranges(game, run.tables, UPDATE if rng.random() < 0.5 else VALUE)
        found = rest.values(np.arange(len(ends)), given)
        mass = given.sum(axis=2)
        for k in np.flatnonzero(mass.min(axis=1) > 1e-6).tolist():
            pair = np.zeros((2, 2, len(strength)), np.float32)
            for p, mine in enumerate(places):
                pair[0, p, mine] = given[k, p, : len(mine)] / mass[k, p]
                pair[1, p, mine] = found[k, p, : len(mine)] / (mass[k, 1 - p] * about.unit[k])
            states.append(k)
            ranges.append(pair[0])
            values.append(pair[1])
    shape = (-1, 2, len(strength))
    return ends, Samples(np.array(states, np.int32), np.array(ranges).reshape(shape), np.array(values).reshape(shape))


def _ranges(game: Subgame, tables: Tables, mode: int) -> F32:
    """Return both players' plans at the ends of the first street by the tables of the whole game, [N, 2, W]."""
    run = CutCFR(game, None, VARIANT)
    size = len(run.tables.total)
    part = Tables(tables.regret[:size], tables.total[:size], tables.regret_scale, tables.total_scale)
    ask(game, part, run.work, mode)
    found: F32 = game.nets.ranges.copy()
    return found


def random_board(spot: Spot, rng: np.random.Generator) -> Spot:
    """Return the spot on a random board of as many cards, with all hands in both ranges."""
    board = tuple(int(c) for c in rng.choice(spot.deck.cards, len(spot.board), replace=False))
    return replace(spot, board=board, ranges=("random", "random"))


def collect(
    spot: Spot,
    boards: int,
    times: int,
    iterations: int,
    seed: int,
    tell: Callable[[int], None] | None = None,
) -> tuple["Described", "Samples"]:
    """Return states of the spot's street on so many random boards, with what is known of them.

    `tell` hears how many there are.
    """
    from counterplay.agents.value_training import Samples

    rng, ends, parts = np.random.default_rng(seed), list[End](), list[Samples]()
    for _ in range(boards):
        some, found = states_of(random_board(spot, rng), rng, times, iterations)
        parts.append(found._replace(states=found.states + np.int32(len(ends))))
        ends += some
        if tell is not None:
            tell(sum(part.size for part in parts))
    joined = Samples(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    return described(spot.deck, spot.betting.last, ends), joined


def learned(about: "Described", samples: "Samples", plan: "Plan") -> tuple["ValueNet", "Errors"]:
    """Return a network trained on states, and how far it is off on those that were held out, in half pots."""
    import torch

    from counterplay.agents.value_net import Layers, ValueNet
    from counterplay.agents.value_training import Trainer

    torch.manual_seed(plan.seed)
    features, lanes = about.numbers.shape[1], about.chance.shape[1]
    net = ValueNet(Layers(features + 2 * lanes, plan.hidden, 2 * lanes, plan.layers), features, lanes)
    trainer, steps = Trainer(net, about, plan), plan.steps(samples.size)
    trainer.add(samples)
    trainer.learn(steps, lambda k: 0.5 + 0.5 * math.cos(math.pi * k / steps))
    return net, trainer.held_out()


def cut_run(spot: Spot, net: "ValueNet", horizon: int = 0) -> CutCFR:
    """Return a run on a spot's first street, at whose ends a network is asked."""
    laid, ends = lay_out_to(spot, spot.street)
    inner = net.begin(described(laid.deck, spot.betting.last, ends))
    return CutCFR(laid.game, ByHands(inner, ends, laid.deck), VARIANT, horizon)


def losses(spot: Spot, totals: Sequence[F32], iterations: int) -> tuple[Judgement, list[tuple[float, float]]]:
    """Return what a spot is worth, and what both players lose by the first street's strategies of tables, in chips.

    A player keeps to them on that street, where its opponent knows it, and all else is played as well as it can be:
    solved by so many iterations.
    """
    game = whole(spot).game

    def judged(some: Subgame) -> Judgement:
        run = SubgameCFR(some, spot.pot, VARIANT)
        run.advance(iterations)
        return run.judge()

    true = judged(game)
    found = [[true.value[p] - judged(locked(game, total, p)).value[p] for p in range(2)] for total in totals]
    return true, [(one, two) for one, two in found]
