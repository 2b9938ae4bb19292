"""Re-solved blueprints as text."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from counterplay.engine.text import count, duration, small
from counterplay.games.holdem.facts import facts
from counterplay.show.text import Paint, table
from counterplay.solvers.gadgets import GADGETS, NONE

if TYPE_CHECKING:
    from counterplay.api.resolving_spots import ResolvedSpot


def page(found: "ResolvedSpot", paint: Paint) -> Iterator[str]:
    """Yield what was solved anew and what that is worth, beside the blueprint."""
    scale, name = found.unit

    def told(chips: float) -> str:
        scaled = chips * scale
        return f"{scaled:,.1f} {name}" if scaled >= 100 else f"{small(max(scaled, 0.0))} {name}"

    each = "" if found.gadget == NONE else ", once for each player"
    work = f"{count(found.roots, 'root')} of {count(found.iterations, 'iteration')}{each}, {duration(found.seconds)}"
    lines = [
        *facts(found.spot),
        ("solved anew", f"from the {found.street} on: {work}"),
        ("gadget", f"{found.gadget}: {GADGETS[found.gadget]}"),
        ("blueprint", f"{told(found.before.exploitability)} exploitability"),
        ("re-solved", f"{told(found.after.exploitability)} ({small(found.after.exploitability)} chips)"),
    ]
    if found.gadget != NONE:
        lines.append(("excess", f"{' and '.join(map(told, found.excess))} at most, of the players' best responses"))
    yield from table(lines, paint)
    yield ""
    yield "Exploitability is exact, in the whole game: best responses see every hand as it is."
    if found.gadget != NONE:
        yield "Excess is what subgames that are not solved to the end may have given beyond the blueprint's."
