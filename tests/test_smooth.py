"""Smooth functions of kernels against NumPy's in 64 bits."""

import numpy as np
import pytest

pytest.importorskip("torch")

from counterplay.agents.nn.smooth import elu, expm1, sigmoid, tanh
from counterplay.engine.jit import jit


@jit
def everything(x, out):
    for i in range(len(x)):
        out[0, i], out[1, i], out[2, i], out[3, i] = expm1(x[i]), sigmoid(x[i]), tanh(x[i]), elu(x[i])


def test_to_the_last_bits():
    sizes = np.geomspace(1e-6, 80, 200_000)
    x = np.concatenate([-sizes, [0.0], sizes]).astype(np.float32)
    out, exact = np.empty((4, len(x)), np.float32), x.astype(float)
    everything(x, out)
    expected = np.expm1(exact), 1 / (1 + np.exp(-exact)), np.tanh(exact), np.where(exact > 0, exact, np.expm1(exact))
    for found, wanted, least in zip(out, expected, (0.0, 1e-12, 1e-12, 1e-12), strict=True):
        assert (np.abs(found - wanted) <= np.maximum(4e-7 * np.abs(wanted), least)).all()


def test_ends_and_what_is_not_a_number():
    out = np.empty((4, 3), np.float32)
    everything(np.float32([-np.inf, np.inf, np.nan]), out)
    assert out[1, :2] == pytest.approx([0, 1], abs=1e-12)
    assert out[2, :2].tolist() == [-1, 1]
    assert out[3, :2] == pytest.approx([-1, np.inf])
    assert np.isnan(out[1:, 2]).all()
