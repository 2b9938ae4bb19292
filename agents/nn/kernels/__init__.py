"""Kernels for GPUs, in Triton: one file each, with a reference in PyTorch's operations of the same signature.

Which of the two runs follows from where the tensors are: a kernel on a GPU where Triton is there (the extra `cuda`),
the reference elsewhere. `TRITON_INTERPRET=1`, set before Triton is imported, runs the kernels' own source on the CPU:
that is how tests hold them against the references without a GPU. Nothing here needs Numba.
"""

import os
from functools import cache
from importlib.util import find_spec

from torch import Tensor

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
