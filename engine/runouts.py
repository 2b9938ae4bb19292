"""Dealing a run-out to a *chain*: a `Subgame` with one board a street, whose arrays are refilled in place.

A dealer is a NamedTuple of arrays, and its type says what `deal` does for it, as in `engine.stepped`: in kernels that
is an overload on the type, so that solvers need not know the cards that they are dealt.
"""

from collections.abc import Callable
from typing import Any

from numba.extending import overload

from counterplay.engine.jit import inlined, jit


def deal(dealer: Any, boards: Any, random: Any) -> None:
    """Draw a run-out with the generator `random` [1], and make `boards` (`engine.streets.Boards`) those of it."""
    type(dealer).in_python["deal"](dealer, boards, random)


def look_ahead(dealer: Any, boards: Any, b: Any, ahead: Any, first: Any, last: Any, random: Any) -> None:
    """Make the boards first .. last of `ahead` full ones that may follow board b, drawn apart from the run-out."""
    type(dealer).in_python["look_ahead"](dealer, boards, b, ahead, first, last, random)


def register(kind: Any, **functions: Callable[..., None]) -> None:
    """Say what `deal` and `look_ahead` do for dealers of a type, in Python that Numba compiles."""
    kind.in_python = {name: jit(function) for name, function in functions.items()}
    kind.kernels = {name: inlined(function) for name, function in functions.items()}


def _kernel(dealer: Any, name: str) -> Any:
    return getattr(getattr(dealer, "instance_class", None), "kernels", {}).get(name)


@overload(deal, strict=False)
def _deal(dealer, boards, random):  # type: ignore[no-untyped-def]
    kernel = _kernel(dealer, "deal")
    return None if kernel is None else lambda dealer, boards, random: kernel(dealer, boards, random)  # noqa: PLW0108 (Numba wants one)


@overload(look_ahead, strict=False)
def _look_ahead(dealer, boards, b, ahead, first, last, random):  # type: ignore[no-untyped-def]
    kernel = _kernel(dealer, "look_ahead")
    if kernel is None:
        return None
    return lambda dealer, boards, b, ahead, first, last, random: kernel(dealer, boards, b, ahead, first, last, random)  # noqa: PLW0108
