"""The CSVs of the history: where they lie, and the copies that are kept beside it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pixelkit.errors import HistoryError
from pixelkit.files import atomic

if TYPE_CHECKING:
    from pixelkit.leaderboard.history.submission import Submission

ID_DIGITS = 12


def submission_id(csv: Path) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of a CSV's bytes.

    Raises
    ------
    HistoryError
        If it cannot be read.
    """
    try:
        return hashlib.sha256(csv.read_bytes()).hexdigest()[:ID_DIGITS]
    except OSError as error:
        raise HistoryError(f"{csv}: cannot be read: {error.strerror}") from None


def kept_csv(root: Path, identity: str) -> Path:
    """Return where the history keeps a copy of a CSV that comes from elsewhere."""
    return root / "imported" / f"{identity}.csv"


def find_csv(root: Path, submission: Submission) -> Path:
    """Return where the CSV of a submission lies, with the bytes that it had.

    Raises
    ------
    HistoryError
        If it is gone or was changed.
    """
    for place in (submission.csv, kept_csv(root, submission.id)):
        if place.is_file() and submission_id(place) == submission.id:
            return place
    what = "is not what it was" if submission.csv.is_file() else "is gone"
    again = f"'pixelkit submit {submission.run}'" if submission.run else "'pixelkit history import CSV'"
    raise HistoryError(f"the CSV of {submission.id}, {submission.csv}, {what}: {again} may bring it back")


def is_there(root: Path, submission: Submission) -> bool:
    """Return whether :func:`find_csv` finds it."""
    try:
        find_csv(root, submission)
    except HistoryError:
        return False
    return True


def likely_csv(root: Path, submission: Submission) -> Path:
    """Return where a CSV of the right name lies, unread: for a list, reading every one would take too long."""
    kept = kept_csv(root, submission.id)
    return kept if not submission.csv.is_file() and kept.is_file() else submission.csv


def keep(root: Path, identity: str, csv: Path) -> Path:
    """Copy a CSV to where the history keeps it, and return the copy."""
    kept = kept_csv(root, identity)
    with atomic(kept) as temporary:
        shutil.copyfile(csv, temporary)
    return kept


def stored_path(root: Path, path: Path) -> str:
    """Return a path as it stands in the file: relative to the history's folder where it lies inside that."""
    absolute, folder = path.resolve(), root.resolve()
    return (absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute).as_posix()
