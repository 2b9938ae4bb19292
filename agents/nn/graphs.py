"""CUDA graphs: what is called a hundred times with tensors of one shape is recorded once, and launched as one.

A network too large for a kernel of ours is a dozen calls of cuBLAS and more between them, and a user's module whatever
it is: on a GPU small batches wait for each launch. Replayed from a graph they do not; each
batch size is a graph of its own.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from counterplay.engine.compiling import tell

MOST = 16  # graphs of a work; further shapes are worked on call by call
_WARM = 3  # calls before the recording: libraries choose their ways and take their memory then

Work = Callable[..., Tensor]


class Recorded(NamedTuple):
    """A work that was recorded: where its inputs and its output lie, and what does it again."""

    inputs: list[Tensor]
    out: Tensor
    replay: Callable[[], None]


class Graphs:
    """A work, from tensors to a tensor and without gradients, that on a GPU is replayed from graphs.

    Parameters may change in place between calls, as an optimiser changes them. Work that cannot be recorded (it looks
    at numbers on its way) is done call by call, and that is said once.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self._known: dict[tuple[torch.Size, ...], Recorded] = {}
        self._fails = False

    def __call__(self, *given: Tensor) -> Tensor:
        """Return what the work makes of tensors, which are all on one device."""
        shapes = tuple(part.shape for part in given)
        if self._fails or not records(given[0].device) or (shapes not in self._known and len(self._known) >= MOST):
            return self.work(*given)
        if shapes not in self._known:
            try:
                self._known[shapes] = record(self.work, given)
            except RuntimeError as error:
                self._fails = True
                tell(f"this network cannot be recorded as a CUDA graph, and runs call by call: {str(error)[:200]}")
                return self.work(*given)
        found = self._known[shapes]
        for held, part in zip(found.inputs, given, strict=True):
            held.copy_(part)
        found.replay()
        return found.out.clone()


def records(device: torch.device) -> bool:
    """Tell whether work on a device is recorded."""
    return device.type == "cuda"


def record(work: Work, given: Sequence[Tensor]) -> Recorded:
    """Record what a work does with tensors of these shapes; raises `RuntimeError` where it cannot be."""
    held = [part.clone() for part in given]
    side, here = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
    side.wait_stream(here)
    with torch.cuda.stream(side):
        for _ in range(_WARM):
            work(*held)
    here.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = work(*held)
    return Recorded(held, out, graph.replay)
