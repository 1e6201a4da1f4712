"""Normalisations: they keep the order of scores, ignore what they should, and survive constants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import rankdata

from pixelkit.scores.normalise import METHODS, SCOPES, normalise

scores = hnp.arrays(np.float32, st.integers(1, 30), elements=st.floats(-(2.0**99), 2.0**99, width=32))
wide = hnp.arrays(
    np.float32, st.integers(1, 30), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
)


def halves(values: np.ndarray) -> list[slice]:
    middle = len(values) // 2
    return [slice(0, middle), slice(middle, len(values))] if middle else [slice(0, len(values))]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scope", SCOPES)
@given(values=wide, heldout=wide)
def test_scores_stay_finite_and_keep_their_order(
    method: str, scope: str, values: np.ndarray, heldout: np.ndarray
) -> None:
    normalised = normalise(values, method, scope, videos=halves(values), heldout=heldout)
    assert normalised.dtype == np.float64
    assert np.isfinite(normalised).all()
    for rows in halves(values):
        order = np.argsort(values[rows], kind="stable")
        assert np.all(np.diff(normalised[rows][order]) >= -1e-9)


@given(values=scores)
def test_rank_ignores_monotone_maps(values: np.ndarray) -> None:
    whole = np.sign(values) * np.floor(np.abs(values) % 1000)
    ranks = normalise(whole, "rank", "global", videos=[slice(None)])
    mapped = normalise(np.exp(whole / 100) * 7 - 3, "rank", "global", videos=[slice(None)])
    assert np.array_equal(ranks, mapped)


@given(values=scores)
def test_rank_averages_ties_as_scipy_does(values: np.ndarray) -> None:
    ranks = normalise(values, "rank", "global", videos=[slice(None)])
    assert np.allclose(ranks, (rankdata(values.astype(float)) - 0.5) / len(values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["min-max", "percentile", "rank"])
@given(values=wide)
def test_scores_that_set_their_own_scale_lie_between_0_and_1(method: str, values: np.ndarray) -> None:
    for scope in ("global", "video"):
        normalised = normalise(values, method, scope, videos=halves(values))
        assert normalised.min() >= 0
        assert normalised.max() <= 1


@pytest.mark.parametrize(("method", "expected"), [("min-max", 0), ("percentile", 0), ("z", 0), ("rank", 0.5)])
@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_a_constant_says_nothing(method: str, expected: float, count: int) -> None:
    values = np.full(count, 0.1, np.float32)
    for scope in SCOPES:
        normalised = normalise(values, method, scope, videos=halves(values), heldout=values)
        assert normalised.tolist() == [expected] * count


@pytest.mark.parametrize("method", METHODS)
def test_anomalies_beyond_all_held_out_scores_stay_ordered(method: str) -> None:
    heldout = np.random.default_rng(0).gamma(2, 1, 500)
    values = np.array([0.1, 1, heldout.max(), heldout.max() + 0.01, 2 * heldout.max(), 1000])
    calibrated = normalise(values, method, "heldout", videos=[], heldout=heldout)
    assert np.all(np.diff(calibrated) > 0)


@pytest.mark.parametrize("method", METHODS)
def test_anomalies_stay_ordered_where_normal_video_gives_a_constant(method: str) -> None:
    calibrated = normalise(np.array([0, 0, 2, 5]), method, "heldout", videos=[], heldout=np.zeros(9))
    assert calibrated[0] == calibrated[1] < calibrated[2] < calibrated[3]


def test_calibration_does_not_depend_on_the_test_scores() -> None:
    heldout = np.random.default_rng(1).random(200)
    for method in METHODS:
        few = normalise(np.array([0.3, 0.9]), method, "heldout", videos=[], heldout=heldout)
        many = normalise(np.array([0.3, 0.9, 55, -7]), method, "heldout", videos=[], heldout=heldout)
        assert np.array_equal(few, many[:2])


def test_figures() -> None:
    values, heldout = np.array([0.0, 5, 10]), np.linspace(0, 5, 1001)
    videos = [slice(0, 2), slice(2, 3)]

    def of(method: str, scope: str) -> list[float]:
        return normalise(values, method, scope, videos=videos, heldout=heldout).round(3).tolist()

    assert of("min-max", "global") == [0, 0.5, 1]
    assert of("min-max", "video") == [0, 1, 0]
    assert of("min-max", "heldout") == [0, 1.001, 2.002]
    assert of("percentile", "global") == [0, 0.5, 1]
    assert of("percentile", "heldout") == [-0.01, 1.01, 2.031]
    assert of("z", "global") == [-1.225, 0, 1.225]
    assert of("z", "heldout") == [-1.73, 1.73, 5.191]
    assert of("rank", "global") == [0.167, 0.5, 0.833]
    assert of("rank", "heldout") == [0, 1, 1.666]


def test_percentiles_cut_a_spike() -> None:
    values = np.append(np.linspace(0, 1, 999), 1e6)
    normalised = normalise(values, "percentile", "global", videos=[])
    assert normalised[-1] == 1
    assert normalised[500] == pytest.approx(0.5, abs=0.01)


def test_no_rows_give_no_scores() -> None:
    assert len(normalise(np.empty(0, np.float32), "rank", "global", videos=[])) == 0
