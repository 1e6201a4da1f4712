"""Treating noisy frames."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.frames.denoise import REACH, Frame, Treatment, clean_neighbours, treat


def frame(level: int, *, noise: int = 0, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    return (level + rng.integers(-noise, noise, (24, 32), endpoint=True)).clip(0, 255).astype(np.uint8)


def test_nearest_clean_frames_help_and_noisy_ones_do_not() -> None:
    numbers = np.arange(10)
    assert clean_neighbours(numbers, [4], 4) == {4: (3, 5)}
    assert clean_neighbours(numbers, [4, 5], 4) == {4: (3, 2), 5: (6, 3)}
    assert clean_neighbours(numbers, [0, 9], 4) == {0: (1, 2), 9: (8, 7)}


def test_no_help_from_beyond_a_long_gap() -> None:
    numbers = np.array([0, 1, 2, 9, 10, 11])
    assert clean_neighbours(numbers, [2, 3], max_gap=4) == {2: (1, 0), 3: (4, 5)}
    assert clean_neighbours(numbers, [0, 1, 2], max_gap=4) == {0: (), 1: (), 2: ()}


@given(st.sets(st.integers(0, 60), min_size=1), st.randoms(use_true_random=False), st.integers(0, 6))
def test_neighbours_are_clean_near_and_in_the_same_stretch(
    chosen: set[int], random: object, max_gap: int
) -> None:
    numbers = np.array(sorted(chosen))
    noisy = [place for place in range(len(numbers)) if random.random() < 0.4]  # type: ignore[attr-defined]
    found = clean_neighbours(numbers, noisy, max_gap)
    assert sorted(found) == noisy
    for place, helpers in found.items():
        assert len(helpers) <= 2 and not set(helpers) & set(noisy)
        for other in helpers:
            between = numbers[min(place, other) : max(place, other) + 1]
            assert abs(numbers[place] - numbers[other]) <= REACH
            assert np.diff(between).max() <= max_gap + 1


def test_median_removes_noise_and_keeps_what_moves() -> None:
    before, noisy, after = (
        frame(100, noise=2, seed=1),
        frame(100, noise=35, seed=2),
        frame(100, noise=2, seed=3),
    )
    before[:, 4:8], noisy[:, 7:11], after[:, 10:14] = 220, 220, 220
    treated = treat(noisy, [before, after], "median")
    assert treated[:, 16:].std() < 3
    assert (treated[:, 7] == 220).all() and (treated[:, 10] == 220).all()
    assert np.array_equal(treated, np.median([before, noisy, after], axis=0))


def test_nearest_is_a_copy_of_the_first_neighbour() -> None:
    neighbour = frame(90)
    treated = treat(frame(100, noise=35), [neighbour, frame(50)], "nearest")
    assert np.array_equal(treated, neighbour) and treated is not neighbour


def test_single_neighbour_stands_in_for_the_median() -> None:
    assert np.array_equal(treat(frame(100, noise=35), [frame(101)], "median"), frame(101))


@pytest.mark.parametrize("treatment", get_args(Treatment))
@pytest.mark.parametrize("shape", [(24, 32), (24, 32, 3)])
def test_without_neighbours_the_frame_is_smoothed_alone(treatment: Treatment, shape: tuple[int, ...]) -> None:
    noisy = (120 + np.random.default_rng(0).integers(-35, 35, shape)).astype(np.uint8)
    treated = treat(noisy, [], treatment)
    assert treated.shape == shape and treated.dtype == np.uint8
    assert treated.std() < 0.8 * noisy.std()
