"""Copies of a Python environment in worker processes, each of which plays a share of the batch.

A worker is a plain Python process that is told everything through its pipes, so a caller's script needs no
`if __name__ == "__main__"`. Its standard input closes when we end, however we end, and then it ends too.
Each message is one byte that says what follows, and arrays as their bare bytes: both sides know the shapes.
"""

import contextlib
import json
import os
import pickle
import struct
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from counterplay.engine.env import EnvSpec, Step, blank
from counterplay.engine.errors import UserError
from counterplay.games.foreign.copies import Copies, check_actions

_RESET, _STEP, _INFOS, _FINE, _WRONG = b"R", b"S", b"I", b".", b"!"
_RUN = "from counterplay.games.foreign.workers import serve; serve()"


class Crew:
    """A batch of episodes, spread evenly over worker processes.

    Every worker is sent `make` and asks it for its share: that many copies, of an environment of that name and spec.
    """

    def __init__(self, name: str, spec: EnvSpec, make: Callable[[int], Copies], batch: int, workers: int):
        self.name, self.spec, self.make, self.batch = name, spec, make, batch
        bounds = np.linspace(0, batch, workers + 1).astype(int)
        self.shares = [slice(*bounds[i : i + 2]) for i in range(workers)]
        self.shown = blank(self.spec, batch)
        arrays: Any = self.shown
        self.parts = [
            Step(*(None if array is None else array[share] for array in arrays))  # type: ignore[arg-type]
            for share in self.shares
        ]
        self.processes: list[subprocess.Popen[bytes]] = []
        self._closing = weakref.finalize(self, _stop, self.processes)
        self._hire()

    def _hire(self) -> None:
        from cloudpickle import dumps

        try:
            work = dumps((self.spec, self.make))  # with what was found out of the environment
        except Exception as error:
            raise UserError(
                f"{self.name} cannot be sent to other processes ({error}); workers=0 keeps it in this one"
            ) from None
        path = os.pathsep.join(p or os.getcwd() for p in sys.path)
        variables = {"OMP_NUM_THREADS": "1", "PYGAME_HIDE_SUPPORT_PROMPT": "1", **os.environ, "PYTHONPATH": path}
        for share in self.shares:
            process = subprocess.Popen(
                [sys.executable, "-c", _RUN],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=variables,
                start_new_session=True,  # Ctrl-C is ours to answer
            )
            self.processes.append(process)
            count = share.stop - share.start
            _send(process, struct.pack("<QQQ", share.start, count, len(work)), work)
        self._hear(())

    def reset(self, rng: np.random.Generator) -> Step:
        if not self.processes:  # a broken exchange ended them
            self._hire()
        seeds = rng.integers(0, 2**31, self.batch)
        return self._exchange(_RESET, seeds)

    def step(self, actions: npt.NDArray[Any]) -> Step:
        actions = check_actions(actions, self.shown, self.spec)
        if not self.processes:
            raise UserError("the workers have ended; reset begins anew")
        return self._exchange(_STEP, actions)

    def infos(self) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return what each copy's episode told last, [B] by name."""
        found: dict[str, npt.NDArray[np.float64]] = {}
        try:
            for process in self.processes:
                _send(process, _INFOS)
            for process, share in zip(self.processes, self.shares, strict=True):
                (size,) = struct.unpack("<Q", _read(process, 8))
                for name, told in json.loads(_read(process, size)).items():
                    found.setdefault(name, np.full(self.batch, np.nan))[share] = np.array(told, np.float64)
        except BaseException:  # as in `_exchange`
            self.close()
            raise
        return found

    def _exchange(self, command: bytes, array: npt.NDArray[Any]) -> Step:
        try:
            for process, share in zip(self.processes, self.shares, strict=True):
                _send(process, command, np.ascontiguousarray(array[share]).tobytes())
            self._hear(self.parts)
        except BaseException:  # an answer may be half read: what comes next would be read as something else
            self.close()
            raise
        return self.shown

    def _hear(self, parts: Sequence[Step]) -> None:
        """Read one answer of each worker, into the arrays of its part if there are any; raise what went wrong."""
        complaint = None
        for i, process in enumerate(self.processes):
            status = _read(process, 1)
            if status == _WRONG:
                (size,) = struct.unpack("<Q", _read(process, 8))
                complaint = complaint or _read(process, size).decode()
            elif status == _FINE and parts:
                for array in parts[i]:
                    if array is not None:
                        _fill(process, array)
        if complaint is not None:
            self.close()
            raise UserError(complaint)

    def close(self) -> None:
        """End the workers; a later reset starts new ones."""
        _stop(self.processes)


def _send(process: "subprocess.Popen[bytes]", *parts: bytes) -> None:
    assert process.stdin is not None
    try:
        for part in parts:
            process.stdin.write(part)
        process.stdin.flush()
    except (BrokenPipeError, OSError):
        raise _lost(process) from None


def _read(process: "subprocess.Popen[bytes]", size: int) -> bytes:
    assert process.stdout is not None
    answer = process.stdout.read(size)
    if len(answer) < size:
        raise _lost(process)
    return answer


def _fill(process: "subprocess.Popen[bytes]", array: npt.NDArray[Any]) -> None:
    array[...] = np.frombuffer(_read(process, array.nbytes), array.dtype).reshape(array.shape)


def _lost(process: "subprocess.Popen[bytes]") -> UserError:
    try:
        code = process.wait(5)
    except subprocess.TimeoutExpired:
        return UserError("a worker process no longer answers")
    return UserError(f"a worker process ended unexpectedly, with exit code {code}")


def _stop(processes: "list[subprocess.Popen[bytes]]") -> None:
    """Close the workers' pipes, and end those that do not go by themselves."""
    for process in processes:
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):  # what was still to be written has no reader
                pipe.close()
    for process in processes:
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    processes.clear()


def serve() -> None:
    """Be a worker: play as standard input says, answer on standard output. What environments print is an error log."""
    source, target = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        _serve(source, target)
    except BrokenPipeError:  # nobody listens any more
        os._exit(0)


def _serve(source: IO[bytes], target: IO[bytes]) -> None:
    def complain(error: Exception) -> None:
        said = str(error).encode()
        target.write(_WRONG + struct.pack("<Q", len(said)) + said)
        target.flush()

    head = source.read(24)
    if len(head) < 24:
        return
    first, count, size = struct.unpack("<QQQ", head)
    try:
        spec: EnvSpec
        make: Callable[[int], Copies]
        spec, make = pickle.loads(source.read(size))
        copies = make(count)
        copies.first = first
    except Exception as error:
        complain(error if isinstance(error, ValueError) else ValueError(f"{type(error).__name__}: {error}"))
        return
    target.write(_FINE)
    target.flush()
    shape, kind = (count, spec.agents, *spec.action_shape), spec.action_type
    taken = int(np.prod(shape)) * np.dtype(kind).itemsize
    while command := source.read(1):
        if command == _INFOS:
            said = json.dumps({name: told.tolist() for name, told in copies.infos().items()}).encode()
            target.write(struct.pack("<Q", len(said)) + said)
            target.flush()
            continue
        wanted = 8 * count if command == _RESET else taken
        message = source.read(wanted)
        if len(message) < wanted:
            return
        try:
            if command == _RESET:
                shown = copies.begin(np.frombuffer(message, np.int64))
            else:
                shown = copies.step(np.frombuffer(message, kind).reshape(shape))
        except ValueError as error:
            complain(error)
            return
        target.write(b"".join([_FINE, *(array.tobytes() for array in shown if array is not None)]))
        target.flush()
    copies.close()
