"""Information sets of a game that is never laid out: a table that grows with what is visited, within a bound.

One arena of numbers holds a record for each information set, in the order of first visits: its key, its head (player,
number of moves A, visits), A regrets, A sums of the average strategy, and with baselines A for each player. Its room is
reserved at once, but the system gives memory only where something was written. Slots, addressed by a hash of key and
player (open addressing, linear probing), say where records begin; they double in place. So nothing ever moves, several
processes can work in one table, and a file is the arena as it is.

Files come from strangers, so a record is that of an information set only if it has as many moves as the game says, and
hashes of what was read are salted: nobody can make keys that all fall on one slot.
"""

import secrets
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine import atomics
from counterplay.engine.errors import UserError
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.mapping import copy
from counterplay.engine.raw import raw

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

HEAD = 2  # numbers before a record's regrets
NOBODY = 255  # the player of a record that another process was quicker to make
COUNT, USED, CAPACITY, FULL, GROWS, SLOTS, ROOM, SALT = range(8)  # in `Infosets.counts`; slots, numbers at the most
_FIRST, _SHARED = 1 << 10, 1 << 20  # slots at first, of one process and of several
_PLAYER, _MOVES, _VISIT = 8, 16, 24  # bits of a head: player, moves, visits
_WHOSE = (1 << _VISIT) - 1  # those of player and moves, which say with the key which information set it is
MOST_VISITS = (1 << 40) - 1
_PLACE = 40  # bits of a slot that say where a record begins, plus one; those above are the hash's


class Infosets(NamedTuple):
    """The table; `heads` are the same numbers as `values`, as bits. Kernels work on it as raw arrays (`engine.raw`)."""

    slots: U64
    values: F64
    heads: U64
    counts: I64


def empty(most: int, shared: Any = None) -> Infosets:
    """Return a table that takes so many bytes at the most; raises `ValueError` where the system does not have them.

    `shared` is a buffer of zeros of that size, which several processes have; there slots grow only when told to.
    """
    slots = 1 << max(int(most // 32).bit_length() - 1, 10)  # an eighth to a quarter of the bytes
    room = most // 8 - slots - 8
    if room < 64:
        raise UserError(f"{most:,} bytes hold no table of information sets; 100 kB are the least")
    try:
        words = np.zeros(slots + room + 8, np.uint64) if shared is None else np.frombuffer(shared, np.uint64)
    except MemoryError:
        raise UserError(f"the system does not give {most:,} bytes to one process: take less with --memory") from None
    counts = words[:8].view(np.int64)
    counts[SLOTS], counts[ROOM] = slots, room
    if shared is None:
        counts[CAPACITY], counts[GROWS] = _FIRST, 1
    else:
        counts[CAPACITY] = min(slots, _SHARED)
    heads = words[8 + slots : 8 + slots + room]
    return Infosets(words[8 : 8 + slots], heads.view(np.float64), heads, counts)


def nothing() -> Infosets:
    """Return a table without an information set, where uniform play is meant."""
    return Infosets(np.zeros(1, np.uint64), np.zeros(1), np.zeros(1, np.uint64), np.array([0, 0, 1, 1, 0, 1, 0, 0]))


def taken(table: Infosets) -> int:
    """Return the bytes that a table has taken so far."""
    return 8 * int(table.counts[CAPACITY] + table.counts[USED])


@inlined
def _hash(table: Infosets, key: Any, player: int) -> Any:
    """Return 64 bits (the finaliser of SplitMix64)."""
    z = (key ^ np.uint64(table.counts[SALT])) + np.uint64(player) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def _at(table: Infosets, held: Any, hashed: Any, key: Any, whose: Any) -> Index:
    """Return where the record of a slot begins if it is that of the key, of that player and moves, else -1."""
    if (held ^ hashed) >> np.uint64(_PLACE) == np.uint64(0):
        place = np.int64(held & np.uint64((1 << _PLACE) - 1)) - 1
        if table.heads[place] == key and table.heads[place + 1] & np.uint64(_WHOSE) == whose:
            return place
    return -1


@inlined
def seek(table: Infosets, key: Any, player: Any, count: Any) -> Index:
    """Return where the record of an information set with so many moves begins, -1 if there is none."""
    hashed, whose = _hash(table, key, player), np.uint64(player | count << _PLAYER)
    mask = table.counts[CAPACITY] - 1
    slot: Index = np.int64(hashed & np.uint64(mask))
    while table.slots[slot] != np.uint64(0):
        place = _at(table, table.slots[slot], hashed, key, whose)
        if place >= 0:
            return place
        slot = (slot + 1) & mask
    return -1


@jit
def _grow(table: Infosets, stride: int) -> None:
    """Double the slots."""
    capacity = 2 * table.counts[CAPACITY]
    table.counts[CAPACITY] = capacity
    for slot in range(capacity):
        table.slots[slot] = np.uint64(0)
    place: Index = 0
    while place < table.counts[USED]:
        head = table.heads[place + 1]
        player = np.int64(head & np.uint64(255))
        if player != NOBODY:
            _enter(table, place, player)
        place += HEAD + np.int64(head >> np.uint64(_PLAYER) & np.uint64(0xFFFF)) * stride


@inlined
def _enter(table: Infosets, place: Index, player: Index) -> Index:
    """Let a slot say where a record is; return where, or where another process has put the same one."""
    key, whose = table.heads[place], table.heads[place + 1] & np.uint64(_WHOSE)
    hashed = _hash(table, key, player)
    mask = table.counts[CAPACITY] - 1
    slot: Index = np.int64(hashed & np.uint64(mask))
    mine = (hashed >> np.uint64(_PLACE)) << np.uint64(_PLACE) | np.uint64(place + 1)
    while True:
        held = atomics.swap(table.slots, slot, np.uint64(0), mine)
        if held == np.uint64(0):
            return place
        other = _at(table, held, hashed, key, whose)
        if other >= 0:
            return other
        slot = (slot + 1) & mask


@jit
def add(table: Infosets, key: Any, player: int, count: int, stride: int) -> Index:
    """Return where the record of a new information set begins, -1 where there is no room for it (or not yet)."""
    size = HEAD + count * stride
    if table.counts[FULL]:
        return -1
    capacity = table.counts[CAPACITY]
    crowded = table.counts[COUNT] * 20 > capacity * 17
    if crowded and capacity < table.counts[SLOTS]:
        return -1  # until slots are told to grow
    place: Index = table.counts[USED]
    while True:  # what is given out is never taken back: another process may have the numbers after it
        if crowded or place + size > table.counts[ROOM]:
            table.counts[FULL] = 1
            return -1
        held = atomics.swap(table.counts, USED, place, place + size)
        if held == place:
            break
        place = held
    table.heads[place] = key
    table.heads[place + 1] = np.uint64(player | count << _PLAYER)
    found = _enter(table, place, player)
    if found != place:
        table.heads[place + 1] = np.uint64(NOBODY | count << _PLAYER)
        return found
    number = atomics.add(table.counts, COUNT, 1) + 1
    if (
        table.counts[GROWS]
        and number * 10 > table.counts[CAPACITY] * 7
        and table.counts[CAPACITY] < table.counts[SLOTS]
    ):
        _grow(table, stride)
    return place


@inlined
def visit(table: Infosets, place: int) -> None:
    """Count a visit of an information set."""
    table.heads[place + 1] += np.uint64(1 << _VISIT)


@jit
def _enlarge(table: Infosets, stride: int) -> None:
    _grow(raw(table), stride)


def is_crowded(table: Infosets) -> bool:
    """Tell whether the slots of several processes are half full, and can be more."""
    capacity = table.counts[CAPACITY]
    return bool(table.counts[COUNT] * 2 > capacity and capacity < table.counts[SLOTS])


def enlarge(table: Infosets, stride: int) -> None:
    """Double the slots, while nobody uses them."""
    _enlarge(table, stride)


@jit
def _list(arrays: Infosets, stride: int, places: I64) -> None:
    table, i = raw(arrays), 0
    place: Index = 0
    while place < table.counts[USED]:
        head = table.heads[place + 1]
        if head & np.uint64(255) != np.uint64(NOBODY):
            places[i] = place
            i += 1
        place += HEAD + np.int64(head >> np.uint64(_PLAYER) & np.uint64(0xFFFF)) * stride


@inlined
def shares(values: Any, begin: int, count: int, sigma: Any) -> None:
    """Write numbers, where they are positive, as shares of their sum: uniform where none is, or `begin` is -1."""
    norm = 0.0
    for a in range(count):
        sigma[a] = max(values[begin + a], 0.0) if begin >= 0 else 0.0
        norm += sigma[a]
    for a in range(count):
        sigma[a] = sigma[a] / norm if norm > 0.0 else 1.0 / count


@inlined
def average(table: Infosets, place: int, count: int, sigma: Any) -> None:
    """Write the average strategy of a record; uniform where there is none."""
    shares(table.values, place + HEAD + count if place >= 0 else -1, count, sigma)


class Listing(NamedTuple):
    """All information sets of a table, in the order of their first visits: [I] each."""

    place: I64
    key: I64
    player: npt.NDArray[np.int8]
    moves: I64
    visits: I64


def listed(table: Infosets, stride: int) -> Listing:
    """Return all information sets of a table."""
    places = np.zeros(int(table.counts[COUNT]), np.int64)
    _list(table, stride, places)
    heads = table.heads[places + 1]
    return Listing(
        places,
        table.heads[places].astype(np.int64),
        (heads & np.uint64(255)).astype(np.int8),
        (heads >> np.uint64(_PLAYER) & np.uint64(0xFFFF)).astype(np.int64),
        (heads >> np.uint64(_VISIT)).astype(np.int64),
    )


@jit
def _check(heads: U64, values: F64, stride: int, players: int, widest: int) -> int:
    """Return how many records there are, -1 where it is none of a run."""
    place: Index = 0
    count = 0
    while place < len(heads):
        if place + HEAD > len(heads):
            return -1
        head = heads[place + 1]
        player = np.int64(head & np.uint64(255))
        moves = np.int64(head >> np.uint64(_PLAYER) & np.uint64(0xFFFF))
        end = place + HEAD + moves * stride
        if (player >= players and player != NOBODY) or moves < 2 or moves > widest or end > len(heads):
            return -1
        for i in range(place + HEAD, end):
            if not abs(values[i]) < 1e300:
                return -1
        for i in range(place + HEAD + moves, place + HEAD + 2 * moves):
            if values[i] < 0.0:
                return -1
        if player != NOBODY:
            count += 1
        place = end
    return count


def over(arena: U64, stride: int, players: int, widest: int) -> Infosets:
    """Return a table over an arena of another, to be read alone; raises `ValueError` for what is none."""
    count = _check(arena, arena.view(np.float64), stride, players, widest)
    if count < 0:
        raise UserError("the saved run does not fit: its information sets are damaged")
    slots = np.zeros(1 << max((2 * count).bit_length(), 1), np.uint64)
    counts = np.array([count, len(arena), len(slots) // 2, 1, 0, len(slots), len(arena), _salt()], np.int64)
    return _entered(Infosets(slots, arena.view(np.float64), arena, counts), stride)


@jit
def _repair(arrays: Infosets, stride: int) -> Index:
    """Return where a record is that was never written, and make those nobody's that no slot has."""
    table = raw(arrays)
    place: Index = 0
    while place < table.counts[USED]:
        head = table.heads[place + 1]
        player, moves = np.int64(head & np.uint64(255)), np.int64(head >> np.uint64(_PLAYER) & np.uint64(0xFFFF))
        if moves == 0:
            break
        if player != NOBODY and seek(table, table.heads[place], player, moves) != place:
            table.heads[place + 1] = np.uint64(NOBODY | moves << _PLAYER)
        place += HEAD + moves * stride
    return place


def repair(table: Infosets, stride: int) -> int:
    """Return up to where records are whole, after a process was killed that may have been making one.

    What others have put after it is lost: nobody knows where it begins.
    """
    place: int = _repair(table, stride)
    return place


def restore(table: Infosets, arena: U64, stride: int, players: int, widest: int) -> None:
    """Fill an empty table from the arena of another; raises `ValueError` for what is none, and where it has no room."""
    count = _check(arena, arena.view(np.float64), stride, players, widest)
    if count < 0:
        raise UserError("the saved run does not fit: its information sets are damaged")
    if len(arena) > table.counts[ROOM] or count * 10 > table.counts[SLOTS] * 9:  # full ones may be crowded
        raise UserError(
            f"the saved run has {count:,} information sets in {8 * len(arena):,} bytes, more than the run may take: "
            "allow more with --memory"
        )
    copy(table.heads[: len(arena)], arena)
    table.counts[USED], table.counts[COUNT] = len(arena), count
    capacity = int(table.counts[CAPACITY])
    while count * 10 > capacity * 7 and capacity < table.counts[SLOTS]:
        capacity *= 2
    table.counts[CAPACITY], table.counts[SALT] = capacity // 2, _salt()
    _entered(table, stride)


def has_room(table: Infosets, size: int) -> bool:
    """Tell whether a record of so many numbers has room, and a slot."""
    counts = table.counts
    return bool(counts[USED] + size <= counts[ROOM] and counts[COUNT] * 20 <= counts[SLOTS] * 17)


def _salt() -> int:
    return secrets.randbits(62)


def _entered(table: Infosets, stride: int) -> Infosets:
    _enlarge(table, stride)
    if np.count_nonzero(table.slots[: table.counts[CAPACITY]]) != table.counts[COUNT]:
        raise UserError("the saved run does not fit: an information set is there twice")
    return table


@jit
def _seek(table: Infosets, key: Any, player: int, count: int) -> Index:
    return seek(raw(table), key, player, count)


def place_of(table: Infosets, key: int, player: int, count: int) -> int:
    """Return where the record of an information set with so many moves begins, -1 if there is none."""
    found: int = _seek(table, np.uint64(key), player, count)
    return found


def average_of(table: Infosets, place: int, count: int) -> F64:
    """Return the average strategy of a record with so many moves."""
    total = table.values[place + HEAD + count : place + HEAD + 2 * count]
    mass = total.sum()
    return total / mass if mass > 0 else np.full(count, 1.0 / count)
