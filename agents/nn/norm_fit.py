"""Networks of layers with LayerNorm that learn values of what was done: all minibatches of an update in one kernel.

Between two products of such a network PyTorch and Python take as long as the products do. Where all targets are known
before the first minibatch nothing has to come back to them in between: rows are gathered, networks followed there and
back, gradients clipped and parameters moved (Adam) without a way out. It is `norm_layers` and `Adam.step` in another
order of calls, and gives the same but for rounding.

Shape letters: S samples, O observation, U updates, P parameters, L layers.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from counterplay.agents.nn.adam import Adam, follow
from counterplay.agents.nn.norm_layers import GAP, Chain, backward, forward, product_of
from counterplay.engine.jit import inlined, jit
from counterplay.engine.simd import WIDE, load, total, zeros


class Samples(NamedTuple):
    """What was done, and what it was worth."""

    obs: npt.NDArray[np.float32]  # [S, O]
    action: npt.NDArray[np.int64]  # [S]
    target: npt.NDArray[np.float32]  # [S]


def fit(
    chain: Chain,
    optimiser: Adam,
    samples: Samples,
    rows: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    clip: float,
) -> npt.NDArray[np.float64]:
    """Follow the gradient of the mean squared error of actions' values once for each minibatch, by Adam.

    Minibatches are samples `rows`, those of the first one up to `ends[0]`, and so on, [U]. Returns of each the loss, the
    mean value and the norm that the gradient had before it was scaled down to `clip`, [U, 3]. The optimiser has the
    chain alone, on the CPU.
    """
    values, mean, square = (part.numpy() for part in optimiser.vectors())
    found = np.empty((len(ends), 3))
    _fit(
        *samples,
        rows,
        ends,
        values,
        _places(chain, optimiser.vectors()[0]),
        mean,
        square,
        clip,
        optimiser.rates[0],
        optimiser.count,
        found,
    )
    optimiser.count += len(ends)
    return found


def _places(chain: Chain, values: Tensor) -> npt.NDArray[np.uint64]:
    """Return of each layer the numbers of inputs and outputs, and where its parameters begin, [L + 1, 6]."""
    rows = []
    for linear, norm in (*chain.layers, (chain.last, None)):
        parts = [linear.weight, linear.bias, *(() if norm is None else (norm.weight, norm.bias))]
        starts = [(part.data_ptr() - values.data_ptr()) // values.element_size() for part in parts]
        rows.append([linear.in_features, linear.out_features, *starts, *[0] * (4 - len(starts))])
    return np.array(rows, np.uint64)


@jit
def _fit(
    obs: Any,
    action: Any,
    target: Any,
    rows: Any,
    ends: Any,
    values: Any,
    places: Any,
    mean: Any,
    square: Any,
    clip: float,
    rate: float,
    count: int,
    found: Any,
) -> None:  # pragma: no cover
    layers, width = np.uint64(len(places) - 1), np.uint64(obs.shape[1])
    hidden, _, head, bias, _, _ = places[layers]
    most, start, widest = 0, 0, np.uint64(0)
    for end in ends:
        most = max(most, end - start)
        start = end
    for layer in range(layers):
        widest = max(widest, places[layer, 1])
    size = np.uint64(most) * (widest + np.uint64(GAP))  # of what a layer makes
    x, slope, before = (
        np.empty(np.uint64(most) * width, np.float32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
    )
    made, out = np.empty(layers * size, np.float32), np.empty(layers * size, np.float32)
    scale, to_values = np.empty(layers * np.uint64(most), np.float32), np.empty_like(values)
    first, two = 0, np.float32(2)
    for update in range(np.uint64(len(ends))):
        many = np.uint64(ends[update] - first)
        for i in range(many):
            row = rows[np.uint64(first) + i]
            for j in range(width):
                x[i * width + j] = obs[row, j]
        source, given = x, width
        for layer in range(layers):
            inputs, outputs, weight, own, gain, shift = places[layer]
            at, apart = layer * size, outputs + np.uint64(GAP)
            forward(
                source, values[weight : weight + inputs * outputs], values[own : own + outputs],
                values[gain : gain + outputs], values[shift : shift + outputs], made[at : at + size],
                scale[layer * np.uint64(most) : (layer + np.uint64(1)) * np.uint64(most)], out[at : at + size],
                given, apart, many, inputs, outputs,
            )  # fmt: skip
            source, given = out[at : at + size], apart
        to_values[:] = 0
        loss, value = 0.0, 0.0
        for i in range(many):
            row = rows[np.uint64(first) + i]
            done, at = np.uint64(action[row]), i * given
            weight = head + done * hidden
            said = product_of(source, at, values, weight, hidden) + values[bias + done]
            error = said - target[row]
            loss, value = loss + error * error, value + said
            share = two * error / np.float32(many)
            to_values[bias + done] += share
            for j in range(hidden):
                slope[at + j] = share * values[weight + j]
            for j in range(hidden):
                to_values[weight + j] += share * source[at + j]
        found[update, 0], found[update, 1] = loss / max(many, 1), value / max(many, 1)
        for back in range(layers):
            layer = layers - np.uint64(1) - back
            inputs, outputs, weight, own, gain, shift = places[layer]
            at, apart = layer * size, outputs + np.uint64(GAP)
            if layer:
                source, given = out[at - size : at], inputs + np.uint64(GAP)
                before[: many * given] = 0
            else:
                source, given = x, width
            backward(
                source, values[weight : weight + inputs * outputs], values[gain : gain + outputs],
                made[at : at + size], scale[layer * np.uint64(most) : (layer + np.uint64(1)) * np.uint64(most)],
                out[at : at + size], slope, to_values[weight : weight + inputs * outputs],
                to_values[own : own + outputs], to_values[gain : gain + outputs], to_values[shift : shift + outputs],
                before if layer else before[:0], given, apart, apart, many, inputs, outputs,
            )  # fmt: skip
            slope, before = before, slope
        norm = _norm(to_values)
        found[update, 2] = norm
        by = clip / (norm + 1e-6)
        by = 1.0 if by > 1.0 else by  # and what is not a number stays so
        follow(to_values, values, mean, square, np.float32(by), rate, count + int(update) + 1)
        first = ends[update]


@inlined
def _norm(numbers: Any) -> Any:  # pragma: no cover
    """Return the norm of numbers: squares are added up in sixteen parts side by side, some thousand at a time."""
    many, found = np.uint64(len(numbers)), 0.0
    start: Any = np.uint64(0)
    while start < many:
        end = min(start + np.uint64(4096), many)
        whole = start + (end - start) // WIDE * WIDE
        sums = zeros()
        for i in range(start, whole, WIDE):
            part = load(numbers, i)
            sums = sums + part * part
        found += total(sums)
        for i in range(whole, end):
            found += numbers[i] * numbers[i]
        start = end
    return np.sqrt(found)
