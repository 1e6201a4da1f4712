"""What changed between two submissions: settings, recipe, and where the scores moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import HistoryError
from pixelkit.leaderboard.csv import read_submission
from pixelkit.leaderboard.history.submission import Submission, flatten
from pixelkit.scores.normalise import rank
from pixelkit.scores.table import ScoreTable


@dataclass(frozen=True)
class VideoMove:
    """How the frames of one video moved among all frames; ranks are from 0, the lowest score, to 1."""

    video: str
    frames: int
    mean: float
    """Mean rank in B minus mean rank in A: above 0, B finds the video more anomalous."""
    absolute: float
    """Mean of the absolute change: what moved within the video counts too."""


@dataclass(frozen=True)
class Stretch:
    """Frames in a row that all moved the same way, each by the mean of all frames or more."""

    video: str
    first: int
    """Number of the first frame."""
    last: int
    frames: int
    mean: float
    """Mean change of rank, B minus A."""


@dataclass(frozen=True)
class ScoreMoves:
    """Where the scores moved from A to B."""

    frames: int
    """In both CSVs; only these are compared."""
    only_a: int
    only_b: int
    correlation: float | None
    """Rank correlation (Spearman), -1 to 1; None when one of the two is constant."""
    videos: tuple[VideoMove, ...]
    """Most moved first."""
    stretches: tuple[Stretch, ...]
    """Most moved first: by frames times mean change."""


def differences(a: Mapping[str, Any], b: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    """Return the keys that differ, as in ``convae.epochs``, with both values; None where a key is not there."""
    flat_a, flat_b = dict(flatten(a, prefix)), dict(flatten(b, prefix))
    keys = [*flat_a, *(key for key in flat_b if key not in flat_a)]
    return [(key, flat_a.get(key), flat_b.get(key)) for key in keys if flat_a.get(key) != flat_b.get(key)]


def changes_between(a: Submission, b: Submission) -> list[tuple[str, Any, Any]] | None:
    """Return what differs in the settings and the recipes of two submissions; None if one has none."""
    if a.settings is None or b.settings is None or a.recipe is None or b.recipe is None:
        return None
    return [*differences(a.settings, b.settings), *differences(a.recipe, b.recipe, "recipe: ")]


def compare_scores(a: Path, b: Path) -> ScoreMoves:
    """Compare the ranks that two leaderboard CSVs give the frames that are in both.

    Raises
    ------
    SubmissionError
        If one of them is no leaderboard CSV.
    HistoryError
        If they have no frame in common.
    """
    moves = compare_tables(read_submission(a), read_submission(b))
    if moves is None:
        raise HistoryError(f"{a} and {b} have no frame in common: are they of two data sets?")
    return moves


def compare_tables(table_a: ScoreTable, table_b: ScoreTable) -> ScoreMoves | None:
    """Compare the ranks that the first channels of two tables give the frames that are in both; None without any."""
    rows_a, rows_b = shared_rows(table_a, table_b)
    if not len(rows_a):
        return None
    ranks_a = rank(table_a.values[rows_a, 0].astype(np.float64))
    ranks_b = rank(table_b.values[rows_b, 0].astype(np.float64))
    change = ranks_b - ranks_a
    video, number = table_a.video[rows_a], table_a.number[rows_a]
    return ScoreMoves(
        len(change),
        len(table_a) - len(change),
        len(table_b) - len(change),
        _correlation(ranks_a, ranks_b),
        _video_moves(video, change),
        _stretches(video, number, change),
    )


def shared_rows(a: ScoreTable, b: ScoreTable) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of the frames that are in both tables, in the order of the first."""
    row_of = {key: row for row, key in enumerate(b.frames())}
    pairs = [(row, row_of[key]) for row, key in enumerate(a.frames()) if key in row_of]
    array = np.array(pairs, np.intp).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(a @ b / length, -1, 1)) if length > 0 else None


def _video_moves(video: NDArray[np.str_], change: NDArray[np.float64]) -> tuple[VideoMove, ...]:
    moves = []
    for name in dict.fromkeys(video.tolist()):
        part = change[video == name]
        moves.append(VideoMove(name, len(part), float(part.mean()), float(np.abs(part).mean())))
    return tuple(sorted(moves, key=lambda move: -move.absolute))


def _stretches(
    video: NDArray[np.str_], number: NDArray[np.int64], change: NDArray[np.float64]
) -> tuple[Stretch, ...]:
    # The mean as threshold cuts off the ends of a stretch, where next to nothing moved.
    way = np.where(np.abs(change) >= np.abs(change).mean(), np.sign(change), 0)
    starts = np.append(True, (way[1:] != way[:-1]) | (video[1:] != video[:-1]))
    firsts = np.flatnonzero(starts)
    stretches = []
    for first, stop in zip(firsts, np.append(firsts[1:], len(way)), strict=True):
        if way[first]:
            mean = float(change[first:stop].mean())
            stretches.append(
                Stretch(str(video[first]), int(number[first]), int(number[stop - 1]), int(stop - first), mean)
            )
    return tuple(sorted(stretches, key=lambda stretch: -abs(stretch.mean) * stretch.frames))
