"""Limit poker in steps (`engine.stepped`): Leduc poker, its larger kin, and hold'em.

Cards are dealt one at a time: all hole cards of the first player, then of the next one; then betting; then the cards of
the next street. A key has the player's own cards as its lowest digits, each in base `kinds` and lowest first; then the
public moves in order: actions in the base of their number (heads up without a fold, which ends the game), board cards
like own ones; and a 1 behind the last.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine import stepped
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.games.holdem.strength import hand_strength
from counterplay.games.limit_strength import by_ranks, by_three, put

RANKS, THREE_CARDS, HOLDEM = 0, 1, 2  # how hands are ranked


class LimitSteps(NamedTuple):
    """Limit poker in steps; the words of a state are named below."""

    players: int
    words: int
    widest: int
    depth: int
    streets: int  # after the first
    ranks: int
    kinds: int  # of cards: what cards can be told apart by
    copies: int  # cards of each kind
    hole: int
    raises: int  # bets and raises a street, at most
    posted: int  # of these, how many are made before the first street is played: a big blind is one
    first: int  # who acts first on later streets, if still in
    ranking: int
    board: npt.NDArray[np.int64]  # cards of each later street
    bets: npt.NDArray[np.int64]  # sizes, by street
    paid: npt.NDArray[np.int64]  # [P] before the deal
    strength: npt.NDArray[np.int64]  # numbers that `ranking` needs


# Words of a state; then the board's cards, and of each player what it paid, whether it is out, and its cards.
_TO_DEAL, _TAKER, _STREET, _RAISES, _CALLS, _TURN, _DIGITS, _WEIGHT, _SHOWN = range(9)
_BOARD = 9
_OWN = _BOARD + 5
_PAID, _OUT, _CARDS = 0, 1, 2
_EACH = 6


def in_steps(
    ranking: int,
    players: int,
    ranks: int,
    suits: int,
    copies: int,
    hole: int,
    board: Sequence[int],
    bets: Sequence[int],
    raises: int,
    paid: Sequence[int],
    posted: int = 0,
    first: int = 0,
    strength: Sequence[int] = (),
) -> LimitSteps:
    """Return the game in steps; raises `ValueError` where what a player knows does not fit a key."""
    game = LimitSteps(
        players,
        _OWN + _EACH * players,
        3,
        0,
        len(board),
        ranks,
        ranks * suits // copies,
        copies,
        hole,
        raises,
        posted,
        first,
        ranking,
        np.array(board, np.int64),
        np.array(bets, np.int64),
        np.array(paid, np.int64),
        np.array(strength, np.int64),
    )
    most, depth = _most(game)
    advice = "take fewer players, ranks, raises or streets"
    stepped.check_bits(2 * game.kinds**hole * most, "limit poker", advice)
    return game._replace(depth=depth)


def _most(game: LimitSteps) -> tuple[int, int]:
    """Return the largest product of the bases of public moves before a decision, and the most decisions of a play."""
    state = np.zeros(game.words, np.int64)
    _setup(game, state)
    state[_TO_DEAL] = 0

    @cache
    def below(street: int, owed: tuple[bool, ...], out: tuple[int, ...], raises: int, calls: int, me: int) -> Any:
        paid = [0 if owes else 1 for owes in owed]
        most, depth = 1, 0
        facing = owed[me]
        base = 2 + (raises < game.raises) if facing else 1 + (raises < game.raises)
        for move in range(base):
            if facing and move == 0 and game.players == 2:
                continue
            state[:] = 0
            state[_STREET], state[_RAISES], state[_CALLS], state[_TURN], state[_WEIGHT] = street, raises, calls, me, 1
            for p in range(game.players):
                state[_OWN + _EACH * p + _PAID], state[_OWN + _EACH * p + _OUT] = paid[p], out[p]
            _play(game, state, move)
            if _turn(game, state) == LEAF:
                continue
            base_here = int(state[_WEIGHT]) * (game.kinds ** int(state[_TO_DEAL]))
            if state[_TO_DEAL]:
                state[_TO_DEAL] = 0
                _begin(game, state)
            own = [state[_OWN + _EACH * p : _OWN + _EACH * (p + 1)] for p in range(game.players)]
            top = max(x[_PAID] for x in own)
            rest = below(
                int(state[_STREET]),
                tuple(bool(x[_PAID] < top) for x in own),
                tuple(int(x[_OUT]) for x in own),
                int(state[_RAISES]),
                int(state[_CALLS]),
                int(state[_TURN]),
            )
            most, depth = max(most, base_here * rest[0]), max(depth, rest[1])
        return most, depth + 1

    owed = tuple(bool(x < game.paid.max()) for x in game.paid)
    found: tuple[int, int] = below(0, owed, (0,) * game.players, game.posted, 0, 0)
    return found


def _setup(game: Any, state: Any) -> None:
    for i in range(game.words):
        state[i] = 0
    state[_TO_DEAL] = game.hole
    state[_WEIGHT] = 1
    state[_RAISES] = game.posted
    for p in range(game.players):
        state[_OWN + _EACH * p + _PAID] = game.paid[p]


def _turn(game: Any, state: Any) -> Any:
    return CHANCE if state[_TO_DEAL] > 0 else state[_TURN]


@stepped.helper
def _owes(game: Any, state: Any) -> Any:
    """Tell whether the acting player faces a bet."""
    mine = state[_OWN + _EACH * state[_TURN] + _PAID]
    more = False
    for p in range(game.players):
        more |= state[_OWN + _EACH * p + _PAID] > mine
    return more


def _moves(game: Any, state: Any) -> Any:
    if state[_TO_DEAL] > 0:
        return game.kinds
    return (2 if _owes(game, state) else 1) + (1 if state[_RAISES] < game.raises else 0)


@stepped.helper
def _gone(game: Any, state: Any, kind: int) -> Any:
    """Return how many cards of a kind, and how many in all, are dealt."""
    gone, dealt = 0, state[_SHOWN]
    for i in range(state[_SHOWN]):
        gone += state[_BOARD + i] == kind
    for p in range(game.players):
        held = game.hole if p < state[_TAKER] else game.hole - state[_TO_DEAL] if p == state[_TAKER] else 0
        dealt += held
        for i in range(held):
            gone += state[_OWN + _EACH * p + _CARDS + i] == kind
    return gone, dealt


def _chance(game: Any, state: Any, move: int) -> Any:
    gone, dealt = _gone(game, state, move)
    return max(game.copies - gone, 0) / (game.kinds * game.copies - dealt)


def _draw(game: Any, state: Any, random: Any) -> Any:
    while True:  # a card of the whole deck, until it is none that is gone
        card = stepped.below(random, game.kinds * game.copies)
        kind = card // game.copies
        if card % game.copies >= _gone(game, state, kind)[0]:
            return kind


@stepped.helper
def _begin(game: Any, state: Any) -> None:
    """Let the first player of a street act."""
    me = game.first if state[_STREET] > 0 else 0
    while state[_OWN + _EACH * me + _OUT] > 0:
        me = (me + 1) % game.players
    state[_TURN] = me


@stepped.helper
def _take(game: Any, state: Any, card: int) -> None:
    """Deal a card to the player, or to the board, whose turn it is."""
    state[_TO_DEAL] -= 1
    if state[_TAKER] < game.players:
        begin = _OWN + _EACH * state[_TAKER] + _CARDS
        put(state, begin, game.hole - state[_TO_DEAL] - 1, card)
        if state[_TO_DEAL] == 0:
            state[_TAKER] += 1
            if state[_TAKER] < game.players:
                state[_TO_DEAL] = game.hole
        return
    count = game.board[state[_STREET] - 1]
    begin = _BOARD + state[_SHOWN] - (count - state[_TO_DEAL] - 1)
    put(state, begin, count - state[_TO_DEAL] - 1, card)
    state[_SHOWN] += 1
    if state[_TO_DEAL] == 0:
        for i in range(count):
            state[_DIGITS] += state[begin + i] * state[_WEIGHT]
            state[_WEIGHT] *= game.kinds


def _play(game: Any, state: Any, move: int) -> None:
    if state[_TO_DEAL] > 0:
        _take(game, state, move)
        if state[_TO_DEAL] == 0:
            _begin(game, state)
        return
    facing = _owes(game, state)
    me, base, digit = _OWN + _EACH * state[_TURN], _moves_of(game, state), move
    if facing and game.players == 2:
        base, digit = base - 1, move - 1
    if base > 1 and digit >= 0:
        state[_DIGITS] += digit * state[_WEIGHT]
        state[_WEIGHT] *= base
    top, left = 0, 0
    for p in range(game.players):
        top = max(top, state[_OWN + _EACH * p + _PAID])
    if facing and move == 0:
        state[me + _OUT] = 1
    elif move == (2 if facing else 1):
        state[me + _PAID] = top + game.bets[state[_STREET]]
        state[_RAISES] += 1
        state[_CALLS] = 0
    else:
        state[me + _PAID] = top
        state[_CALLS] += 1
    for p in range(game.players):
        left += 1 - state[_OWN + _EACH * p + _OUT]
    if left == 1:
        state[_TURN] = LEAF
        return
    forced = state[_STREET] == 0 and state[_RAISES] == game.posted  # who posted the bet has not acted yet
    if state[_CALLS] == left - (1 if state[_RAISES] > 0 and not forced else 0):
        state[_STREET] += 1
        state[_RAISES] = state[_CALLS] = 0
        if state[_STREET] > game.streets:
            state[_TURN] = LEAF
        else:
            state[_TO_DEAL] = game.board[state[_STREET] - 1]
        return
    following = (state[_TURN] + 1) % game.players
    while state[_OWN + _EACH * following + _OUT] > 0:
        following = (following + 1) % game.players
    state[_TURN] = following


_moves_of = stepped.helper(_moves)


@stepped.helper
def _strength(game: Any, state: Any, player: int) -> Any:
    """Return a number that is larger for a better hand."""
    own, count = _OWN + _EACH * player + _CARDS, game.hole + state[_SHOWN]
    if game.ranking == HOLDEM:
        mask = 0
        for i in range(count):
            card = state[own + i] if i < game.hole else state[_BOARD + i - game.hole]
            mask |= 1 << card // game.strength[3] + 13 - game.ranks + 16 * (card % game.strength[3])
        return hand_strength(mask, game.strength[0], game.strength[1], game.strength[2])
    cards = np.zeros(9, np.int64)
    for i in range(count):
        put(cards, 0, i, state[own + i] if i < game.hole else state[_BOARD + i - game.hole])
    return by_three(game, cards) if game.ranking == THREE_CARDS else by_ranks(game, cards, count)


def _payoff(game: Any, state: Any, player: int) -> Any:
    pot, left = 0, 0
    for p in range(game.players):
        pot += state[_OWN + _EACH * p + _PAID]
        left += 1 - state[_OWN + _EACH * p + _OUT]
    mine = state[_OWN + _EACH * player + _PAID]
    if state[_OWN + _EACH * player + _OUT] > 0:
        return -float(mine)
    winners = 1
    if left > 1:
        strength = _strength(game, state, player)
        for p in range(game.players):
            if p != player and state[_OWN + _EACH * p + _OUT] == 0:
                other = _strength(game, state, p)
                if other > strength:
                    return -float(mine)
                winners += other == strength
    return pot / winners - mine


def _key(game: Any, state: Any) -> Any:
    found = state[_DIGITS] + state[_WEIGHT]
    own = _OWN + _EACH * state[_TURN] + _CARDS
    for i in range(game.hole - 1, -1, -1):
        found = found * game.kinds + state[own + i]
    return found


def _observed(game: LimitSteps) -> int:
    """Return how many numbers players see: of their cards, of each later street's, and of each street's moves."""
    cards = game.kinds * game.copies
    return (cards + 3 * game.players * (game.raises + 1)) * (1 + game.streets)


@stepped.helper
def _show_card(game: Any, seen: Any, begin: int, card: int) -> None:
    """Write one more card of a kind: the first number of the kind that is still 0 becomes 1."""
    at = begin + card * game.copies
    while seen[at] > 0:
        at += 1
    seen[at] = 1


def _observe(game: Any, state: Any, seen: Any) -> None:
    """Play once more what is public, by the key's digits; a move is a number of its own at each place of a street."""
    cards, longest = game.kinds * game.copies, game.players * (game.raises + 1)  # the most moves of a street
    own = _OWN + _EACH * state[_TURN] + _CARDS
    for i in range(game.hole):
        _show_card(game, seen, 0, state[own + i])
    told, again, made = state[_DIGITS], np.zeros(game.words, np.int64), 0
    _set_up(game, again)
    again[_TO_DEAL], again[_TAKER] = 0, game.players
    _begin(game, again)
    while again[_WEIGHT] < state[_WEIGHT] or again[_TO_DEAL] > 0:
        street = again[_STREET]
        if again[_TO_DEAL] > 0:
            card = told % game.kinds
            told //= game.kinds
            _show_card(game, seen, cards * street, card)
            _play_on(game, again, card)
            made = 0
            continue
        facing, base = _owes(game, again), _moves_of(game, again)
        first = 1 if facing and game.players == 2 else 0
        move = first
        if base - first > 1:
            move += told % (base - first)
            told //= base - first
        seen[cards * (1 + game.streets) + 3 * (longest * street + made) + (move if facing else move + 1)] = 1
        made += 1
        _play_on(game, again, move)


_set_up, _play_on = stepped.helper(_setup), stepped.helper(_play)


def _number(game: Any, state: Any, move: int) -> Any:
    return move if _owes(game, state) else move + 1  # fold; call or check; raise or bet


stepped.register(
    LimitSteps,
    observed=_observed,
    numbered=lambda game: 3,
    observe=_observe,
    number=_number,
    setup=_setup,
    turn=_turn,
    moves=_moves,
    chance=_chance,
    draw=_draw,
    play=_play,
    payoff=_payoff,
    key=_key,
)
