"""The history of submissions: every CSV ever written, what it was made with, and what the leaderboard said.

One append-only file, ``submissions/history.jsonl``, with an event a line: ``written``, ``imported``, ``proposed``,
``sent``, ``rejected``, ``told``, ``note``. What it knows of a submission is what its events say, in the order of their
times.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelkit.leaderboard.history.commit import commit_of
from pixelkit.leaderboard.history.csvs import (
    find_csv,
    is_there,
    keep,
    kept_csv,
    likely_csv,
    stored_path,
    submission_id,
)
from pixelkit.leaderboard.history.events import Events
from pixelkit.leaderboard.history.merge import Merged, merge
from pixelkit.leaderboard.history.submission import Submission, apply, check_told, choose, parse_score

if TYPE_CHECKING:
    from pixelkit.scores.recipe import Recipe

__all__ = ["FILE_NAME", "History", "Merged", "Submission", "parse_score", "submission_id"]

FILE_NAME = "history.jsonl"


class History:
    """Every submission ever written, in one file that several processes may append to.

    Parameters
    ----------
    file
        ``history.jsonl`` in the folder that holds the run folders; made when something is first written.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._events = Events(file)

    @property
    def root(self) -> Path:
        """The folder that relative paths in the file start from."""
        return self.file.parent

    def submissions(self) -> list[Submission]:
        """Return every submission in the order of time; lines that are broken are passed over with a warning.

        Raises
        ------
        StorageError
            If the file is there and cannot be read.
        """
        known = self._events.known().values()
        located = [replace(one, csv=likely_csv(self.root, one)) for one in known]
        return sorted(located, key=lambda submission: (submission.time, submission.id))

    def find(self, text: str) -> Submission:
        """Return a submission by its id, by a unique beginning of at least 4 digits, or by the path of its CSV.

        Raises
        ------
        HistoryError
            If there is none, or more than one.
        """
        return choose(text, {submission.id: submission for submission in self.submissions()}, self.file)

    def told(self) -> list[Submission]:
        """Return the submissions that have a public score, in the order of time."""
        return [submission for submission in self.submissions() if submission.public is not None]

    def best(self) -> Submission | None:
        """Return the submission with the highest public score, the earliest of equals; None without any."""
        return max(self.told(), key=lambda submission: submission.public or 0.0, default=None)

    def sent_on(self, day: date) -> int:
        """Return how many uploads there were on a day in UTC, which is what a daily limit counts.

        A submission that was never marked as sent, but has a public score, counts on the day when that was first
        told. One that was told while it was imported does not: that is a score of an earlier day.
        """
        times: list[datetime] = []
        for submission in self.submissions():
            times += [upload.time for upload in submission.sent]
            if submission.counted and not submission.sent:
                times.append(submission.counted)
        return sum(time.date() == day for time in times)

    def find_csv(self, submission: Submission) -> Path:
        """Return where the CSV of a submission lies, with the bytes that it had.

        Raises
        ------
        HistoryError
            If it is gone or was changed.
        """
        return find_csv(self.root, submission)

    def written(
        self,
        csv: Path,
        *,
        run: Path,
        recipe: Recipe,
        settings: Mapping[str, Any],
        figure: float | None = None,
        figure_of: str = "",
        rows: int | None = None,
    ) -> Submission:
        """Remember a CSV that was written, with the git commit of the working directory if there is one.

        The same CSV made again in the same way adds nothing; made in another way, that is what is known of it. A
        figure stays until there is another, as long as recipe and settings are the same.

        Parameters
        ----------
        csv
            The CSV.
        run
            The run folder.
        recipe
            The recipe that it was fused by.
        settings
            The resolved settings of the run: ``settings.toml``, parsed.
        figure
            Our own figure for it, from 0 to 1; None when there is none.
        figure_of
            What the figure is: ``synthetic AP``.
        rows
            How many rows the CSV has.

        Raises
        ------
        HistoryError
            If the CSV cannot be read.
        StorageError
            If the history cannot be written.
        """
        identity = submission_id(csv)
        fields = _plain(
            {
                "csv": stored_path(self.root, csv),
                "run": stored_path(self.root, run),
                "recipe": json.loads(recipe.to_json()),
                "settings": settings,
                "rows": rows,
                "figure": figure if figure is not None and math.isfinite(figure) else None,
                "figure_of": figure_of if figure is not None else "",
            }
        )
        commit, dirty = commit_of(Path.cwd())
        with self._events.changing() as change:
            before = change.known().get(identity)
            if before is not None and fields["figure"] is None and _same_making(before, fields):
                fields |= {"figure": before.figure, "figure_of": before.figure_of}
            if before is not None and self._says(before, fields):
                return before
            return change.add("written", identity, **fields, commit=commit, dirty=dirty)

    def imported(self, csv: Path, score: float | None = None, note: str = "") -> Submission:
        """Remember a CSV that was made elsewhere; a copy is kept beside the history, so that it is not lost.

        Parameters
        ----------
        csv
            A leaderboard CSV.
        score
            Its public leaderboard score from 0 to 1, if it is known from an earlier upload.
        note
            Anything.

        Raises
        ------
        SubmissionError
            If the leaderboard would reject the CSV.
        HistoryError
            If the score is none, or another one was told before.
        """
        from pixelkit.leaderboard.csv import read_submission

        score = None if score is None else parse_score(score)
        rows = len(read_submission(csv))
        identity = submission_id(csv)
        with self._events.changing() as change:
            before = change.known().get(identity)
            if before is not None and score is not None:
                check_told(before, score, private=False)
            if before is None or not is_there(self.root, before):
                keep(self.root, identity, csv)
            if before is None:
                kept = stored_path(self.root, kept_csv(self.root, identity))
                before = change.add("imported", identity, csv=kept, source=str(csv.resolve()), rows=rows)
            if score is not None and before.public is None:
                change.add("told", identity, score=score, earlier=True)
            if note and note != before.note:
                change.add("note", identity, note=note)
            return change.known()[identity]

    def proposed(self, text: str, details: Mapping[str, Any]) -> Submission:
        """Remember that the tuner proposes a submission (see :meth:`find`) for upload, and why."""
        plain = _plain(details)
        with self._events.changing_one(text) as (change, found):
            if found.proposed == plain:
                return found
            return change.add("proposed", found.id, details=plain)

    def sent(self, text: str, competition: str, ref: str = "", time: datetime | None = None) -> Submission:
        """Remember that a submission (see :meth:`find`) was uploaded; an upload that is known adds nothing.

        Parameters
        ----------
        text
            Its id.
        competition
            The name of the competition, as in the address of its page.
        ref
            What Kaggle calls the upload; one that is known already adds nothing.
        time
            When, with a time zone; None for now.

        Raises
        ------
        HistoryError
            If there is no such submission.
        """
        with self._events.changing_one(text) as (change, found):
            if ref and any((upload.competition, upload.ref) == (competition, ref) for upload in found.sent):
                return found
            return change.add("sent", found.id, time, competition=competition, ref=ref)

    def rejected(self, text: str, competition: str, ref: str, reason: str) -> Submission:
        """Remember that Kaggle rejected an upload of a submission (see :meth:`find`): it does not count as sent.

        Parameters
        ----------
        text
            Its id.
        competition, ref
            As for :meth:`sent`.
        reason
            What Kaggle says.
        """
        with self._events.changing_one(text) as (change, found):
            was_sent = any((upload.competition, upload.ref) == (competition, ref) for upload in found.sent)
            if not was_sent and (found.sent or found.rejected == reason):
                return found
            return change.add("rejected", found.id, competition=competition, ref=ref, reason=reason)

    def tell(self, text: str, score: float, *, private: bool = False, replace: bool = False) -> bool:
        """Remember the leaderboard score of a submission (see :meth:`find`); return whether it is news.

        Parameters
        ----------
        text
            Its id.
        score
            From 0 to 1.
        private
            It is the private score, which is shown after the end of a competition.
        replace
            It takes the place of another score that was told before.

        Raises
        ------
        HistoryError
            If it is no score, there is no such submission, or another score was told and ``replace`` is false.
        """
        value = parse_score(score)
        with self._events.changing_one(text) as (change, found):
            if (found.private if private else found.public) == value:
                return False
            if not replace:
                check_told(found, value, private=private)
            change.add("told", found.id, score=value, private=private)
            return True

    def note(self, text: str, note: str) -> Submission:
        """Put a note on a submission (see :meth:`find`); it takes the place of an earlier one."""
        with self._events.changing_one(text) as (change, found):
            return found if found.note == note else change.add("note", found.id, note=note)

    def merge(self, other: Path) -> Merged:
        """Append what another history knows and this one does not; copy the CSVs that lie beside it.

        Merging again adds nothing, and two histories that are merged either way say the same.

        Raises
        ------
        HistoryError
            If there is no such file, or nothing in it is a history.
        StorageError
            If one of them cannot be read or written.
        """
        return merge(self._events, other)

    def _says(self, before: Submission, fields: Mapping[str, Any]) -> bool:
        """Return whether all that ``fields`` tell of a written CSV is known."""
        told = apply(before, {"event": "written", **fields}, before.changed, self.root)
        return replace(told, commit=before.commit, dirty=before.dirty) == before


def _same_making(before: Submission, fields: Mapping[str, Any]) -> bool:
    return (before.recipe, before.settings) == (fields["recipe"], fields["settings"])


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping as JSON reads it back; what JSON cannot hold, by its text."""
    plain = json.loads(json.dumps(value, default=str), parse_constant=str)
    assert isinstance(plain, dict)
    return plain
