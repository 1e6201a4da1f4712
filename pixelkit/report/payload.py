"""What the page's charts are drawn from: plain JSON, short numbers, one block for each video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.inventory import find_gaps
from pixelkit.report import figures
from pixelkit.report.footage import Footage
from pixelkit.report.pictures import Pictures
from pixelkit.report.scored_run import ScoredRun, ScoredVideo
from pixelkit.scores.normalise import rank

Plain = dict[str, Any]


def page_data(run: ScoredRun, *, served: bool) -> Plain:
    """Return what the charts share, and all that is not of one video.

    Parameters
    ----------
    run
        The run.
    served
        Whether the page may ask for frames at full size.
    """
    ranked = np.column_stack([figures.ranks(run), rank(run.fused)])
    return {
        "served": served,
        "lines": ["fused score"],
        "channels": list(run.table.channels),
        "maxGap": run.record.max_gap,
        "histograms": {name: asdict(one) for name, one in figures.histograms(run).items()},
        "correlation": {
            "names": [*run.table.channels, "fused"],
            "values": figures.correlation(ranked),
        },
        "weights": {name: round(each.weight, 4) for name, each in run.recipe.channels.items()},
        "importances": {name: round(value, 4) for name, value in list(run.importances.items())[:20]},
        "families": {}
        if run.verdict is None
        else {key: dict(value) for key, value in run.verdict.parts.items()},
        "curves": run.curves,
    }


def video_data(
    run: ScoredRun,
    video: ScoredVideo,
    ranks: NDArray[np.float64],
    footage: Footage,
    pictures: Pictures | None,
) -> Plain:
    """Return what the timeline of one video is drawn from.

    Parameters
    ----------
    run, video
        The run, and which of its videos.
    ranks
        float64 (rows, channels): rank of every channel among all frames.
    footage, pictures
        Where its frames are, and its small pictures; None if there are none.
    """
    rows, repair = video.rows, run.repair_of(video)
    shown = footage.videos.get(video.name)
    return {
        **timeline_data(video, {"fused score": run.fused[rows]}, run.labels, pictures),
        "ranks": [_short(column, 3) for column in ranks[rows].T],
        "raw": [[float(f"{value:.4g}") for value in column] for column in run.table.values[rows].T.tolist()],
        "flipped": _positions(video, repair.flipped),
        "noisy": _positions(video, repair.noisy),
        "undecodable": sorted(shown.decoded.undecodable) if shown else [],
    }


def timeline_data(
    video: ScoredVideo,
    lines: Mapping[str, NDArray[np.float64]],
    labels: Mapping[str, NDArray[np.bool_]] | None,
    pictures: Pictures | None,
) -> Plain:
    """Return what every timeline has: frame numbers, lines from 0 to 1, gaps, labels."""
    return {
        "name": video.name,
        "numbers": video.numbers.tolist(),
        "lines": [_short(line, 4) for line in lines.values()],
        "gaps": find_gaps(video.numbers),
        "labels": None if labels is None else labelled_stretches(video.numbers, labels[video.name]),
        "every": pictures.every if pictures else 0,
    }


def labelled_stretches(numbers: NDArray[np.int64], labels: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the numbers of the first and last frame of each stretch that is labelled anomalous."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], labels, [False]]).astype(np.int8)))
    return [(int(numbers[a]), int(numbers[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _short(values: NDArray[np.float64], digits: int) -> list[float]:
    rounded: list[float] = np.round(values, digits).tolist()
    return rounded


def _positions(video: ScoredVideo, numbers: Sequence[int]) -> list[int]:
    found: list[int] = np.flatnonzero(np.isin(video.numbers, numbers)).tolist()
    return found
