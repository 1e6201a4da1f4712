"""What the history of submissions says about one run: CSVs with its frames, their scores, and the day's budget."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelkit.artifacts import RunRecord
from pixelkit.errors import HistoryError, RecipeError, SubmissionError, TuningError, examples
from pixelkit.frames.ids import parse_id
from pixelkit.leaderboard.csv import read_ids, read_submission
from pixelkit.leaderboard.history import History, Submission
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.ask_labels import Scores
from pixelkit.tuning.ask_outlook import Upload

log = logging.getLogger("pixelkit")

# A CSV holds nine digits of a score, and is read as float32.
ROUNDED = 1e-5
# Where a proposal's day stands in its details.
DAY = "day"


def is_taken(submission: Submission) -> bool:
    """Return whether it was sent, rejected, told or proposed: not to be proposed again."""
    tried = bool(submission.sent or submission.rejected)
    return tried or submission.public is not None or submission.proposed is not None


def is_open(submission: Submission, today: date) -> bool:
    """Return whether it was proposed today, and neither sent nor told: it holds one of the day's uploads."""
    proposed = submission.proposed or {}
    tried = bool(submission.sent or submission.rejected)
    return proposed.get(DAY) == today.isoformat() and not tried and submission.public is None


def uploads_left(history: History, daily: int, today: date) -> int:
    """Return how many uploads of the day, in UTC, are left.

    Those that were sent count, those that were told a score without it, and those that were proposed today. A proposal
    of an earlier day that nobody sent holds none.

    Raises
    ------
    TuningError
        If none is left, or ``daily`` is below 1.
    """
    if daily < 1:
        raise TuningError(f"{daily} uploads a day: expected 1 or more")
    sent = history.sent_on(today)
    proposed = [one.id for one in history.submissions() if is_open(one, today)]
    if sent + len(proposed) >= daily:
        named = f" ({examples(proposed, 5)})" if proposed else ""
        raise TuningError(
            f"the {daily} uploads of {today} (UTC) are used up: {sent} sent or told, {len(proposed)} proposed{named}; "
            f"ask again on {today + timedelta(days=1)}, from 00:00 UTC on"
        )
    return daily - sent - len(proposed)


class RunUploads:
    """Reads uploads as scores of a run's rows.

    Parameters
    ----------
    history
        What was sent and told.
    record
        Of the run: with a sample submission, the leaderboard measures the frames of that one.
    fuser
        The scores of the run.
    """

    def __init__(self, history: History, record: RunRecord, fuser: Fuser) -> None:
        self._history = history
        self._fuser = fuser
        self._frames = fuser.table.frames()
        ids = read_ids(Path(record.sample)) if record.sample else None
        self._wanted = set(self._frames if ids is None else map(parse_id, ids))
        self.rows: NDArray[np.intp] = np.flatnonzero([frame in self._wanted for frame in self._frames])
        """int (k,) rows that the leaderboard measures, rising."""

    def read(self, today: date) -> list[Upload]:
        """Return what was sent, told or proposed, in the order of time; a warning names what cannot be used."""
        uploads, elsewhere = [], []
        for one in filter(is_taken, self._history.submissions()):
            try:
                scores = self._scores(one)
            except (HistoryError, SubmissionError) as error:
                log.warning("%s is left out: %s", one.id, error)
                continue
            if scores is None:
                elsewhere.append(one.id)
                continue
            waits = one.public is None and (bool(one.sent) or is_open(one, today))
            uploads.append(Upload(one.id, scores, self._recipe(one, scores), one.public, waits))
        if elsewhere:
            log.warning("left out, for their ids are not those of this run: %s", examples(elsewhere, 8))
        return uploads

    def _scores(self, submission: Submission) -> Scores | None:
        """Return (rows,) scores, 0 where the leaderboard does not measure; None for a CSV with other ids."""
        table = read_submission(self._history.find_csv(submission))
        found = dict(zip(table.frames(), table.values[:, 0].tolist(), strict=True))
        if found.keys() != self._wanted:
            return None
        return np.array([found.get(frame, 0.0) for frame in self._frames])

    def _recipe(self, submission: Submission, scores: Scores) -> Recipe | None:
        """Return the recipe that makes the CSV of the run's scores as they are now; None if there is none."""
        if submission.recipe is None:
            return None
        try:
            recipe = Recipe.from_plain(submission.recipe)
            made = self._fuser.fuse(recipe)
        except RecipeError:
            return None
        return recipe if np.allclose(made[self.rows], scores[self.rows], rtol=0, atol=ROUNDED) else None
