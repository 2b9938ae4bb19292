"""What a run's folder is told while it trains: a line of JSON for each row of its history, and TensorBoard's events."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from counterplay.engine.errors import UserError
from counterplay.engine.writing import write_atomic

CHECKPOINT_FILE, RUN_FILE, LINES_FILE = "checkpoint.pt", "run.json", "metrics.jsonl"  # in a run's folder

Row = dict[str, float]


class Log:
    """The two of them, for a run that is at `steps` with that history; whatever they say beyond it is taken back.

    They may be beyond it where a run was killed, and resumed from a checkpoint before that.
    """

    def __init__(self, folder: Path, history: Sequence[Row], steps: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError('runs are written for TensorBoard too: pip install "counterplay[learn]"') from None
        try:
            write_atomic(folder / LINES_FILE, "".join(map(line, history)).encode())
            self._lines = (folder / LINES_FILE).open("a", encoding="utf-8", buffering=1)  # a line at a time
        except OSError as error:
            raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
        purge = steps + 1 if steps else None
        self._events = SummaryWriter(folder, purge_step=purge, flush_secs=10)

    def add(self, row: Row) -> None:
        """Write a row; TensorBoard's step is the environment's. Raises `ValueError` where there is no room left."""
        try:
            self._lines.write(line(row))
        except OSError as error:
            raise UserError(f"cannot write {self._lines.name}: {error.strerror or error}") from error
        for name, figure in row.items():
            if name != "steps" and math.isfinite(figure):
                self._events.add_scalar(name, figure, int(row["steps"]))

    def close(self) -> None:
        """Put everything on disk."""
        self._lines.close()
        self._events.close()


def line(row: Row) -> str:
    """Return a row as a line of JSON, where what is not finite is null."""
    return json.dumps({name: x if math.isfinite(x) else None for name, x in row.items()}) + "\n"
