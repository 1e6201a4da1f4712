"""What Kaggle gave the submissions that were sent from here, told to the history."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from pixelkit.errors import HistoryError, KaggleError, KaggleUnreachable
from pixelkit.leaderboard.history import History, Submission, parse_score
from pixelkit.leaderboard.kaggle.client import Kaggle, Received
from pixelkit.leaderboard.kaggle.competition import page

log = logging.getLogger("pixelkit")

# Seconds between the first two looks at whether there is a score, and later on: a CSV takes Kaggle some seconds, on a
# busy day some minutes.
FIRST, EVERY = 1.0, 5.0
_LONGEST_BREAK = 60.0


@dataclass
class Fetched:
    """What was fetched, by id.

    Parameters
    ----------
    told
        Those that have a score now, or another one than before.
    known
        Those whose score was known.
    waiting
        Those that Kaggle has not scored yet.
    rejected
        Those that it rejected, with its reason.
    unknown
        Those that were sent from another machine, whose history knows them.
    """

    told: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def fetch(kaggle: Kaggle, history: History) -> Fetched:
    """Tell the history every upload and score that Kaggle knows of a submission that is in it.

    Raises
    ------
    KaggleError
        If Kaggle cannot be asked, or says no.
    """
    done = Fetched()
    mine = {one.id for one in history.submissions()}
    for received in reversed([one for one in kaggle.submissions() if one.id]):  # the oldest first
        identity = received.id or ""
        if identity not in mine:
            done.unknown.append(identity)
        elif received.rejected:
            reject(history, kaggle.competition, received)
            done.rejected[identity] = received.rejected
        else:
            history.sent(identity, kaggle.competition, received.ref, received.time)
            done.rejected.pop(identity, None)  # mended since, and sent again
            news = tell(history, received)
            (done.waiting if not received.public else done.told if news else done.known).append(identity)
    return done


def tell(history: History, received: Received) -> bool:
    """Tell the history the scores of a submission; return whether one of them is news. The leaderboard is right."""
    news = False
    for text, private in ((received.public, False), (received.private, True)):
        if not text:
            continue
        try:
            score = parse_score(text)
        except HistoryError as error:
            log.warning("%s: the history cannot hold what Kaggle gave it: %s", received.id, error)
            continue
        before = history.find(received.id or "")
        known = before.private if private else before.public
        if known is not None and known != score:
            log.warning("%s was told a score of %s; Kaggle says %s now", received.id, known, score)
        news = history.tell(received.id or "", score, private=private, replace=True) or news
    return news


def reject(history: History, competition: str, received: Received) -> Submission:
    """Tell the history that Kaggle took an upload back: it counts no more."""
    return history.rejected(received.id or "", competition, received.ref, received.rejected)


def wait(kaggle: Kaggle, history: History, received: Received, seconds: float) -> Received:
    """Return a submission with its score, which the history is told; wait for it so long.

    A network that fails meanwhile is waited for as well.

    Raises
    ------
    KaggleError
        If Kaggle rejects the CSV, or there is no score in time.
    """
    end, pause = time.monotonic() + seconds, FIRST
    while True:
        if received.rejected:
            reject(history, kaggle.competition, received)
            raise rejection(kaggle.competition, received)
        if received.public:
            tell(history, received)
            return received
        left = end - time.monotonic()
        if left <= 0:
            raise KaggleError(
                f"{received.id} has no score after {seconds:.0f} s, but it is on Kaggle "
                f"({page(kaggle.competition, 'submissions')}): 'pixelkit history fetch' tells the score later"
            )
        time.sleep(min(pause, left))
        try:
            received = next((one for one in kaggle.submissions() if one.ref == received.ref), received)
            pause = min(2 * pause, EVERY)
        except KaggleUnreachable as error:
            pause = min(2 * pause, _LONGEST_BREAK)
            log.warning("%s; still waiting for the score", error)


def rejection(competition: str, received: Received) -> KaggleError:
    """Return what Kaggle has against a CSV, in its words."""
    return KaggleError(
        f"{competition} rejects {received.id}: {received.rejected}; is its sample submission the one that this run was "
        f"made with (--sample)? It costs no upload"
    )
