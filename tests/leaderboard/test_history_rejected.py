"""Uploads that Kaggle rejected: they do not count, whatever came before and after."""

from __future__ import annotations

from datetime import UTC, datetime

from submitted import write

from pixelkit.leaderboard.history import History
from pixelkit.leaderboard_uploads import is_open, is_taken

TODAY = datetime.now(UTC).date()


def test_a_rejected_upload_is_taken_back_and_told_once(history: History) -> None:
    made = write(history)
    history.sent(made.id, "pixel-play-26", "1")
    for _ in range(2):
        found = history.rejected(made.id, "pixel-play-26", "1", "too few rows")
        assert (found.sent, found.rejected) == ((), "too few rows")
    assert history.sent_on(TODAY) == 0
    assert len(history.file.read_text().splitlines()) == 3


def test_an_upload_after_it_counts_and_the_old_one_is_no_news(history: History) -> None:
    made = write(history)
    history.rejected(made.id, "pixel-play-26", "1", "too few rows")
    history.sent(made.id, "pixel-play-26", "2")
    found = history.rejected(made.id, "pixel-play-26", "1", "too few rows")
    assert ([upload.ref for upload in found.sent], found.rejected) == (["2"], "")
    assert history.sent_on(TODAY) == 1


def test_a_rejected_proposal_holds_no_upload_of_the_day_and_is_not_made_again(history: History) -> None:
    made = write(history)
    proposed = history.proposed(made.id, {"day": TODAY.isoformat()})
    assert is_open(proposed, TODAY)
    rejected = history.rejected(made.id, "pixel-play-26", "1", "too few rows")
    assert not is_open(rejected, TODAY)
    assert is_taken(rejected)


def test_the_other_uploads_of_a_rejected_one_stay(history: History) -> None:
    made = write(history)
    for competition, ref in (("pixel-play-26", "1"), ("pixel-play-26", "2"), ("another", "1")):
        history.sent(made.id, competition, ref)
    found = history.rejected(made.id, "pixel-play-26", "1", "too few rows")
    assert [(upload.competition, upload.ref) for upload in found.sent] == [
        ("pixel-play-26", "2"),
        ("another", "1"),
    ]
    assert found.rejected == ""
