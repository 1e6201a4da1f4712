"""The page of two runs side by side: what differs in how they were made, and where their scores moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pixelkit.errors import DataError
from pixelkit.files import write_text
from pixelkit.leaderboard.history.diff import (
    ScoreMoves,
    Stretch,
    compare_tables,
    differences,
    shared_rows,
)
from pixelkit.report import page, payload
from pixelkit.report.footage import Footage, find_footage
from pixelkit.report.pictures import (
    large_pictures,
    picture_blocks,
    picture_size,
    pictures_note,
    small_pictures,
)
from pixelkit.report.report import Written
from pixelkit.report.scored_run import ScoredRun, ScoredVideo
from pixelkit.scores.normalise import rank
from pixelkit.scores.table import ScoreTable

# The stretches that moved most, with pictures.
MOST = 12


@dataclass(frozen=True)
class Shared:
    """The frames that two runs have in common.

    Parameters
    ----------
    videos
        Their videos, with the rows of each.
    ranks
        float64 (rows, 2): rank of each fused score among the shared frames, of A and of B.
    a_rows
        Where they are in the table of A.
    """

    videos: tuple[ScoredVideo, ...]
    ranks: np.ndarray[Any, np.dtype[np.float64]]
    a_rows: np.ndarray[Any, np.dtype[np.intp]]


def write_comparison(a: ScoredRun, b: ScoredRun, file: Path, cache: Path | None = None) -> Written:
    """Write the page of two runs, whose frames come from the data set of A.

    Raises
    ------
    DataError
        If they have no frame in common.
    StorageError
        If it cannot be written.
    """
    moves = compare_tables(_fused(a), _fused(b))
    if moves is None:
        raise DataError(
            f"{a.folder.path} and {b.folder.path} have no frame in common: compare two runs on one data set"
        )
    footage, shared = find_footage(a, cache), shared_frames(a, b)
    missing = (*a.missing, *footage.missing, *_two_data_sets(a, b))
    write_text(file, _render(a, b, moves, shared, footage, missing))
    return Written(file, file.stat().st_size, missing)


def shared_frames(a: ScoredRun, b: ScoredRun) -> Shared:
    """Return the frames that are in both runs, in the order of A, and their ranks in each."""
    rows_a, rows_b = shared_rows(a.table, b.table)
    names, numbers = a.table.video[rows_a], a.table.number[rows_a]
    table = ScoreTable(names, numbers, (), np.empty((len(rows_a), 0)))
    videos = tuple(ScoredVideo(name, numbers[part], part) for name, part in table.videos().items())
    return Shared(videos, np.stack([rank(a.fused[rows_a]), rank(b.fused[rows_b])], 1), rows_a)


def figures_of(run: ScoredRun) -> list[tuple[str, str]]:
    """Return the figures of a run that are known, each with what it is."""
    found = [("channels", str(len(run.table.channels)))]
    verdict, submission, measured = run.verdict, run.submission, run.evaluation
    if verdict is not None:
        value = verdict.unseen if verdict.ships == "tuned" else verdict.equal
        found.append((verdict.figure, "–" if value is None else f"{value:.4f}"))
    if submission is not None and submission.public is not None:
        found.append(("leaderboard, public", f"{submission.public:.5f}"))
    if measured is not None:
        found.append(("AP on your labels", _figure(measured.micro.ap)))
        found.append(("micro AUC on your labels", _figure(measured.micro.auc)))
    return found


def settings_that_differ(a: ScoredRun, b: ScoredRun) -> list[tuple[str, str, str]]:
    """Return settings with their values in A and in B; a scorer that is in one run only is one line."""
    alone = sorted({*a.record.scores} ^ {*b.record.scores})
    scorers = [(name, *("yes" if name in run.record.scores else "–" for run in (a, b))) for name in alone]
    return [
        *((key, first, second) for key, first, second in scorers),
        *(
            (key, _text(x), _text(y))
            for key, x, y in differences(a.settings, b.settings)
            if key.partition(".")[0] not in alone
        ),
    ]


def _render(
    a: ScoredRun, b: ScoredRun, moves: ScoreMoves, shared: Shared, footage: Footage, missing: Sequence[str]
) -> str:
    names = _names(a, b)
    shown = Footage({v.name: footage.videos[v.name] for v in shared.videos if v.name in footage.videos}, ())
    # Small pictures are those of A's frames, by position: they fit only where both runs have the same frames.
    whole = {
        v.name
        for v in shared.videos
        if v.name in shown.videos and len(shown.videos[v.name].decoded) == len(v)
    }
    pictures = small_pictures({name: shown.videos[name] for name in whole})
    figures = dict(figures_of(a)), dict(figures_of(b))
    return page.render(
        "compare.html",
        served=False,
        a=a,
        b=b,
        names=names,
        caveats=[f"{one.name}: {caveat}" for one in (a, b) for caveat in one.caveats],
        missing=missing,
        moves=moves,
        figures=[
            (key, figures[0].get(key, "–"), figures[1].get(key, "–")) for key in {**figures[0], **figures[1]}
        ],
        settings=settings_that_differ(a, b),
        recipes=[
            (key, _text(x), _text(y)) for key, x, y in differences(a.recipe.to_plain(), b.recipe.to_plain())
        ],
        cards=_cards(moves.stretches[:MOST], shared, shown),
        videos=shared.videos,
        moved={move.video: move for move in moves.videos},
        most_moved=max((move.absolute for move in moves.videos), default=0) or 1,
        sizes={
            v.name: picture_size(shown.videos[v.name]) if v.name in whole else None for v in shared.videos
        },
        pictures_note=pictures_note(pictures, frames=bool(shown.videos), served=False),
        data={"served": False, "lines": names, "channels": [], "maxGap": a.record.max_gap},
        video_blocks=[
            _video_data(a, shared, video, names, pictures.get(video.name)) for video in shared.videos
        ],
        picture_blocks=picture_blocks([video.name for video in shared.videos], pictures),
    )


def _video_data(a: ScoredRun, shared: Shared, video: ScoredVideo, names: Sequence[str], pictures: Any) -> Any:
    lines = dict(zip(names, shared.ranks[video.rows].T, strict=True))
    labels = None
    if a.labels is not None:
        every = np.concatenate([a.labels[one.name] for one in a.videos])
        labels = {video.name: every[shared.a_rows[video.rows]]}
    return payload.timeline_data(video, lines, labels, pictures)


def _cards(stretches: Sequence[Stretch], shared: Shared, footage: Footage) -> list[dict[str, Any]]:
    videos = {video.name: (index, video) for index, video in enumerate(shared.videos)}
    cards: list[dict[str, Any]] = []
    for stretch in stretches:
        index, video = videos[stretch.video]
        inside = np.flatnonzero((video.numbers >= stretch.first) & (video.numbers <= stretch.last))
        change = np.abs(np.diff(shared.ranks[video.rows][inside], axis=1)[:, 0])
        position = int(inside[np.argmax(change)])
        cards.append(
            {
                "stretch": stretch,
                "index": index,
                "position": position,
                "number": int(video.numbers[position]),
            }
        )
    pictures = large_pictures(footage.videos, [(one["stretch"].video, one["number"]) for one in cards])
    return [{**one, "picture": pictures.get((one["stretch"].video, one["number"]))} for one in cards]


def _two_data_sets(a: ScoredRun, b: ScoredRun) -> list[str]:
    """Say that videos of one name may be two videos."""
    if a.record.data == b.record.data:
        return []
    return [
        f"The runs name two data sets, {a.record.data} and {b.record.data}: if these are not copies of one, frames of "
        f"one name and number have nothing in common. The frames shown are those of the first."
    ]


def _fused(run: ScoredRun) -> ScoreTable:
    return ScoreTable(run.table.video, run.table.number, ["fused"], run.fused[:, None])


def _names(a: ScoredRun, b: ScoredRun) -> list[str]:
    """Return what to call the runs: by their folders, or A and B where these have one name."""
    return [a.name, b.name] if a.name != b.name else [f"{a.name} (A)", f"{b.name} (B)"]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _text(value: Any) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
