"""How tall people are at each row: a line through upright blobs, whatever else is there."""

from __future__ import annotations

import numpy as np
import pytest

from pixelkit.models.objects.stature import stature


def blobs(count: int, *, shape: float = 2.0, seed: int = 0) -> np.ndarray:
    """Blobs of people who are 20 pixels tall at row 80 and 60 at row 200, ``shape`` times as tall as wide."""
    foot = np.random.default_rng(seed).integers(80, 201, count)
    height = 20 + (foot - 80) / 3
    return np.stack([0 * foot + 50, foot - height, 50 + height / shape, foot], 1).round().astype(np.int64)


def test_people_further_down_are_taller() -> None:
    tall = stature(blobs(200), 240)
    assert tall.shape == (240,)
    assert tall[[109, 139, 199]] == pytest.approx([30, 40, 60], abs=1)


def test_groups_fragments_and_who_is_cut_off_do_not_bend_the_line() -> None:
    wide = blobs(100, shape=0.5, seed=1)
    cut = np.array([[10, 0, 20, 30], [10, 150, 20, 240]]).repeat(50, axis=0)
    fragments = blobs(40, seed=2) + np.array([0, 0, -5, -15])
    tall = stature(np.concatenate([blobs(200), wide, cut, fragments]), 240)
    assert tall[[109, 139, 199]] == pytest.approx([30, 40, 60], abs=4)


def test_far_up_nobody_vanishes() -> None:
    assert stature(blobs(200), 240)[0] >= 15


def test_few_blobs_give_one_height_and_none_gives_none() -> None:
    assert (stature(np.array([[0, 10, 10, 50], [0, 10, 10, 40]]), 240) == 35).all()
    assert np.isinf(stature(np.empty((0, 4), np.int64), 240)).all()
    assert (stature(np.array([[0, 10, 10, 50]] * 30), 240) == 40).all()


def test_thousands_of_blobs_are_thinned_out() -> None:
    assert stature(blobs(20_000), 240)[139] == pytest.approx(40, abs=1)
