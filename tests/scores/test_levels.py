"""How far apart normal videos lie in a channel, beside how far apart their frames do."""

from __future__ import annotations

import numpy as np
import pytest

from pixelkit.scores.levels import spread_of_levels
from pixelkit.scores.table import ScoreTable


def table(*videos: list[list[float]]) -> ScoreTable:
    """Return scores of some videos: for each, rows of channels."""
    channels = [f"a.{number}" for number in range(len(videos[0][0]))]
    rows = [(number, place) for number, video in enumerate(videos) for place in range(len(video))]
    names, numbers = zip(*rows, strict=True)
    return ScoreTable(names, numbers, channels, np.concatenate(videos))


def test_a_known_spread_is_found_whatever_the_level_of_scores() -> None:
    rng = np.random.default_rng(0)
    levels = rng.normal(0, 1, (200, 1, 2)) * (3.0, 0.5)
    frames = levels + rng.normal(0, 1, (200, 101, 2))
    spread = spread_of_levels(table(*(64 + frames).tolist()))
    # the medians of 101 frames themselves spread by .125
    assert spread == pytest.approx({"a.0": 3.0, "a.1": 0.5}, rel=0.15)
    again = spread_of_levels(table(*(8 * frames - 100).tolist()))
    assert again == pytest.approx(spread, rel=1e-4)


def test_videos_that_differ_and_frames_that_do_not() -> None:
    spread = spread_of_levels(table([[1.0, 5.0, 1.0]] * 3, [[2.0, 5.0, 1.0], [2.0, 5.0, 2.0]]))
    assert spread["a.0"] == np.inf
    assert spread["a.1"] == 0.0
    assert 0 < spread["a.2"] < np.inf


def test_one_video_tells_nothing() -> None:
    assert spread_of_levels(table([[1.0], [9.0]])) == {"a.0": 0.0}
    assert spread_of_levels(ScoreTable([], [], ["a.0"], np.empty((0, 1)))) == {"a.0": 0.0}
    assert spread_of_levels(ScoreTable([], [], [], np.empty((0, 0)))) == {}
