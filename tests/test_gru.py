"""The recurrent unit against PyTorch's own, values and gradients."""

import pytest
import torch

from counterplay.agents.nn.gru import GRU


def pair(inputs, hidden):
    ours, theirs = GRU(inputs, hidden), torch.nn.GRU(inputs, hidden)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    parts = (ours.weight_in, ours.weight_hidden, ours.bias_in, ours.bias_hidden)
    with torch.no_grad():
        for name, part in zip(names, parts, strict=True):
            getattr(theirs, name).copy_(part.mT[0] if part.dim() == 3 else part[0])
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
        slope = mine.grad.mT if mine.grad.dim() == 3 else mine.grad
        torch.testing.assert_close(slope[0], expected.grad, atol=1e-4, rtol=1e-4)


def test_a_step_at_a_time_is_the_whole_sequence():
    torch.manual_seed(1)
    unit, x, memory = GRU(4, 8), torch.randn(6, 3, 4), None
    with torch.no_grad():
        whole = unit(x)
        for t in range(6):
            memory = unit(x[t : t + 1], memory)[0]
            torch.testing.assert_close(memory, whole[t])


def test_copies_take_turns_through_rows():
    torch.manual_seed(2)
    unit, x, start, weight = GRU(4, 8, copies=3), torch.randn(5, 6, 4), torch.randn(6, 8), torch.randn(5, 6, 8)
    alone = [GRU(4, 8) for _ in range(3)]
    for copy, one in enumerate(alone):
        one.load_state_dict({name: part[copy : copy + 1] for name, part in unit.state_dict().items()})
    out = unit(x, start)
    parts = torch.stack([one(x[:, copy::3], start[copy::3]) for copy, one in enumerate(alone)], dim=2)
    torch.testing.assert_close(out, parts.flatten(1, 2))
    (out * weight).sum().backward()
    (parts.flatten(1, 2) * weight).sum().backward()
    for name, parameter in unit.named_parameters():
        expected = torch.cat([one.get_parameter(name).grad for one in alone])
        torch.testing.assert_close(parameter.grad, expected, atol=1e-5, rtol=1e-4)
