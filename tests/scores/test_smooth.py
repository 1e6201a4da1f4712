"""Smoothing: it keeps length and constants, and never crosses a video's end or a long gap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter1d, median_filter, uniform_filter1d

from pixelkit.scores.smooth import METHODS, smooth

each_method = pytest.mark.parametrize("method", METHODS)
widths = st.floats(0.1, 40)


def once(
    values: np.ndarray, method: str, width: float, *, numbers: object = None, max_gap: int = 4
) -> np.ndarray:
    """Smooth one channel of one video."""
    column = np.asarray(values, np.float64)[:, None]
    number = np.arange(len(column)) if numbers is None else np.asarray(numbers, np.int64)
    return smooth(column, number, [slice(0, len(column))], method, width, max_gap=max_gap)[:, 0]


@st.composite
def videos(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[slice]]:
    """One or two videos, their frame numbers with gaps, two channels."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=2))
    edges = np.cumsum([0, *lengths])
    rows = [slice(int(a), int(b)) for a, b in pairwise(edges)]
    steps = draw(hnp.arrays(np.int64, int(edges[-1]), elements=st.integers(1, 9)))
    number = np.concatenate([np.cumsum(steps[part]) for part in rows])
    values = draw(hnp.arrays(np.float64, (int(edges[-1]), 2), elements=st.floats(-1e6, 1e6)))
    return values, number, rows


@each_method
@given(video=videos(), width=widths)
def test_length_and_range_are_kept(
    method: str, video: tuple[np.ndarray, np.ndarray, list[slice]], width: float
) -> None:
    values, number, rows = video
    smoothed = smooth(values, number, rows, method, width)
    assert smoothed.shape == values.shape
    assert np.all(smoothed >= values.min(axis=0) - 1e-6)
    assert np.all(smoothed <= values.max(axis=0) + 1e-6)


@each_method
@given(video=videos(), width=widths, level=st.floats(-1e6, 1e6))
def test_a_constant_stays_a_constant(
    method: str, video: tuple[np.ndarray, np.ndarray, list[slice]], width: float, level: float
) -> None:
    values, number, rows = video
    smoothed = smooth(np.full_like(values, level), number, rows, method, width)
    assert np.allclose(smoothed, level, rtol=1e-12, atol=0)


@each_method
@given(video=videos(), width=widths)
def test_videos_and_channels_do_not_touch_each_other(
    method: str, video: tuple[np.ndarray, np.ndarray, list[slice]], width: float
) -> None:
    values, number, rows = video
    together = smooth(values, number, rows, method, width)
    for part in rows:
        for channel in range(2):
            alone = once(values[part, channel], method, width, numbers=number[part])
            assert np.allclose(together[part, channel], alone, rtol=1e-9, atol=1e-6)


def plainly(values: np.ndarray, numbers: np.ndarray, method: str, width: float) -> tuple[float, float]:
    """Return between what the smoothed score of frame 0 must lie, from the definition, one frame at a time."""
    if method == "median":
        there = sorted(values[np.abs(numbers) <= round((width - 1) / 2)])
        return there[(len(there) - 1) // 2], there[len(there) // 2]
    weights = {
        "none": lambda d: d == 0,
        "moving average": lambda d: np.clip((width + 1) / 2 - np.abs(d), 0, 1),
        "gaussian": lambda d: np.exp(-(d**2) / (2 * width**2)) * (np.abs(d) <= np.ceil(4 * width)),
        "exponential": lambda d: (d <= 0) * np.exp(-np.abs(d) / width) * (d >= -np.ceil(6 * width)),
    }[method](numbers)
    mean = float((weights * values).sum() / weights.sum())
    return mean, mean


@each_method
@given(video=videos(), width=widths)
def test_each_frame_gets_what_the_definition_says(
    method: str, video: tuple[np.ndarray, np.ndarray, list[slice]], width: float
) -> None:
    values, number, rows = video
    smoothed = smooth(values, number, rows, method, width, max_gap=10)
    for part in rows:
        for row in range(part.start, part.stop):
            low, high = plainly(values[part, 0], number[part] - number[row], method, width)
            assert low - 1e-6 <= smoothed[row, 0] <= high + 1e-6


@each_method
def test_a_long_gap_is_not_crossed_and_a_short_one_is(method: str) -> None:
    values = np.array([0.0, 0, 0, 9, 9, 9])
    long = once(values, method, 5, numbers=[0, 1, 2, 8, 9, 10])
    assert long.tolist() == pytest.approx(values.tolist())
    short = once(values, method, 5, numbers=[0, 1, 2, 4, 5, 6])
    assert method in ("none", "median") or 0 < short[3] < 9


@pytest.mark.parametrize("method", ["moving average", "gaussian", "exponential"])
def test_a_missing_frame_keeps_its_place(method: str) -> None:
    """The frames around a short gap weigh by their distance in frames, not in rows."""
    near = once(np.array([1.0, 0]), method, 4, numbers=[0, 1])
    far = once(np.array([1.0, 0]), method, 4, numbers=[0, 3])
    assert near[1] > far[1] or method == "moving average"
    assert once(np.array([1.0, 0]), "moving average", 3, numbers=[0, 3]).tolist() == [1, 0]


@pytest.mark.parametrize("width", [1.0, 3.0, 10.0])
def test_away_from_edges_the_kernels_are_scipys(width: float) -> None:
    values = np.random.default_rng(0).random(200)
    inner = slice(60, 140)
    size = 2 * round((width - 1) / 2) + 1
    assert np.allclose(once(values, "gaussian", width)[inner], gaussian_filter1d(values, width)[inner])
    assert np.allclose(once(values, "median", size)[inner], median_filter(values, size)[inner])
    assert np.allclose(once(values, "moving average", size)[inner], uniform_filter1d(values, size)[inner])


def test_an_even_moving_average_stays_centred() -> None:
    values = np.zeros(9)
    values[4] = 4
    assert once(values, "moving average", 4).tolist() == pytest.approx([0, 0, 0.5, 1, 1, 1, 0.5, 0, 0])


def test_the_exponential_is_causal_and_forgets_by_e_each_width() -> None:
    values = np.zeros(200)
    values[100] = 1
    smoothed = once(values, "exponential", 10)
    assert np.all(smoothed[:100] == 0)
    assert smoothed[110] / smoothed[100] == pytest.approx(np.exp(-1))
    assert np.all(smoothed[161:] == 0)


def test_the_median_removes_a_spike_even_at_an_edge() -> None:
    values = np.ones(20)
    values[[1, 10, 18]] = 100
    assert once(values, "median", 5).tolist() == [1] * 20


def test_the_median_of_an_odd_number_of_frames_at_an_edge_is_their_median() -> None:
    values = np.array([3.0, 1, 2, 5, 4])
    assert once(values, "median", 5)[0] == np.median(values[:3])
    assert once(values, "median", 5)[-1] == np.median(values[2:])


@pytest.mark.parametrize("method", ["moving average", "gaussian", "median"])
def test_edges_are_not_pulled_towards_zero(method: str) -> None:
    values = np.random.default_rng(0).normal(5, 0.1, (400, 50))
    smoothed = smooth(values, np.arange(400), [slice(0, 400)], method, 15)
    assert smoothed[0].mean() == pytest.approx(5, abs=0.05)
    assert smoothed[-1].mean() == pytest.approx(5, abs=0.05)


@each_method
def test_one_frame_and_no_frame(method: str) -> None:
    assert once(np.array([3.0]), method, 10).tolist() == [3]
    assert smooth(np.empty((0, 1)), np.empty(0, np.int64), [], method, 10).shape == (0, 1)


@each_method
def test_a_spike_does_not_disturb_frames_out_of_its_reach(method: str) -> None:
    """A Fourier transform would be faster for wide kernels, and would leave 1e-16 of the spike everywhere."""
    values = np.full(400, 1e-3)
    values[0] = 1e30
    assert once(values, method, 10)[200:] == pytest.approx(1e-3)
