"""TensorBoard's events of a run, written at once: its own writer has a thread, whose errors nobody hears."""

import itertools
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from counterplay.engine.errors import UserError


class Events:
    """A file of events in a folder; with `begins_at`, those that earlier files have from that step on do not count.

    Raises `UserError` without the package, and `OSError`, here and as figures are added, as the system does.
    """

    def __init__(self, folder: Path, begins_at: int | None) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError:
            raise UserError('runs are written for TensorBoard too: pip install "counterplay[learn]"') from None
        self._event, self._summary = Event, Summary
        begin = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}"
        free = next(k for k in itertools.count() if not (folder / f"{begin}.{k}").exists())
        self._file = (folder / f"{begin}.{free}").open("xb")
        self._records = RecordWriter(self._file)
        self._put(Event(wall_time=time.time(), file_version="brain.Event:2"))
        if begins_at is not None:
            self._put(Event(wall_time=time.time(), step=begins_at, session_log=SessionLog(status=SessionLog.START)))

    def _put(self, event: object) -> None:
        self._records.write(event.SerializeToString())  # type: ignore[attr-defined]
        self._records.flush()  # what fails fails here

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """Write figures by name at a step."""
        values = [self._summary.Value(tag=name, simple_value=figure) for name, figure in figures.items()]
        self._put(self._event(wall_time=time.time(), step=step, summary=self._summary(value=values)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
