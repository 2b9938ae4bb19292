"""Products in kernels against NumPy, and dense layers against PyTorch's operations, values and gradients."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from counterplay.agents.nn import plain  # noqa: E402
from counterplay.agents.nn.adam import Adam, flatten  # noqa: E402
from counterplay.agents.nn.dense import MLP, Dense, branches, dense  # noqa: E402
from counterplay.agents.nn.gru import GRU  # noqa: E402
from counterplay.agents.nn.mixers import QMIX  # noqa: E402
from counterplay.agents.nn.networks import Scale  # noqa: E402
from counterplay.agents.nn.norm_layers import norm_layers  # noqa: E402
from counterplay.engine.products import affine, multiply, transpose  # noqa: E402

sizes = st.integers(1, 70)


def unsigned(*numbers):
    return tuple(map(np.uint64, numbers))


@given(rows=sizes, columns=st.integers(1, 150), depth=sizes, turned=st.booleans(), seed=st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_products(rows, columns, depth, turned, seed):
    """They add to what is there and touch nothing else, wherever the matrices lie."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(rows, depth)).astype("f4"), rng.normal(size=(depth, columns)).astype("f4")
    c = rng.normal(size=(rows + 2, columns + 3)).astype("f4")
    expected = c.copy()
    expected[1:-1, 2:-1] += a @ b
    if turned:
        flat, row, column = np.ascontiguousarray(a.T).reshape(-1), 1, rows
    else:
        flat, row, column = a.reshape(-1), depth, 1
    padded = np.concatenate([np.full(5, np.nan, "f4"), b.reshape(-1), np.full(20, np.nan, "f4")])
    left = unsigned(0, row, column)
    right, out = unsigned(5, columns), unsigned(columns + 3 + 2, columns + 3)
    multiply(flat, *left, padded, *right, c.reshape(-1), *out, *unsigned(rows, columns, depth))
    np.testing.assert_allclose(c, expected, atol=1e-4)


def test_affine_and_transpose():
    rng = np.random.default_rng(0)
    a, b, bias = rng.normal(size=(7, 5)).astype("f4"), rng.normal(size=(5, 3)).astype("f4"), np.float32([1, 2, 3])
    flat, c = np.concatenate([b.reshape(-1), bias]), np.full((7, 3), np.nan, "f4")
    given = a.reshape(-1), *unsigned(0, 5, 1), flat, *unsigned(0, 3), flat, *unsigned(15, 0)
    for relu in (False, True):
        affine(*given, c.reshape(-1), *unsigned(0, 3, 7, 3, 5), relu)
        np.testing.assert_allclose(c, np.maximum(a @ b + bias, 0 if relu else -np.inf), atol=1e-5)
    out = np.zeros_like(flat)
    transpose(flat, *unsigned(0, 5, 3), out)
    assert (out[:15].reshape(3, 5) == b.T).all()
    assert not out[15:].any()
    wide = rng.normal(size=(33, 70)).astype("f4")
    out = np.zeros(wide.size, "f4")
    transpose(wide.reshape(-1), *unsigned(0, 33, 70), out)
    assert (out.reshape(70, 33) == wide.T).all()


def naive(x, layers, bias=None, plus=None, relu=False):
    """Return what `dense` says, with PyTorch's operations and row by row."""
    for i, layer in enumerate(layers):
        rows = x.reshape(-1, x.shape[-1])
        index = torch.arange(len(rows))
        weight, own = layer.weight, bias if i == 0 and bias is not None else layer.bias
        y = torch.einsum("ri,rik->rk", rows, weight[index % len(weight)]) + own[index % len(own)]
        if i == 0 and plus is not None:
            y = y + plus.reshape(-1, y.shape[-1])
        x = (torch.relu(y) if relu or i + 1 < len(layers) else y).reshape(*x.shape[:-1], y.shape[-1])
    return x


@pytest.mark.parametrize(
    ("copies", "biases", "widths", "rows", "relu", "adds"),
    [
        (1, 1, (12, 64, 64), 300, True, False),
        (1, 3, (12, 64, 64), 67, True, True),
        (3, 3, (5, 17, 33, 6), 130, False, True),
        (1, 1, (7, 1), 3, False, False),
        (2, 2, (4, 70, 3), 97, False, False),
        (2, 6, (3, 5), 1, True, True),
        (1, 1, (3, 5), 0, False, False),
    ],
)
def test_values_and_gradients(copies, biases, widths, rows, relu, adds):
    torch.manual_seed(0)
    layers = [Dense(before, after, copies) for before, after in pairwise(widths)]
    x = torch.randn(rows, biases, widths[0], requires_grad=True)
    given = [x, *(parameter for layer in layers for parameter in layer.parameters())]
    options = {"relu": relu}
    if biases != copies:
        options["bias"] = torch.randn(biases, widths[1], requires_grad=True)
        given[2] = options["bias"]
    if adds:
        options["plus"] = torch.randn(rows, biases, widths[1], requires_grad=True)
        given.append(options["plus"])
    found, expected = dense(x, layers, **options), naive(x, layers, **options)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        assert torch.equal(dense(x, layers, **options), found)
    weight = torch.randn_like(found)
    for mine, wanted in zip(
        *(torch.autograd.grad((out * weight).sum(), given) for out in (found, expected)), strict=True
    ):
        torch.testing.assert_close(mine, wanted, atol=1e-4, rtol=1e-4)


def test_branches_are_networks_side_by_side():
    torch.manual_seed(1)
    networks = [[Dense(5, 7), Dense(7, 20)], [Dense(5, 3)], [Dense(5, 4), Dense(4, 4), Dense(4, 1)]]
    x = torch.randn(111, 5, requires_grad=True)
    given = [x, *(parameter for layers in networks for layer in layers for parameter in layer.parameters())]
    found, apart = branches(x, networks), [dense(x, layers) for layers in networks]
    for mine, wanted in zip(found, apart, strict=True):
        assert torch.equal(mine, wanted)
    sums = [sum((out * (i + 1)).square().sum() for i, out in enumerate(outs[:2])) for outs in (found, apart)]
    for mine, wanted in zip(*(torch.autograd.grad(each, given, allow_unused=True) for each in sums), strict=True):
        if wanted is None:  # the third network was not asked
            assert not mine.any()
        else:
            torch.testing.assert_close(mine, wanted)


@pytest.mark.parametrize(("shape", "hidden"), [((3, 2, 5), 19), ((300, 4), 64), ((0, 3), 8)])
def test_layers_with_norms_are_pytorchs(shape, hidden):
    """Values, and gradients of all parameters and of what was given."""
    torch.manual_seed(3)
    layers = [(nn.Linear(width, hidden), nn.LayerNorm(hidden)) for width in (shape[-1], hidden)]
    given = [
        torch.randn(shape, requires_grad=True),
        *(p for pair in layers for part in pair for p in part.parameters()),
    ]
    with torch.no_grad():
        for p in given[1:]:
            p.add_(0.3 * torch.randn_like(p))
    found = norm_layers(given[0], layers)
    with plain.differentiable():
        expected = norm_layers(given[0], layers)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        assert torch.equal(norm_layers(given[0], layers), found)
    weight = torch.randn_like(found)
    slopes = (torch.autograd.grad((out * weight).sum(), given) for out in (found, expected))
    for mine, wanted in zip(*slopes, strict=True):
        torch.testing.assert_close(mine, wanted, atol=1e-4, rtol=1e-4)


def test_gradients_through_layers_that_are_held():
    """Where no gradient of theirs is wanted, that of what they were given is the same, and they get none."""
    torch.manual_seed(4)
    network, x = MLP(5, 20, 3), torch.randn(99, 5, requires_grad=True)
    (wanted,) = torch.autograd.grad(network(x).square().sum(), x)
    network.requires_grad_(False)
    network(x).square().sum().backward()
    assert torch.equal(x.grad, wanted)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_what_is_not_a_number_stays_so():
    out = MLP(3, 8, 2)(torch.tensor([[0.0, torch.nan, 1.0]]))
    assert out.isnan().all()


def test_sizes_that_do_not_fit_are_refused():
    first, second = Dense(3, 4), Dense(5, 2)
    with pytest.raises(ValueError, match=r"take numbers \[..., 3\], not \[7, 2\]"):
        first(torch.zeros(7, 2))
    with pytest.raises(ValueError, match=r"take numbers \[..., 2, 3\], not \[7, 3\]"):
        Dense(3, 4, copies=2)(torch.zeros(7, 3))
    with pytest.raises(ValueError, match=r"take numbers \[..., 3\], not \[7, 2\]"):
        norm_layers(torch.zeros(7, 2), [(nn.Linear(3, 4), nn.LayerNorm(4))])
    with pytest.raises(ValueError, match="does not follow 4 numbers"):
        dense(torch.zeros(7, 3), [first, second])
    with pytest.raises(ValueError, match="does not follow 3 numbers"):
        branches(torch.zeros(7, 3), [[first], [second]])
    with pytest.raises(ValueError, match="multiple of 2"):
        GRU(3, 4, copies=2)(torch.zeros(5, 3, 3))
    with pytest.raises(ValueError, match="of 3 numbers a row, not 4"):
        Scale(3)(torch.zeros(5, 4))
    with pytest.raises(ValueError, match="want values"):
        QMIX(2, 3)(torch.zeros(5, 3), torch.zeros(5, 3))


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="32-bit floats"):
        Dense(2, 3)(torch.zeros(1, 2).double())
    with pytest.raises(ValueError, match="32-bit floats"):
        flatten([nn.Linear(2, 3).double()])


@pytest.mark.parametrize("most", [0.5, 100.0])
def test_adam_is_pytorchs(most):
    """With clipping by groups, a learning rate that changes, and a state that is saved and loaded half-way."""
    torch.manual_seed(2)
    ours, theirs = [[nn.Linear(5, 4), nn.Linear(4, 3)] for _ in range(2)]
    for mine, peer in zip(ours, theirs, strict=True):
        mine.load_state_dict(peer.state_dict())
    optimiser = Adam([([ours[0]], 1e-2), ([ours[1]], 3e-2)])
    groups = [
        {"params": list(theirs[0].parameters()), "lr": 1e-2},
        {"params": list(theirs[1].parameters()), "lr": 3e-2},
    ]
    peer = torch.optim.Adam(groups)
    for step in range(20):
        x, y = torch.randn(8, 5), 5 * torch.randn(8, 3)
        for first, second in (ours, theirs):
            for parameter in (*first.parameters(), *second.parameters()):
                parameter.grad = None
            (second(first(x).tanh()) - y).square().sum().backward()
        norms = [torch.nn.utils.clip_grad_norm_(group["params"], most) for group in peer.param_groups]
        peer.step()
        torch.testing.assert_close(torch.stack(optimiser.step(most)), torch.stack(norms))
        if step == 9:
            state = optimiser.state_dict()
            optimiser = Adam([([ours[0]], 1e-2), ([ours[1]], 3e-2)])
            optimiser.load_state_dict(state)
            optimiser.rates = [1e-3, 1e-3]
            for group in peer.param_groups:
                group["lr"] = 1e-3
    for mine, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.weight, wanted.weight, atol=1e-5, rtol=1e-4)
    values, parts = flatten(ours)
    assert torch.equal(values, torch.cat([p.flatten() for module in ours for p in module.parameters()]))
    with torch.no_grad():
        parts[1].zero_()
    assert not ours[1].weight.any()
    assert ours[0].weight.any()
