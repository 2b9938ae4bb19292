"""The strategy browser's JSON: what named files hold, asked for by path and query. `docs/view.md` documents it.

A file that changes is read again when it is next asked about, and each answer says of which reading it is.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

import msgspec

from counterplay.api.solve import load
from counterplay.engine.errors import UserError
from counterplay.engine.text import small

_KEPT = 64 * 2**20  # bytes of answers that are kept
_VERSION = 1  # of the interface

Stamp = tuple[int, int, int]
Query = Mapping[str, str]


class Lost(UserError):
    """A file that was there when the page was opened cannot be read any more."""


class Source:
    """A file that was named, or a run's folder, and what was read from it."""

    def __init__(self, number: int, path: str, game: str | None = None):
        self.number, self.path, self.game = number, Path(path), game
        self.reading = 0
        self.about: dict[str, Any] = {}
        self._stamp: Stamp | None = None
        self._ask: dict[str, Callable[[Query], Any]] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read the file again if it is another than before, and tell whether it was; raises `UserError`."""
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return False
        self._ask, self.about = _opened(self.path, self.game)
        self._stamp, self.reading = stamp, self.reading + 1
        return True

    def ask(self, what: str, query: Query) -> Any:
        """Return an answer; raises `UserError` for what this kind of file does not have."""
        if what not in self._ask:
            raise UserError(f"there is no {what} of {self.path.name}: it has {', '.join(self._ask)}")
        return self._ask[what](query)


def _stamp(path: Path) -> Stamp:
    from counterplay.api.browse_runs import LINES

    try:
        found = os.stat(path / LINES if path.is_dir() else path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _opened(path: Path, game: str | None) -> tuple[dict[str, Callable[[Query], Any]], dict[str, Any]]:
    """Return what can be asked about a file, and what it is."""
    if path.is_dir():
        from counterplay.api import browse_runs

        told = browse_runs.read(path)
        return {"node": lambda query: told}, {"kind": "run", "title": path.name, "facts": []}
    solution = load(path, game)
    about: dict[str, Any] = {
        "kind": solution.kind,
        "title": solution.game,
        "facts": [list(fact) for fact in solution.facts()],
        "trace": [[c.iterations, c.seconds, c.exploitability] for c in solution.trace],
    }
    if solution.kind in ("holdem", "blueprint"):
        from counterplay.api import browse_spots as spots

        asked: dict[str, Callable[[Query], Any]] = {
            "node": lambda query: spots.node(solution, query.get("at", "")),
            "blockers": lambda query: spots.blockers(solution, query.get("at", "")),
            "range": lambda query: spots.ranges(solution, query.get("at", ""), path.name),
        }
        if solution.kind == "holdem":
            asked["runouts"] = lambda query: spots.run_outs(solution, query.get("at", ""))
            asked["response"] = lambda query: spots.response(solution, query.get("at", ""))
        return asked, about
    if solution.kind == "tree":
        from counterplay.api.browse_trees import TreeBrowser

        tree = TreeBrowser(solution)
        about["value"], about["best"] = list(solution.value), list(solution.best)
        return {
            "node": lambda query: tree.node(query.get("at", "")),
            "search": lambda query: tree.search(query.get("text", "")),
        }, about
    if solution.kind == "factored":
        from counterplay.api import browse_dark as dark

        about["value"], about["best"] = list(solution.value), list(solution.best)
        return {
            "node": lambda query: dark.node(solution, query.get("at", "")),
            "search": lambda query: dark.search(solution, query.get("text", "")),
        }, about
    from counterplay.api import browse_steps as steps

    return {
        "node": lambda query: steps.node(solution, query.get("at", "")),
        "search": lambda query: steps.search(solution, query.get("text", "")),
    }, about


class Browser:
    """The files that were named, and answers about them as bytes of JSON. One question is worked on at a time."""

    def __init__(self, files: Sequence[str], game: str | None = None):
        if not files:
            raise UserError("name what is to be looked at: solution files, or folders of runs")
        self.sources = [Source(k, path, game) for k, path in enumerate(files)]
        self._lock = RLock()
        self._answers: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._size = 0

    def answer(self, what: str, query: Query) -> bytes:
        """Return the answer to a question as JSON.

        Raises `UserError` for what is wrong with the question, and `Lost` where its file cannot be read any more.
        """
        with self._lock:
            if what == "sources":
                return msgspec.json.encode({"version": _VERSION, "sources": [self._about(s) for s in self.sources]})
            source = self._source(query)
            try:
                source.refresh()
            except (UserError, OSError) as error:
                raise Lost(f"{source.path.name} has changed and cannot be read: {error}") from None
            key = (what, source.number, source.reading, tuple(sorted(query.items())))
            found = self._answers.get(key)
            if found is None:
                told = source.ask(what, query)
                held = told if isinstance(told, dict) else {"found": told}
                found = msgspec.json.encode({**held, "source": source.number, "reading": source.reading})
                self._keep(key, found)
            else:
                self._answers.move_to_end(key)
            return found

    def _keep(self, key: tuple[Any, ...], found: bytes) -> None:
        self._answers[key] = found
        self._size += len(found)
        while self._size > _KEPT and len(self._answers) > 1:
            self._size -= len(self._answers.popitem(last=False)[1])

    def _source(self, query: Query) -> Source:
        text = query.get("source", "0")
        if not text.isdecimal() or len(text) > 4 or int(text) >= len(self.sources):
            raise UserError(f"there is no source {text!r}: they are numbered from 0 to {len(self.sources) - 1}")
        return self.sources[int(text)]

    def _about(self, source: Source) -> dict[str, Any]:
        trace = source.about.get("trace", [])
        last = small(trace[-1][2]) if trace else ""
        return {"source": source.number, "file": source.path.name, "exploitability": last, **source.about}
