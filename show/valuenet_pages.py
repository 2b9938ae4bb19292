"""Value networks as text: how a training goes, what came of it, how far a network is off and how fast it is."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from counterplay.engine.text import count, duration, payoff, printable, small
from counterplay.engine.writing import is_stream
from counterplay.show.listing import quoted
from counterplay.show.live import display
from counterplay.show.text import Paint, bar, table

_EVERY = 5.0  # seconds between lines where there is no terminal
_BAR = 30
_TESTS = 4  # of a curve that are printed
STOPPED = {"states": "all states solved and learned", "time": "its time is over", "interrupt": "stopped by hand"}


@contextmanager
def watching(name: str) -> Iterator[Callable[[Any], None]]:
    """Yield a function that tells standard error how far a training is (`api.valuenets.Progress`)."""
    with display(f"Value network of {printable(name)}") as live:
        told = [time.perf_counter()]

        def tell(now: Any) -> None:
            if live is None and time.perf_counter() - told[0] < _EVERY:
                return
            error = "" if now.in_range is None else f", off by {small(now.in_range)} in range"
            if now.part:
                line = f"learning {bar(now.part, _BAR)} {count(now.steps, 'step')}"
            elif now.goal:
                line = f"solving {bar(min(1.0, now.states / now.goal), _BAR)} {count(now.states, 'state')}"
            else:
                line = f"solving, {count(now.states, 'state')}"
            worth = "" if now.exploitability is None else f", exploitability {small(now.exploitability)}"
            line = f"{line}, {duration(now.seconds)}{error}{worth}"
            if live is not None:
                live.line = line
            else:
                print(f"{printable(name)}: {line}", file=sys.stderr, flush=True)
            told[0] = time.perf_counter()

        yield tell


def page(net: Any, paint: Paint) -> Iterator[str]:
    """Yield what a network is, and how it was trained."""
    plan, kept = net.plan, net.kept
    where = "drawn at random" if plan.method == "random" else f"met in games with itself ({plan.method})"
    to = f"a horizon of {count(plan.horizon, 'decision')}" if plan.own_word else "the end of the game"
    facts = [
        ("game", printable(net.game)),
        ("network", f"{kept.net.features} features and {kept.net.lanes} lanes a player; {plan.layers} x {plan.hidden}"),
        ("states", f"{net.states:,} {where}, seed {plan.seed}"),
        ("solved", f"by {count(plan.iterations, 'iteration')} to {to}"),
        ("learned", f"{count(kept.steps, 'step')} in {duration(net.seconds)}; {STOPPED.get(net.stopped_by, 'new')}"),
    ]
    if net.points:
        last = net.points[-1]
        facts.append(("held out", errors_in_words(last.held_out, last.off, last.in_range)))
    if net.tests:
        facts.append(("exploitability", "re-solved by max-margin: " + ", ".join(tests_in_words(net.tests))))
    return table(facts, paint)


def tests_in_words(tests: Sequence[Any]) -> list[str]:
    """Return what re-solving with a network was worth as it was trained: the first, the last and some between."""
    picked = sorted({round(k * (len(tests) - 1) / (_TESTS - 1)) for k in range(_TESTS)})
    return [f"{small(tests[k].exploitability)} after {count(tests[k].steps, 'step')}" for k in picked]


def errors_in_words(loss: float, off: float, in_range: float) -> str:
    """Return what errors are in a sentence."""
    stake = "of what is at stake"
    return f"off by {small(in_range)} {stake} for hands in range, {small(off)} for all; Huber's loss {small(loss)}"


def figures(net: Any) -> dict[str, Any]:
    """Return the same for JSON."""
    plan = net.plan
    return {
        "game": net.game,
        "states": net.states,
        "steps": net.kept.steps,
        "seconds": net.seconds,
        "stopped_by": net.stopped_by,
        "plan": {name: getattr(plan, name) for name in plan.__dataclass_fields__},
        "points": [point._asdict() for point in net.points],
        "tests": [test._asdict() for test in net.tests],
    }


def whats_next(net: Any, game: str, out: str | None) -> Iterator[str]:
    """Yield what can be done with a network that was saved, or how to save it."""
    if out is None:
        yield "Not saved: --out value.cpn keeps it."
        return
    if is_stream(Path(out)):
        yield f"Saved to {out}."
        return
    yield f"Saved to {out}. Next:"
    yield f"  counterplay valuenet test {quoted(out)}"
    how = " --gadget maxmargin" if hasattr(net, "begin") else ""
    yield f"  counterplay evaluate {quoted(game)} --resolve {quoted(out)}{how}"


def spot_or_game(net: Any) -> str:
    """Return what stands for a network's game in a command."""
    return str(net.game) if hasattr(net, "begin") else "SPOT.toml"


def spot_figures(found: Any) -> dict[str, Any]:
    """Return what a turn that was solved with a network is worth, for JSON (`api.spot_net.SpotPlayed`)."""
    return {name: value for name, value in found._asdict().items() if name != "spot"} | {
        "pot": float(found.spot.pot),
        "share_lost": found.share,
    }


def solved_with(found: Any, file: str, paint: Paint) -> Iterator[str]:
    """Yield how a turn was solved with a network for its river, and what its strategies lose."""
    whole = f"{duration(found.whole_seconds)}, {count(found.whole_iterations, 'iteration')}"
    lines = [
        ("spot", found.spot.name),
        ("turn", f"{count(found.iterations, 'iteration')} with {printable(file)} for the river"),
        ("run", f"{duration(found.seconds)}; solved whole: {whole}"),
        *(
            (
                name,
                f"value {payoff(found.value[p])} · loses {small(found.lost[p])} by its turn, known to the other",
            )
            for p, name in enumerate(("oop", "ip"))
        ),
        ("loss", f"{100 * found.share:.2f} % of the pot, both players' mean"),
    ]
    return table(lines, paint)


def measured(errors: Sequence[float], states: int, paint: Paint) -> Iterator[str]:
    """Yield how far a network is off on states solved anew."""
    loss, off, in_range = errors
    return table([("solved anew", count(states, "state")), ("errors", errors_in_words(loss, off, in_range))], paint)


def rates(found: Mapping[int, float], where: str, paint: Paint) -> Iterator[str]:
    """Yield how many states a second a network evaluates."""
    yield where
    lines = [(f"{batch:,} at once", f"{rate:,.0f} states a second") for batch, rate in found.items()]
    yield from table(lines, paint)
