"""Several processes that train one run together: the same networks in each, episodes of its own, one gradient.

What is said here of all processes is of this one where it trains alone. Losses are means (`means`), and where processes
have played unequal numbers of steps their gradients must count unequally: each process's loss is its part of the joint
mean, so that the average over processes (`averaged`) is the gradient of the joint batch. Running statistics take in the
moments of what all have seen (`everybodys`). Processes speak through PyTorch's `gloo`.

Gradients may be compressed by PyTorch's hook of PowerSGD (Vogels et al. 2019, arXiv 1905.13727), made for its
`DistributedDataParallel`: here all gradients of an update are one bucket, which is what the hook is given.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook as power_sgd

from counterplay.engine.errors import UserError

T = TypeVar("T")
_PATIENCE = timedelta(minutes=60)  # how long others are waited for: one of them tests and writes files alone


class Lost(Exception):
    """Another process of the run is gone."""


class Moments(NamedTuple):
    """How many rows of numbers there were, their means, and the sums of squared differences from these."""

    count: Any  # a number
    mean: Tensor  # f64 [K]
    square: Tensor  # f64 [K]


class Peers(NamedTuple):
    """The processes of a run, as one of them sees them."""

    rank: int  # which this one is
    size: int
    compress: str = "none"


_peers: Peers | None = None


def peers() -> Peers:
    """Return who trains together here: this process alone, if nobody has joined."""
    return _peers or Peers(0, 1)


@contextmanager
def joined(rank: int, size: int, store: Any = None) -> Iterator[Peers]:
    """Train together with others until the end of the block.

    `store` is where they find each other, a store of `torch.distributed`; without one it is where the environment
    says (MASTER_ADDR, MASTER_PORT), as torchrun has set it.
    """
    global _peers  # noqa: PLW0603 (as the group of processes is one of torch's)
    if dist.is_initialized():
        raise UserError("this process has joined another group of processes (torch.distributed): leave it first")
    with _heard():
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    _peers = Peers(rank, size)
    try:
        yield _peers
    finally:
        _peers = None
        dist.destroy_process_group()


def compress(how: str) -> None:
    """Compress gradients from now on: "powersgd", or "none"."""
    global _peers  # noqa: PLW0603 (as above)
    if _peers is not None:
        _peers = _peers._replace(compress=how)


def meeting(port: int = 0, host: str = "127.0.0.1") -> Any:
    """Return the place on this machine where processes find each other: a new one, or the one at a port."""
    return dist.TCPStore(  # type: ignore[attr-defined]
        host, port, is_master=port == 0, wait_for_workers=False, timeout=_PATIENCE
    )


@contextmanager
def _heard() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # what gloo raises for a closed connection
        raise Lost(str(error)) from error


def _sum(numbers: Tensor) -> Tensor:
    with _heard():
        dist.all_reduce(numbers)
    return numbers


def total(count: float) -> float:
    """Return the sum of a number over all processes."""
    return count if _peers is None else float(_sum(torch.tensor([count], dtype=torch.float64)))


def least(number: int) -> int:
    """Return the smallest of a number over all processes."""
    if _peers is None:
        return number
    found = torch.tensor([number])
    with _heard():
        dist.all_reduce(found, op=dist.ReduceOp.MIN)
    return int(found)


def share(count: int, here: Peers | None = None) -> int:
    """Return how many of so many are this process's: all shares add up to them and differ by one at most."""
    here = here or peers()
    return count // here.size + (here.rank < count % here.size)


def agreed(thing: T) -> T:
    """Return what the first process says."""
    if _peers is None:
        return thing
    said = [thing]
    with _heard():
        dist.broadcast_object_list(said, src=0)
    return said[0]


def gathered(thing: T) -> list[T]:
    """Return what every process says, in their order."""
    if _peers is None:
        return [thing]
    found: list[Any] = [None] * _peers.size
    with _heard():
        dist.all_gather_object(found, thing)
    return found


def mean(numbers: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean of numbers by their weights, all alike if None, over all processes; 0 where nothing weighs.

    Its gradient is this process's part of the joint mean's gradient, times the number of processes.
    """
    return means([numbers], weight)[0]


def means(numbers: Sequence[Tensor], weight: Tensor | None = None) -> list[Tensor]:
    """Return the means of several numbers of one shape, as `mean` does, and ask the others once."""
    if _peers is None:
        if weight is None:
            return [each.mean() for each in numbers]
        return [(each * weight).sum() / weight.sum().clamp(min=1) for each in numbers]
    sums = [each.sum() if weight is None else (each * weight).sum() for each in numbers]
    count = torch.tensor(float(numbers[0].numel())) if weight is None else weight.sum()
    said = _sum(torch.stack([*(each.detach() for each in sums), count]).double())
    whole = said[-1].clamp(min=1)
    found = []
    for own, joint in zip(sums, said / whole, strict=False):
        slope = (own - own.detach()) * (_peers.size / whole).to(own.dtype)  # nothing but its gradient
        found.append(joint.to(own.dtype) + slope)
    return found


def everybodys(parts: Iterable[Moments], width: int) -> Iterable[Moments]:
    """Return the moments of what each process has seen, out of those of parts of what this one has."""
    if _peers is None:
        return parts
    nothing = torch.zeros(width, dtype=torch.float64)
    own = Moments(0.0, nothing, nothing)
    for part in parts:
        own = merged(own, part)
    row = torch.cat([torch.tensor([own.count], dtype=torch.float64), own.mean.cpu(), own.square.cpu()])
    rows = [torch.empty_like(row) for _ in range(_peers.size)]
    with _heard():
        dist.all_gather(rows, row)
    found = [Moments(float(each[0]), each[1 : 1 + width], each[1 + width :]) for each in rows]
    return [each for each in found if each.count]


def merged(one: Moments, other: Moments) -> Moments:
    """Return the moments of two parts together (Chan, Golub and LeVeque 1979)."""
    whole, step = one.count + other.count, other.mean - one.mean
    square = one.square + (other.square + step**2 * one.count * other.count / whole)
    return Moments(whole, one.mean + step * other.count / whole, square)


def averaged(
    slopes: list[Tensor], parameters: Sequence[Tensor] = (), memory: dict[str, Any] | None = None
) -> list[Tensor]:
    """Return the averages of gradients over all processes, compressed if the run says so.

    Compression takes the `parameters` that the gradients are of, one after another, and a `memory` of the optimiser's.
    """
    if _peers is None:
        return slopes
    flat = torch.cat(slopes)
    if _peers.compress == "powersgd" and memory is not None:
        flat = _compressed(flat, parameters, memory)
    else:
        flat = _sum(flat).div_(_peers.size)
    return list(torch.split(flat, [len(each) for each in slopes]))


def check(learner: Any, settings: Any, name: str, size: int) -> None:
    """Raise `ValueError` where so many processes cannot train a learner together, with what would fit."""
    if size == 1:
        return
    if not getattr(learner, "joint", False):
        raise UserError(
            f"{name} trains in one process: leave processes at 1, and train other seeds beside it (sweep); in "
            "several processes train learners of one gradient, such as mappo, ippo, trpo, grpo, coma, pqn, vdn and qmix"
        )
    if settings.credit != "none":
        raise UserError(f"credit={settings.credit} reads what one process has played: set credit=none, or processes=1")
    if settings.novelty == "counts":
        raise UserError("novelty=counts counts what one process has seen: take novelty=rnd, or processes=1")
    least = {"envs": getattr(settings, "envs", size) // getattr(settings, "alike", 1)}
    if hasattr(settings, "replay"):
        least |= {name: getattr(settings, name) for name in ("batch", "replay")}
    for setting, count in least.items():
        if count < size:
            what = "groups of episodes (envs / group)" if setting == "envs" and hasattr(settings, "alike") else setting
            raise UserError(f"{size} processes share {what}={count}: make it {size} at least, or processes={count}")


class _Bucket:
    """All gradients of an update, as PyTorch's hooks want them shown (`torch.distributed.GradBucket`)."""

    def __init__(self, flat: Tensor, parameters: Sequence[Tensor]) -> None:
        self._flat = flat
        parts = torch.split(flat, [each.numel() for each in parameters])
        self._gradients = [part.view(each.shape) for part, each in zip(parts, parameters, strict=True)]

    def buffer(self) -> Tensor:
        return self._flat

    def gradients(self) -> list[Tensor]:
        return self._gradients

    def index(self) -> int:
        return 0

    def is_last(self) -> bool:
        return True


def _compressed(flat: Tensor, parameters: Sequence[Tensor], memory: dict[str, Any]) -> Tensor:
    if "powersgd" not in memory:
        memory["powersgd"] = power_sgd.PowerSGDState(None, matrix_approximation_rank=2, start_powerSGD_iter=10)
    hook: Callable[..., Any] = power_sgd.powerSGD_hook
    with _heard():
        said = hook(memory["powersgd"], _Bucket(flat, parameters)).wait()
    found: Tensor = said[0] if isinstance(said, list) else said
    return found
