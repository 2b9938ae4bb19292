"""Processes beside this one, forked from a server that has imported what they need."""

import signal
from multiprocessing import forkserver, get_context, resource_tracker
from typing import Any

from counterplay.engine.errors import UserError


def serving(module: str) -> Any:
    """Return `multiprocessing`'s context whose processes are forked from one that has imported a module.

    A terminal's Ctrl-C goes to that one too, and would end it with a traceback while it imports: it never hears it.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([module])
    resource_tracker.ensure_running()  # which lets signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which what is started here inherits
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


def start(process: Any) -> None:
    """Start a process of such a context; raises `UserError` where the one that forks them is gone."""
    try:
        process.start()
    except (EOFError, ConnectionError):  # killed with all of our processes, say
        raise UserError("the process that starts the others was killed; too little memory?") from None
