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
    type(dealer).from_python(dealer, boards, random)


def register(kind: Any, function: Callable[..., None]) -> None:
    """Say how dealers of a type deal; `function` is Python that Numba compiles."""
    kind.from_python = staticmethod(jit(function))
    kind.kernels = {"deal": inlined(function)}


@overload(deal, strict=False)
def _deal(dealer, boards, random):  # type: ignore[no-untyped-def]
    kernel = getattr(getattr(dealer, "instance_class", None), "kernels", {}).get("deal")
    return None if kernel is None else lambda dealer, boards, random: kernel(dealer, boards, random)  # noqa: PLW0108 (Numba wants one)
