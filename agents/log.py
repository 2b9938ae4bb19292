"""What a run's folder is told while it trains: a line of JSON for each row of its history, and TensorBoard's events."""

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from counterplay.agents.events import Events
from counterplay.engine.compiling import tell
from counterplay.engine.errors import UserError
from counterplay.engine.writing import told, write_atomic

FORMAT = 2  # of what a run's folder holds; 1 had the replay in the checkpoint
CHECKPOINT_FILE, RUN_FILE, LINES_FILE = "checkpoint.pt", "run.json", "metrics.jsonl"  # in a run's folder
KEPT_FILES = CHECKPOINT_FILE, RUN_FILE, LINES_FILE

Row = dict[str, float]


class Log:
    """The two of them, for a run that is at `steps` with that history; whatever they say beyond it is taken back.

    They may be beyond it where a run was killed, and resumed from a checkpoint before that. Where a row cannot be
    written, as on a full disk, the run goes on: that is told once, and everything is written as soon as it can be.
    """

    def __init__(self, folder: Path, history: Sequence[Row], steps: int) -> None:
        self.folder, self.history = folder, history
        self.evented = len(history)  # rows that the events have
        self._lines: TextIO | None = None
        self._events: Events | None = None
        with told(folder):
            self._open(steps)

    def _open(self, steps: int) -> None:
        write_atomic(self.folder / LINES_FILE, "".join(map(line, self.history)).encode())
        self._lines = (self.folder / LINES_FILE).open("a", encoding="utf-8", buffering=1)  # a line at a time
        self._events = Events(self.folder, steps + 1 if steps else None)

    def add(self, row: Row) -> None:
        """Write a row, the history's last; TensorBoard's step is the environment's."""
        try:
            if self._lines is None:
                self._open(int(self.history[self.evented - 1]["steps"]) if self.evented else 0)
            else:
                self._lines.write(line(row))
            assert self._events is not None
            for new in self.history[self.evented :]:
                figures = {name: figure for name, figure in new.items() if name != "steps" and math.isfinite(figure)}
                self._events.add(figures, int(new["steps"]))
                self.evented += 1
        except (OSError, UserError) as error:
            if self._lines is not None:
                tell(f"cannot write {self.folder / LINES_FILE}: {error}; the run goes on, and tries again at each row")
            self.close()

    def close(self) -> None:
        """Put everything on disk, if it has room."""
        for file in (self._lines, self._events):
            with suppress(OSError):
                if file is not None:
                    file.close()
        self._lines = self._events = None


def line(row: Row) -> str:
    """Return a row as a line of JSON, where what is not finite is null."""
    return json.dumps({name: x if math.isfinite(x) else None for name, x in row.items()}) + "\n"
