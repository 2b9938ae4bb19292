"""Networks that learn numbers from rows: all minibatches of one stretch of learning in one kernel.

Networks are small and learn anew again and again, so that what lies between two products would be most of the time. On
a GPU the same is PyTorch's operations.

Shape letters: M rows, I inputs, K outputs, B rows of a minibatch, U updates.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterplay.agents.nn.adam import Adam, follow
from counterplay.agents.nn.dense import MLP, backwards, forwards, shape_of
from counterplay.agents.nn.device import host
from counterplay.engine.jit import jit

_NEVER = -1e9  # the logit of an output that does not count


class Data(NamedTuple):
    """Rows to learn from."""

    obs: npt.NDArray[np.uint8]  # [M, I] inputs, whole numbers from 0 to 255
    legal: npt.NDArray[np.bool_]  # [M, K] which outputs count
    target: npt.NDArray[np.float32]  # [M, K] what they should be
    weight: npt.NDArray[np.float32]  # [M] how much a row counts


def fit(
    net: MLP, optimiser: Adam, data: Data, rows: npt.NDArray[np.int64], rate: float, clip: float, softmax: bool
) -> float:
    """Bring a network's outputs, or with `softmax` the probabilities that they are logits of, near what they should be.

    `rows` [U, B] are the minibatches; where B is 0 each update is of all rows. An update follows the gradient of the
    mean over rows of weight times squared error, summed over what counts, by Adam, scaled down to the norm `clip`; the
    learning rate falls from `rate` to 0 in a straight line. Returns the mean loss of the last tenth. The optimiser has
    the network alone.
    """
    if optimiser.parts[0][0].device.type != "cpu":
        return fit_plainly(net, optimiser, data, rows, rate, clip, softmax)
    values, mean, square = (part.numpy() for part in optimiser.vectors())
    parameters = list(net.parameters())
    shape = shape_of((len(parameters) // 2,), *[parameter.shape for parameter in parameters])
    loss = _fit(
        *data, rows, values, shape.layers, shape.ends, shape.hidden, mean, square, rate, clip, softmax, optimiser.count
    )
    optimiser.count += len(rows)
    return float(loss)


def fit_plainly(
    net: MLP, optimiser: Adam, data: Data, rows: npt.NDArray[np.int64], rate: float, clip: float, softmax: bool
) -> float:
    """As `fit`, in PyTorch's operations."""
    device, losses = optimiser.parts[0][0].device, []
    for update, chosen in enumerate(rows):
        batch = data if not len(chosen) else Data(*(part[chosen] for part in data))
        obs, legal, target, weight = (torch.from_numpy(part).to(device) for part in batch)
        said: Tensor = net(obs.float())
        if softmax:
            said = torch.softmax(said.masked_fill(~legal, _NEVER), dim=-1)
        loss = (weight * ((said - target) * legal).square().sum(dim=-1)).mean()
        for parameter in net.parameters():
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.rates = [rate * (1 - update / len(rows))]
        optimiser.step(clip)
        losses.append(loss.detach())
    return float(host(torch.stack(losses[len(rows) * 9 // 10 :]).mean()))


@jit
def _fit(
    obs: Any,
    legal: Any,
    target: Any,
    weight: Any,
    rows: Any,
    values: Any,
    layers: Any,
    ends: Any,
    hidden: int,
    mean: Any,
    square: Any,
    rate: float,
    clip: float,
    softmax: bool,
    count: int,
) -> float:  # pragma: no cover
    updates, whole = np.uint64(rows.shape[0]), rows.shape[1] == 0
    many = np.uint64(obs.shape[0]) if whole else np.uint64(rows.shape[1])
    inputs, outputs = np.uint64(obs.shape[1]), np.uint64(legal.shape[1])
    x, said = np.empty(many * inputs, np.float32), np.empty(many * outputs, np.float32)
    slope = np.empty_like(said)
    kept, to_values, nothing = np.empty(many * np.uint64(hidden), np.float32), np.empty_like(values), x[:0]
    total, told, two = 0.0, 0, np.float32(2)
    for update in range(updates):
        if not whole or update == 0:
            for i in range(many):
                row = i if whole else np.uint64(rows[update, i])
                for j in range(inputs):
                    x[i * inputs + j] = obs[row, j]
        forwards(x, nothing, values, layers, ends, 1, int(many), True, False, kept, said)
        loss = 0.0
        for i in range(many):
            row = i if whole else np.uint64(rows[update, i])
            at, own = i * outputs, np.float32(0)
            if softmax:
                highest, norm = np.float32(_NEVER), np.float32(0)
                for k in range(outputs):
                    highest = max(highest, said[at + k]) if legal[row, k] else highest
                for k in range(outputs):
                    said[at + k] = np.exp(said[at + k] - highest) if legal[row, k] else np.float32(0)
                    norm += said[at + k]
                for k in range(outputs):
                    said[at + k] /= norm
            share = weight[row] / np.float32(many)
            for k in range(outputs):
                error = said[at + k] - target[row, k] if legal[row, k] else np.float32(0)
                loss += share * error * error
                slope[at + k] = two * share * error
                own += slope[at + k] * said[at + k]
            if softmax:
                for k in range(outputs):
                    slope[at + k] = said[at + k] * (slope[at + k] - own)
        for k in range(np.uint64(len(to_values))):
            to_values[k] = 0
        backwards(x, slope, values, layers, ends, 1, int(many), False, kept, said, to_values, nothing, nothing)
        norm64 = 0.0
        for k in range(np.uint64(len(to_values))):
            norm64 += np.float64(to_values[k]) * to_values[k]
        scale = clip / (np.sqrt(norm64) + 1e-6)
        scale = 1.0 if scale > 1.0 else scale  # and what is not a number stays so
        now = rate * (1.0 - update / updates)
        follow(to_values, values, mean, square, np.float32(scale), now, count + int(update) + 1)
        if update >= updates * np.uint64(9) // np.uint64(10):
            total += loss
            told += 1
    return total / told
