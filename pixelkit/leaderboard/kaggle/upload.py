"""Sends a CSV once: what is on the server already is not sent again, and only what is found there was sent."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from pixelkit.errors import KaggleError, KaggleUnreachable
from pixelkit.files import storage_errors, write_text
from pixelkit.leaderboard.history import History
from pixelkit.leaderboard.kaggle import explain
from pixelkit.leaderboard.kaggle.client import Kaggle, Received
from pixelkit.leaderboard.kaggle.competition import page
from pixelkit.leaderboard.kaggle.scores import rejection, tell

log = logging.getLogger("pixelkit")

# Seconds for which an upload is looked for in the list, and between two looks.
APPEARS = 30.0
LOOK = 2.0
# Seconds after which it is certain that what is not listed never came.
LISTED_AFTER = 600.0


def upload(kaggle: Kaggle, history: History, identity: str, text: str = "") -> Received:
    """Send a checked CSV and return it as Kaggle lists it; the history is told that it was sent, and its score.

    Parameters
    ----------
    kaggle
        The competition.
    history
        Knows the CSV, and where it lies.
    identity
        Its id in the history, by which it is found on the server.
    text
        What to say about it there.

    Raises
    ------
    HistoryError
        If the history does not know the CSV, or it is gone or was changed.
    KaggleError
        If the day's limit is reached, or Kaggle says no, or says yes and has no such submission.
    KaggleUnreachable
        If Kaggle cannot be reached; the same command then looks first whether it came.
    """
    csv = history.find_csv(history.find(identity))
    mark = history.root / f".unfinished-upload-{identity}"
    before = _find_before(kaggle, identity, mark)
    found = next((one for one in before if not one.rejected), None)
    if found is None:
        _check_limits(kaggle)
        found = _send(kaggle, csv, identity, text, mark, {one.ref for one in before})
    else:
        log.info("%s is on Kaggle since %s UTC: not sent again", identity, f"{found.time:%Y-%m-%d %H:%M}")
    history.sent(identity, kaggle.competition, found.ref, found.time)
    _remove(mark)
    tell(history, found)
    return found


def _find_before(kaggle: Kaggle, identity: str, mark: Path) -> list[Received]:
    """Return what is on the server of this id, rejected ones included: what is wrong may have been mended since.

    One that was cut short a moment ago, of which nobody knows whether it came, is waited for.
    """
    found = [one for one in kaggle.submissions() if one.id == identity]
    if not all(one.rejected for one in found) or not _is_recent(mark):
        return found
    log.info("an upload of %s was cut short: looking whether it came", identity)
    late = _appears(kaggle, identity, but={one.ref for one in found}, patience=APPEARS)
    return [late, *found] if late else found


def _check_limits(kaggle: Kaggle) -> None:
    """Raise a KaggleError if no upload is left. Who is on no team yet has zeros everywhere: the server decides."""
    limits = kaggle.limits()
    if limits.left > 0:
        log.info("uploads to %s today: %s, left: %s", kaggle.competition, limits.today, limits.left)
    elif limits.today or limits.total:
        raise explain.limit_reached(kaggle.competition, limits.today, limits.total, by_total=limits.by_total)


def _send(
    kaggle: Kaggle, csv: Path, identity: str, text: str, mark: Path, before: Collection[str]
) -> Received:
    """Send a CSV and return what is then in the list that was not there before."""
    with _marked(mark, kaggle.competition):
        try:
            said = kaggle.submit(csv, identity, text)
        except KaggleUnreachable as error:
            log.warning("%s; looking whether it came all the same", error)
            found = _appears(kaggle, identity, but=before, patience=LOOK)
            if found is None:
                raise
        else:
            found = _appears(kaggle, identity, but=before, patience=APPEARS)
        if found is None:
            raise KaggleUnreachable(
                f"Kaggle says {said!r}, but lists no submission 'pixelkit {identity}': look at "
                f"{page(kaggle.competition, 'submissions')} before you give the same command again"
            )
        if found.rejected:
            raise rejection(kaggle.competition, found)
    log.info("sent: %s is on %s as %s", identity, page(kaggle.competition, "submissions"), found.ref)
    return found


def _appears(kaggle: Kaggle, identity: str, *, but: Collection[str], patience: float) -> Received | None:
    """Return the newest submission with this id as soon as it is listed; None if it does not appear in time."""
    end = time.monotonic() + patience
    while True:
        try:
            for one in kaggle.submissions():
                if one.id == identity and one.ref not in but:
                    return one
        except KaggleUnreachable:
            if time.monotonic() >= end:
                raise
        if time.monotonic() >= end:
            return None
        time.sleep(LOOK)


@contextlib.contextmanager
def _marked(mark: Path, competition: str) -> Iterator[None]:
    """Leave a mark from before a CSV is sent until it is known whether it came: a kill leaves it behind."""
    write_text(mark, f"{competition}\n")
    try:
        yield
    except KaggleUnreachable:
        raise
    except KaggleError:
        _remove(mark)
        raise


def _is_recent(mark: Path) -> bool:
    """Return whether there is a mark, and so new that what was sent may not be listed yet."""
    try:
        return time.time() - mark.stat().st_mtime < LISTED_AFTER
    except FileNotFoundError:
        return False


def _remove(mark: Path) -> None:
    with storage_errors(mark):
        mark.unlink(missing_ok=True)
