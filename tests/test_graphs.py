"""CUDA graphs without a GPU: a pretended recording, which does its work again into the same memory, as a graph does."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from counterplay.agents.nn import graphs  # noqa: E402
from counterplay.agents.nn.kernels import mlp  # noqa: E402
from counterplay.agents.public_features import describe  # noqa: E402
from counterplay.agents.value_net import Layers, NetEvaluator, ValueNet, is_one_kernel  # noqa: E402
from counterplay.engine.tree import compile_tree  # noqa: E402
from counterplay.games import GAMES  # noqa: E402


@pytest.fixture
def recordings(monkeypatch):
    """Have work on the CPU be recorded, and return the shapes that were."""
    shapes = []

    def record(work, given):
        shapes.append([tuple(part.shape) for part in given])
        held = [part.clone() for part in given]
        out = work(*held)
        return graphs.Recorded(held, out, lambda: out.copy_(work(*held)))

    monkeypatch.setattr(graphs, "records", lambda device: True)
    monkeypatch.setattr(graphs, "record", record)
    return shapes


def test_work_on_the_cpu_is_done_call_by_call():
    calls = []
    work = graphs.Graphs(lambda x: calls.append(1) or 2 * x)
    x = torch.arange(3.0)
    torch.testing.assert_close(work(x), 2 * x)
    torch.testing.assert_close(work(x), 2 * x)
    assert len(calls) == 2


def test_each_shape_is_recorded_once(recordings):
    scale = torch.ones(1)
    work = graphs.Graphs(lambda x, y: scale * x + y)
    first = work(torch.ones(3), torch.zeros(3))
    second = work(torch.full((3,), 2.0), torch.ones(3))
    assert (first.tolist(), second.tolist()) == ([1.0] * 3, [3.0] * 3)  # the first answer was not overwritten
    scale += 1  # in place, as an optimiser's step
    assert work(torch.ones(3), torch.zeros(3)).tolist() == [2.0] * 3
    work(torch.ones(5), torch.zeros(5))
    assert recordings == [[(3,), (3,)], [(5,), (5,)]]
    for size in range(6, 6 + graphs.MOST):
        assert work(torch.ones(size), torch.zeros(size)).tolist() == [2.0] * size
    assert len(recordings) == graphs.MOST


def test_what_cannot_be_recorded_is_said_and_done(monkeypatch, capsys):
    def refuses(work, given):
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(graphs, "records", lambda device: True)
    monkeypatch.setattr(graphs, "record", refuses)
    work = graphs.Graphs(lambda x: x + 1)
    for _ in range(2):
        assert work(torch.zeros(2)).tolist() == [1.0, 1.0]
    assert capsys.readouterr().err.count("cannot be recorded as a CUDA graph") == 1


@pytest.mark.parametrize("own", [False, True])
def test_large_networks_and_ones_own_answer_as_without_graphs(recordings, own):
    rules = GAMES.make("leduc")
    tree = compile_tree(rules)
    described = describe(rules, tree)
    features, lanes = described.numbers.shape[1], described.chance.shape[1]
    torch.manual_seed(0)
    module = (
        torch.nn.Linear(features + 2 * lanes, 2 * lanes) if own else Layers(features + 2 * lanes, 300, 2 * lanes, 2)
    )
    assert module is not None
    net, rng = ValueNet(module, features, lanes), np.random.default_rng(0)
    inside, plain = NetEvaluator(net, described), NetEvaluator(net, described)
    plain._values = plain._values.work
    for states in (np.array([0, 3, 7]), np.array([0, 3, 7]), np.arange(20)):
        ranges = rng.random((len(states), 2, lanes)).astype(np.float32)
        np.testing.assert_array_equal(inside.values(states, ranges), plain.values(states, ranges))
    assert [shapes[0][0] for shapes in recordings] == [3, 20]


def test_small_networks_stay_one_kernel(monkeypatch):
    monkeypatch.setattr("counterplay.agents.value_net.by_kernel", lambda x: True)
    x = torch.zeros(1, 4)
    assert is_one_kernel(Layers(4, mlp.WIDEST, 2, 1), x)
    assert not is_one_kernel(Layers(4, mlp.WIDEST + 1, 2, 1), x)
    assert not is_one_kernel(torch.nn.Linear(4, 2), x)
