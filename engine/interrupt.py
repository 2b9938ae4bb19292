"""Ctrl-C, and the signal that batch systems end a job with, as a flag."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = signal.SIGINT, signal.SIGTERM


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT (Ctrl-C) or SIGTERM into a flag, so that nothing is left half done.

    A second one does what it did before.
    """
    hit = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield hit.is_set
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(*_: object) -> None:
        hit.set()
        restore()

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield hit.is_set
    finally:
        restore()
