"""Earlier submissions, many at once: a CSV ``file,score,note`` of CSVs and what the leaderboard gave them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from pixelkit.errors import HistoryError, PixelkitError, reason
from pixelkit.leaderboard.csv import check_submission
from pixelkit.leaderboard.history import History, Submission, parse_score

COLUMNS = ("file", "score", "note")


@dataclass(frozen=True)
class Earlier:
    """A line of the list."""

    line: int
    csv: Path
    score: float | None
    note: str


def import_list(history: History, file: Path) -> list[Submission]:
    """Import every CSV of a list; nothing is imported when one of its lines is wrong.

    Raises
    ------
    HistoryError
        Names the line: its CSV cannot be read, its score is none or another one than was told before.
    """
    earlier = read_list(file)
    for one in earlier:
        try:
            check_submission(one.csv)
        except PixelkitError as error:
            raise HistoryError(f"{file}, line {one.line}: {error}") from None
    imported = []
    for one in earlier:
        try:
            imported.append(history.imported(one.csv, one.score, one.note))
        except HistoryError as error:
            raise HistoryError(f"{file}, line {one.line}: {error}") from None
    return imported


def read_list(file: Path) -> list[Earlier]:
    """Read a list; the paths in it are relative to its folder. An empty score is one that is not known.

    Raises
    ------
    HistoryError
        If it cannot be read, lacks a column, or holds a score that is none.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            header, *rows = csv.reader(opened)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HistoryError(f"{file}: cannot be read as a CSV: {reason(error)}") from None
    except ValueError:
        raise HistoryError(f"{file}: is empty: expected a first line {','.join(COLUMNS)}") from None
    if tuple(header) not in (COLUMNS, COLUMNS[:2]):
        raise HistoryError(
            f"{file}: the first line is {','.join(header)!r:.60}: expected file,score or file,score,note"
        )
    return [_earlier(file, line, row) for line, row in enumerate(rows, 2) if row]


def _earlier(file: Path, line: int, row: list[str]) -> Earlier:
    if len(row) not in (2, 3):
        raise HistoryError(f"{file}, line {line}: {len(row)} cells, expected file,score or file,score,note")
    path, score, note = [*map(str.strip, row), ""][:3]
    try:
        return Earlier(line, file.parent / path, parse_score(score) if score else None, note)
    except HistoryError as error:
        raise HistoryError(f"{file}, line {line}: {error}") from None
