"""Normalisations: they bring the channels to one scale, so that they can be added.

Each takes the scores of one channel and, when it is to be calibrated, the scores of held-out normal video. Higher
stays higher. A constant says nothing: it becomes 0, or 0.5 where it is ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from pixelkit.scores.order import rising as order_of

Scores = NDArray[np.float64]

SCOPES = ("global", "video", "heldout")

# A calibrated score has no upper end. A million times the range of normal video is anomalous beyond doubt, and
# powers of it still fit into a float64.
LARGEST = 1e6


def min_max(values: Scores, normal: Scores | None = None) -> Scores:
    """Map the smallest score to 0 and the largest to 1.

    Calibrated: the smallest of ``normal`` to 0 and its 99.9th percentile to 1, as AI-VAD does (Reiss and Hoshen,
    2022); anomalies lie above 1.
    """
    if normal is None:
        return _line(values, values.min(), values.max())
    return _line(values, normal.min(), float(np.percentile(normal, 99.9)))


def percentile(values: Scores, normal: Scores | None = None) -> Scores:
    """Map the 1st percentile to 0 and the 99th to 1, and cut what lies outside, so that no spike sets the scale.

    Calibrated: the percentiles of ``normal``, and nothing is cut, for anomalies lie outside.
    """
    reference = values if normal is None else normal
    low, high = np.percentile(reference, [1, 99])
    ends = (0, 1) if normal is None else (-np.inf, np.inf)
    scaled: Scores = np.clip(_line(values, low, high), *ends)
    return scaled


def z(values: Scores, normal: Scores | None = None) -> Scores:
    """Subtract the mean and divide by the standard deviation, of ``normal`` when calibrated."""
    reference = values if normal is None else normal
    spread = _deviation(reference) or _deviation(values) or 1.0
    # A constant's mean is off by a rounding error, which must not become a score.
    centre = float(reference.mean() if np.ptp(reference) > 0 else reference[0])
    return (values - centre) / spread


def rank(values: Scores, normal: Scores | None = None, rising: NDArray[np.intp] | None = None) -> Scores:
    """Return the part of scores that lie below, ties counted half: 0 to 1, the same after any monotone map.

    Calibrated: the part of ``normal`` that lies below, linear between its scores. Above its largest score it goes
    on from 1 towards 2, reaching 1.5 as far beyond the largest as that lies above the median, so that large
    anomalies stay ordered.

    ``rising`` are the positions in the order of the values, where that is known.
    """
    if not len(values):
        return values
    if normal is None:
        order = order_of(values) if rising is None else rising
        ordered = values[order]
        ranks, apart = np.empty(len(values)), ordered[:-1] != ordered[1:]
        if apart.all():
            ranks[order] = (np.arange(len(values)) + 0.5) / len(values)
            return ranks
        ends = np.flatnonzero(np.append(apart, True)) + 1
        counts = np.diff(ends, prepend=0)
        ranks[order] = np.repeat((ends - counts / 2) / len(values), counts)
        return ranks
    known, counts = np.unique(normal, return_counts=True)
    below = np.interp(values, known, (np.cumsum(counts) - counts / 2) / len(normal))
    excess = np.maximum(values - known[-1], 0)
    scale = float(known[-1] - np.median(normal)) or float(excess.max()) or 1.0
    calibrated: Scores = below + excess / (excess + scale)
    return calibrated


METHODS: dict[str, Callable[[Scores, Scores | None], Scores]] = {
    "min-max": min_max,
    "percentile": percentile,
    "z": z,
    "rank": rank,
}


def normalise(
    values: NDArray[np.float32] | Scores,
    method: str,
    scope: str,
    *,
    videos: Iterable[slice],
    heldout: NDArray[np.float32] | Scores | None = None,
) -> Scores:
    """Return the scores of one channel, normalised.

    Parameters
    ----------
    values
        (rows,) scores.
    method
        ``min-max``, ``percentile``, ``z`` or ``rank``.
    scope
        ``global``: over all rows. ``video``: each video by itself, which assumes that every video holds an anomaly;
        it can raise micro AUC by ten points where that is so, and is a known way to fool oneself. ``heldout``:
        calibrated on ``heldout``.
    videos
        The rows of each video.
    heldout
        (m,) scores of normal video that the scorer was not fitted on, for the scope ``heldout``.

    Returns
    -------
    float64 (rows,), finite.
    """
    scores = np.asarray(values, np.float64)
    if not len(scores):
        return scores
    normalised = np.empty_like(scores)
    if scope == "video":
        for rows in videos:
            normalised[rows] = METHODS[method](scores[rows], None)
        return normalised
    normal = np.asarray(heldout, np.float64) if scope == "heldout" else None
    return np.clip(METHODS[method](scores, normal), -LARGEST, LARGEST)


def _line(values: Scores, low: float, high: float) -> Scores:
    """Map ``low`` to 0 and ``high`` to 1; where they are one, the range of ``values`` gives the scale."""
    spread = float(high - low) or float(np.ptp(values)) or 1.0
    return (values - low) / spread


def _deviation(values: Scores) -> float:
    return float(values.std()) if np.ptp(values) > 0 else 0.0
