"""Average precision (AP) and area under the ROC curve (AUC): micro, macro, per video.

The same numbers as scikit-learn, ties included, without the 2.7 s that ``sklearn.metrics`` takes to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixelkit.scores.order import rising as order_of


@dataclass(frozen=True)
class Metrics:
    """How well scores find the anomalous frames, over some frames together.

    AP depends on the part of frames that are anomalous: a coin reaches :attr:`prevalence`, and an AUC of 0.5.
    """

    frames: int
    anomalous: int
    ap: float | None
    """Average precision; None without an anomalous frame."""
    auc: float | None
    """Area under the ROC curve; None when the frames are all of one class."""

    @property
    def prevalence(self) -> float:
        """The part of frames that are anomalous, 0 to 1."""
        return self.anomalous / self.frames if self.frames else 0.0


@dataclass(frozen=True)
class Evaluation:
    """Frame-level metrics of one channel."""

    micro: Metrics
    """Over all frames together: PixelPlay '26 ranks by ``micro.ap``."""
    videos: Mapping[str, Metrics]
    """Of each video by itself."""

    @property
    def both_classes(self) -> list[Metrics]:
        """The videos that hold normal and anomalous frames: those that the macro averages are over."""
        return [video for video in self.videos.values() if video.auc is not None]

    @property
    def macro_ap(self) -> float | None:
        """Mean AP of the videos with both classes; None without such a video."""
        return _mean([video.ap for video in self.both_classes])

    @property
    def macro_auc(self) -> float | None:
        """Mean AUC of the videos with both classes; None without such a video."""
        return _mean([video.auc for video in self.both_classes])


def evaluate(scores: Mapping[str, ArrayLike], labels: Mapping[str, ArrayLike]) -> Evaluation:
    """Measure the scores (n,) of each video against its labels (n,), true where a frame is anomalous."""
    pairs = {name: (np.asarray(labels[name], bool), np.asarray(scores[name])) for name in scores}
    everything = [np.concatenate(arrays) for arrays in zip(*pairs.values(), strict=True)]
    return Evaluation(_measure(*everything), {name: _measure(*pair) for name, pair in pairs.items()})


def average_precision(
    labels: NDArray[np.bool_], scores: NDArray[np.floating], weights: NDArray[np.floating] | None = None
) -> float | None:
    """Return the sum of precision times the step in recall, over falling thresholds, frames of equal score as one.

    Parameters
    ----------
    labels, scores
        (n,) true where a frame is anomalous; higher for more anomalous.
    weights
        (n,) how often each frame counts, from 0 up; None for once each. None is returned without an anomalous frame.
    """
    return Curve(labels, scores).average_precision(weights)


def roc_auc(
    labels: NDArray[np.bool_], scores: NDArray[np.floating], weights: NDArray[np.floating] | None = None
) -> float | None:
    """Return how often an anomalous frame outranks a normal one, a tie counted half; None with one class only."""
    return Curve(labels, scores).roc_auc(weights)


class Curve:
    """Frames in the order of their scores, from which both metrics follow, for any weights of the frames.

    Sorting takes most of the time: videos that are drawn again and again, as weights, are measured without it.

    Parameters
    ----------
    labels, scores
        (n,) as for :func:`average_precision`.
    rising
        (n,) positions in the order of the scores, where that is known: it is not sorted again.
    """

    def __init__(
        self,
        labels: NDArray[np.bool_],
        scores: NDArray[np.floating],
        rising: NDArray[np.intp] | None = None,
    ) -> None:
        rising = order_of(scores) if rising is None else rising
        self._order = rising[::-1]  # ties may come in any order: they count as one
        falling = scores[self._order]
        last = np.append(
            falling[:-1] != falling[1:], [True] * bool(len(falling))
        )  # the last frame of each score
        self._ends = np.flatnonzero(last)
        self._labels = labels[self._order]

    def average_precision(self, weights: NDArray[np.floating] | None = None) -> float | None:
        """Return the average precision, or None without an anomalous frame."""
        found, wrong = self._counts(weights)
        if not len(found) or not found[-1]:
            return None
        # Frames of weight 0 before all others have no precision; they make no step either.
        precision = found / np.maximum(found + wrong, np.finfo(float).tiny)
        # From the lowest threshold up, as scikit-learn does it: sums in another order differ in the last bit
        steps = np.diff(found[::-1] / found[-1], append=0)
        return float(-np.sum(steps * precision[::-1]))

    def roc_auc(self, weights: NDArray[np.floating] | None = None) -> float | None:
        """Return the area under the ROC curve, or None with one class only."""
        found, wrong = self._counts(weights)
        if not len(found) or not found[-1] or not wrong[-1]:
            return None
        heights = found - np.diff(found, prepend=0) / 2  # the middle of each step: the trapezoid rule
        return float(np.sum(heights * np.diff(wrong, prepend=0)) / (found[-1] * wrong[-1]))

    def _counts(
        self, weights: NDArray[np.floating] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how many anomalous and how many normal frames lie at or above each distinct score, falling."""
        if weights is None:
            found = np.cumsum(self._labels, dtype=np.float64)[self._ends]
            return found, self._ends + 1 - found
        each = np.asarray(weights, np.float64)[self._order]
        found = np.cumsum(each * self._labels)[self._ends]
        return found, np.cumsum(each)[self._ends] - found


def _measure(labels: NDArray[np.bool_], scores: NDArray[np.floating]) -> Metrics:
    return Metrics(len(labels), int(labels.sum()), average_precision(labels, scores), roc_auc(labels, scores))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
