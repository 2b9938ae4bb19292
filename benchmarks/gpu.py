"""Kernels for GPUs on the card that is found: what they compute, and how near they come to what it can do.

    python benchmarks/gpu.py            # meant for less than five minutes; writes results/gpu.json
    python benchmarks/gpu.py --check    # small shapes, against 64 bits, and no times
    python benchmarks/gpu.py --table    # renews the page from the results

It needs PyTorch, Triton and NumPy, a CUDA machine, and no installation: the package is this checkout. First the floor
is measured, how fast the card copies and multiplies matrices; then each kernel is checked against its reference in 64
bits, and timed beside PyTorch's operations as they are (eager) and as `torch.compile` makes them with CUDA graphs.
Times are of a CUDA graph's replay, for eager of a call. A kernel's floor is the longer of moving its inputs and
outputs once and of its multiplications at the measured rates. Without a GPU, `TRITON_INTERPRET=1 python
benchmarks/gpu.py --check` runs the kernels in Triton's interpreter.
"""

import argparse
import importlib.util
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

import report


def this_checkout() -> None:
    """Have the package's name be this checkout, installed or not."""
    root = report.ROOT
    spec = importlib.util.spec_from_file_location(
        "counterplay", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["counterplay"] = package
    spec.loader.exec_module(package)


this_checkout()

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from counterplay.agents.nn.graphs import Graphs  # noqa: E402
from counterplay.agents.nn.kernels import by_kernel, mixer, mlp, regrets, showdown  # noqa: E402
from counterplay.agents.rivers import Rivers, Side, Sides, side_of  # noqa: E402

COMPILING = 90.0  # seconds, after which nothing more is given to `torch.compile`
ROUNDS, REPLAYS = 7, 20


class Case(NamedTuple):
    """A kernel and a shape. `ours` and `peer` return what they compute; `exact` does in 64 bits."""

    name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any] | None  # None: it changes what it is given, or is much too slow
    exact: Callable[[], Any]
    near: float  # largest difference, as a share of the largest number
    bytes: float  # moved at the least
    operations: float  # of multiplying matrices, each multiplication and addition
    matrix: str  # whose rate counts: bf16 or tf32
    recorded: bool = True  # in a CUDA graph to be timed; what makes graphs of its own is not


class Floor(NamedTuple):
    """What the card does."""

    copy: float  # bytes a second, read and written
    bf16: float  # operations a second
    tf32: float

    def seconds(self, case: Case) -> float:
        """Return the least that a kernel takes."""
        return max(case.bytes / self.copy, case.operations / (self.bf16 if case.matrix == "bf16" else self.tf32))


def networks(device: str, small: bool) -> Iterator[Case]:
    """Yield fused networks of three hidden layers, and one of DeepStack's size by cuBLAS in a CUDA graph."""
    rows = (300,) if small else (1000, 131_072, 1_000_000)
    for width in (64, 128, 256):
        for many in rows:
            kinds = (torch.bfloat16,) if device == "cuda" else (torch.float16,)  # the interpreter has no bf16
            for kind in (*kinds, torch.float32) if many in (300, 131_072) else kinds:
                yield network(device, many, width, 3, kind, ranges=width == 128)
    if not small:
        yield network(device, 8192, 500, 7, torch.bfloat16, ranges=False)
    for many in (300,) if small else (1000, 8192):
        yield graphs(device, many)


def network(device: str, rows: int, width: int, layers: int, kind: torch.dtype, ranges: bool) -> Case:
    """Return one of 30 inputs and 12 outputs, with LayerNorm where there are ranges."""
    inputs, outputs, name = 30, 12, str(kind).removeprefix("torch.").replace("float32", "tf32")
    shapes = list(pairwise((inputs, *[width] * layers, outputs)))
    weights = [(torch.randn(shape, device=device) * shape[0] ** -0.5).to(kind) for shape in shapes]
    biases = [0.1 * torch.randn(shape[1], device=device).to(kind) for shape in shapes]
    norms = [torch.ones(width, device=device, dtype=kind) for _ in range(layers if ranges else 0)]
    made = mlp.Network(weights, biases, norms, norms, residual=ranges)
    doubled = mlp.Network(*([part.double() for part in parts] for parts in made[:4]), made.residual)
    x = torch.randn(rows, inputs, device=device).to(kind)
    held = torch.rand(rows, outputs, device=device) if ranges else None
    some = slice(0, 20_000)  # rows that are checked
    moved = rows * (inputs * x.element_size() + outputs * 4 * (2 if ranges else 1))
    return Case(
        f"network {inputs}-{width}x{layers}-{outputs}{', ranges' if ranges else ''}, {name}, {rows:,} rows",
        lambda: mlp.mlp(x, made, held, "tf32"),
        lambda: mlp.reference(x, made, held),
        lambda: mlp.reference(x[some].double(), doubled, None if held is None else held[some].double()),
        2e-3 if kind == torch.float16 else 2e-2,
        moved + sum(weight.numel() * weight.element_size() for weight in weights),
        2.0 * rows * sum(a * b for a, b in shapes),
        "tf32" if kind == torch.float32 else "bf16",
    )


def graphs(device: str, rows: int) -> Case:
    """Return a value network of DeepStack's size as solves ask it: by cuBLAS, in graphs of its own (`nn.graphs`)."""
    case = network(device, rows, 500, 7, torch.float32, ranges=True)
    assert case.peer is not None
    x, work = torch.randn(1, device=device), without_gradients(case.peer)
    recorded = Graphs(lambda _: work())
    name = f"{case.name}, by `Graphs` beside call by call"
    return case._replace(name=name, ours=lambda: recorded(x), peer=work, recorded=False)


def mixers(device: str, small: bool) -> Iterator[Case]:
    """Yield QMIX's mixer, forwards and both ways."""
    for rows in (100,) if small else (1600, 131_072):
        for agents, state in ((3, 40), (8, 120)):
            embed, hidden = 32, 64
            widths = (state, hidden, agents * embed), (state, embed), (state, hidden, embed), (state, embed, 1)
            pairs = [pair for each in widths for pair in pairwise(each)]
            parameters = [
                (torch.randn(shape, device=device) * a**-0.5).requires_grad_()
                for a, b in pairs
                for shape in ((1, a, b), (1, b))
            ]
            values, states = torch.randn(rows, agents, device=device), torch.randn(rows, state, device=device)
            doubled = [parameter.detach().double().requires_grad_() for parameter in parameters]
            moved, work = 4.0 * rows * (agents + state + 1), 2.0 * rows * sum(a * b for a, b in pairs)
            yield Case(
                f"mixer, {agents} agents, state {state}, {rows:,} rows: forwards",
                without_gradients(lambda v=values, s=states, p=parameters: mixer.mix(v, s, p, "tf32x3")),
                without_gradients(lambda v=values, s=states, p=parameters: mixer.reference(v, s, p)),
                without_gradients(lambda v=values, s=states, p=doubled: mixer.reference(v.double(), s.double(), p)),
                1e-2,
                moved,
                work,
                "tf32",
            )
            yield Case(
                f"mixer, {agents} agents, state {state}, {rows:,} rows: both ways",
                both_ways(mixer.mix, values, states, parameters, "tf32x3"),
                both_ways(mixer.reference, values, states, parameters, "tf32x3"),
                both_ways(mixer.reference, values.double(), states.double(), doubled, "tf32"),
                2e-2,
                2 * moved,
                4 * work,
                "tf32",
            )


def without_gradients(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return the same work without autograd."""
    return torch.no_grad()(work)


def both_ways(mix: Any, values: Tensor, states: Tensor, parameters: list[Tensor], precision: str) -> Callable[[], Any]:
    """Return work that mixes and takes the gradients of all parameters."""

    def work() -> list[Tensor]:
        out = mix(values, states, parameters, precision)
        return [out, *torch.autograd.grad(out.square().mean(), parameters)]

    return work


def tables(device: str, small: bool) -> Iterator[Case]:
    """Yield regret matching and showdowns, of 256 hold'em rivers."""
    boards, leaves, rows = (2, 2, 6) if small else (256, 16, 40)
    hands = torch.combinations(torch.arange(52))[: 100 if small else 1081].to(device)
    lanes = len(hands)
    first = torch.arange(0, rows + 1, 2, dtype=torch.int32, device=device)
    factors = torch.tensor([0.7, 0.5, 0.9, 0.0], device=device)
    value, regret, sigma, total, plan = torch.rand(5, boards, rows, lanes, device=device)
    given = regret.clone(), sigma.clone(), total.clone()

    def ours() -> tuple[Tensor, ...]:
        return regrets.match(value, regret, sigma, total, plan, first, factors, 2), regret, sigma, total

    def exact() -> tuple[Tensor, ...]:
        copies = [part.double() for part in given]
        worth = regrets.reference(value.double(), *copies, plan.double(), first, factors.double(), 2)
        return worth, *copies

    size = 4.0 * boards * rows * lanes
    name = f"regret matching, {boards} tables of {rows} actions by {lanes:,} lanes"
    yield Case(name, ours, None, exact, 1e-4, 8 * size + size / 2, 0.0, "tf32")

    strength = torch.randint(0, 1000, (boards, lanes), device=device)
    plans, pays = torch.rand(boards, leaves, lanes, device=device), torch.randn(leaves, 3, device=device)
    line = showdown.line_up(hands, hands, strength, strength)
    moved = 8.0 * plans.numel() + sum(4.0 * part.numel() for part in line)
    yield Case(
        f"showdown, {boards} boards, {leaves} leaves, {lanes:,} hands",
        lambda: showdown.showdown(plans, line, pays),
        lambda: showdown.reference(plans, line, pays),
        lambda: showdown.reference(plans.double(), line, pays.double()),
        1e-4,
        moved,
        0.0,
        "tf32",
    )


def rivers(device: str, small: bool) -> Iterator[Case]:
    """Yield an iteration of both players on many rivers at once: two sizes of bets, a raise of each, all hands."""
    boards, hands = (2, 100) if small else (256, 1081)
    cards = torch.combinations(torch.arange(52))[:hands].numpy().astype("uint8")
    strength = torch.randint(0, 1000, (boards, hands), dtype=torch.int32).numpy()
    weight = torch.rand(boards, hands).numpy()

    def made(where: str, kind: torch.dtype) -> Rivers:
        on = torch.device(where)
        return Rivers(two_sizes(on), (cards, cards), (strength, strength), (weight, weight), on, kind)

    run, twin = made(device, torch.float32), made("cpu", torch.float64)
    rule = torch.tensor([[0.7, 0.5, 0.9]], dtype=torch.float64).numpy()

    def ours() -> list[Tensor]:
        run.iterate()
        return run.regret

    def exact() -> list[Tensor]:
        twin.advance(rule)
        return [part.to(device) for part in twin.regret]

    run.factors.copy_(torch.tensor([*rule[0], 0.0]))
    moved = sum(4.0 * 8 * part.numel() for part in run.plan)
    yield Case(f"iteration of {boards} rivers, {hands:,} hands", ours, None, exact, 1e-3, moved, 0.0, "tf32")


def two_sizes(device: torch.device) -> Sides:
    """Return the betting of a river by hand: check or bet 1 or 2; then fold, call or raise to 6; then fold or call."""
    decisions: tuple[list[tuple[int, int, int]], ...] = (
        [],
        [],
    )  # of each player: its own row before, first row, actions
    rows, leaves = [1, 1], list[tuple[tuple[int, int], tuple[float, float, float], bool]]()

    def decide(p: int, above: int, actions: int) -> int:
        decisions[p].append((above, rows[p], actions))
        rows[p] += actions
        return rows[p] - actions

    def bet(p: int, mine: int, theirs: int, pot: float, size: float) -> None:
        """Have player p, whose last row is `mine`, bet; the other folds, calls or raises."""

        def end(own: int, other: int, half: float, folder: int) -> None:
            pays = (half, -half, 0.0) if folder < 0 else (-half, half, 0.0) if folder == 0 else (half, -half, 0.0)
            leaves.append(((own, other) if p == 0 else (other, own), pays, folder >= 0))

        answer = decide(1 - p, theirs, 3)
        last = decide(p, mine, 2)
        end(mine, answer, pot / 2, 1 - p)
        end(mine, answer + 1, pot / 2 + size, -1)
        end(last, answer + 2, pot / 2 + size, p)
        end(last + 1, answer + 2, pot / 2 + 6, -1)

    opening = decide(0, 0, 3)
    reply = decide(1, 0, 3)
    leaves.append(((opening, reply), (1.0, -1.0, 0.0), False))
    for k, size in enumerate((1.0, 2.0)):
        bet(0, opening + 1 + k, 0, 2.0, size)
        bet(1, reply + 1 + k, opening, 2.0, size)
    sides: list[Side] = [side_of(decisions[p], leaves, p, device) for p in range(2)]
    return Sides(*sides)


def check(case: Case) -> float:
    """Return the largest difference from 64 bits as a share of the largest number; NaN where there is one."""
    errors = [0.0]
    found, expected = case.ours(), case.exact()
    pairs = zip(found, expected, strict=True) if isinstance(found, tuple | list) else [(found, expected)]
    for mine, exact in pairs:
        mine, exact = mine[: len(exact)].detach().double(), exact.detach()
        errors.append(float((mine - exact).abs().max() / exact.abs().max().clamp(min=1e-9)))
    return math.nan if any(map(math.isnan, errors)) else max(errors)


def wrong(case: Case, error: float) -> bool:
    """Say so where a difference is too large; return whether it is."""
    if error <= case.near:
        return False
    print(f"WRONG: {case.name}: {error:.1e} away from 64 bits, where {case.near:.0e} was expected", flush=True)
    return True


def floor() -> Floor:
    """Measure the card."""
    big = torch.empty(2**28, device="cuda")
    into, rates = torch.empty_like(big), []
    copied = 8 * big.numel() / timed(lambda: into.copy_(big))
    for kind in (torch.bfloat16, torch.float32):
        a = torch.randn(8192, 8192, device="cuda").to(kind)
        rates.append(2 * 8192**3 / timed(lambda a=a: a @ a))
    return Floor(copied, *rates)


def timed(work: Callable[[], object], graph: bool = True) -> float:
    """Return the seconds that work takes on the card: the median of rounds, replayed from a CUDA graph if told so."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):  # compiles, and warms up
        for _ in range(3):
            work()
    torch.cuda.synchronize()
    replay = work
    if graph:
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            work()
        replay = captured.replay
    times = []
    for _ in range(ROUNDS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(REPLAYS):
            replay()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / 1000 / REPLAYS)
    return median(times)


def compiled(case: Case) -> float | None:
    """Return the seconds that PyTorch's operations take as `torch.compile` makes them; None where it cannot."""
    if case.peer is None:
        return None
    try:
        torch._dynamo.reset()
        return timed(torch.compile(case.peer, mode="reduce-overhead", dynamic=False), graph=False)
    except Exception as error:  # whatever its compiler meets: the other figures stand without it
        print(f"  torch.compile: {type(error).__name__}", flush=True)
        return None


def measure(began: float) -> None:
    """Measure all, print it, and write it down."""
    torch.backends.cuda.matmul.allow_tf32 = True  # PyTorch's operations too
    card, rows, failed = floor(), [], False
    name = torch.cuda.get_device_name()
    print(
        f"{name}: copies {card.copy / 1e12:.2f} TB/s, bf16 {card.bf16 / 1e12:.0f}, tf32 {card.tf32 / 1e12:.0f} TFLOP/s"
    )
    for kind in (networks, mixers, tables, rivers):
        for case in kind("cuda", False):
            error, least = check(case), floor_of(card, case)
            failed |= wrong(case, error)
            ours = timed(case.ours, case.recorded)
            eager = None if case.peer is None else timed(case.peer, graph=False)
            peer = compiled(case) if time.perf_counter() - began < COMPILING else None
            rows.append([case.name, ours, least, eager, peer, error])
            parts = [f"{1e6 * ours:,.1f} µs", f"{ours / least:.1f} times the floor"]
            parts += [f"{eager / ours:.1f} times as fast as eager"] if eager else []
            parts += [f"{peer / ours:.1f} as torch.compile"] if peer else []
            print(f"{case.name}: {', '.join(parts)}; {error:.0e} off", flush=True)
            torch.cuda.empty_cache()
    if failed:
        sys.exit("what is wrong is not written down")
    report.save("gpu", {"machine": {**report.machine(("torch", "triton")), "card": name}, "floor": card, "rows": rows})


def table() -> None:
    """Renew the page."""
    found = report.load("gpu")
    copy, bf16, tf32 = found["floor"]
    rows = [
        [name, report.seconds(ours), f"{ours / least:.1f}", *(f"{x / ours:.1f}" if x else "" for x in (eager, peer))]
        for name, ours, least, eager, peer, _ in found["rows"]
    ]
    head = ["kernel", "time", "of the floor", "beside eager", "beside `torch.compile`"]
    machine = found["machine"]
    text = (
        f"{machine['card']}, PyTorch {machine['torch']}, Triton {machine['triton']}: copies {copy / 1e12:.2f} TB/s,\n"
        f"and multiplies bf16 at {bf16 / 1e12:.0f} and tf32 at {tf32 / 1e12:.0f} TFLOP/s. Ratios are PyTorch's time"
        " over ours.\n\n"
    )
    report.put("docs/performance.md", "gpu", text + report.table(head, rows))


def floor_of(card: Floor, case: Case) -> float:
    """Return a case's floor, which is not below what a launch takes to be seen: a microsecond."""
    return max(card.seconds(case), 1e-6)


def main() -> None:
    """Measure or check."""
    began = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        table()
        return
    checks = given.check
    there = torch.cuda.is_available()
    if not there and not (checks and os.environ.get("TRITON_INTERPRET") == "1"):
        sys.exit(f"no GPU: PyTorch {torch.__version__} finds none here, so there is nothing to measure")
    if not by_kernel(torch.zeros(1, device="cuda" if there else "cpu")):
        sys.exit("no Triton: install it to measure kernels that are written in it")
    if not checks:
        measure(began)
        return
    failed = False
    for kind in (networks, mixers, tables, rivers):
        for case in kind("cuda" if there else "cpu", True):
            error = check(case)
            print(f"{case.name}: {error:.0e} off", flush=True)
            failed |= wrong(case, error)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
