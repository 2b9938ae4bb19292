"""The verifier's part for hold'em spots: every hand against every hand, board by board, in plain NumPy.

It has an evaluator of hands of its own, and walks the betting trees of the rules. From the layout of a solution's file
it takes where the numbers of a decision lie, and nothing else.
"""

import hashlib
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.api.verifier import Measured, gamma
from counterplay.engine.errors import UserError
from counterplay.games.holdem import places
from counterplay.games.holdem.lanes import hands_on
from counterplay.games.holdem.spot import Spot, to_toml
from counterplay.games.holdem.trees import ALLIN, FOLD, NEXT, SHOWDOWN, Street, children

Array = npt.NDArray[Any]

KEPT = 64  # boards whose outcomes of all hands against all hands are kept: those of the river cards of a turn


def strengths(hands: Array, deck: Any) -> Array:
    """Return a number for each set of five to seven cards, [n, cards]: larger is stronger, equal is a tie.

    The category is the highest digit in base 14, then up to five ranks that decide within it, 1 the lowest.
    """
    n = len(hands)
    held = np.zeros((n, 13, 4), bool)
    held[np.arange(n)[:, None], hands // 4, hands % 4] = True
    count = held.sum(axis=2)
    suited = held.sum(axis=1)
    flush = suited.max(axis=1) >= 5
    of_suit = held[np.arange(n), :, suited.argmax(axis=1)]

    def top(mask: Array, k: int) -> list[Array]:
        """Return the k highest ranks of each set, 0 where there are none left."""
        ranks = np.sort(np.where(mask, np.arange(1, 14), 0), axis=1)[:, ::-1]
        return [ranks[:, i] for i in range(k)]

    def run(mask: Array) -> Array:
        """Return the highest rank of each set's best straight, 0 if it has none."""
        found, low = np.zeros(n, np.int64), deck.low_ace
        wheel = mask[:, [12, *range(low, low + 4)]].all(axis=1)
        found[wheel] = low + 4
        for high in range(low + 4, 13):
            found[mask[:, high - 4 : high + 1].all(axis=1)] = high + 1
        return found

    def without(mask: Array, *ranks: Array) -> Array:
        left = mask.copy()
        for rank in ranks:
            left[np.arange(n), np.maximum(rank - 1, 0)] &= rank == 0
        return left

    have = count > 0
    quad, trip, second = top(count == 4, 1)[0], top(count == 3, 1)[0], top(count >= 3, 2)[1]
    pair, pair2 = top(count == 2, 2)
    other = np.maximum(pair, second)  # the pair of a full house may be another three of a kind
    straight, straight_flush = run(have), np.where(flush, run(of_suit & flush[:, None]), 0)
    none = np.zeros(n, np.int64)
    full, line = (5, 6) if deck.flush_beats_full_house else (6, 5)
    three, five = (4, 3) if deck.trips_beat_straights else (3, 4)
    ways: list[tuple[Array, int, list[Array]]] = [
        (np.ones(n, bool), 0, top(have, 5)),
        (pair > 0, 1, [pair, *top(without(have, pair), 3)]),
        (pair2 > 0, 2, [pair, pair2, *top(without(have, pair, pair2), 1)]),
        (trip > 0, three, [trip, *top(without(have, trip), 2)]),
        (straight > 0, five, [straight]),
        (flush, line, top(of_suit, 5)),
        ((trip > 0) & (other > 0), full, [trip, other]),
        (quad > 0, 7, [quad, *top(without(have, quad), 1)]),
        (straight_flush > 0, 8, [straight_flush]),
    ]
    best = np.zeros(n, np.int64)
    for true, category, ranks in ways:
        score = np.full(n, category, np.int64)
        for rank in [*ranks, *[none] * (5 - len(ranks))]:
            score = score * 14 + rank
        best = np.maximum(best, np.where(true, score, 0))
    return best


class Where(NamedTuple):
    """A street's betting on a board, and where it stands in the layout of the file."""

    tree: Street
    board: tuple[int, ...]
    instance: int
    template: int
    entry: int
    at: int  # the layout's board
    suits: tuple[int, ...]


class _Run:
    """A spot and what its file holds."""

    def __init__(self, spot: Spot, total: Array) -> None:
        self.spot, self.total, self.laid = spot, total, places.lay_out(spot)
        self.deck, self.hands = self.laid.deck, self.laid.combos
        cards = [self.deck.hands[combos] for combos in self.hands]
        self.cards = cards
        shared = cards[0][:, None, :, None] == cards[1][None, :, None, :]
        self.apart = (~shared.any(axis=(2, 3))).astype(np.float64)  # [W, W]
        self.free = cache(lambda p, card: (~(cards[p] == card).any(axis=1)).astype(np.float64))  # [W]
        if len(total) != self.laid.game.entries:
            raise UserError("the tables in the file are not of the spot's size")
        self.strong = cache(self._strong)
        self.outcomes = lru_cache(maxsize=KEPT)(self._outcomes)
        self.lane_of = cache(self._lane_of)

    def _strong(self, board: tuple[int, ...]) -> list[Array]:
        """Return how strong each player's hands are on a full board, [W] each."""
        return [
            strengths(np.concatenate([c, np.tile(np.array(board), (len(c), 1))], axis=1).astype(np.int64), self.deck)
            for c in self.cards
        ]

    def _outcomes(self, board: tuple[int, ...]) -> Array:
        """Return 1 where player 0 wins on a full board, -1 where it loses, 0 at ties and where hands share a card."""
        first, second = self.strong(board)
        return np.asarray(self.apart * np.sign(first[:, None] - second[None]))

    def _lane_of(self, at: int) -> list[Array]:
        """Return the lane of each hand of the deck on a board of the layout, -1 for those that are not there."""
        found = []
        for hands in hands_on(self.deck, self.laid.game.boards, at):
            lanes = np.full(len(self.deck.hands), -1)
            lanes[hands] = np.arange(len(hands))
            found.append(lanes)
        return found

    def sigma(self, where: Where, node: int) -> Array:
        """Return the probabilities of the actions of who acts at a node, [A, W]; alike where the file says nothing."""
        game, tree = self.laid.game, where.tree
        p, after = int(tree.kind[node]), children(tree, node)
        if len(after) == 1:
            return np.ones((1, len(self.hands[p])))
        templates, t = game.templates, where.template
        first = int(self.laid.sequence[t][where.entry][after[0], p])
        low, high = (int(d) for d in templates.decisions[t, p : p + 2])
        d = low + int(np.argmax(templates.first[low:high] == first))
        columns = [int(c) for c in game.boards.columns[where.at]]
        begin = int(game.instances.base[where.instance]) + p * int(templates.actions[t, 0]) * columns[0]
        begin += int(templates.offset[d]) * columns[p]
        part = self.total[begin : begin + len(after) * columns[p]].reshape(len(after), columns[p]).astype(np.float64)
        lanes = self.lane_of(where.at)[p][self.deck.permuted(where.suits)[self.hands[p]]]
        weights = np.zeros((len(after), len(lanes)))
        weights[:, lanes >= 0] = np.maximum(part[:, lanes[lanes >= 0]], 0)
        sums = weights.sum(axis=0)
        alike = np.full_like(weights, 1 / len(after))
        return np.where(sums > 0, weights / np.where(sums > 0, sums, 1), alike)

    def onward(self, where: Where, node: int, card: int) -> Where:
        """Return the next street's betting after a card."""
        game = self.laid.game
        deal, suits = places.dealt(self.laid, where.at, (card,), where.suits)
        group, entry = places.onward(self.laid, where.template, where.entry, node)
        bounds, first = game.deals.bounds, int(game.templates.groups[where.template])
        many = int(bounds[where.at + 1]) - int(bounds[where.at])
        child = int(game.instances.child[where.instance]) + (group - first) * many + deal - int(bounds[where.at])
        template = int(game.templates.follows[group])
        tree = self.laid.streets[self.laid.entries[template][entry]]
        return Where(tree, (*where.board, card), child, template, entry, int(game.deals.after[deal]), suits)


def _walk(run: _Run, where: Where, node: int, p: int, other: Array) -> Array:
    """Return what each of player p's hands earns from a node on, times the weight of the other's hands, [2, W].

    The first row is what its strategy earns, the second its best response. `other` is [W].
    """
    tree = where.tree
    kind, pot, spot = int(tree.kind[node]), float(tree.pot(node)), run.spot
    if kind == p:
        ways = np.stack([_walk(run, where, child, p, other) for child in children(tree, node)])
        return np.stack([(run.sigma(where, node) * ways[:, 0]).sum(axis=0), ways[:, 1].max(axis=0)])
    if kind == 1 - p:
        odds = run.sigma(where, node)
        return np.asarray(sum(_walk(run, where, c, p, other * odds[a]) for a, c in enumerate(children(tree, node))))
    rake = spot.rake.of(pot)
    if kind == FOLD:
        met = (run.apart if p == 0 else run.apart.T) @ other
        return np.stack([met * (-pot / 2 if int(tree.folder[node]) == p else pot / 2 - rake)] * 2)
    if kind == SHOWDOWN or (kind == ALLIN and len(where.board) == run.deck.board[spot.betting.last]):
        # A win is pot / 2 - rake, a tie -rake / 2, a loss -pot / 2.
        gap = run.outcomes(tuple(sorted(where.board)))
        earned = ((gap if p == 0 else -gap.T) @ other) * ((pot - rake) / 2)
        if rake:
            earned = earned - ((run.apart if p == 0 else run.apart.T) @ other) * (rake / 2)
        return np.stack([earned, earned])
    left = [card for card in run.deck.cards if card not in where.board]
    share, total = 1 / (len(left) - 2 * run.deck.hole), np.zeros((2, len(run.hands[p])))
    for card in left:
        reach = other * run.free(1 - p, card)
        if kind == NEXT:
            below = _walk(run, run.onward(where, node, card), 0, p, reach)
        else:
            below = _walk(run, where._replace(board=(*where.board, card)), node, p, reach)
        total += below * run.free(p, card) * share
    return total


def check_spot(spot: Spot) -> None:
    """Raise `UserError` for spots with locks or blinds, and for decks of one-card hands."""
    if spot.locks or spot.betting.blinds[1] or len(spot.board) < 3 or spot.deck.hole != 2:
        raise UserError("spots from the flop on, of two-card hands and without locks, can be certified")


def measure(spot: Spot, total: Array) -> Measured:
    """Return what the strategies in a spot's tables are worth in chips, player 0 out of position.

    Raises `UserError` as `check_spot`.
    """
    check_spot(spot)
    run = _Run(spot, total)
    start = Where(run.laid.streets[run.laid.entries[0][0]], spot.board, 0, 0, 0, 0, (0, 1, 2, 3))
    weights = [spot.weights[p][run.hands[p]] for p in range(2)]
    mass = float(weights[0] @ run.apart @ weights[1])
    found = [_walk(run, start, 0, p, weights[1 - p]) @ weights[p] / mass + float(spot.pot) / 2 for p in (0, 1)]
    value, top = ([float(pair[k]) for pair in found] for k in (0, 1))
    deepest, streets = max(len(tree.kind) for tree in run.laid.streets), 6 - len(spot.board)
    hands = sum(map(len, run.hands))
    roundings = 2 * hands + streets * (len(run.deck.cards) + 12 * deepest)
    most = float(spot.pot) + float(spot.stack)
    return Measured(value, top, gamma(roundings) * 4 * most, hashlib.sha256(to_toml(spot).encode()).hexdigest())
