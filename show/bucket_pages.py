"""Buckets of hold'em hands as text: how many there are on each street, and which hands are with one in a bucket."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from counterplay.engine.portions import Tell
from counterplay.engine.text import count, size
from counterplay.engine.writing import is_stream
from counterplay.games.holdem.betting import STREETS
from counterplay.games.holdem.buckets import Buckets
from counterplay.games.holdem.cards import format_cards
from counterplay.show.listing import quoted
from counterplay.show.live import Display, display
from counterplay.show.text import HEADING, Paint, bar, table

_EVERY = 5.0  # seconds between lines where there is no terminal
_BAR = 30


@contextmanager
def watching(name: str) -> Iterator[Tell]:
    """Yield a function that tells standard error how far computing is, live where that is a terminal."""
    with display(f"Buckets of {name}") as live:
        yield telling(name, live)


def telling(name: str, live: Display | None) -> Tell:
    """Return a function that tells how far computing is, on a display or else in a line now and then."""
    told = [time.perf_counter()]

    def tell(what: str, part: float) -> None:
        line = f"{what} {bar(part, _BAR)}" if live is not None else f"{what}: {100 * part:.0f} %"
        if live is not None:
            live.line = line
        elif time.perf_counter() - told[0] > _EVERY:
            print(f"{name}: {line}", file=sys.stderr, flush=True)
            told[0] = time.perf_counter()

    return tell


def page(buckets: Buckets, paint: Paint) -> Iterator[str]:
    """Yield what the buckets are, and a line for each street."""
    facts = [
        ("deck", f"{buckets.deck}, to the {STREETS[buckets.last]}"),
        ("buckets", f"{buckets.spec}, seed {buckets.seed}"),
        ("table", f"{size(buckets.of.nbytes)}, digest {buckets.digest}"),
    ]
    yield from table(facts if buckets.of.size else [*facts[:2], ("table", f"none, digest {buckets.digest}")], paint)
    yield ""
    yield paint(f"{'street':<10}{'hands':>15}{'buckets':>15}{'cells':>19}   strength of the first, the last", HEADING)
    for s, (hands, number, cells) in enumerate(zip(buckets.hands, buckets.sizes, buckets.cells, strict=True)):
        line = f"{STREETS[s]:<10}{hands:>15,}{number:>15,}{cells:>19,}"
        told = of_street(buckets, s)
        yield line + (f"   {told[1][0]:.3f}, {told[1][-1]:.3f}" if told else "   every hand by itself")


def whats_next(buckets: Buckets, source: str, out: str | None) -> Iterator[str]:
    """Yield what can be done with buckets that were saved, or how to save them; `source` is what they are of."""
    if out is None:
        yield f"Not saved: --out {buckets.deck}.cpb keeps them."
        return
    if is_stream(Path(out)):
        yield f"Saved to {out}."
        return
    yield f"Saved to {out}. Next:"
    yield f'  counterplay buckets {quoted(out)} --hand "AsKs on Qs Jh Td"'
    yield f"  counterplay blueprint {quoted(source) if Path(source).is_file() else 'SPOT.toml'} --buckets {quoted(out)}"


def of_street(buckets: Buckets, street: int) -> tuple[Any, Any] | None:
    """Return how many deals are in each bucket of a street, and their strength; None where all hands differ."""
    kept = [0, *(n if asked else 0 for n, asked in zip(buckets.sizes[1:], buckets.parsed.sizes, strict=True))]
    first = sum(kept[:street])
    here = slice(first, first + kept[street])
    return (buckets.deals[here], buckets.strength[here]) if kept[street] else None


def figures(buckets: Buckets) -> dict[str, Any]:
    """Return the same for JSON."""
    streets = [
        {"street": STREETS[s], "hands": hands, "buckets": number, "cells": cells}
        for s, (hands, number, cells) in enumerate(zip(buckets.hands, buckets.sizes, buckets.cells, strict=True))
    ]
    return {
        "deck": buckets.deck,
        "last": STREETS[buckets.last],
        "buckets": buckets.spec,
        "seed": buckets.seed,
        "digest": buckets.digest,
        "bytes": buckets.of.nbytes,
        "streets": streets,
    }


def hand_figures(buckets: Buckets, text: str) -> dict[str, Any]:
    """Return where a hand is, "AsKs on Qs 7h 2d", and hands that are in the same bucket, for JSON."""
    hole, board = buckets.read_hand(text)
    cell = int(buckets.cells_on(board, [hole])[0])
    street = next(s for s, cells in enumerate((0, 3, 4, 5)) if cells == len(board))
    number = cell % buckets.sizes[street] if buckets.parsed.memory else cell
    found = {
        "hand": format_cards(hole).replace(" ", "") + (f" on {format_cards(board)}" if board else ""),
        "street": STREETS[street],
        "bucket": number,
        "buckets": buckets.sizes[street],
        "cell": cell,
        "cells": buckets.cells[street],
    }
    told = of_street(buckets, street)
    if told is not None:
        deals, strength = told
        found |= {"share": deals[number] / np.sum(deals), "strength": float(strength[number])}
        found |= {"alike": buckets.alike(hole, board)}
    return found


def hand_page(buckets: Buckets, text: str, paint: Paint) -> Iterator[str]:
    """Yield the same as text."""
    found = hand_figures(buckets, text)
    yield paint(found["hand"], HEADING)
    where = "before the flop" if found["street"] == STREETS[0] else f"on the {found['street']}"
    if "alike" not in found:
        yield f"Every hand is by itself {where}: this is number {found['bucket']:,}."
        return
    yield (
        f"Bucket {found['bucket']:,} of {count(found['buckets'], 'bucket')} {where}: "
        f"{100 * found['share']:.2g} % of all deals are in it."
    )
    yield f"Its hands win against a random one with a chance of {100 * found['strength']:.1f} % in the mean."
    yield f"Some of them: {'; '.join(found['alike'])}."
