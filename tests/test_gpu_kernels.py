"""Kernels for GPUs against their references in PyTorch: run by Triton's interpreter here, compiled for sm_90 elsewhere.

bf16 is left out here: the interpreter multiplies its bit patterns (Triton's issue 11584). It is compiled below.
"""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported
torch = pytest.importorskip("torch")
pytest.importorskip("triton", reason='kernels for GPUs need Triton: pip install "counterplay[cuda]"')

from counterplay.agents.nn.kernels import mixer, mlp, regrets, showdown  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402

seeds = st.integers(0, 100)


def network(inputs, hidden, outputs, layers, norm, residual, kind, seed):
    torch.manual_seed(seed)
    shapes = list(pairwise((inputs, *[hidden] * layers, outputs)))
    weights = [(torch.randn(shape) * shape[0] ** -0.5).to(kind) for shape in shapes]
    biases = [torch.randn(shape[1]).to(kind) for shape in shapes]
    norms = [[torch.randn(hidden).to(kind) for _ in range(layers if norm else 0)] for _ in range(2)]
    return mlp.Network(weights, biases, *norms, residual)


def doubled(network):
    return network._replace(
        **{name: [part.double() for part in getattr(network, name)] for name in network._fields[:4]}
    )


@given(
    rows=st.integers(0, 150),
    inputs=st.integers(1, 150),
    hidden=st.integers(1, mlp.WIDEST),
    outputs=st.integers(1, 150),
    layers=st.integers(1, 3),
    norm=st.booleans(),
    residual=st.booleans(),
    ranged=st.booleans(),
    half=st.booleans(),
    seed=seeds,
)
@settings(max_examples=25, deadline=None)
def test_networks(rows, inputs, hidden, outputs, layers, norm, residual, ranged, half, seed):
    """All layers in one launch, in 32 and 16 bits, and values that the ranges weigh to zero."""
    kind = torch.float16 if half else torch.float32
    made = network(inputs, hidden, outputs, layers, norm and hidden > 1, residual, kind, seed)
    x, ranges = torch.randn(rows, inputs).to(kind), torch.rand(rows, outputs) if ranged else None
    found = mlp.mlp(x, made, ranges)
    expected = mlp.reference(x.double(), doubled(made), ranges)
    assert found.dtype == torch.float32
    near = {"atol": 0.15, "rtol": 0.05} if half else {"atol": 1e-3, "rtol": 1e-3}
    torch.testing.assert_close(found, expected.float(), **near)
    if ranges is not None:
        torch.testing.assert_close((found * ranges).sum(dim=1), torch.zeros(rows), atol=1e-3, rtol=0)


def test_ranges_of_nobody_and_parts_of_wider_tensors():
    made = network(6, 20, 4, 2, True, True, torch.float32, 0)
    seen = torch.randn(9, 10)
    torch.testing.assert_close(mlp.mlp(seen[:, :6], made, torch.zeros(9, 4)), mlp.reference(seen[:, :6], made))
    found = mlp.mlp(seen[:, :6], made, seen[:, 6:].abs())
    torch.testing.assert_close(found, mlp.reference(seen[:, :6], made, seen[:, 6:].abs()), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weights": [torch.zeros(3, 4)]}, r"weights are \[I, H\]"),
        ({"biases": [torch.zeros(4), torch.zeros(4)]}, "as wide as its layers"),
        ({"gains": [torch.zeros(4)]}, "a gain and a shift"),
    ],
)
def test_networks_that_do_not_fit(change, says):
    made = mlp.Network([torch.zeros(3, 4), torch.zeros(4, 2)], [torch.zeros(4), torch.zeros(2)])
    with pytest.raises(UserError, match=says):
        mlp.mlp(torch.zeros(5, 3), made._replace(**change))
    with pytest.raises(UserError, match="takes numbers"):
        mlp.mlp(torch.zeros(5, 4), made)
    with pytest.raises(UserError, match="ranges must be"):
        mlp.mlp(torch.zeros(5, 3), made, torch.zeros(5, 3))
    with pytest.raises(UserError, match="the precision"):
        mlp.mlp(torch.zeros(5, 3), made, precision="fp8")


@given(
    rows=st.integers(1, 90),
    agents=st.integers(1, 4),
    state=st.integers(1, 50),
    embed=st.integers(1, 40),
    hidden=st.integers(1, 70),
    seed=seeds,
)
@settings(max_examples=12, deadline=None)
def test_mixing(rows, agents, state, embed, hidden, seed):
    """Values, and autograd's gradients of values and all parameters."""
    torch.manual_seed(seed)
    widths = (state, hidden, agents * embed), (state, embed), (state, hidden, embed), (state, embed, 1)
    pairs = [pair for each in widths for pair in pairwise(each)]
    shapes = [shape for a, b in pairs for shape in ((1, a, b), (1, b))]
    parts = [torch.randn(shape) * shape[-2] ** -0.5 if len(shape) == 3 else torch.randn(shape) for shape in shapes]
    states, weight = torch.randn(rows, state), torch.randn(rows)
    found = []
    for function, kind in ((mixer.mix, torch.float32), (mixer.reference, torch.float64)):
        leaves = [part.to(kind, copy=True).requires_grad_() for part in (*parts, torch.randn(rows, agents))]
        torch.manual_seed(seed)
        leaves[-1].data = torch.randn(rows, agents).to(kind)
        out = function(leaves[-1], states.to(kind), leaves[:-1])
        (out * weight.to(kind)).sum().backward()
        found.append([out.detach().float(), *(leaf.grad.float() for leaf in leaves)])
    for mine, expected in zip(*found, strict=True):
        torch.testing.assert_close(mine, expected, atol=2e-4 * float(1 + expected.abs().max()), rtol=1e-3)


@given(
    tables=st.integers(1, 3), lanes=st.integers(1, 200), counts=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    factors=st.tuples(*[st.floats(0, 1)] * 4), seed=seeds,
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_regret_matching(tables, lanes, counts, factors, seed):
    torch.manual_seed(seed)
    first = torch.tensor([0, *torch.tensor(counts).cumsum(0)], dtype=torch.int32)
    value, regret, sigma, total, plan = torch.randn(5, tables, sum(counts), lanes)
    given = [part.abs() if part is sigma else part for part in (regret, sigma, total)]
    ours, theirs = ([part.clone() for part in given] for _ in range(2))
    more = plan, first, torch.tensor(factors), max(counts)
    worth = regrets.match(value, *ours, *more)
    torch.testing.assert_close(worth, regrets.reference(value, *theirs, *more), atol=1e-5, rtol=1e-4)
    for mine, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, expected, atol=1e-4, rtol=1e-3)
    ends = first.tolist()
    for decision, (begin, end) in enumerate(pairwise(ends)):  # by the words of `regrets`
        now = value[:, begin:end] - worth[:, decision, None]
        kept = regret[:, begin:end] + now
        kept = torch.where(kept > 0, kept * factors[0], kept * factors[1])
        torch.testing.assert_close(ours[0][:, begin:end], kept, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(ours[1][:, begin:end].sum(dim=1), torch.ones(tables, lanes))


def against(plan, own, other, strength, others, pays):
    """Return the values hand by hand, in 64 bits."""
    apart = ~(own[:, None, :, None] == other[None, :, None, :]).flatten(2).any(dim=2)
    meet = apart & (strength[:, :, None] >= 0) & (others[:, None] >= 0)
    found = 0
    for kind, pay in zip((torch.gt, torch.lt, torch.ge), pays.double().T, strict=True):
        mask = meet & (kind(strength[:, :, None], others[:, None]) if kind is not torch.ge else True)
        found = found + pay[None, :, None] * torch.einsum("bwo,blo->blw", mask.double(), plan.double())
    return found


@given(
    boards=st.integers(1, 2), leaves=st.integers(1, 2), own=st.integers(1, 150), other=st.integers(1, 150),
    ranks=st.integers(1, 40), seed=seeds,
)  # fmt: skip
@settings(max_examples=10, deadline=None)
def test_showdowns(boards, leaves, own, other, ranks, seed):
    """Ties, impossible hands, own hands that the other does not have, cards in either order."""
    torch.manual_seed(seed)
    pairs = torch.combinations(torch.arange(52))[torch.randperm(1326)[:200]]
    chosen = [torch.randperm(200)[:count] for count in (own, other)]
    table = torch.randint(-2, ranks, (boards, 200)).clamp(min=-1)
    mine, theirs = pairs[chosen[0]], pairs[chosen[1]].flip(1)
    strength, others = table[:, chosen[0]], table[:, chosen[1]]
    plan, pays = torch.rand(boards, leaves, other), torch.randn(leaves, 3)
    line = showdown.line_up(mine, theirs, strength, others)
    expected = against(plan, mine, theirs, strength, others, pays)
    torch.testing.assert_close(showdown.reference(plan.double(), line, pays.double()), expected)
    torch.testing.assert_close(showdown.showdown(plan, line, pays), expected.float(), atol=1e-4, rtol=1e-4)


def test_a_whole_river():
    """All 1,326 hands, on a board of five cards."""
    torch.manual_seed(0)
    hands = torch.combinations(torch.arange(52))
    strength = torch.randint(0, 300, (1, 1326))
    strength[0, (hands < 5).any(dim=1)] = -1
    plan, pays = torch.rand(1, 1, 1326), torch.tensor([[1.0, -1.0, 0.5]])
    line = showdown.line_up(hands, hands, strength, strength)
    expected = against(plan, hands, hands, strength, strength, pays)
    torch.testing.assert_close(showdown.showdown(plan, line, pays), expected.float(), atol=1e-3, rtol=1e-4)


def test_compiled_for_a_gpu():
    """Tensor-core instructions where matrices are multiplied, and no registers spilled; in a process that compiles."""
    command = [sys.executable, Path(__file__).parent / "compiled.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {made["name"]: made for made in map(json.loads, done.stdout.splitlines())}
    assert len(found) == 12
    for name, made in found.items():
        assert made["stack"] == 0, made
        if name.startswith(("mlp", "mixer")):
            assert made["wgmma"] + made["mma"] > 0, made
