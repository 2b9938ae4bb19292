"""What a re-solving player is worth, as text and as JSON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from counterplay.engine.text import count, duration, payoff, printable, small
from counterplay.show.text import Paint, table

if TYPE_CHECKING:
    from counterplay.api.resolving import Resolved


def figures(found: "Resolved") -> dict[str, Any]:
    """Return how it was solved and what it is worth, for JSON."""
    settings, judged, before = found.settings, found.judgement, found.blueprint
    return {
        "gadget": settings.gadget,
        "horizon": settings.horizon,
        "below": found.below,
        "iterations": settings.iterations,
        "samples": settings.samples,
        "exploitability": judged.exploitability,
        "nash_conv": judged.nash_conv,
        "value": judged.value,
        "best_response": judged.best,
        "blueprint_exploitability": None if before is None else before.exploitability,
        "seconds": found.seconds,
    }


def page(found: "Resolved", file: str, paint: Paint) -> Iterator[str]:
    """Yield how a game was played by re-solving with a file, and what an opponent could gain at most."""
    settings, judged = found.settings, found.judgement
    horizon = count(settings.horizon, "decision") if isinstance(settings.horizon, int) else "the next chance event"
    played = f", {count(settings.samples, 'draw')} of single iterations" if settings.samples else ""
    yield from table(
        [
            ("game", found.game),
            ("re-solved", f"with {printable(file)}: {found.below} beyond {horizon}"),
            ("gadget", settings.gadget),
            ("run", f"{count(settings.iterations, 'iteration')} a level{played}, {duration(found.seconds)}"),
            *(
                (f"player {p}", f"value {payoff(v)} · best response {payoff(b)} · gain {small(b - v)}")
                for p, (v, b) in enumerate(zip(judged.value, judged.best, strict=True))
            ),
            ("exploitability", f"{small(judged.exploitability)} (NashConv {small(judged.nash_conv)} / 2 players)"),
            *([] if found.blueprint is None else [("the blueprint's", small(found.blueprint.exploitability))]),
        ],
        paint,
    )
