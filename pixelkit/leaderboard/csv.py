"""The leaderboard CSV, ``Id,Predicted``: written, checked down to the last id, read back."""

from __future__ import annotations

import csv
import io
import logging
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import SubmissionError, examples, reason
from pixelkit.files import write_text
from pixelkit.frames.ids import frame_id, parse_id, video_key
from pixelkit.scores.table import ScoreTable

log = logging.getLogger("pixelkit")

COLUMNS = ["Id", "Predicted"]


def write_submission(
    path: Path, table: ScoreTable, scores: NDArray[np.float64], sample: Path | None = None
) -> None:
    """Write the CSV that the leaderboard takes, whole or not at all; the same scores give the same bytes.

    With a sample submission it has exactly the ids of that, in its order. An id whose frame is not on disk gets the
    score of the nearest frame of its video, and frames on disk that the sample does not ask for are left out; a
    warning tells of both. Without a sample it has the frames on disk, by video in natural order and by number.

    Parameters
    ----------
    path
        Where to write.
    table
        Says which video and frame each score is for.
    scores
        (len(table),) one score per row of ``table``. Written with 9 significant digits, never as 1e-05.
    sample
        The sample submission, if there is one.

    Raises
    ------
    SubmissionError
        A score is not finite, the sample is malformed, or it asks for a video that is not on disk.
    StorageError
        The file cannot be written.
    """
    if scores.shape != (len(table),) or not np.isfinite(scores).all():
        raise SubmissionError(
            f"{path}: expected {len(table):,} finite scores, one for each frame: not written"
        )
    keys = table.frames()
    rows = list(range(len(table)))
    ids = [frame_id(*key) for key in keys]
    if sample is not None:
        ids = read_ids(sample)
        rows = _rows_for(sample, [parse_id(text) for text in ids], keys)
    texts = [_number(score) for score in scores.tolist()]
    lines = [f"{text},{texts[row]}" for text, row in zip(ids, rows, strict=True)]
    write_text(path, "\n".join([",".join(COLUMNS), *lines]) + "\n")


def check_submission(path: Path, sample: Path | None = None, table: ScoreTable | None = None) -> None:
    """Check that the leaderboard will take a CSV; a constant column is a warning.

    Parameters
    ----------
    path
        The CSV.
    sample
        The sample submission, whose ids are expected in its order.
    table
        Whose frames are expected when there is no sample.

    Raises
    ------
    SubmissionError
        Names every difference with examples: columns, ids that are missing, unknown, padded or there twice, their
        order, predictions that are empty, not a number or not finite, a byte-order mark.
    """
    rows, problems = _read(path)
    ids = [row[0] for row in rows]
    expected = read_ids(sample) if sample else [frame_id(*key) for key in table.frames()] if table else None
    problems += _id_problems(ids, expected)
    problems += _prediction_problems(rows)
    if problems:
        raise SubmissionError(f"{path}: the leaderboard would reject this: {'; '.join(problems)}")
    if len({float(row[1]) for row in rows}) == 1:
        log.warning("%s: every prediction is %s, which ranks nothing", path, rows[0][1])


def read_ids(sample: Path) -> list[str]:
    """Return the ids of a sample submission in its order.

    Raises
    ------
    SubmissionError
        If it cannot be read, lacks a column, or holds an id that is malformed or there twice.
    """
    rows, problems = _read(sample)
    ids = [row[0] for row in rows]
    problems += _id_problems(ids, None)
    if problems:
        raise SubmissionError(f"{sample}: is not a sample submission: {'; '.join(problems)}")
    return ids


def check_sample(sample: Path, videos: Iterable[str]) -> None:
    """Check, before anything is scored, that a sample submission asks for videos of this data set only.

    Parameters
    ----------
    sample
        The sample submission.
    videos
        Names of the test videos.

    Raises
    ------
    SubmissionError
        If it is malformed, or asks for a video that is not among them.
    """
    _require_videos(
        sample, [parse_id(text) for text in read_ids(sample)], [video_key(name) for name in videos]
    )


def read_submission(path: Path) -> ScoreTable:
    """Return the predictions of a CSV as a score table with the one channel ``Predicted``.

    Raises
    ------
    SubmissionError
        If :func:`check_submission` has something against it.
    """
    check_submission(path)
    rows, _ = _read(path)
    keys = [parse_id(row[0]) for row in rows]
    return ScoreTable(
        [video for video, _ in keys],
        [number for _, number in keys],
        COLUMNS[1:],
        [[float(row[1])] for row in rows],
    )


def _number(score: float) -> str:
    return format(Decimal(f"{score + 0.0:.9g}"), "f")  # + 0.0 turns -0.0 into 0.0


def _require_videos(sample: Path, wanted: list[tuple[str, int]], known: Collection[str]) -> None:
    lost = list(dict.fromkeys(video for video, _ in wanted if video not in known))
    if lost:
        raise SubmissionError(
            f"{sample}: asks for video {examples(lost)}, which is not among the videos scored "
            f"({examples(known)}): is this the sample of another data set?"
        )


def _rows_for(sample: Path, wanted: list[tuple[str, int]], keys: list[tuple[str, int]]) -> list[int]:
    """Return the row of ``keys`` that each wanted frame is scored by: its own, or the nearest of its video."""
    row_of = {key: row for row, key in enumerate(keys)}
    rows_of: dict[str, list[int]] = {}
    for row, (video, _) in enumerate(keys):
        rows_of.setdefault(video, []).append(row)
    _require_videos(sample, wanted, rows_of)
    missing = [key for key in wanted if key not in row_of]
    if missing:
        log.warning(
            "%s: %s ids have no frame on disk and get the score of the nearest one: %s",
            sample,
            f"{len(missing):,}",
            examples(frame_id(*key) for key in missing),
        )
        for video, number in missing:
            row_of[video, number] = min(rows_of[video], key=lambda row: abs(keys[row][1] - number))
    left = row_of.keys() - set(wanted)
    if left:
        log.warning(
            "%s: does not ask for %s frames that are on disk; they are left out: %s",
            sample,
            f"{len(left):,}",
            examples(frame_id(*key) for key in keys if key in left),
        )
    return [row_of[key] for key in wanted]


def _read(path: Path) -> tuple[list[list[str]], list[str]]:
    """Return the rows of two cells each, and what is wrong with the file as such."""
    try:
        text = path.read_bytes().decode("utf-8")
        lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SubmissionError(f"{path}: cannot be read as a CSV: {reason(error)}") from None
    if not lines or lines[0] != COLUMNS:
        found = repr(",".join(lines[0])) if lines else "nothing"
        raise SubmissionError(f"{path}: the first line is {found}, expected 'Id,Predicted'")
    problems = []
    if text.startswith("\ufeff"):
        problems.append("it begins with a byte-order mark: save it as plain UTF-8")
    rows = [row for row in lines[1:] if len(row) == len(COLUMNS)]
    broken = [line for line, row in enumerate(lines[1:], 2) if len(row) != len(COLUMNS)]
    if broken:
        problems.append(f"{_count(len(broken), 'line')} without exactly two cells (line {examples(broken)})")
    return rows, problems


def _id_problems(ids: list[str], expected: Sequence[str] | None) -> list[str]:
    malformed = {text: reason for text in ids if (reason := _malformed(text))}
    problems = []
    if malformed:
        first = next(iter(malformed.values()))
        problems.append(f"{_count(len(malformed), 'malformed id')} ({examples(malformed)}): {first}")
    twice = [text for text, count in Counter(ids).items() if count > 1]
    if twice:
        problems.append(f"{_count(len(twice), 'id')} there more than once ({examples(twice)})")
    if expected is None:
        return problems if ids else ["there are no rows"]
    have, want = set(ids), set(expected)
    missing = [text for text in expected if text not in have]
    unknown = [text for text in ids if text not in want and text not in malformed]
    if missing:
        problems.append(f"{_count(len(missing), 'missing id')} ({examples(missing)})")
    if unknown:
        problems.append(f"{_count(len(unknown), 'unknown id')} ({examples(unknown)})")
    if len(ids) != len(expected):
        problems.append(f"{len(ids):,} rows, expected {len(expected):,}")
    if not problems and ids != list(expected):
        line = next(i for i, (is_, should) in enumerate(zip(ids, expected, strict=True)) if is_ != should)
        problems.append(f"the order differs from line {line + 2} on: {ids[line]}, expected {expected[line]}")
    return problems


def _malformed(text: str) -> str | None:
    try:
        parse_id(text)
    except ValueError as error:
        return str(error)
    return None


def _prediction_problems(rows: list[list[str]]) -> list[str]:
    wrong: dict[str, list[str]] = {}
    for text, prediction in rows:
        kind = _wrong(prediction)
        if kind:
            wrong.setdefault(kind, []).append(f"{text},{prediction}")
    return [f"{_count(len(lines), kind)} ({examples(lines)})" for kind, lines in wrong.items()]


def _wrong(prediction: str) -> str | None:
    """Return what is wrong with the text of a prediction, or None."""
    if not prediction.strip():
        return "empty prediction"
    try:
        value = float(prediction)
    except ValueError:
        return "prediction that is not a number"
    if "_" in prediction or not prediction.isascii():  # Python takes 1_5 for 15; nobody else does
        return "prediction that is not a number"
    return None if math.isfinite(value) else "prediction that is not finite"


def _count(count: int, what: str) -> str:
    """Return ``1 missing id``, ``1,204 missing ids``, ``2 predictions that are not finite``."""
    if count == 1:
        return f"1 {what}"
    noun, that_is, rest = what.partition(" that is ")
    return f"{count:,} {noun}s{' that are ' if that_is else ''}{rest}"
