"""Kernels for GPUs, in Triton: one file each, with a reference in PyTorch's operations of the same signature.

Which of the two runs follows from where the tensors are: a kernel on a GPU where Triton is there (the extra `cuda`),
the reference elsewhere. `TRITON_INTERPRET=1`, set before Triton is imported, runs the kernels' own source on the CPU:
that is how tests hold them against the references without a GPU. Nothing here needs Numba.

What multiplies matrices is tried before it is trusted (`right`): a kernel that was right wherever it was interpreted,
and with one version of Triton, was compiled into wrong results by another.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from counterplay.engine.compiling import tell

# Sums contract into fused multiply-adds, as on the CPU (`engine.jit`); Triton is about to change its default.
os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")


@cache
def triton_is_there() -> bool:
    """Tell whether Triton is installed."""
    return find_spec("triton") is not None


def by_kernel(tensor: Tensor) -> bool:
    """Tell whether a kernel of this folder works on a tensor, and not the reference."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1" and tensor.device.type == "cpu"
    return triton_is_there() and (tensor.is_cuda or interpreted)


def right(
    name: str, kernel: Callable[[], Sequence[Tensor]], exact: Callable[[], Sequence[Tensor]], near: float
) -> bool:
    """Tell whether a kernel compiles, and makes what it should to within `near` of the largest number; say if not.

    `exact` makes the same in 64 bits. Ask it once for each shape that a kernel is compiled for, with numbers drawn for
    it, on the GPU; while a CUDA graph is recorded nothing can be tried, and the answer is yes.
    """
    if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
        return True
    try:
        off = max(distance(mine, true) for mine, true in zip(kernel(), exact(), strict=True))
    except RuntimeError as error:  # Triton's compiler gave up
        tell(f"{name} does not compile here, and PyTorch's operations take its place: {str(error)[:200]}")
        return False
    if off <= near:
        return True
    tell(f"{name} is compiled wrong here ({off:.0e} off), and PyTorch's operations take its place")
    return False


def distance(mine: Tensor, exact: Tensor) -> float:
    """Return the largest difference as a share of the largest number; infinite where a number is none."""
    if not bool(mine.isfinite().all()):
        return float("inf")
    return float((mine.double() - exact).abs().max() / exact.abs().max().clamp(min=1e-9))
