"""Goofspiel in steps (`engine.stepped`): cards and prizes as sets of bits, and what a player was told as digits."""

import math
import re
from typing import Any, NamedTuple

from counterplay.engine import stepped
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.stepped import Unread, check_bits

DESCENDING, ASCENDING, RANDOM = 0, 1, 2  # numbers of the orders
WIN_LOSS, DIFFERENCE, TOTAL = 0, 1, 2  # and of what is paid


class GoofspielSteps(NamedTuple):
    """Goofspiel in steps. A player's key has a digit for each thing that it was told, the first one lowest.

    Of a round these are the number of the prize among those left (where chance draws it), then its own bid's among its
    cards and who won (player + 1, or 0), or all bids'; after the last digit stands a 1.
    """

    players: int
    words: int
    widest: int
    depth: int
    cards: int
    order: int
    hidden: int
    returns: int


_ROUND, _BIDS, _PRIZE, _LEFT, _WEIGHT, _OWN = range(6)  # words of a state; cards and prizes are sets of bits
_HAND, _POINTS, _CARD, _NUMBER, _DIGITS, _EACH = range(6)  # words of each player: its bid's card and number in the hand


def in_steps(players: int, cards: int, order: int, hidden: int, returns: int) -> GoofspielSteps:
    """Return the game in steps; raises `ValueError` where a player can be told more than a key holds."""
    told = math.prod((cards - k) * (players + 1) if hidden else (cards - k) ** players for k in range(cards - 2))
    prizes = math.factorial(cards) if order == RANDOM else 1
    check_bits(2 * told * prizes, "goofspiel", "take fewer cards or players, hidden bids, or an order that is known")
    words, depth = _OWN + _EACH * players, players * (cards - 1)
    return GoofspielSteps(players, words, cards, depth, cards, order, hidden, returns)


class _Told:
    """What is left of hands and prizes as a player's rounds are read or written."""

    def __init__(self, game: GoofspielSteps, player: int):
        self.game = game
        self.hands = [list(range(1, game.cards + 1)) for _ in range(game.players)]
        self.left = [*self.hands[0]][:: -1 if game.order == DESCENDING else 1]
        self.bidders = (player,) if game.hidden else range(game.players)


def seen_at(game: GoofspielSteps, player: int, key: int) -> tuple[str, tuple[str, ...]]:
    """Return what a player sees at the information set of a key, and its moves; raises `ValueError`."""
    told, seen = _Told(game, player), ""
    for _ in range(game.cards - 1):
        key, number = divmod(key, len(told.left)) if game.order == RANDOM else (key, 0)
        prize = told.left.pop(number)
        if key <= 1:
            break
        bids = []
        for p in told.bidders:
            key, number = divmod(key, len(told.hands[p]))
            bids.append(told.hands[p].pop(number))
        if game.hidden:
            key, won = divmod(key, game.players + 1)
        else:
            won = 1 + bids.index(max(bids)) if bids.count(max(bids)) == 1 else 0
        seen += f"{prize}:{','.join(map(str, bids))}>{won - 1 if won else '-'} "
    if key != 1 or len(told.hands[player]) < 2:
        raise Unread(f"player {player} has no information set of that key")
    return f"{seen}{prize}", tuple(map(str, told.hands[player]))


def key_of(game: GoofspielSteps, player: int, label: str) -> int:
    """Return the key of the information set at which a player sees that; raises `ValueError` where there is none."""
    told = _Told(game, player)
    key, weight = 0, 1

    def tell(number: int, base: int) -> None:
        nonlocal key, weight
        key, weight = key + number * weight, weight * base

    try:
        *rounds, now = label.split()
        for text in (*rounds, f"{now}:"):
            found = re.fullmatch(r"(\d+):(?:([\d,]+)>(\d+|-))?", text)
            prize, bids, won = found.groups("") if found else ("", "", "")
            if game.order == RANDOM:
                tell(told.left.index(int(prize)), len(told.left))
            told.left.remove(int(prize))
            if bids:
                for p, bid in zip(told.bidders, map(int, bids.split(",")), strict=True):
                    tell(told.hands[p].index(bid), len(told.hands[p]))
                    told.hands[p].remove(bid)
                if game.hidden:
                    tell(0 if won == "-" else int(won) + 1, game.players + 1)
        if seen_at(game, player, key + weight)[0] != label:
            raise ValueError("it is written otherwise")
    except ValueError:
        first = seen_at(game, player, (game.cards if game.order == RANDOM else 1))[0]
        raise Unread(f"no information set of player {player} is called {label!r}; one of them is {first!r}") from None
    return key + weight


def _setup(game: Any, state: Any) -> None:
    for i in range(game.words):
        state[i] = 0
    state[_WEIGHT] = 1
    state[_LEFT] = (1 << game.cards) - 1
    for p in range(game.players):
        state[_OWN + _EACH * p + _HAND] = (1 << game.cards) - 1
    if game.order != RANDOM:
        _show(game, state)


@stepped.helper
def _show(game: Any, state: Any) -> None:
    """Put up the next prize of an order that is known."""
    state[_PRIZE] = state[_ROUND] + 1 if game.order == ASCENDING else game.cards - state[_ROUND]
    state[_LEFT] &= ~(1 << (state[_PRIZE] - 1))


@stepped.helper
def _nth(cards: int, n: int) -> Any:
    """Return the n-th card of a set."""
    for _ in range(n):
        cards &= cards - 1
    card = 0
    while not cards >> card & 1:
        card += 1
    return card + 1


def _turn(game: Any, state: Any) -> Any:
    if state[_ROUND] == game.cards:
        return LEAF
    return CHANCE if state[_PRIZE] == 0 else state[_BIDS]


def _moves(game: Any, state: Any) -> Any:
    return game.cards - state[_ROUND]


def _chance(game: Any, state: Any, move: int) -> Any:
    return 1.0 / (game.cards - state[_ROUND])


def _draw(game: Any, state: Any, random: Any) -> Any:
    return stepped.below(random, game.cards - state[_ROUND])


def _play(game: Any, state: Any, move: int) -> None:
    left = game.cards - state[_ROUND]
    if state[_PRIZE] == 0:
        state[_PRIZE] = _nth(state[_LEFT], move)
        state[_LEFT] &= ~(1 << (state[_PRIZE] - 1))
        for p in range(game.players):
            state[_OWN + _EACH * p + _DIGITS] += move * state[_WEIGHT]
        state[_WEIGHT] *= left
        return
    own = _OWN + _EACH * state[_BIDS]
    state[own + _CARD], state[own + _NUMBER] = _nth(state[own + _HAND], move), move
    state[_BIDS] += 1
    if state[_BIDS] < game.players:
        return
    _award(game, state)
    if state[_ROUND] == game.cards - 1:  # the last cards are bid without asking
        state[_PRIZE] = _nth(state[_LEFT], 0)
        for p in range(game.players):
            state[_OWN + _EACH * p + _CARD] = _nth(state[_OWN + _EACH * p + _HAND], 0)
        _award(game, state)
    elif game.order != RANDOM:
        _show(game, state)


@stepped.helper
def _award(game: Any, state: Any) -> None:
    """Give the prize to the highest bid, if there is one, and tell the players."""
    high, won = 0, 0
    for p in range(game.players):
        card = state[_OWN + _EACH * p + _CARD]
        if card > high:
            high, won = card, p + 1
        elif card == high:
            won = 0
    if won:
        state[_OWN + _EACH * (won - 1) + _POINTS] += state[_PRIZE]
    left = game.cards - state[_ROUND]
    told = left > 2  # else nobody has a choice any more
    for q in range(game.players):
        own, weight = _OWN + _EACH * q, state[_WEIGHT]
        if told and game.hidden:
            state[own + _DIGITS] += (state[own + _NUMBER] + left * won) * weight
        elif told:
            for p in range(game.players):
                state[own + _DIGITS] += state[_OWN + _EACH * p + _NUMBER] * weight
                weight *= left
        state[own + _HAND] &= ~(1 << (state[own + _CARD] - 1))
    if told:
        state[_WEIGHT] *= left * (game.players + 1) if game.hidden else left**game.players
    state[_ROUND] += 1
    state[_PRIZE] = state[_BIDS] = 0


def _payoff(game: Any, state: Any, player: int) -> Any:
    mine, most, total, first = state[_OWN + _EACH * player + _POINTS], -1, 0, 0
    for p in range(game.players):
        points = state[_OWN + _EACH * p + _POINTS]
        total += points
        if points > most:
            most, first = points, 0
        first += points == most
    if game.returns == TOTAL:
        return float(mine)
    if game.returns == DIFFERENCE:
        return mine - total / game.players
    if first == game.players:
        return 0.0
    return 1.0 / first if mine == most else -1.0 / (game.players - first)


def _key(game: Any, state: Any) -> Any:
    return state[_OWN + _EACH * state[_BIDS] + _DIGITS] + state[_WEIGHT]


stepped.register(
    GoofspielSteps,
    setup=_setup,
    turn=_turn,
    moves=_moves,
    chance=_chance,
    draw=_draw,
    play=_play,
    payoff=_payoff,
    key=_key,
)
