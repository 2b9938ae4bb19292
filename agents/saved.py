"""What a checkpoint holds, looked at before a learner is given it: kernels trust the sizes that they are told."""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
import torch

from counterplay.engine import schema
from counterplay.engine.env import EnvSpec
from counterplay.engine.errors import UserError
from counterplay.engine.files import check_regular
from counterplay.engine.system import available
from counterplay.engine.text import size


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return what is in a checkpoint, which runs no code; raises `ValueError` for one that is damaged or foreign."""
    length, free = check_regular(path, "a checkpoint"), available()
    if length > free:
        raise UserError(f"{path} takes {size(length)} of memory, and {size(free)} are free")
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if any(p.compress_type != zipfile.ZIP_STORED for p in parts) or sum(p.file_size for p in parts) > length:
                raise ValueError("it would grow as it is read")
        saved = torch.load(path, weights_only=True, map_location="cpu")
        if not isinstance(saved, dict):
            raise TypeError(type(saved))
    except Exception as error:  # whatever torch and pickle come across in a foreign file
        raise UserError(f"{path} is damaged, or was not written by Counterplay") from error
    return saved


class _Filled:
    """A file for torch to write to, which takes an `OSError` for a fault of its own: `error` is the first of them."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        if self.error is None:
            try:
                self.file.write(data)
            except OSError as error:
                self.error = error
        return len(data)

    def flush(self) -> None:
        """Leave that to whoever has the file."""


def save_state(state: Mapping[str, Any], file: BinaryIO) -> None:
    """Write a state bit by bit, so that it is not put together in memory; raises `OSError` as the system does."""
    filled = _Filled(file)
    torch.save(tensors(state), cast(BinaryIO, filled))
    if filled.error is not None:
        raise filled.error


def check_plain(data: Any, folder: Path) -> None:
    """Raise `ValueError` where there is anything in data but dictionaries, lists, texts and numbers."""
    left, seen = [data], set[int]()
    while left:
        part = left.pop()
        if isinstance(part, dict | list | tuple):
            if id(part) not in seen:  # what is said to be in many places is looked at once
                seen.add(id(part))
                left += [*part, *part.values()] if isinstance(part, dict) else part
        elif type(part) not in (str, int, float, bool, type(None)):
            raise UserError(f"the checkpoint in {folder} has a {type(part).__name__} among what says what the run is")


def check_size(path: Path, settings: Any) -> None:
    """Raise `ValueError` where settings promise networks larger than their checkpoint, before these are made.

    Every learner here has a layer between two hidden ones: 4 bytes for each pair of units.
    """
    widest = max(getattr(settings, name, 0) for name in ("hidden", "joint_hidden"))
    if 4 * widest**2 > path.stat().st_size:
        raise UserError("it promises networks larger than it is")


def tensors(state: Any) -> Any:
    """Return nested dictionaries with tensors in place of arrays, which a file takes and gives back without code.

    All of them on the CPU: what is kept moves between machines.
    """
    if isinstance(state, dict):
        return {name: tensors(part) for name, part in state.items()}
    if type(state) in (list, tuple):
        return type(state)(map(tensors, state))
    if isinstance(state, torch.Tensor):
        return state.cpu()
    return torch.from_numpy(np.ascontiguousarray(state)) if isinstance(state, np.ndarray) else state


_NEWER = {"added", "alive", "ended"}  # parts of a replay that came after version 0.1.0


def check_state(saved: Mapping[str, Any], fresh: Mapping[str, Any], spec: EnvSpec) -> None:
    """Raise `ValueError` unless a saved state is made of what a new learner's in that environment is.

    Dictionaries have the same names, tensors the same type and shape (any number of rows where the new one has none
    yet), numbers are finite, and counts not negative. Episodes of a replay have been played in the environment.
    """
    kept = fresh if "replay" in saved else {name: part for name, part in fresh.items() if name != "replay"}
    if "replay" in saved and isinstance(saved["replay"], Mapping):  # version 0.1.0 had fewer parts
        newer = _NEWER - set(saved["replay"])
        kept = {**kept, "replay": {name: part for name, part in kept["replay"].items() if name not in newer}}
    check_like(saved, kept, "its state")
    if not 0 <= saved.get("due", 0.0) < 1:
        raise UserError("it owes a number of updates that is no part of one")
    if "replay" in saved:
        check_episodes({k: part.numpy() for k, part in saved["replay"].items() if hasattr(part, "numpy")}, spec)


def check_like(saved: Any, fresh: Any, where: str) -> None:
    if isinstance(fresh, Mapping):
        if not isinstance(saved, Mapping) or set(saved) != set(fresh):
            raise UserError(f"{where} has other parts")
        for name, part in fresh.items():
            check_like(saved[name], part, f"{where}: {name}")
    elif isinstance(fresh, list | tuple):
        if not isinstance(saved, list | tuple) or len(saved) != len(fresh):
            raise UserError(f"{where} has other parts")
        for i, (ours, part) in enumerate(zip(saved, fresh, strict=True)):
            check_like(ours, part, f"{where} {i}")
    elif isinstance(fresh, torch.Tensor | np.ndarray):
        _check_tensor(saved, fresh, where)
    elif type(fresh) is int:
        if type(saved) is not int or not 0 <= saved <= schema.LARGEST:
            raise UserError(f"{where} is no count")
    elif isinstance(fresh, float):
        if type(saved) not in (int, float) or not math.isfinite(saved):
            raise UserError(f"{where} is no finite number")
    elif type(saved) is not type(fresh):
        raise UserError(f"{where} is of another type")


def _check_tensor(saved: Any, fresh: "torch.Tensor | npt.NDArray[Any]", where: str) -> None:
    if not isinstance(saved, torch.Tensor) or saved.layout is not torch.strided or saved.device.type != "cpu":
        raise UserError(f"{where} is no tensor")
    kind, shape = str(fresh.dtype).removeprefix("torch."), tuple(fresh.shape)
    rows = saved.shape[:1] if shape[:1] == (0,) else shape[:1]
    if str(saved.dtype).removeprefix("torch.") != kind or tuple(saved.shape) != (*rows, *shape[1:]):
        raise UserError(f"{where} is {str(saved.dtype)[6:]} {tuple(saved.shape)}, where {kind} {shape} belongs")
    if not saved.is_contiguous():  # such as one number that says it is a billion of them
        raise UserError(f"{where} promises more than it holds")
    if saved.is_floating_point() and not schema.finite(saved.detach().numpy()):
        raise UserError(f"{where} has entries that are not numbers: its training had failed")


def check_playing(saved: Any) -> dict[str, Any]:
    """Return episodes that were going on, as `cut.Going.resume` takes them: arrays by name, and those of the env.

    What the environment makes of its own it says itself. Raises `ValueError` for anything else.
    """
    names = {"env", "earned", "age"}
    if not isinstance(saved, dict) or set(saved) != names or not isinstance(saved["env"], dict):
        raise UserError("the episodes that were going on have other parts")
    flat = {**saved["env"], **{f"{name} of episodes": saved[name] for name in ("earned", "age")}}
    for name, part in flat.items():
        if not isinstance(part, torch.Tensor):
            raise UserError(f"{name} is no tensor")
        _check_tensor(part, part, name)
    env = {str(name): part.numpy() for name, part in saved["env"].items()}
    return {"env": env, "earned": saved["earned"].numpy(), "age": saved["age"].numpy()}


def check_episodes(held: Mapping[str, npt.NDArray[Any]], spec: EnvSpec) -> None:
    """Raise `ValueError` unless arrays by name, one row an episode, are episodes that were played in an environment."""
    length = held["length"]
    if any(len(part) != len(length) for part in held.values()):
        raise UserError("the arrays of its replay are of different numbers of episodes")
    if not np.array_equal(held["filled"].sum(axis=1), length) or schema.least(held.get("priority", length)) < 0:
        raise UserError("the episodes of its replay are not as long as they say")
    action = held["action"]
    if action.size and action.dtype.kind == "i" and not 0 <= action.min() <= action.max() < spec.actions:
        raise UserError("its replay holds actions that the environment does not have")
    if not held["legal"].any(axis=-1).all():  # nor after the end, where what is legal is looked up too
        raise UserError("its replay has steps at which nothing is legal")
