"""Fusion: what each rule does with a frame's channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelkit.scores.fuse import RULES, fuse

channels = hnp.arrays(np.float64, (8, 3), elements=st.floats(-10, 10))
weights = hnp.arrays(np.float64, 3, elements=st.floats(0.01, 10))
each_rule = pytest.mark.parametrize("rule", RULES)
X = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])


@each_rule
@given(x=channels, w=weights)
def test_scores_are_finite_and_only_ratios_of_weights_matter(rule: str, x: np.ndarray, w: np.ndarray) -> None:
    fused = fuse(x, w, rule, 4)
    assert fused.shape == (8,)
    assert np.isfinite(fused).all()
    assert np.allclose(fused, fuse(x, w * 4, rule, 4))


@each_rule
@given(x=channels, w=weights)
def test_a_frame_that_is_higher_in_every_channel_is_not_lower_when_fused(
    rule: str, x: np.ndarray, w: np.ndarray
) -> None:
    x[1] = x[0] + 1
    fused = fuse(x, w, rule, 4)
    assert fused[1] >= fused[0]


@each_rule
@given(x=channels)
def test_one_channel_keeps_its_order(rule: str, x: np.ndarray) -> None:
    one = x[:, :1].round(1)
    fused = fuse(one, np.array([0.3]), rule, 4)
    assert np.all(np.diff(fused[np.argsort(one[:, 0])]) >= -1e-12)


def test_figures() -> None:
    assert fuse(X, np.array([3.0, 1.0]), "weighted sum", 4).tolist() == [0.25, 0.5, 0.75]
    assert fuse(X, np.array([1.0, 1.0]), "maximum", 4).tolist() == [1, 0.5, 1]
    assert fuse(X, np.array([2.0, 1.0]), "maximum", 4).tolist() == [0.5, 0.5, 1]
    assert fuse(X, np.array([1.0, 1.0]), "rank average", 4).tolist() == pytest.approx([0.5, 0.5, 0.5])
    assert fuse(X, np.array([1.0, 1.0]), "power", 2).tolist() == pytest.approx([0.5**0.5, 0.5, 0.5**0.5])


def test_power_lies_between_weighted_sum_and_maximum() -> None:
    x = np.random.default_rng(0).random((50, 3))
    equal = np.ones(3)
    assert np.allclose(fuse(x, equal, "power", 1), fuse(x, equal, "weighted sum", 1))
    assert np.allclose(fuse(x, equal, "power", 100), fuse(x, equal, "maximum", 1), atol=0.02)


def test_power_of_huge_scores_does_not_overflow() -> None:
    assert np.isfinite(fuse(np.array([[1e96, 0.0], [0.0, 1.0]]), np.ones(2), "power", 100)).all()


def test_rank_average_ignores_the_scale_of_a_channel() -> None:
    x = np.random.default_rng(0).random((50, 2))
    stretched = np.stack([np.exp(9 * x[:, 0]), x[:, 1]], axis=1)
    assert np.array_equal(
        fuse(x, np.ones(2), "rank average", 4), fuse(stretched, np.ones(2), "rank average", 4)
    )
