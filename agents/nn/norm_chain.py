"""Networks that are nothing but layers with LayerNorm and a last one, in one kernel: what they say, and how they learn.

Between two products of such a network PyTorch and Python take as long as the products do. Where all targets are known
before an update's first minibatch, nothing has to come back to them in between: rows are gathered, layers gone through
there and back, gradients clipped and parameters moved (Adam), and then the next. These are the kernels of `norm_layers`
and `adam`, and what they make is the same but for rounding.

Shape letters: S samples, R rows, O observation, K outputs, U updates, P parameters, L layers.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from counterplay.agents.nn.adam import Adam, follow
from counterplay.agents.nn.dense import as_array
from counterplay.agents.nn.norm_layers import GAP, MANY, Chain, backward, forward, product_of
from counterplay.engine.jit import Index, inlined, jit
from counterplay.engine.products import affine, aligned, transpose
from counterplay.engine.simd import WIDE, load, total, zeros

_PART = np.uint64(4096)  # squares that are added up in 32 bits


class Laid(NamedTuple):
    """A chain as kernels take it."""

    values: Tensor  # [P] its parameters, which are views of it
    places: npt.NDArray[np.uint64]  # [L + 1, 6] inputs and outputs; where weights, biases, gains and shifts begin


class Samples(NamedTuple):
    """What was done, and what it was worth."""

    obs: npt.NDArray[np.float32]  # [S, O]
    action: npt.NDArray[np.int64]  # [S]
    target: npt.NDArray[np.float32]  # [S]


def laid_out(chain: Chain, values: Tensor) -> Laid:
    """Return a chain on the CPU whose parameters lie in a vector, [P] (`adam.flatten`)."""
    places = []
    for linear, norm in (*chain.layers, (chain.last, None)):
        parts = [linear.weight, linear.bias, *(() if norm is None else (norm.weight, norm.bias))]
        starts = [(part.data_ptr() - values.data_ptr()) // values.element_size() for part in parts]
        places.append([linear.in_features, linear.out_features, *starts, *[0] * (4 - len(starts))])
    return Laid(values, np.array(places, np.uint64))


def answers(laid: Laid, x: Tensor) -> npt.NDArray[np.float32]:
    """Return what the network says of x, [..., O], without gradients: [..., K]."""
    found = np.empty((*x.shape[:-1], int(laid.places[-1, 1])), np.float32)
    _answer(as_array(x.contiguous()), as_array(laid.values), laid.places, found.reshape(-1))
    return found


def fit(
    laid: Laid,
    optimiser: Adam,
    samples: Samples,
    rows: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    clip: float,
) -> npt.NDArray[np.float64]:
    """Follow the gradient of the mean squared error of actions' values once for each minibatch, by Adam.

    Minibatches are of the samples `rows`: the first one of those up to `ends[0]`, and so on, [U]. Returns of each the
    loss, the mean value and the norm of the gradient before it was scaled down to `clip`, [U, 3]. The optimiser has
    the network's parameters and no others.
    """
    values, mean, square = map(as_array, optimiser.vectors())
    found = np.empty((len(ends), 3))
    _fit(*samples, rows, ends, values, laid.places, mean, square, clip, optimiser.rates[0], optimiser.count, found)
    optimiser.count += len(ends)
    return found


class _Room(NamedTuple):
    """What a minibatch is worked on in; rows of what a layer makes are `GAP` numbers longer than they have to be."""

    x: Any  # [rows, O]
    made: Any  # [L, rows, widest] as in `norm_layers.forward`, and so the next two
    scale: Any  # [L, rows]
    out: Any  # [L, rows, widest]
    slope: Any  # [rows, widest] gradients of what a layer made
    before: Any  # and of the one before
    size: Any  # rows times widest, unsigned
    rows: Any


@jit
def _room(places: Any, rows: Index) -> _Room:  # pragma: no cover
    layers, widest = np.uint64(len(places) - 1), np.uint64(0)
    for layer in range(layers):
        widest = max(widest, places[layer, 1])
    size = rows * (widest + np.uint64(GAP))
    x, made, scale = (
        np.empty(rows * places[0, 0], np.float32),
        np.empty(layers * size, np.float32),
        np.empty(layers * rows, np.float32),
    )
    slope, before = np.empty(size, np.float32), np.empty(size, np.float32)
    return _Room(x, made, scale, aligned(layers * size), slope, before, size, rows)


@inlined
def _through(x: Any, values: Any, places: Any, room: _Room, rows: Index) -> None:  # pragma: no cover
    """Take rows of x through all layers but the last."""
    source, given = x, places[0, 0]
    for layer in range(np.uint64(len(places) - 1)):
        inputs, outputs, weight, bias, gain, shift = places[layer]
        at, apart = layer * room.size, outputs + np.uint64(GAP)
        out = room.out[at : at + room.size]
        forward(
            source, values[weight : weight + inputs * outputs], values[bias : bias + outputs],
            values[gain : gain + outputs], values[shift : shift + outputs], room.made[at : at + room.size],
            room.scale[layer * room.rows : (layer + np.uint64(1)) * room.rows], out,
            given, apart, rows, inputs, outputs,
        )  # fmt: skip
        source, given = out, apart


@jit
def _answer(x: Any, values: Any, places: Any, found: Any) -> None:  # pragma: no cover
    zero, one, layers = np.uint64(0), np.uint64(1), np.uint64(len(places) - 1)
    width, (hidden, outputs, weight, bias, _, _) = places[0, 0], places[layers]
    rows = np.uint64(len(found)) // outputs
    room = _room(places, min(rows, np.uint64(MANY)))
    turned, apart, last = aligned(hidden * outputs), hidden + np.uint64(GAP), (layers - one) * room.size
    transpose(values[weight : weight + hidden * outputs], zero, outputs, hidden, turned)
    start: Index = zero
    while start < rows:
        some = min(room.rows, rows - start)
        _through(x[start * width : (start + some) * width], values, places, room, some)
        affine(
            room.out, last, apart, one, turned, zero, outputs, values, bias, zero,
            found, start * outputs, outputs, some, outputs, hidden, False,
        )  # fmt: skip
        start += some


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
    most, start, width = 0, 0, np.uint64(obs.shape[1])
    for end in ends:
        most = max(most, end - start)
        start = end
    room, to_values = _room(places, np.uint64(most)), np.empty_like(values)
    first = 0
    for update in range(np.uint64(len(ends))):
        some = rows[first : ends[update]]
        many = np.uint64(len(some))
        for i in range(many):
            for j in range(width):
                room.x[i * width + j] = obs[some[i], j]
        _through(room.x, values, places, room, many)
        found[update, 0], found[update, 1] = _judge(some, action, target, values, places, room, to_values)
        _back(values, places, room, many, to_values)
        norm = _norm(to_values)
        found[update, 2] = norm
        scale = clip / (norm + 1e-6)
        scale = 1.0 if scale > 1.0 else scale  # and what is not a number stays so
        follow(to_values, values, mean, square, np.float32(scale), rate, count + int(update) + 1)
        first = ends[update]


@inlined
def _judge(
    some: Any, action: Any, target: Any, values: Any, places: Any, room: _Room, to_values: Any
) -> Any:  # pragma: no cover
    """Return the mean squared error and the mean value, and set gradients of the last layer and what it is given."""
    layers, nothing, two = np.uint64(len(places) - 1), np.float32(0), np.float32(2)
    hidden, outputs, weight, bias, _, _ = places[layers]
    to_values[weight : weight + hidden * outputs] = nothing
    to_values[bias : bias + outputs] = nothing
    loss, value, last = 0.0, 0.0, (layers - np.uint64(1)) * room.size
    many = np.uint64(len(some))
    for i in range(many):
        start, done = i * (hidden + np.uint64(GAP)), np.uint64(action[some[i]])
        at, own = last + start, weight + done * hidden
        said = product_of(room.out, at, values, own, hidden) + values[bias + done]
        error = said - target[some[i]]
        loss, value = loss + error * error, value + said
        slope = two * error / np.float32(many)
        to_values[bias + done] += slope
        for j in range(hidden):
            room.slope[start + j] = slope * values[own + j]
        for j in range(hidden):
            to_values[own + j] += slope * room.out[at + j]
    share = 1.0 / max(1.0, float(many))
    return loss * share, value * share


@inlined
def _back(values: Any, places: Any, room: _Room, rows: Index, to_values: Any) -> None:  # pragma: no cover
    """Take gradients back through all layers but the last, and set those of their parameters."""
    slope, before, layers = room.slope, room.before, np.uint64(len(places) - 1)
    for back in range(layers):
        layer = layers - np.uint64(1) - back
        inputs, outputs, weight, bias, gain, shift = places[layer]
        at, apart = layer * room.size, outputs + np.uint64(GAP)
        source, given, to_source = room.x, inputs, before[:0]
        if layer:
            source, given, to_source = room.out[at - room.size : at], inputs + np.uint64(GAP), before
        backward(
            source, values[weight : weight + inputs * outputs], values[gain : gain + outputs],
            room.made[at : at + room.size], room.scale[layer * room.rows : (layer + np.uint64(1)) * room.rows],
            room.out[at : at + room.size], slope, to_values[weight : weight + inputs * outputs],
            to_values[bias : bias + outputs], to_values[gain : gain + outputs], to_values[shift : shift + outputs],
            to_source, given, apart, apart, rows, inputs, outputs,
        )  # fmt: skip
        slope, before = before, slope


@inlined
def _norm(numbers: Any) -> Any:  # pragma: no cover
    """Return the norm of numbers: squares are added up in sixteen parts side by side, some thousand at a time."""
    many, found = np.uint64(len(numbers)), 0.0
    start: Index = np.uint64(0)
    while start < many:
        end = min(start + _PART, many)
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
