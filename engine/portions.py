"""Work that threads share out in portions, whose results are the same for any number of threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import TracebackType
from typing import TypeVar

import numpy as np

_PORTIONS = 64

T = TypeVar("T")
Tell = Callable[[str, float], None]  # what is being done, and which part of it is


class Pool:
    """Threads for kernels, which run without Python's lock; each portion writes to a place of its own."""

    def __init__(self, threads: int, tell: Tell | None = None) -> None:
        self._pool, self._tell = ThreadPoolExecutor(threads), tell

    def share(self, count: int, work: Callable[[int, int], T], what: str = "") -> list[T]:
        """Return what `work(first, last)` returns for portions of the numbers 0 .. count - 1, in their order."""
        bounds = np.linspace(0, count, min(_PORTIONS, count) + 1).astype(int).tolist()
        parts = [self._pool.submit(work, a, b) for a, b in pairwise(bounds)]
        found = []
        for done, part in enumerate(parts):
            found.append(part.result())
            self.told(what, (done + 1) / len(parts))
        return found

    def told(self, what: str, done: float) -> None:
        """Tell what is being done, and which part of it is."""
        if self._tell is not None and what:
            self._tell(what, done)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave out what has not begun, and wait for what has."""
        self._pool.shutdown(cancel_futures=True)
