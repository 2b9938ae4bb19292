"""Ranges of hands in the notation that poker players paste, and weights by combo, f64[1326], in their place.

Entries are separated by commas or white space. An entry is one of
    AA  AKs  AKo  AK         all combos of a pair, suited, offsuit, or suited and offsuit
    TT+  A2s+  T8s+          this pair and all higher ones; this kicker and all up to below the first rank (T8s, T9s)
    98s+                     ranks in a row: these and all higher ones (98s, T9s, JTs, QJs, KQs, AKs)
    JJ-66  A5s-A2s  JTs-54s  pairs; kickers with one first rank; hands with one gap between the ranks; either end first
    KsKh                     one combo
    8h8s+  9d8d-6d5d         combos of these suits, of pairs and ranks as above
    random  100%             every combo
    preset:sb-push-10bb      a range that has a name (`games.holdem.presets`), without a weight of its own
and may end with a weight from 0 to 1, AA:0.5, or in per cent, AA:50% or AA@50; [50]AA,KK[/50] has a weight in per cent
for all within. Where entries overlap the later one counts, so that `random, 72o:0` takes
hands out. `T9s+` is read as postflop-solver does; tools that let only the kicker rise mean T9s alone by it. So a spot
spells it out, AKs-T9s (`spelled_out`), which every tool reads alike.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from itertools import compress, product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterplay.engine.errors import UserError
from counterplay.games.holdem.cards import (
    COMBO_CARDS,
    COMBOS,
    HOLDEM,
    RANKS,
    Deck,
    card_at,
    card_name,
    combo_name,
    combo_number,
    place,
)
from counterplay.games.holdem.presets import without_names

Weights = npt.NDArray[np.float64]  # [1326]

_HOW = "write a hand such as AA, AKs, AKo, AK, TT+, A5s-A2s or KsKh, and a weight after a colon (AA:0.5)"
_ENTRY = re.compile(r"([^\s,:@\[\]–-]+)(?:\s*[–-]\s*([^\s,:@\[\]–-]+))?(?:\s*([:@]\s*[^\s,\[\]]+))?")
_OPENS, _CLOSES = re.compile(r"\[\s*([^\]/\[]{1,20}?)\s*\]"), re.compile(r"\[\s*/[^\]\[]{0,20}\]")
_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


class Hand(NamedTuple):
    """Two ranks, 0 .. 12, the higher one first, and "s" for suited, "o" for offsuit, "" for all combos."""

    high: int
    low: int
    kind: str

    def __str__(self) -> str:
        return RANKS[self.high] + RANKS[self.low] + self.kind


@cache
def hand_combos(hand: Hand) -> npt.NDArray[np.int64]:
    """Return the numbers of the hand's combos: 6 of a pair, 4 suited, 12 offsuit, 16 of both."""
    ranks, suits = COMBO_CARDS // 4, COMBO_CARDS % 4
    member = (ranks[:, 0] == hand.high) & (ranks[:, 1] == hand.low)
    if hand.kind:
        member &= (suits[:, 0] == suits[:, 1]) == (hand.kind == "s")
    return np.flatnonzero(member)


def parse_range(text: str) -> Weights:
    """Read a range (see the module) as the weight of each combo, f64[1326]; an empty text is the empty range.

    Raises `ValueError` with the place in the text for what is no hand, ends that do not belong together and weights
    outside 0 to 1.
    """
    text, weights = without_names(text), np.zeros(COMBOS)
    at, within, opened = 0, 1.0, -1
    while at < len(text):
        if text[at].isspace() or text[at] == ",":
            at += 1
        elif opened >= 0 and (closes := _CLOSES.match(text, at)):
            at, within, opened = closes.end(), 1.0, -1
        elif opened < 0 and (opens := _OPENS.match(text, at)):
            at, within, opened = opens.end(), _share(text, opens[1], opens.start(1), per_cent=True), at
        elif entry := _ENTRY.match(text, at):
            weights[_combos(text, entry)] = within * _weight(text, entry)
            at = entry.end()
        else:
            raise UserError(f"unexpected {text[at]!r} at {place(text, at)} of the range: {_HOW}")
    if opened >= 0:
        raise UserError(f"the weight that opens at {place(text, opened)} of the range is not closed, as in [50]AA[/50]")
    return weights


def spelled_out(text: str) -> str:
    """Return the range's text with the ends of ranks in a row in place of their plus: "98s+" becomes "AKs-98s".

    Presets are written out too, so that a spot means the same when they are solved anew.
    """
    text = without_names(text)
    return _without_plus(text, lambda hand: f"AK{hand[2:]}-{hand}" if hand[:2] not in ("AK", "KA") else hand)


def kicker_plus(text: str) -> str:
    """Return the text of a range as files of version 0.1 mean it: there "98s+" was 98s alone."""
    return _without_plus(text, lambda hand: hand)


def _without_plus(text: str, written: Callable[[str], str]) -> str:
    """Return a range's text with what `written` makes of the hands whose ranks follow each other, for "98s+"."""

    def new(entry: re.Match[str]) -> str:
        hand = entry[1].removesuffix("+")
        ranks = [RANKS.find(c) for c in hand[:2].upper()]
        row = entry[2] is None and entry[1].endswith("+") and hand[2:].lower() in ("", "s", "o") and len(ranks) == 2
        if not row or min(ranks) < 0 or abs(ranks[0] - ranks[1]) != 1:
            return entry[0]
        return written(hand) + entry[0].removeprefix(entry[1])

    return _ENTRY.sub(new, text)


def _weight(text: str, entry: re.Match[str]) -> float:
    if entry[3] is None:
        return 1.0
    written = entry[3][1:].strip()
    per_cent = entry[3][0] == "@" or written.endswith("%")
    return _share(text, written, entry.end(3) - len(written), per_cent=per_cent)


def _share(text: str, written: str, at: int, *, per_cent: bool) -> float:
    """Return a weight, written as a number from 0 to 1, or of per cent."""
    number, most = written.removesuffix("%") if per_cent else written, 100 if per_cent else 1
    if not _NUMBER.fullmatch(number) or float(number) > most:
        raise UserError(
            f"the weight {written!r} at {place(text, at)} of the range is not a number from 0 to {most}"
            + (", in per cent" if per_cent else "")
        )
    if per_cent and 0 < float(number) <= 1 and not written.endswith("%"):
        raise UserError(
            f"the weight {written!r} at {place(text, at)} of the range may be per cent or a part of one: "
            f"write ':{written}' or ':{written}%' after the hand"
        )
    return float(number) / most


def _combos(text: str, entry: re.Match[str]) -> npt.NDArray[np.int64]:
    """Return the combos of an entry, its weight aside."""
    try:
        return _known_combos(entry[1] if entry[2] is None else f"{entry[1]}-{entry[2]}")
    except UserError:
        return _read_combos(text, entry)  # which says where in the text


@lru_cache(maxsize=2048)
def _known_combos(written: str) -> npt.NDArray[np.int64]:
    entry = _ENTRY.match(written)
    if entry is None:
        raise UserError(written)
    found = _read_combos(written, entry)
    found.flags.writeable = False
    return found


def _read_combos(text: str, entry: re.Match[str]) -> npt.NDArray[np.int64]:
    first, last, at = entry[1], entry[2], entry.start(1)
    where = f"at {place(text, at)} of the range"
    suited = [_combo(part.removesuffix("+")) for part in (first, last or "")]
    if suited[0] is not None and (last is None or suited[1] is not None) and (last or first.endswith("+")):
        return _of_suits(suited[0], suited[1], f"'{first}{f'-{last}' if last else ''}' {where}")
    if last is not None:
        ends = _hand(text, first, at), _hand(text, last, entry.start(2))
        return _together(_between(*ends, f"'{first}-{last}' {where}"))
    if first.lower() in ("random", "100%"):
        return np.arange(COMBOS)
    if len(first) == 4 and first[-1] != "+":
        cards = card_at(first, 0), card_at(first, 2)
        if min(cards) < 0:
            raise UserError(f"unknown hand {first!r} {where}: {_HOW}")
        if cards[0] == cards[1]:
            raise UserError(f"the hand {first!r} {where} holds the card {card_name(cards[0])} twice")
        return np.array([combo_number(*cards)])
    if not first.endswith("+"):
        return hand_combos(_hand(text, first, at))
    hand = _hand(text, first[:-1], at)
    if (gap := hand.high - hand.low) <= 1:
        return _together(hand._replace(high=r, low=r - gap) for r in range(hand.high, len(RANKS)))
    return _together(hand._replace(low=r) for r in range(hand.low, hand.high))


def _combo(written: str) -> tuple[int, int] | None:
    """Return the two cards that a text names; None where it names no two different ones."""
    cards = (card_at(written, 0), card_at(written, 2)) if len(written) == 4 else (-1, -1)
    return None if min(cards) < 0 or cards[0] == cards[1] else cards


def _of_suits(one: tuple[int, int], other: tuple[int, int] | None, what: str) -> npt.NDArray[np.int64]:
    """Return the combos from one to another of the same suits, or to the highest of them, as their ranks go."""
    ends = [sorted(combo, reverse=True) for combo in (one, other or one)]  # by rank, a pair by suit
    suits = [[card % 4 for card in cards] for cards in ends]
    if suits[0] != suits[1]:
        raise UserError(f"{what} is no range: both ends must have the same suits, as in 9d8d-6d5d")
    hands = [Hand(cards[0] // 4, cards[1] // 4, "") for cards in ends]
    low, gap = hands[0], hands[0].high - hands[0].low
    if other is None:
        top = len(RANKS) - 1
        hands[1] = low._replace(high=top, low=top - gap) if gap <= 1 else low._replace(low=low.high - 1)
    run = _between(hands[0], hands[1], what)
    return np.array([combo_number(4 * hand.high + suits[0][0], 4 * hand.low + suits[0][1]) for hand in run])


def _together(hands: Iterable[Hand]) -> npt.NDArray[np.int64]:
    return np.concatenate([hand_combos(h) for h in hands])


def _hand(text: str, written: str, at: int) -> Hand:
    """Read a hand of two ranks and perhaps s or o, in either case and with either rank first."""
    ranks, kind = [RANKS.find(c) for c in written[:2].upper()], written[2:].lower()
    where = f"at {place(text, at)} of the range"
    if len(written) == 4 and min(card_at(written, 0), card_at(written, 2)) >= 0:
        raise UserError(f"{written!r} {where} is a single combo, which neither takes a + nor ends a range")
    if len(ranks) < 2 or min(ranks) < 0 or kind not in ("", "s", "o"):
        raise UserError(f"unknown hand {written!r} {where}: {_HOW}")
    if kind and ranks[0] == ranks[1]:
        raise UserError(f"{written!r} {where} is a pair, which is neither suited nor offsuit: write {written[:2]}")
    return Hand(max(ranks), min(ranks), kind)


def _between(one: Hand, other: Hand, what: str) -> list[Hand]:
    """Return all hands from one to the other, which differ in the kicker or share the gap between their ranks."""
    if one.kind != other.kind:
        raise UserError(f"{what} mixes kinds of hands: both ends must be suited, both offsuit, or neither marked")
    top, bottom = max(one, other), min(one, other)
    if top.high - top.low == bottom.high - bottom.low:
        return [Hand(bottom.high + i, bottom.low + i, one.kind) for i in range(top.high - bottom.high + 1)]
    if top.high == bottom.high > top.low:
        return [Hand(top.high, low, one.kind) for low in range(bottom.low, top.low + 1)]
    raise UserError(
        f"{what} is no range: its ends must be pairs (JJ-66), share the first rank (A5s-A2s) or have the same gap "
        "between their ranks (JTs-54s)"
    )


def format_range(weights: npt.ArrayLike) -> str:
    """Return the range's text, f64[1326] to notation; `parse_range` gives the very same weights back.

    Hands in a row share an entry (TT+, A5s-A2s, T9s-54s), and AK stands for AKs and AKo where that is shorter. Full
    weight comes first, then the other weights from high to low, last the combos whose hand is not of one weight. No
    combo is given two weights, so the text means the same to a tool that lets the earlier entry count.
    """
    given = _checked(weights)
    if given[0] > 0 and (given == given[0]).all():
        return "random" + _suffix(given[0])
    hands: dict[float, set[Hand]] = {}
    single: list[tuple[float, int]] = []  # (weight, combo)
    for hand in HANDS:
        combos = hand_combos(hand)
        if (given[combos] == given[combos[0]]).all():
            hands.setdefault(float(given[combos[0]]), set()).add(hand)
        else:
            single += [(float(given[c]), int(c)) for c in combos]
    hands.pop(0.0, None)
    entries = [text + _suffix(w) for w in sorted(hands, reverse=True) for text in _runs(hands[w], len(_suffix(w)))]
    entries += [combo_name(c) + _suffix(w) for w, c in sorted(single, reverse=True) if w > 0]
    return ",".join(entries)


# All 169, from the top: a pair, then the hands with its rank as their first.
HANDS = [
    Hand(high, low, kind)
    for high in range(len(RANKS) - 1, -1, -1)
    for low in range(high, -1, -1)
    for kind in ("so" if high > low else ("",))
]


def _suffix(weight: float) -> str:
    if weight == 1:
        return ""
    text = repr(float(weight))
    return ":" + (text[:-2] if text.endswith(".0") else text)


def _runs(hands: set[Hand], suffix: int) -> list[str]:
    """Return entries for a set of hands of one weight, which is written with `suffix` characters."""
    pairs = _stretches({hand.low for hand in hands if hand.high == hand.low})
    rows = [entry for high in range(len(RANKS) - 1, 0, -1) for entry in _row(hands, high, suffix)]
    alone = {top for top, bottom in rows if top == bottom}
    texts = [_written(Hand(top, top, ""), Hand(bottom, bottom, "")) for top, bottom in pairs]
    for top, bottom in rows:
        if top != bottom:
            texts.append(_written(top, bottom))
        elif top in alone:
            run = _diagonal(hands, top)
            single = [hand for hand in run if hand in alone]
            if len(single) + (suffix > 0) > 2:  # 65s,54s is as short as 65s-54s, and plainer
                bottom = single[-1]
                alone.difference_update(single)
            texts.append(_written(top, bottom))
    return texts


def _diagonal(hands: set[Hand], hand: Hand) -> list[Hand]:
    """Return the hand and those that follow it down with the same gap and kind, without a hole."""
    run = []
    while hand in hands or {hand._replace(kind="s"), hand._replace(kind="o")} <= hands:
        run.append(hand)
        hand = Hand(hand.high - 1, hand.low - 1, hand.kind)
    return run


def _row(hands: set[Hand], high: int, suffix: int) -> list[tuple[Hand, Hand]]:
    """Return the shortest entries, (top, bottom), for the hands with one first rank.

    Stretches that are in suited and offsuit may be written once, as AK; what that covers need not be covered again
    but may be, since A2s+ is shorter than AQs-A2s.
    """
    lows = {kind: {low for low in range(high) if Hand(high, low, kind) in hands} for kind in "so"}
    shared = _stretches(lows["s"] & lows["o"])
    ways = []
    for chosen in product((False, True), repeat=len(shared)):
        once = list(compress(shared, chosen))
        covered = {low for top, bottom in once for low in range(bottom, top + 1)}
        way = [(Hand(high, top, ""), Hand(high, bottom, "")) for top, bottom in once]
        for kind in "so":
            for top, bottom in _stretches(lows[kind]):
                if needed := set(range(bottom, top + 1)) - covered:
                    least, most = min(needed), max(needed)
                    if least < most and top == high - 1:
                        most = top
                    way.append((Hand(high, most, kind), Hand(high, least, kind)))
        ways.append(way)
    return min(ways, key=lambda way: sum(len(_written(*entry)) + 1 + suffix for entry in way))


def _stretches(numbers: set[int]) -> list[tuple[int, int]]:
    """Return the runs of consecutive numbers as (top, bottom), highest first."""
    tops = sorted((n for n in numbers if n + 1 not in numbers), reverse=True)
    bottoms = sorted((n for n in numbers if n - 1 not in numbers), reverse=True)
    return list(zip(tops, bottoms, strict=True))


def _written(top: Hand, bottom: Hand) -> str:
    if top == bottom:
        return str(top)
    if top.high == bottom.high:
        return f"{bottom}+" if top.low == top.high - 1 else f"{top}-{bottom}"
    return f"{bottom}+" if top.high == top.low == len(RANKS) - 1 else f"{top}-{bottom}"


def _checked(weights: npt.ArrayLike) -> Weights:
    given = np.asarray(weights, np.float64)
    if given.shape != (COMBOS,):
        raise UserError(f"a range is {COMBOS} weights, one a combo, not an array of shape {given.shape}")
    if not ((given >= 0) & (given <= 1)).all():
        wrong = int(np.flatnonzero(~((given >= 0) & (given <= 1)))[0])
        raise UserError(f"the weight of {combo_name(wrong)} is {given[wrong]}, not a number from 0 to 1")
    return given


def without(weights: npt.ArrayLike, board: Iterable[int] = (), deck: Deck = HOLDEM) -> Weights:
    """Return the weights, f64[1326], with zero for combos that hold a card of the board or are not in the deck."""
    return np.where(deck.free(board), _checked(weights), 0.0)


def count(weights: npt.ArrayLike) -> tuple[int, float]:
    """Return how many combos a range has at any weight, and how many they make by weight."""
    given = _checked(weights)
    return int(np.count_nonzero(given)), float(given.sum())


def grid(values: npt.ArrayLike, by: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
    """Return the mean of f64[1326] values over each hand's combos, f64[13, 13], aces first.

    Pairs are on the diagonal, suited hands above it (row of the higher rank), offsuit hands below (column of the
    higher rank). `by` weighs the combos, f64[1326]; a hand that it gives no weight is NaN.
    """
    mean = np.asarray(values, np.float64)
    weights = np.ones(COMBOS) if by is None else np.asarray(by, np.float64)
    if mean.shape != (COMBOS,) or weights.shape != (COMBOS,):
        raise UserError(f"a grid is made of {COMBOS} values, not of arrays of shape {mean.shape} and {weights.shape}")
    cells = np.full((len(RANKS), len(RANKS)), np.nan)
    for hand in HANDS:
        combos = hand_combos(hand)
        combos = combos[weights[combos] > 0]
        if len(combos):
            row, column = len(RANKS) - 1 - hand.high, len(RANKS) - 1 - hand.low
            cell = (column, row) if hand.kind == "o" else (row, column)
            cells[cell] = np.average(mean[combos], weights=weights[combos])
    return cells
