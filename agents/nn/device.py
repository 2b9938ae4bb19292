"""Where networks run: chosen by name, and told in words.

On the CPU networks are kernels of ours; on a GPU they are PyTorch's operations (`nn.plain`), and kernels of ours where
Triton is there (`nn.kernels`). Everything else of a run, its environments, replay and targets, stays on the CPU.
"""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.engine.errors import UserError
from counterplay.engine.system import available
from counterplay.engine.text import count

DEVICES = ("auto", "cpu", "cuda")


def choose(name: str) -> torch.device:
    """Return the device of that name: "cpu", "cuda", or "auto" for the GPU where there is one.

    Raises `UserError` for another name, and for a GPU that is not there.
    """
    if name not in DEVICES:
        raise UserError(f"the device must be {', '.join(DEVICES[:-1])} or {DEVICES[-1]}, not {str(name)[:80]!r}")
    missing = why_not()
    if name == "cuda" and missing:
        raise UserError(f"there is no GPU to run on ({missing}): take the device cpu, or auto")
    return torch.device("cpu" if name == "cpu" or missing else "cuda")


def why_not() -> str:
    """Return why there is no GPU here; "" where there is one."""
    if torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return f"PyTorch {torch.__version__} is built for CPUs alone"
    return f"PyTorch {torch.__version__} finds no CUDA device"


def in_words(name: str, device: torch.device, threads: int) -> str:
    """Return where the networks of a run are, which asked for a device by name, and on how many threads."""
    on = count(threads, "thread")
    if device.type != "cpu":
        return f"networks run on the GPU, {torch.cuda.get_device_name(device)}; all else on the CPU, {on}"
    return f"networks run on the CPU, {on}" + (f": no GPU ({why_not()})" if name == "auto" else "")


def host(tensor: Tensor) -> npt.NDArray[Any]:
    """Return a tensor's numbers as an array: on the CPU the same memory, else a copy."""
    found: npt.NDArray[Any] = tensor.detach().cpu().numpy()
    return found


def like(tensor: Tensor, array: npt.NDArray[Any]) -> Tensor:
    """Return an array as a tensor where another one is: on the CPU the same memory, else a copy."""
    return torch.from_numpy(array).to(tensor.device)


def free(device: torch.device) -> int:
    """Return how many bytes of a device's memory are free."""
    return available() if device.type == "cpu" else int(torch.cuda.mem_get_info(device)[0])


def move(learner: object, device: torch.device) -> bool:
    """Take a learner's networks to a device; return whether it can be moved: one's own need not be."""
    to: Callable[[torch.device], object] | None = getattr(learner, "to", None)
    if to is None:
        return False
    to(device)
    return True
