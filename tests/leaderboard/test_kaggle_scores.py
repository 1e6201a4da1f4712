"""Scores that Kaggle gave: waited for, fetched later, changed, taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from kaggle_server import SLUG, Fault
from kaggle_server import Kaggle as Server
from submitted import write

from pixelkit.errors import KaggleError
from pixelkit.leaderboard.history import History, Submission
from pixelkit.leaderboard.kaggle import scores
from pixelkit.leaderboard.kaggle.client import Kaggle, Received
from pixelkit.leaderboard.kaggle.upload import upload
from pixelkit.leaderboard_uploads import uploads_left

pytestmark = pytest.mark.usefixtures("quick")


def send(history: History, made: Submission, seconds: float = 20) -> Received:
    return upload(Kaggle(SLUG, seconds=seconds), history, made.id)


def test_a_csv_that_is_rejected_while_its_score_is_waited_for_does_not_count(
    server: Server, history: History
) -> None:
    made = write(history)
    received = send(history, made)
    assert history.sent_on(datetime.now(UTC).date()) == 1
    server.submissions[0] |= {"status": "ERROR", "errorDescription": "Evaluation Exception: too few rows"}
    with pytest.raises(KaggleError, match=r"rejects .*: Evaluation Exception: too few rows"):
        scores.wait(Kaggle(SLUG), history, received, 20)
    found = history.find(made.id)
    assert (found.sent, found.rejected) == ((), "Evaluation Exception: too few rows")
    assert history.sent_on(datetime.now(UTC).date()) == 0
    scores.fetch(Kaggle(SLUG), history)
    assert len(history.file.read_text().splitlines()) == 3  # written, sent, rejected: told once


def test_a_score_is_waited_for_and_told(server: Server, history: History) -> None:
    made = write(history)
    server.listings_until_scored = 4
    server.private = "0.61"
    received = send(history, made)
    assert history.find(made.id).public is None
    server.faults["ListSubmissions"] = Fault(500, times=2)  # a network that fails meanwhile
    scored = scores.wait(Kaggle(SLUG), history, received, 20)
    assert scored.public == "0.66881"
    assert (history.find(made.id).public, history.find(made.id).private) == (0.66881, 0.61)


def test_a_score_that_is_not_there_in_time_can_be_fetched_later(server: Server, history: History) -> None:
    made = write(history)
    server.listings_until_scored = 1_000
    received = send(history, made)
    with pytest.raises(
        KaggleError, match=rf"{made.id} has no score after 0 s, but it is on .*'pixelkit history fetch'"
    ):
        scores.wait(Kaggle(SLUG), history, received, 0.2)
    server.listings_until_scored = 1
    found = scores.fetch(Kaggle(SLUG), history)
    assert (found.told, history.find(made.id).public) == ([made.id], 0.66881)
    assert scores.fetch(Kaggle(SLUG), history).known == [made.id]


def test_fetching_tells_uploads_and_scores_of_all_that_carry_an_id(server: Server, history: History) -> None:
    by_hand, waiting, rejected, old = (write(history, name) for name in ("a", "bb", "ccc", "dddd"))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    scored = {"status": "COMPLETE", "publicScore": "0.7"}
    server.listings_until_scored = 1_000
    server.add(f"pixelkit {by_hand.id}", when=yesterday, status="ERROR", errorDescription="mended since")
    server.add(f"pixelkit {by_hand.id}", **scored)
    server.add(f"again, pixelkit {old.id}: renamed on the page", when=yesterday, **scored)
    server.add(f"pixelkit {rejected.id}", status="ERROR", errorDescription="no rows")
    server.add(f"pixelkit {waiting.id}")
    server.add("pixelkit ffffffffffff", **scored)
    server.add("a submission by hand", **scored)
    found = scores.fetch(Kaggle(SLUG), history)
    assert found.told == [old.id, by_hand.id]  # the oldest first
    assert (found.waiting, found.rejected, found.unknown) == (
        [waiting.id],
        {rejected.id: "no rows"},
        ["ffffffffffff"],
    )
    today = datetime.now(UTC).date()
    assert (history.sent_on(today), history.sent_on(today - timedelta(days=1))) == (2, 1)
    assert uploads_left(history, 5, today) == 3
    content = history.file.read_bytes()
    scores.fetch(Kaggle(SLUG), history)
    assert history.file.read_bytes() == content


def test_the_leaderboard_is_right_where_it_says_otherwise(
    server: Server, history: History, warnings: Callable[[], list[str]]
) -> None:
    made = write(history)
    history.tell(made.id, 0.5)
    server.add(f"pixelkit {made.id}", status="COMPLETE", publicScore="0.66881")
    scores.fetch(Kaggle(SLUG), history)
    assert history.find(made.id).public == 0.66881
    assert warnings() == [f"{made.id} was told a score of 0.5; Kaggle says 0.66881 now"]


@pytest.mark.parametrize("text", ["66.881", "abc", "-1", "nan"])
def test_what_is_no_score_is_passed_over_with_a_warning(
    server: Server, history: History, warnings: Callable[[], list[str]], text: str
) -> None:
    made = write(history)
    server.add(f"pixelkit {made.id}", status="COMPLETE", publicScore=text)
    scores.fetch(Kaggle(SLUG), history)
    assert history.find(made.id).public is None
    [warned] = warnings()
    assert f"{made.id}: the history cannot hold what Kaggle gave it: {text!r} is not a score" in warned
