"""The order of scores: that of a comparison of all, whatever the scores are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pixelkit.scores.order import FEW, rising

RNG = np.random.default_rng(0)
MANY = 4 * FEW


@pytest.mark.parametrize(
    "values",
    [
        RNG.gamma(2, 1, MANY),
        -RNG.gamma(2, 1, MANY).astype(np.float32),
        RNG.gamma(2, 1, MANY).round(1) - 3,
        np.zeros(MANY),
        np.append(RNG.random(MANY) * 1e-12, 1.0),  # many share a place
        np.append(RNG.random(MANY), 1e300),
        np.append(RNG.random(MANY) * 2e308 - 1e308, [-1.7e308, 1.7e308]),  # their range is no number
        RNG.random(MANY) * 5e-324,
        np.repeat([-0.0, 0.0], MANY),
        np.arange(5.0)[::-1],
        np.empty(0),
    ],
)
def test_values_come_in_rising_order(values: NDArray[np.floating]) -> None:
    with np.errstate(over="ignore"):
        order = rising(values)
    assert np.array_equal(values[order], np.sort(values))
    assert np.array_equal(np.sort(order), np.arange(len(values)))


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, 30, elements=st.floats(-1e300, 1e300)))
def test_any_values_do(few: NDArray[np.float64]) -> None:
    values = np.tile(few, FEW // 10)
    assert np.array_equal(values[rising(values)], np.sort(values))
