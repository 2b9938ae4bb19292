"""The search for a counterexample, by Hypothesis, and how one is told."""

from collections.abc import Callable, Sequence
from typing import Any

from counterplay.engine.errors import UserError


def search(
    examples_of: Any,
    fault: Callable[[Any], tuple[float, str]],
    *,
    known: Sequence[Any] = (),
    examples: int = 100,
    seed: int = 0,
    calls: str = "",
) -> None:
    """Raise `AssertionError` with the smallest example that has a fault; `known` ones are tried first.

    `fault` returns how bad an example is, which the search makes worse, and a text, empty if nothing is wrong.
    """
    for example in known:
        _, said = fault(example)
        if said:
            raise AssertionError(told(example, said))
    if examples < 1:
        return
    hypothesis = import_hypothesis()
    worst: list[Any] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=False,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.target, hypothesis.Phase.shrink),
        verbosity=hypothesis.Verbosity.quiet,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(examples_of)
    def tried(example: Any) -> None:
        share, said = fault(example)
        hypothesis.target(min(float(share), 1e6))
        if said:
            worst[:] = [example, said]
            raise AssertionError("a fault")

    try:
        tried()
    except AssertionError:
        if not worst:
            raise
        raise AssertionError(told(*worst)) from None


def told(example: Any, said: str) -> str:
    """Return a counterexample as text: what is wrong, and code that makes it again."""
    return f"{said}\nin\n{example!r}"


def import_hypothesis() -> Any:
    """Return the module, or raise `UserError` that says how to install it."""
    try:
        import hypothesis
    except ImportError:
        raise UserError('random examples need Hypothesis: pip install "counterplay[test]"') from None
    return hypothesis
