"""The conditional mixture: its density is one, its tail is the density's, and a file brings it back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from pixelkit.models.mixture import ConditionalMixture

GRID = np.linspace(-40, 60, 20_001)[:, None]


@pytest.fixture(scope="module")
def bent() -> ConditionalMixture:
    """Values that grow with the condition, and vary more where it is large."""
    rng = np.random.default_rng(0)
    condition = rng.uniform(0, 10, (2000, 1))
    values = condition + rng.normal(0, 0.2 + 0.1 * condition)
    mixture = ConditionalMixture.fit(values, condition, 4, seed=0)
    assert mixture is not None
    return mixture


def at(condition: float) -> NDArray[np.float64]:
    return np.full((len(GRID), 1), condition)


@pytest.mark.parametrize("condition", [0.0, 5.0, 10.0, 30.0])
def test_density_given_any_condition_integrates_to_one(bent: ConditionalMixture, condition: float) -> None:
    density = np.exp(-bent.surprise(GRID, at(condition))) / bent.scale[0]
    assert np.trapezoid(density, GRID[:, 0]) == pytest.approx(1, abs=1e-3)


def test_tail_is_the_integral_of_the_density(bent: ConditionalMixture) -> None:
    density = np.exp(-bent.surprise(GRID, at(4.0))) / bent.scale[0]
    above = density[::-1].cumsum()[::-1] * (GRID[1, 0] - GRID[0, 0])
    tail = np.exp(-bent.surprise(GRID, at(4.0), above=True))
    assert np.abs(tail - above).max() < 2e-3


def test_same_value_surprises_by_where_it_is_seen(bent: ConditionalMixture) -> None:
    near, far = bent.surprise(np.array([[6.0], [6.0]]), np.array([[6.0], [1.0]]), above=True)
    assert far > 10 > 3 > near


def test_one_component_without_conditions_is_a_gaussian_and_a_wide_one() -> None:
    values = np.random.default_rng(1).normal(3, 2, (500, 1))
    mixture = ConditionalMixture.fit(values, np.empty((500, 0)), 1, seed=0)
    assert mixture is not None
    spread = values.std() * np.sqrt(1.01)  # the variance is widened by a hundredth
    asked = np.array([[3.0], [9.0], [-5.0], [15.0]])
    near, wide = (norm.sf(asked[:, 0], values.mean(), each * spread) for each in (1, 2))
    wanted = -np.log((1 - 1e-6) * near + 1e-6 * wide)
    assert mixture.surprise(asked, np.empty((4, 0)), above=True) == pytest.approx(wanted, rel=1e-5)


def test_where_nothing_was_seen_a_value_is_held_against_what_is_usual_anywhere() -> None:
    # Two groups whose values fall steeply with the condition: extrapolated, they would be far below 0 at 12
    rng = np.random.default_rng(0)
    condition = np.concatenate([rng.uniform(0, 1, (500, 1)), rng.uniform(4, 5, (500, 1))])
    values = 5 - condition % 1 * 5 + rng.normal(0, 0.1, (1000, 1))
    mixture = ConditionalMixture.fit(values, condition, 2, seed=0)
    assert mixture is not None
    usual, odd = mixture.surprise(np.array([[2.5], [-20.0]]), np.full((2, 1), 30.0))
    assert odd > usual + 10


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.booleans())
def test_surprise_is_finite_however_far(
    bent: ConditionalMixture, value: float, condition: float, above: bool
) -> None:
    assert np.isfinite(bent.surprise(np.array([[value]]), np.array([[condition]]), above=above)).all()


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=20))
def test_larger_value_never_surprises_less_when_only_large_ones_count(
    bent: ConditionalMixture, values: list[float]
) -> None:
    column = np.sort(values)[:, None]
    said = bent.surprise(column, np.full_like(column, 3.0), above=True)
    assert (np.diff(said) >= -1e-9).all()


def test_constant_columns_and_few_rows_are_learnt_from() -> None:
    same = ConditionalMixture.fit(np.ones((5, 1)), np.zeros((5, 1)), 10, seed=0)
    assert same is not None
    assert len(same.weights) == 2  # one, and the wide one
    usual, other = same.surprise(np.array([[1.0], [3.0]]), np.zeros((2, 1)))
    assert other > usual + 5


def test_nothing_is_learnt_from_one_row() -> None:
    assert ConditionalMixture.fit(np.ones((1, 1)), np.ones((1, 1)), 3, seed=0) is None


def test_arrays_bring_it_back(bent: ConditionalMixture) -> None:
    again = ConditionalMixture.of_arrays(bent.arrays())
    assert (again.surprise(GRID, at(2.0)) == bent.surprise(GRID, at(2.0))).all()
