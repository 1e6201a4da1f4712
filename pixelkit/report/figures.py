"""The numbers behind the charts: how scores are spread, which channels agree, what each video holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.report.scored_run import ScoredRun, ScoredVideo
from pixelkit.scores.normalise import rank

BINS = 40
# The part of all frames that counts as high: a quarter of PixelPlay's are anomalous, and no set has fewer than a few.
HIGH = 0.1


@dataclass(frozen=True)
class Histogram:
    """How often scores lie in each of equal bins.

    Parameters
    ----------
    edges
        The ends of the bins, one more than there are bins.
    counts
        Frames in each bin; with labels, of the normal frames only.
    anomalous
        Anomalous frames in each bin; None without labels.
    """

    edges: list[float]
    counts: list[int]
    anomalous: list[int] | None


@dataclass(frozen=True)
class VideoFigures:
    """One line of the table of videos.

    Parameters
    ----------
    name, frames
        The video and how many frames it has.
    missing
        Frame numbers that are missing between the first and the last.
    flipped, noisy
        Frames that were repaired.
    mean, highest
        Of the fused score.
    peak
        The number of the frame with the highest score.
    high
        The part of its frames that are among the highest tenth of all frames.
    ap, auc
        Against the labels; None without any, or where the video holds one class only.
    """

    name: str
    frames: int
    missing: int
    flipped: int
    noisy: int
    mean: float
    highest: float
    peak: int
    high: float
    ap: float | None
    auc: float | None


def video_figures(run: ScoredRun) -> list[VideoFigures]:
    """Return the line of every video."""
    high = is_high(run.fused)
    return [_video_figures(run, video, high[video.rows]) for video in run.videos]


def is_high(fused: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows are among the highest tenth: bool (rows,); of equal scores all or none."""
    return rank(fused) > 1 - HIGH if len(fused) else np.zeros(0, bool)


def histograms(run: ScoredRun) -> dict[str, Histogram]:
    """Return the histogram of the fused score and of every channel, by name."""
    labels = None if run.labels is None else np.concatenate([run.labels[video.name] for video in run.videos])
    return {name: _histogram(column, labels) for name, column in run.columns.items()}


def ranks(run: ScoredRun) -> NDArray[np.float64]:
    """Return the rank of every channel's score among all frames, 0 to 1: float64 (rows, channels)."""
    columns = [rank(run.table.channel(name).astype(np.float64)) for name in run.table.channels]
    return np.stack(columns, 1) if columns else np.empty((len(run.table), 0))


def correlation(columns: NDArray[np.float64]) -> list[list[float | None]]:
    """Return Pearson's correlation of each pair of columns (rows, k); None where one of them is constant.

    Of ranks it is Spearman's.
    """
    spread = np.ptp(columns, axis=0) > 0 if len(columns) else np.zeros(columns.shape[1], bool)
    matrix: list[list[float | None]] = [[None] * len(spread) for _ in spread]
    varied = np.flatnonzero(spread)
    if len(varied):
        found = np.atleast_2d(np.corrcoef(columns[:, varied], rowvar=False))
        for row, a in enumerate(varied):
            for column, b in enumerate(varied):
                matrix[a][b] = round(float(found[row, column]), 3)
    return matrix


def _video_figures(run: ScoredRun, video: ScoredVideo, high: NDArray[np.bool_]) -> VideoFigures:
    fused, repair = run.fused[video.rows], run.repair_of(video)
    measured = run.evaluation.videos[video.name] if run.evaluation else None
    both = measured is not None and measured.auc is not None
    return VideoFigures(
        name=video.name,
        frames=len(video),
        missing=int(video.numbers[-1] - video.numbers[0]) + 1 - len(video),
        flipped=len(repair.flipped),
        noisy=len(repair.noisy),
        mean=float(fused.mean()),
        highest=float(fused.max()),
        peak=int(video.numbers[np.argmax(fused)]),
        high=float(high.mean()),
        ap=measured.ap if measured and both else None,
        auc=measured.auc if measured else None,
    )


def _histogram(column: NDArray[np.float64], labels: NDArray[np.bool_] | None) -> Histogram:
    # Half a thousandth at each end goes into the last bins: one outlier would leave one bin for all the rest.
    low, top = (float(np.quantile(column, part)) for part in (0.0005, 0.9995)) if len(column) else (0.0, 1.0)
    edges = np.linspace(low, top if top > low else low + 1, BINS + 1)
    held = np.clip(column, edges[0], edges[-1])
    counts: Any = np.histogram(held if labels is None else held[~labels], edges)[0]
    anomalous = None if labels is None else np.histogram(held[labels], edges)[0].tolist()
    return Histogram([float(f"{edge:.4g}") for edge in edges], counts.tolist(), anomalous)
