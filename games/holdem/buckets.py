"""Buckets: which hands an abstraction takes for the same, street by street, as tables that kernels look up.

Before the flop hands differ as they do up to suits. After it a *spec* says how they are put together (`bucketing`):

    none                        every hand by itself, up to suits, with all that went before (lossless)
    strength:50                 by expected hand strength, 50 buckets on each street
    strength:200,100,50         on the flop, the turn and the river
    distribution:200,200,50     by distributions of strength on the last street; there by strength
    matchup:200,200,200         the same, and on the last street by strength against groups of hands
    strength:all,50,50          every hand by itself on the flop, without what went before
    ... memory                  what a player knows is its bucket on each street so far, and not the last alone

A *cell* is what a player knows of its hand in the abstraction: a bucket, or with memory a history of buckets.

Shape letters: S streets, I hands up to suits of the streets that have buckets, K buckets of these.
"""

import hashlib
import json
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine import arguments, schema, store
from counterplay.engine.errors import UserError
from counterplay.engine.jit import jit
from counterplay.games.holdem.betting import STREETS
from counterplay.games.holdem.canonical import ORDERED, SETS, HandIndex, example_of, hand_index, indices
from counterplay.games.holdem.cards import DECKS, Deck, format_cards, parse_cards

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

KIND = "buckets"  # of a file
NONE, STRENGTH, DISTRIBUTION, MATCHUP = "none", "strength", "distribution", "matchup"
MOST = 65_535  # buckets of a street
MOST_CELLS = 2**32 - 1  # of a street: they are kept in 32 bits
_FORM = re.compile(r"([a-z]+)\s*(?::\s*([^\s,]+(?:\s*,\s*[^\s,]+)*))?\s*(?:\s(memory))?")
_HOW = 'write "none", "strength:50", "distribution:200,200,50" or the like, and " memory" after it'


class BucketSpec(NamedTuple):
    """What a spec says."""

    kind: str
    sizes: tuple[int, ...]  # buckets of the flop, the turn and the river; 0 for every hand by itself
    memory: bool

    def __str__(self) -> str:
        if self.kind == NONE:
            return NONE
        same = self.sizes[:1] if len(set(self.sizes)) == 1 else self.sizes
        return f"{self.kind}:{','.join(str(n or 'all') for n in same)}{' memory' if self.memory else ''}"


def parse_spec(text: str, last: int) -> BucketSpec:
    """Read a spec for a game whose last street is `last`; raises `ValueError` for what is none."""
    found = _FORM.fullmatch(text.strip().lower())
    if not found or found[1] not in (NONE, STRENGTH, DISTRIBUTION, MATCHUP):
        raise UserError(f"{text!r} are no buckets: {_HOW}")
    kind, counts, memory = found[1], found[2], bool(found[3])
    if kind == NONE:
        if counts or memory:
            raise UserError(f"{text!r}: with none every hand is by itself, so it has neither numbers nor memory")
        return BucketSpec(NONE, (0,) * last, False)
    if not counts:
        raise UserError(f"{text!r} does not say how many buckets: {_HOW}")
    numbers = [_number(part.strip(), text) for part in counts.split(",")]
    if len(numbers) not in (1, last):
        raise UserError(f"{text!r} has {len(numbers)} numbers of buckets: give one, or one for each of {last} streets")
    return BucketSpec(kind, tuple(numbers * last if len(numbers) == 1 else numbers), memory)


def _number(part: str, text: str) -> int:
    if part == "all":
        return 0
    if not re.fullmatch(r"[0-9]{1,9}", part) or not 1 <= int(part) <= MOST:
        raise UserError(f"{text!r}: a number of buckets is 1 to {MOST:,}, or all, not {part!r}")
    return int(part)


def check_cells(spec: BucketSpec, sizes: Sequence[int]) -> None:
    """Raise `ValueError` where histories of so many buckets on each street are more than there are numbers for."""
    cells = prod(map(int, sizes)) if spec.memory else max(sizes)
    if cells > MOST_CELLS:
        raise UserError(
            f"{spec} makes {cells:,} histories of buckets, and {MOST_CELLS:,} are the most: take fewer buckets, "
            "or leave memory out"
        )


class BucketTables(NamedTuple):
    """What kernels need to find a hand's bucket."""

    hands: HandIndex
    first: I64  # [S + 1] the hands of street s are of[first[s] : first[s + 1]]; none where each is a bucket
    of: U8 | U16  # [I]
    sizes: I64  # [S] buckets
    memory: int


@jit
def buckets_of(tables: BucketTables, street: int, board: U8, hole: U8, n: int, out: I64) -> None:
    """Write the bucket of each of the first `n` hands of `hole` [n, 2] to `out` [n] (i64, or u32).

    Of the board the cards up to the street count; hands hold none of them.
    """
    indices(tables.hands, street, board, hole, n, out)
    first = tables.first[street]
    if tables.first[street + 1] > first:
        for i in range(n):
            out[i] = tables.of[first + out[i]]


@jit
def cells_of(tables: BucketTables, street: int, board: U8, hole: U8, n: int, out: I64) -> None:
    """Write the cell of each of the first `n` hands, as `buckets_of` does their buckets.

    With memory that is the cell of the street before times the number of buckets, and the bucket.
    """
    if tables.memory == 0:
        buckets_of(tables, street, board, hole, n, out)
        return
    buckets_of(tables, 0, board, hole, n, out)
    bucket = np.empty_like(out[:n])
    for s in range(1, street + 1):
        buckets_of(tables, s, board, hole, n, bucket)
        for i in range(n):
            out[i] = out[i] * tables.sizes[s] + bucket[i]


@dataclass(frozen=True, eq=False, repr=False)
class Buckets:
    """The buckets of a deck's hands on all streets; equal ones have one digest."""

    deck: str  # one of `cards.DECKS`
    last: int  # the last street, on which hands are shown
    spec: str  # as `BucketSpec` writes it
    seed: int
    of: U8 | U16  # [I] the bucket of each hand by its index, streets that have buckets one after another
    sizes: tuple[int, ...]  # [S] buckets of each street
    deals: I64  # [K] how many deals of a hand and a board are in a bucket
    strength: F64  # [K] how often they win against a uniform hand in the mean; ties count half

    def __repr__(self) -> str:
        return f"Buckets({self.deck!r}, {self.spec!r}, seed={self.seed})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Buckets) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def parsed(self) -> BucketSpec:
        """Return what the spec says."""
        return parse_spec(self.spec, self.last)

    @cached_property
    def tables(self) -> BucketTables:
        """Return what kernels take."""
        index = index_for(DECKS[self.deck], self.parsed, self.last)
        first = first_of(index, self.parsed)
        return BucketTables(index, first, self.of, np.array(self.sizes, np.int64), int(self.parsed.memory))

    @property
    def hands(self) -> tuple[int, ...]:
        """Return how many hands up to suits each street has."""
        return tuple(self.tables.hands.size.tolist())

    @property
    def cells(self) -> tuple[int, ...]:
        """Return how many cells each street has: buckets, or with memory all their histories."""
        return tuple(prod(self.sizes[: s + 1]) if self.parsed.memory else n for s, n in enumerate(self.sizes))

    @cached_property
    def digest(self) -> str:
        """Return a digest of deck, spec, seed and tables."""
        said = json.dumps([self.deck, self.last, self.spec, self.seed, self.sizes])
        found = hashlib.blake2b(said.encode(), digest_size=16)
        for array in (self.of, self.deals, self.strength):
            found.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
        return found.hexdigest()

    def cells_on(self, board: Sequence[int], hole: npt.ArrayLike) -> I64:
        """Return the cell of each hand, [n, 2], on a board of no, three, four or five cards: i64[n]."""
        pairs, street = self._checked(board, hole)
        out = np.empty(len(pairs), np.int64)
        cells_of(self.tables, street, np.array(board, np.uint8), pairs, len(pairs), out)
        return out

    def _checked(self, board: Sequence[int], hole: npt.ArrayLike) -> tuple[U8, int]:
        """Return hands as kernels take them, [n, 2], and the street; raises `ValueError` for what cannot be dealt."""
        try:
            pairs, cards = np.asarray(hole), [operator.index(card) for card in board]
        except (TypeError, ValueError):
            raise UserError("a board is a sequence of cards by number, and hands are pairs of them") from None
        if pairs.size and (pairs.dtype.kind not in "iu" or pairs.shape[-1] != 2 or pairs.ndim > 2):
            raise UserError("hands are pairs of cards by number, [n, 2]")
        pairs, street = pairs.reshape(-1, 2), self._street(len(cards))
        if len({*cards}) < len(cards) or np.isin(pairs, cards).any() or (pairs[:, 0] == pairs[:, 1]).any():
            raise UserError("a hand and its board hold a card twice")
        if not {*pairs.ravel().tolist(), *cards} <= {*DECKS[self.deck].cards}:
            raise UserError(f"the {self.deck} deck does not have all of these cards")
        return np.ascontiguousarray(pairs, np.uint8), street

    def _street(self, cards: int) -> int:
        sizes = DECKS[self.deck].board[: self.last + 1]
        if cards not in sizes:
            *some, most = map(str, sizes)
            raise UserError(f"a board has {', '.join(some)} or {most} cards, not {cards}")
        return sizes.index(cards)

    def read_hand(self, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Read "AsKs on Qs 7h 2d" or "AsKs" as hole cards and board; raises `ValueError` for anything else."""
        hand, _, board = arguments.text("hand", text).partition(" on ")
        deck = DECKS[self.deck]
        hole, cards = parse_cards(hand, deck), parse_cards(board, deck)
        if len(hole) != 2:
            raise UserError(f'write a hand as "AsKs on Qs 7h 2d", with two hole cards, not {text!r}')
        self._street(len(cards))
        if {*hole} & {*cards}:
            raise UserError(f"{text!r} has a card in the hand and on the board")
        return hole, cards

    def alike(self, hole: Sequence[int], board: Sequence[int], most: int = 8) -> list[str]:
        """Return hands, with their boards, that are in the same bucket, spread evenly over all there are."""
        pairs, street = self._checked(board, [hole])
        index, first = self.tables.hands, self.tables.first
        if first[street] == first[street + 1]:
            return []
        of = self.of[first[street] : first[street + 1]]
        at = np.empty(1, np.int64)
        indices(index, street, np.array(board, np.uint8), pairs, 1, at)
        members = np.flatnonzero(of == of[at[0]])
        chosen = members[np.linspace(0, len(members) - 1, min(most, len(members))).astype(int)]
        hands = [example_of(index, street, int(i)) for i in chosen]
        return [f"{format_cards(cards).replace(' ', '')} on {format_cards(dealt)}" for cards, dealt in hands]

    def save(self, path: str | Path) -> None:
        """Write the buckets to a file, whole or not at all."""
        header: dict[str, Any] = {
            "kind": KIND,
            "deck": self.deck,
            "last": self.last,
            "spec": self.spec,
            "seed": self.seed,
            "sizes": list(self.sizes),
            "digest": self.digest,
        }
        store.write(path, {"of": self.of, "deals": self.deals, "strength": self.strength}, header)


def index_for(deck: Deck, spec: BucketSpec, last: int) -> HandIndex:
    """Return the index that a spec's tables are by: without buckets it tells streets apart."""
    return hand_index(deck, (ORDERED if spec.kind == NONE else SETS)[: last + 1])


def first_of(index: HandIndex, spec: BucketSpec) -> I64:
    """Return where the hands of each street begin in the table, and its length, i64[S + 1]."""
    sizes = [0, *(int(n) if asked else 0 for n, asked in zip(index.size[1:], spec.sizes, strict=True))]
    return np.cumsum([0, *sizes])


def type_of(spec: BucketSpec) -> Any:
    """Return the type of numbers of buckets in the table."""
    return np.uint8 if max(spec.sizes, default=0) <= 256 else np.uint16


def load(path: str | Path) -> Buckets:
    """Read buckets from their file; raises `ValueError` for one that is damaged, or holds something else."""
    arrays, header = store.read(path)
    if header.get("kind") != KIND:
        raise UserError(f"{path} is a file of ours, but holds no buckets: 'counterplay show' tells what it is")
    try:
        return _checked(arrays, schema.convert(header, schema.BucketsHeader, "the header"))
    except UserError as error:
        raise UserError(f"{path} is a file of buckets with parts missing or damaged: {error}") from None


def _checked(arrays: store.Arrays, header: schema.BucketsHeader) -> Buckets:
    if header.deck not in DECKS:
        raise UserError(f"there is no deck {header.deck!r}")
    spec, deck = parse_spec(header.spec, header.last), DECKS[header.deck]
    index = index_for(deck, spec, header.last)
    first, sizes = first_of(index, spec), index.size.tolist()
    wanted = [sizes[0], *(n or size for n, size in zip(spec.sizes, sizes[1:], strict=True))]
    if str(spec) != header.spec or len(header.sizes) != len(sizes):
        raise UserError("its spec is not written as it should be, or is of another number of streets")
    if not all(1 <= n <= most for n, most in zip(header.sizes, wanted, strict=True)):
        raise UserError("it has more buckets than its spec says")
    check_cells(spec, header.sizes)
    if any(n != size for n, size, kept in zip(header.sizes, sizes, (0, *spec.sizes), strict=True) if not kept):
        raise UserError("a street on which every hand is by itself has another number of them")
    schema.check_names(arrays, ("of", "deals", "strength"), "the file")
    kept = sum(n for n, asked in zip(header.sizes[1:], spec.sizes, strict=True) if asked)
    of = schema.part(arrays, "of", type_of(spec), (int(first[-1]),), "the file")
    for s, n in enumerate(header.sizes):
        if of[first[s] : first[s + 1]].max(initial=0) >= n:
            raise UserError(f"it names buckets of the {STREETS[s]} that there are none of")
    deals = schema.part(arrays, "deals", np.int64, (kept,), "the file")
    strength = schema.part(arrays, "strength", np.float64, (kept,), "the file")
    if schema.least(deals) < 0 or schema.least(strength) < 0 or strength.max(initial=0.0) > 1:
        raise UserError("buckets have less than no deals, or win more often than always")
    found = Buckets(header.deck, header.last, header.spec, header.seed, of, tuple(header.sizes), deals, strength)
    if found.digest != header.digest:
        raise UserError("its digest is of other buckets")
    return found
