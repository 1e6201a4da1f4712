"""The moments of a data set that score highest: peaks of the fused score, each with the stretch around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import MAX_GAP
from pixelkit.report.scored_run import ScoredVideo

MOST = 12
# The score of a moment stays above this part of its peak. Smoothed scores fall slowly: at half the peak, most of a
# Ped2 video would be one moment.
PART_OF_PEAK = 0.75
# Frames on each side of a moment that start none of their own: a second of most cameras.
APART = 25


@dataclass(frozen=True)
class Moment:
    """A stretch of frames around a peak.

    Parameters
    ----------
    video
        The video's name.
    position
        Of the peak, in the video.
    number
        Of the peak, as in its file name.
    first, last
        Numbers of the first and last frame of the stretch.
    score
        The fused score at the peak, 0 to 1.
    """

    video: str
    position: int
    number: int
    first: int
    last: int
    score: float


def highest_moments(
    videos: Sequence[ScoredVideo], scores: NDArray[np.float64], *, most: int = MOST, max_gap: int = MAX_GAP
) -> list[Moment]:
    """Return the highest peaks of the whole set that are moments of their own, the highest first.

    Parameters
    ----------
    videos
        The videos of the set.
    scores
        float64 (rows,) fused scores, 0 to 1.
    most
        How many to return at most.
    max_gap
        A gap of more missing frames than this ends a moment.
    """
    peaks = [moment for video in videos for moment in _peaks(video, scores[video.rows], most, max_gap)]
    return sorted(peaks, key=lambda moment: -moment.score)[:most]


def _peaks(video: ScoredVideo, scores: NDArray[np.float64], most: int, max_gap: int) -> list[Moment]:
    """Return the peaks of one video, the highest first."""
    free = np.ones(len(scores), bool)
    found: list[Moment] = []
    while free.any() and len(found) < most:
        peak = int(np.argmax(np.where(free, scores, -1.0)))
        if scores[peak] <= 0:
            break
        first, last = _stretch(video.numbers, scores, peak, max_gap)
        if free[first : last + 1].all():
            numbers = video.numbers
            found.append(
                Moment(
                    video.name,
                    peak,
                    int(numbers[peak]),
                    int(numbers[first]),
                    int(numbers[last]),
                    float(scores[peak]),
                )
            )
        free[max(0, first - APART) : last + APART + 1] = False
    return found


def _stretch(
    numbers: NDArray[np.int64], scores: NDArray[np.float64], peak: int, max_gap: int
) -> tuple[int, int]:
    """Return the first and last position around a peak without a long gap or a score far below it."""
    inside = scores >= PART_OF_PEAK * scores[peak]
    joined = np.append(np.diff(numbers) <= max_gap + 1, False)
    first = last = peak
    while first > 0 and inside[first - 1] and joined[first - 1]:
        first -= 1
    while joined[last] and inside[last + 1]:
        last += 1
    return first, last
