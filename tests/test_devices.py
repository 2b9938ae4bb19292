"""Networks on any device: PyTorch's operations against our kernels, and learners on a device that is not the CPU."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import counterplay  # noqa: E402
from counterplay.agents.nn import adam, plain  # noqa: E402
from counterplay.agents.nn.dense import MLP, Dense, branches, dense  # noqa: E402
from counterplay.agents.nn.gru import GRU  # noqa: E402
from counterplay.agents.nn.kernels import right  # noqa: E402
from counterplay.agents.nn.mixers import _TwoLayers  # noqa: E402
from counterplay.agents.nn.networks import Scale  # noqa: E402
from counterplay.agents.nn.regression import Data, fit, fit_plainly  # noqa: E402
from counterplay.engine.errors import UserError  # noqa: E402

small = st.integers(1, 9)


def same(ours, twin, *tensors):
    """Compare what both make of the tensors, and gradients of a weighted sum of it."""
    found = []
    for function in (ours, twin):
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        outs = function(*leaves)
        outs = outs if isinstance(outs, tuple) else (outs,)
        torch.manual_seed(1)
        sum((out * torch.randn(out.shape)).sum() for out in outs).backward()
        found.append([*(out.detach() for out in outs), *(leaf.grad for leaf in leaves)])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("batch", [0, 5])
@pytest.mark.parametrize("layers", [2, 3])
def test_learning_from_rows(softmax, batch, layers):
    rng, found = np.random.default_rng(batch), []
    legal = rng.random((12, 4)) < 0.7
    legal[:, 0] = True
    data = Data(
        rng.integers(0, 3, (12, 6)).astype(np.uint8), legal, rng.random((12, 4), np.float32), rng.random(12, np.float32)
    )
    rows = rng.integers(0, 12, (7, batch))
    for function in (fit, fit_plainly):
        torch.manual_seed(3)
        net = MLP(6, 9, 4, layers)
        optimiser = adam.Adam([([net], 0.1)])
        losses = [function(net, optimiser, data, rows, 0.02, 0.3, softmax) for _ in range(2)]
        found.append((losses, optimiser.count, *optimiser.vectors()))
    ours, theirs = found
    assert ours[0] == pytest.approx(theirs[0], rel=1e-4)
    assert ours[1] == theirs[1] == 14
    for mine, other in zip(ours[2:], theirs[2:], strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-3)


@given(rows=small, copies=st.integers(1, 3), turns=st.integers(1, 2), widths=st.lists(small, min_size=2, max_size=4))
@settings(max_examples=20, deadline=None)
def test_dense_layers(rows, copies, turns, widths):
    torch.manual_seed(0)
    layers = [Dense(a, b, copies) for a, b in pairwise(widths)]
    x, plus = torch.randn(rows, copies * turns, widths[0]), torch.randn(rows, copies * turns, widths[1])
    bias = torch.randn(copies * turns, widths[1])
    parameters = [p.detach() for layer in layers for p in layer.parameters()]

    def twin(x, plus, bias):
        return plain.networks(x, (len(layers),), [parameters[0], bias, *parameters[2:]], plus, True)[0]

    same(lambda x, plus, bias: dense(x, layers, bias=bias, plus=plus, relu=True), twin, x, plus, bias)
    two = [layers[:1], layers]
    same(
        lambda x: branches(x, two),
        lambda x: plain.networks(x, (1, len(layers)), [*parameters[:2], *parameters], None, False),
        x,
    )


@given(steps=small, rows=small, hidden=small, copies=st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_recurrence(steps, rows, hidden, copies):
    torch.manual_seed(0)
    unit = GRU(4, hidden, copies)
    x, start = torch.randn(steps, rows * copies, 4), torch.randn(rows * copies, hidden)
    parts = [part.detach() for part in (unit.weight_in, unit.bias_in, unit.weight_hidden, unit.bias_hidden)]
    same(unit, lambda x, start: plain.recurrent(x, start, *parts), x, start)


@given(rows=small, agents=st.integers(1, 5), embed=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_mixing(rows, agents, embed):
    torch.manual_seed(0)
    shapes = (rows, agents), (rows, agents * embed), (rows, embed), (rows, embed), (rows, 1)
    same(_TwoLayers.apply, plain.mix, *(torch.randn(shape) for shape in shapes))


def test_a_step_of_adam_and_a_scale():
    torch.manual_seed(0)
    parts = [torch.randn(50), torch.randn(50), torch.randn(50), torch.rand(50)]
    twin = [part.clone() for part in parts]
    adam.follow(*(part.numpy() for part in parts), np.float32(0.3), 1e-2, 3)
    plain.follow(*twin, 0.3, 1e-2, 3)
    for mine, theirs in zip(parts, twin, strict=True):
        torch.testing.assert_close(mine, theirs)
    scale = Scale(4)
    scale.learn(3 * torch.randn(30, 4) + 1)
    numbers = 50 * torch.randn(9, 4)
    torch.testing.assert_close(scale(numbers), plain.rescale(numbers, scale.shift, scale.deviation, scale.most))


@pytest.mark.slow
def test_learners_elsewhere():
    """On a device that is not the CPU, in a process of its own (`pretend`), they learn the same, and come back."""
    command = [sys.executable, Path(__file__).parent / "elsewhere.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_gpu_is_said(capsys, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UserError, match=r"there is no GPU to run on .*: take the device cpu, or auto"):
        counterplay.train("iql", "climbing", device="cuda", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="the device must be auto, cpu or cuda, not 'gpu'"):
        counterplay.train("iql", "climbing", device="gpu")
    with pytest.raises(UserError, match="there is no GPU"):
        counterplay.sweep("iql", "climbing", out=tmp_path / "sweep", device="cuda")
    counterplay.train("iql", "climbing", steps=20)
    assert capsys.readouterr().err.startswith("counterplay: networks run on the CPU, 1 thread: no GPU (PyTorch")
    counterplay.train("iql", "climbing", steps=20, device="cpu")
    assert capsys.readouterr().err.startswith("counterplay: networks run on the CPU, 1 thread\n")


def test_kernels_are_tried_before_they_are_trusted(capsys):
    """What a compiler gets wrong, or does not compile, is said, and not used."""
    exact = torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64)

    def tried(*made):
        return right("the kernel", lambda: [part.float() for part in made], lambda: [exact] * len(made), 1e-3)

    assert tried(exact, exact + 1e-3)
    assert capsys.readouterr().err == ""
    assert not tried(exact, exact + 0.4)
    assert "the kernel is compiled wrong here (1e-01 off), and PyTorch's operations take" in capsys.readouterr().err
    assert not tried(torch.full((3,), torch.nan))
    assert not right("the kernel", _fails, lambda: [exact], 1e-3)
    assert "the kernel does not compile here" in capsys.readouterr().err


def _fails():
    raise RuntimeError("PassManager::run failed")
