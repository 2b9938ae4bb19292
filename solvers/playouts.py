"""Playing stepped games out, compiled: what `solvers.winnings` is told of."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.jit import inlined, jit
from counterplay.engine.raw import raw, shift
from counterplay.engine.rules import CHANCE, LEAF
from counterplay.engine.stepped import draw, key, moves, number, payoff, pick, play, setup, turn
from counterplay.solvers.infosets import Infosets, average, seek
from counterplay.solvers.winnings import ASKED, DEALS, FOUND, SEATS, SQUARES, SUM, Winnings, generators, told


@inlined
def _play(
    game: Any,
    state: Any,
    mine: Infosets,
    rest: Infosets,
    seat: int,
    receiver: int,
    instead: bool,
    sigma: Any,
    luck: Any,
    random: Any,
    sums: Any,
) -> float:
    """Play once, `mine` in a seat, and return what a player receives; `rest` plays `instead` where `mine` was never."""
    setup(game, state)
    while True:
        who = turn(game, state)
        if who == LEAF:
            return payoff(game, state, receiver)
        if who == CHANCE:
            play(game, state, draw(game, state, luck))
            continue
        count = moves(game, state)
        if count == 1:
            play(game, state, 0)
            continue
        known = np.uint64(key(game, state))
        if who == seat:
            place = seek(mine, known, who, count)
            sums[ASKED] += 1.0
            if place >= 0:
                sums[FOUND] += 1.0
            if place >= 0 or not instead:
                average(mine, place, count, sigma)
            else:
                average(rest, seek(rest, known, who, count), count, sigma)
        else:
            average(rest, seek(rest, known, who, count), count, sigma)
        play(game, state, pick(sigma, count, random))


@jit
def measure(
    rules: Any,
    ours: Infosets,
    theirs: Infosets,
    above: bool,
    seeds: npt.NDArray[np.uint64],
    room: npt.NDArray[np.int64],
    shares: npt.NDArray[np.float64],
    deals: int,
    sums: npt.NDArray[np.float64],
) -> None:
    """Play so many deals; `seeds` are the generators of deals, and of chance and the players in one of them."""
    game, mine, rest, state, sigma, found = raw(rules), raw(ours), raw(theirs), raw(room), raw(shares), raw(sums)
    luck, random = raw(seeds[1:2]), raw(seeds[2:3])
    for _ in range(deals):
        seeds[0] += np.uint64(0x9E3779B97F4A7C15)
        total = 0.0
        for seat in range(game.players):
            luck[0], random[0] = seeds[0] * np.uint64(0xD1342543DE82EF95), seeds[0]
            got = _play(game, state, mine, rest, seat, seat, above, sigma, luck, random, found)
            if above:
                luck[0], random[0] = seeds[0] * np.uint64(0xD1342543DE82EF95), seeds[0]
                got -= _play(game, state, mine, rest, -1, seat, above, sigma, luck, random, found)
            found[SEATS + seat] += got
            found[SEATS + game.players + seat] += got * got
            total += got
        total /= game.players
        found[DEALS] += 1.0
        found[SUM] += total
        found[SQUARES] += total * total


def winnings(game: Any, ours: Infosets, theirs: Infosets, deals: int, seed: int = 0, above: bool = False) -> Winnings:
    """Return what the average strategy of one table earns against that of another, in a stepped game."""
    sums = np.zeros(SEATS + 2 * game.players)
    room, shares = np.zeros(game.words, np.int64), np.zeros(game.widest)
    measure(game, ours, theirs, above, generators(seed), room, shares, deals, sums)
    return told(sums)


@jit
def _worths(
    rules: Any,
    played: Infosets,
    beside: Infosets,
    states: npt.NDArray[np.int64],
    seeds: npt.NDArray[np.uint64],
    rooms: npt.NDArray[np.int64],
    shares: npt.NDArray[np.float64],
    many: int,
    times: int,
    worth: npt.NDArray[np.float64],
    odds: npt.NDArray[np.float64],
    others: npt.NDArray[np.float64],
    numbers: npt.NDArray[np.int64],
) -> None:
    """Play out every move of decisions; see `move_worths`."""
    game, book, other, flat, random = raw(rules), raw(played), raw(beside), raw(states), raw(seeds[0:1])
    before, state, sigma = raw(rooms), shift(raw(rooms), game.words), raw(shares)
    values, likely, second, named = raw(worth), raw(odds), raw(others), raw(numbers)
    for m in range(many):
        at = m * game.words
        for i in range(game.words):
            before[i] = flat[at + i]
        who, count = turn(game, before), moves(game, before)
        here = np.uint64(key(game, before))
        average(other, seek(other, here, who, count), count, sigma)
        for a in range(count):
            second[m * game.widest + a] = sigma[a]
        average(book, seek(book, here, who, count), count, sigma)
        for a in range(count):
            likely[m * game.widest + a] = sigma[a]
            named[m * game.widest + a] = number(game, before, a)
        for a in range(count):
            total = 0.0
            for _ in range(times):
                for i in range(game.words):
                    state[i] = before[i]
                play(game, state, a)
                while True:
                    now = turn(game, state)
                    if now == LEAF:
                        break
                    if now == CHANCE:
                        play(game, state, draw(game, state, random))
                        continue
                    choices = moves(game, state)
                    if choices == 1:
                        play(game, state, 0)
                        continue
                    known = np.uint64(key(game, state))
                    average(book, seek(book, known, now, choices), choices, sigma)
                    play(game, state, pick(sigma, choices, random))
                total += payoff(game, state, who)
            values[m * game.widest + a] = total / times


class MoveWorths(NamedTuple):
    """What moves of M decisions are worth to who acts, how likely two tables take them, and their numbers, [M, A]."""

    worth: npt.NDArray[np.float64]
    odds: npt.NDArray[np.float64]
    others: npt.NDArray[np.float64]  # of the other table
    number: npt.NDArray[np.int64]  # -1 beyond the last


def move_worths(
    game: Any, book: Infosets, other: Infosets, states: npt.NDArray[np.int64], times: int, seed: int
) -> MoveWorths:
    """Return what the moves of decisions in a stepped game, [M, words], earn on average over so many plays each.

    All players go on by the average strategy of the first table. Worths are estimates without a bias.
    """
    shape = (len(states), game.widest)
    found = MoveWorths(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.full(shape, -1))
    seeds = np.random.SeedSequence(seed, spawn_key=(8,)).generate_state(1, np.uint64).astype(np.uint64)
    rooms, shares = np.zeros(2 * game.words, np.int64), np.zeros(game.widest)
    _worths(game, book, other, np.ascontiguousarray(states), seeds, rooms, shares, len(states), times, *found)
    return found
