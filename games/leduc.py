"""Leduc poker and its larger kin: limit poker where only ranks count (Southey et al. 2005, "Bayes' Bluff")."""

import functools
import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine import public_play
from counterplay.engine.errors import UserError
from counterplay.engine.rules import CHANCE, LEAF, Array, Outcome, lanes_of
from counterplay.games.kuhn import rank_labels
from counterplay.games.limit_steps import RANKS, LimitSteps, in_steps

Cards = tuple[int, ...]  # ranks, lowest first


MAX_DRAWS = 200_000


class Betting(NamedTuple):
    """What everybody sees. `paid` are chips put in so far; `deal` is True while board cards are due."""

    street: int
    board: Cards
    paid: tuple[int, ...]
    folded: tuple[bool, ...]
    raises: int  # on this street
    calls: int  # since the last raise of this street
    turn: int
    deal: bool
    label: str


@dataclass(frozen=True)
class Leduc:
    """Limit poker from a deck of `ranks` x `suits` cards, with `hole` private cards and `board` cards a later street.

    The default is Leduc poker: six cards (J, Q, K twice), one private card, one board card after the first street,
    an ante of 1, bets of 2 and 4, at most two raises a street. Hands are ranked by the best five cards (or all, if
    fewer): pairs, two pairs, threes, straights (of five), full houses, fours; suits never count, so hands that differ
    in suits alone are one lane, which loses nothing. Ties split the pot. Payoffs are chips won or lost.

    Larger kin: `leduc(ranks=12)` is big Leduc, `leduc(players=3)` three-player Leduc, and
    `leduc(ranks=5, suits=4, hole=2, board=(3,), bets=(2, 4), raises=3)` plays the twenty cards of royal hold'em.
    """

    players: int = 2
    ranks: int = 0
    suits: int = 2
    hole: int = 1
    board: tuple[int, ...] = (1,)
    bets: tuple[int, ...] = (2, 4)
    raises: int = 2
    ante: int = 1

    def __post_init__(self) -> None:
        if not 2 <= self.players <= 10:
            raise UserError(f"players must be 2 to 10, not {self.players}")
        if self.ranks == 0:
            object.__setattr__(self, "ranks", self.players + 1)
        for name, low, high in (
            ("ranks", 2, 100),
            ("suits", 1, 10),
            ("hole", 1, 4),
            ("raises", 0, 10),
            ("ante", 1, 10**6),
        ):
            if not low <= getattr(self, name) <= high:
                raise UserError(f"{name} must be {low} to {high}, not {getattr(self, name)}")
        if any(n < 1 for n in self.board) or sum(self.board) > 5:
            raise UserError(f"board must list the cards of each later street, five in all at most, not {self.board}")
        if len(self.bets) != len(self.board) + 1 or min(self.bets) < 1:
            raise UserError(f"bets must be {len(self.board) + 1} positive sizes, one a street, not {self.bets}")
        for cards in (self.hole, *self.board):
            draws = math.comb(self.ranks * self.suits // self._copies + cards - 1, cards)
            if draws > MAX_DRAWS:
                raise UserError(
                    f"{cards} cards of these ranks can be {draws:,} draws; at most {MAX_DRAWS:,} are listed"
                )
        needed = self.players * self.hole + sum(self.board)
        if self.ranks * self.suits < needed:
            raise UserError(f"{needed} cards are dealt; ranks x suits = {self.ranks * self.suits} is too few")

    @property
    def _copies(self) -> int:
        """How many cards of a kind there are; kinds, which hands and boards are made of, are ranks here."""
        return self.suits

    @cached_property
    def _hands(self) -> list[Cards]:
        return self._draws(self.hole)

    @cached_property
    def _known_draws(self) -> dict[int, list[Cards]]:
        return {}

    def _draws(self, cards: int) -> list[Cards]:
        """Return what that many cards of the deck can be."""
        if cards not in self._known_draws:
            draws = combinations_with_replacement(range(self.ranks * self.suits // self._copies), cards)
            self._known_draws[cards] = [d for d in draws if max(map(d.count, d)) <= self._copies]
        return self._known_draws[cards]

    def _draw_odds(self, cards: int, gone: Cards) -> list[float]:
        """Return the probability of each draw of that many cards when others are gone from the deck."""
        ways = [
            math.prod(math.comb(self._copies - gone.count(r), n) for r, n in Counter(d).items())
            for d in self._draws(cards)
        ]
        return [w / math.comb(self.ranks * self.suits - len(gone), cards) for w in ways]

    def _name(self, cards: Cards) -> str:
        labels = rank_labels(self.ranks)
        return ("" if self.ranks <= 13 else " ").join(labels[c] for c in reversed(cards))

    def hands(self, player: int) -> Sequence[str]:
        return [self._name(h) for h in self._hands]

    def deal(self, hands: tuple[int, ...]) -> Sequence[float]:
        return self._draw_odds(self.hole, sum((self._hands[h] for h in hands), ()))

    def root(self) -> Betting:
        nobody = (False,) * self.players
        return Betting(0, (), (self.ante,) * self.players, nobody, 0, 0, 0, False, "")

    def turn(self, state: Betting) -> int:
        return CHANCE if state.deal else state.turn

    def moves(self, state: Betting) -> Sequence[str]:
        if state.deal:
            return [self._name(d) for d in self._draws(self.board[state.street - 1])]
        facing = max(state.paid) > state.paid[state.turn]
        more = state.raises < self.raises
        if facing:
            return ("fold", "call", "raise") if more else ("fold", "call")
        return ("check", "bet" if state.raises == 0 else "raise") if more else ("check",)

    def chance(self, state: Betting, hands: tuple[int, ...]) -> Sequence[float]:
        gone = sum((self._hands[h] for h in hands), state.board)
        return self._draw_odds(self.board[state.street - 1], gone)

    def play(self, state: Betting, move: int) -> Betting:
        street, board, paid, folded, raises, calls, turn, deal, label = state
        if deal:
            cards = self._draws(self.board[street - 1])[move]
            label = f"{label} [{self._name(cards)}] "
            return Betting(
                street, tuple(sorted(board + cards)), paid, folded, raises, calls, folded.index(False), False, label
            )
        # Streets are bet alike on every board, so that each step of the betting is worked out once.
        before = (street, paid, folded, raises, calls, turn, move)
        after = self._steps.get(before)
        if after is None:
            after = self._steps[before] = self._act(state, move)
        street, paid, folded, raises, calls, turn, deal, letter = after
        return Betting(street, board, paid, folded, raises, calls, turn, deal, label + letter)

    @cached_property
    def _steps(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        return {}

    def _act(self, state: Betting, move: int) -> tuple[Any, ...]:
        """Return the state after a player's move, without board and label, and the move's letter."""
        street, _, paid, folded, raises, calls, me, _, _ = state
        action, top = self.moves(state)[move], max(state.paid)
        if action == "fold":
            letter, folded = "f", (*folded[:me], True, *folded[me + 1 :])
        elif action in ("bet", "raise"):
            letter, paid = "r", (*paid[:me], top + self.bets[street], *paid[me + 1 :])
            raises, calls = raises + 1, 0
        else:
            letter, paid, calls = "c", (*paid[:me], top, *paid[me + 1 :]), calls + 1
        left = self.players - sum(folded)
        if left == 1:
            return street, paid, folded, raises, calls, LEAF, False, letter
        if calls == left - (raises > 0):
            return street + 1, paid, folded, 0, 0, LEAF, street < len(self.board), letter
        following = next(p for k in range(1, self.players) if not folded[p := (me + k) % self.players])
        return street, paid, folded, raises, calls, following, False, letter

    def outcome(self, state: Betting) -> Outcome:
        """Return who is in, on what board, with chips paid in units of the smallest stake that keeps them whole."""
        end = (state.paid, state.folded)
        if end not in self._ends:
            unit = math.gcd(*state.paid)
            stayed = tuple(p for p in range(self.players) if not state.folded[p])
            self._ends[end] = stayed, tuple(c // unit for c in state.paid), float(unit)
        stayed, paid, stake = self._ends[end]
        return Outcome((stayed, state.board if len(stayed) > 1 else (), paid), stake)

    @cached_property
    def _ends(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        return {}

    def payoffs(self, key: tuple[Cards, Cards, tuple[int, ...]], hands: tuple[int, ...]) -> Sequence[float]:
        stayed, board, paid = key
        winners: Sequence[int] = stayed
        if len(stayed) > 1:
            strengths: dict[int, Any] = {p: self._strength(self._hands[hands[p]], board) for p in stayed}
            winners = [p for p in stayed if strengths[p] == max(strengths.values())]
        share = sum(paid) / len(winners)
        return [share - c if p in winners else -float(c) for p, c in enumerate(paid)]

    def _strength(self, hand: Cards, board: Cards) -> tuple[Any, ...]:
        return strength(hand + board, self.ranks)

    def sees(self, state: Betting) -> str:
        return state.label.strip()

    @cached_property
    def _counts(self) -> npt.NDArray[np.int64]:
        """How many cards of each kind each hand has, [W, kinds]."""
        kinds = self.ranks * self.suits // self._copies
        return np.array([np.bincount(hand, minlength=kinds) for hand in self._hands])

    def _draw_array(self, cards: int, board: Cards, players: int) -> Array:
        """Return `_draw_odds` for all hands of so many players and a board, [draws, W, ...]."""

        @functools.cache
        def left(kind: int) -> npt.NDArray[np.int64]:
            held = sum(lanes_of(self._counts[:, kind], players), np.zeros(1, np.int64))
            return np.maximum(self._copies - board.count(kind) - held, 0)

        draws = self._draws(cards)
        comb = np.array([[math.comb(n, k) for k in range(cards + 1)] for n in range(self._copies + 1)], np.float64)
        ways = np.ones((len(draws), *(len(self._hands),) * players))
        for i, draw in enumerate(draws):
            for kind, n in Counter(draw).items():
                ways[i] *= comb[left(kind), n].reshape(ways[i].shape)
        return ways / math.comb(self.ranks * self.suits - len(board) - self.hole * players, cards)

    def shape(self, state: Betting) -> Hashable:
        street, board, paid, folded, raises, calls, turn, deal, _ = state
        counts = tuple(sorted(map(board.count, set(board))))
        possible = not counts or counts[-1] <= self._copies
        return (street, counts, paid, folded, raises, calls, turn, deal) if possible else None

    def future(self, state: Betting) -> Hashable:
        return state[:-1]

    def deals(self) -> Array:
        joint = np.ones(())
        for p in range(self.players):
            joint = joint[..., None] * np.moveaxis(self._draw_array(self.hole, (), p), 0, -1)
        return joint

    def event(self, state: Betting) -> tuple[int, Cards]:
        return state.street, state.board

    def odds(self, event: tuple[int, Cards]) -> Array:
        street, board = event
        return self._draw_array(self.board[street - 1], board, self.players)

    def table(self, key: tuple[Cards, Cards, tuple[int, ...]]) -> Array:
        stayed, board, paid = key
        table = np.empty((self.players, *(len(self._hands),) * self.players))
        for p, c in enumerate(paid):
            table[p] = -float(c)
        if len(stayed) == 1:
            table[stayed[0]] = float(sum(paid)) - paid[stayed[0]]
            return table
        strengths = lanes_of(self._ranked(board), self.players)
        highest = functools.reduce(np.maximum, [strengths[p] for p in stayed])
        wins = {p: strengths[p] == highest for p in stayed}
        share = sum(paid) / sum(won.astype(np.int64) for won in wins.values())
        for p, won in wins.items():
            np.subtract(share, paid[p], out=table[p], where=won)
        return table

    def _ranked(self, board: Cards) -> npt.NDArray[np.int64]:
        """Return the hands' strengths on a board as numbers, [W]."""
        if board not in self._known_ranks:
            strengths: list[Any] = [self._strength(hand, board) for hand in self._hands]
            number = {strength: i for i, strength in enumerate(sorted(set(strengths)))}
            self._known_ranks[board] = np.array([number[strength] for strength in strengths])
        return self._known_ranks[board]

    def steps(self) -> LimitSteps:
        return self._in_steps(RANKS)

    def _in_steps(self, ranking: int, **settings: Any) -> LimitSteps:
        settings = {"paid": (self.ante,) * self.players, **settings}
        deck = self.ranks, self.suits, self._copies, self.hole, self.board, self.bets, self.raises
        return in_steps(ranking, self.players, *deck, **settings)

    @cached_property
    def _kinds(self) -> int:
        return self.ranks * self.suits // self._copies

    @cached_property
    def _numbers(self) -> dict[Cards, int]:
        """The numbers of hands and draws."""
        every = {self.hole, *self.board}
        return {draw: i for cards in every for i, draw in enumerate(self._draws(cards))}

    def _digits(self, cards: int, rest: int) -> tuple[int, int]:
        """Return the number of a draw whose cards are the lowest digits of `rest`, and the digits above."""
        drawn = []
        for _ in range(cards):
            rest, card = divmod(rest, self._kinds)
            drawn.append(card)
        return self._numbers.get(tuple(drawn), -1), rest

    def _bases(self, state: Betting) -> tuple[int, int]:
        """Return how many moves of a decision play goes on after, and the first of them (`games.limit_steps`)."""
        moves = self.moves(state)
        ends = self.players == 2 and moves[0] == "fold"
        return len(moves) - ends, int(ends)

    def infoset(self, player: int, key: int) -> tuple[str, tuple[str, ...]]:
        def move_of(state: Betting, rest: int) -> tuple[int, int]:
            if state.deal:
                return self._digits(self.board[state.street - 1], rest)
            base, first = self._bases(state)
            return rest % base + first, rest // base

        hand, rest = self._digits(self.hole, key)
        return public_play.infoset(self, player, hand, rest, move_of)

    def key_of(self, player: int, label: str) -> int:
        hand, moves = public_play.moves_to(self, player, label)
        key, weight = 0, 1
        for state, move in moves:
            digits = self._draws(self.board[state.street - 1])[move] if state.deal else (move - self._bases(state)[1],)
            for digit in digits:
                key += digit * weight
                weight *= self._kinds if state.deal else self._bases(state)[0]
        key += weight
        for card in reversed(self._hands[hand]):
            key = key * self._kinds + card
        return key

    @cached_property
    def _known_ranks(self) -> dict[Cards, npt.NDArray[np.int64]]:
        return {}


def strength(cards: Cards, ranks: int) -> tuple[tuple[int, ...], ...]:
    """Return a hand's strength, to be compared: how often its ranks appear, then the ranks, best five cards.

    A straight of five comes between threes and full houses; suits do not count.
    """
    if len(cards) > 5:
        return max(strength(five, ranks) for five in combinations(cards, 5))
    counts = sorted(((n, r) for r, n in Counter(cards).items()), reverse=True)
    shape, order = tuple(n for n, _ in counts), tuple(r for _, r in counts)
    if shape == (1, 1, 1, 1, 1):
        if order[0] - order[4] == 4:
            return (3, 1, 2), order[:1]
        if order == (ranks - 1, 3, 2, 1, 0) and ranks == 13:
            return (3, 1, 2), (3,)
    return shape, order
