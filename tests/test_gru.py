"""The recurrent unit against PyTorch's own, values and gradients."""

import pytest
import torch

from counterplay.agents.gru import GRU


def pair(inputs, hidden):
    ours, theirs = GRU(inputs, hidden), torch.nn.GRU(inputs, hidden)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    parts = (ours.weight_in, ours.weight_hidden, ours.bias_in, ours.bias_hidden)
    with torch.no_grad():
        for name, part in zip(names, parts, strict=True):
            getattr(theirs, name).copy_(part)
    return ours, theirs, parts, [getattr(theirs, name) for name in names]


@pytest.mark.parametrize(("steps", "rows", "inputs", "hidden"), [(1, 1, 3, 5), (7, 4, 6, 16), (20, 3, 8, 33)])
@pytest.mark.parametrize("remembered", [False, True])
def test_values_and_gradients(steps, rows, inputs, hidden, remembered):
    torch.manual_seed(0)
    ours, theirs, parts, peers = pair(inputs, hidden)
    x = 4 * torch.randn(steps, rows, inputs)  # far into the flat ends of the gates too
    start = torch.randn(rows, hidden) if remembered else None
    weight = torch.randn(steps, rows, hidden)
    found = []
    for unit in (ours, lambda x, s: theirs(x, None if s is None else s[None])[0]):
        given, first = x.clone().requires_grad_(), None if start is None else start.clone().requires_grad_()
        out = unit(given, first)
        (out * weight).sum().backward()
        found.append([out.detach(), given.grad, *([] if first is None else [first.grad])])
    for mine, expected in zip(*found, strict=True):
        torch.testing.assert_close(mine, expected, atol=2e-5, rtol=1e-4)
    for mine, expected in zip(parts, peers, strict=True):
        torch.testing.assert_close(mine.grad, expected.grad, atol=1e-4, rtol=1e-4)


def test_a_step_at_a_time_is_the_whole_sequence():
    torch.manual_seed(1)
    unit, x, memory = GRU(4, 8), torch.randn(6, 3, 4), None
    with torch.no_grad():
        whole = unit(x)
        for t in range(6):
            memory = unit(x[t : t + 1], memory)[0]
            torch.testing.assert_close(memory, whole[t])
