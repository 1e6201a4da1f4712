"""The highest moments are apart, and each is the peak of its stretch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.report.moments import APART, highest_moments
from pixelkit.report.scored_run import ScoredVideo


def videos_of(*lengths: int) -> tuple[ScoredVideo, ...]:
    edges = np.cumsum([0, *lengths])
    return tuple(
        ScoredVideo(f"{n:02d}", np.arange(length, dtype=np.int64), slice(int(edges[n]), int(edges[n + 1])))
        for n, length in enumerate(lengths)
    )


def bumps(length: int, *peaks: tuple[int, float]) -> np.ndarray:
    at = np.arange(length)
    return np.max([height * np.exp(-(((at - place) / 8) ** 2)) for place, height in peaks], axis=0)


def test_peaks_of_all_videos_come_highest_first() -> None:
    scores = np.concatenate([bumps(200, (40, 0.5), (150, 0.9)), bumps(100, (50, 0.7))])
    found = highest_moments(videos_of(200, 100), scores)
    assert [(one.video, one.number, round(one.score, 2)) for one in found[:3]] == [
        ("00", 150, 0.9),
        ("01", 50, 0.7),
        ("00", 40, 0.5),
    ]
    assert all(one.first <= one.number <= one.last for one in found)


def test_a_long_gap_ends_a_moment_and_a_missing_frame_does_not() -> None:
    numbers = np.array([*range(10), *range(11, 20), *range(40, 50)], np.int64)
    video = ScoredVideo("01", numbers, slice(0, len(numbers)))
    (found,) = highest_moments([video], np.linspace(0.9, 1, len(numbers)), most=1)
    assert (found.first, found.last) == (40, 49)
    (found,) = highest_moments([video], np.linspace(1, 0.9, len(numbers)), most=1)
    assert (found.first, found.last) == (0, 19)


def test_nothing_stands_out_where_all_scores_are_zero() -> None:
    assert highest_moments(videos_of(30), np.zeros(30)) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300), st.integers(1, 12))
def test_moments_of_a_video_are_apart(values: list[float], most: int) -> None:
    scores = np.array(values)
    found = highest_moments(videos_of(len(scores)), scores, most=most)
    assert len(found) <= most
    assert all(scores[one.position] == one.score for one in found)
    in_order = sorted(found, key=lambda one: one.first)
    assert all(b.first > a.last for a, b in pairwise(in_order))
    positions = sorted(one.position for one in found)
    assert all(b - a > APART for a, b in pairwise(positions))
    if scores.max() > 0:
        assert found[0].score == scores.max()
