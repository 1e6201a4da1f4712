"""Scores, notes, proposals and uploads: told late, told twice, told of the wrong submission, and counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from submitted import append, make_csv, write

from pixelkit.errors import HistoryError
from pixelkit.leaderboard.history import History


def test_a_score_is_told_late_and_after_a_restart(history: History) -> None:
    made = write(history)
    assert History(history.file).tell(made.id[:5], 0.66881)
    [found] = History(history.file).submissions()
    assert (found.public, found.private) == (0.66881, None)
    assert found.gap == pytest.approx(0.66881 - 0.8)
    assert history.tell(made.id, 0.61, private=True)
    assert (history.find(made.id).public, history.find(made.id).private) == (0.66881, 0.61)


def test_the_same_score_told_twice_is_no_news_and_another_one_is_an_error(history: History) -> None:
    made = write(history)
    history.tell(made.id, 0.66881)
    content = history.file.read_bytes()
    assert not history.tell(made.id, 0.66881)
    assert not history.tell(made.id, 0.66881, replace=True)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    with pytest.raises(
        HistoryError,
        match=rf"{made.id} was told a public score of 0.66881 on {today}.*tell {made.id} .* --replace",
    ):
        history.tell(made.id, 0.7)
    assert history.file.read_bytes() == content
    assert history.tell(made.id, 0.7, replace=True)
    assert history.find(made.id).public == 0.7


@pytest.mark.parametrize(
    "score",
    ["abc", "", "nan", "inf", "-inf", "-0.1", "1.0001", "66.9", "0,66", "0_6", "٠.٥", "True", "1e400", None],
)
def test_what_is_no_score_is_one_clear_line(history: History, score: object) -> None:
    made = write(history)
    content = history.file.read_bytes()
    with pytest.raises(
        HistoryError, match=r"is not a score: expected a number from 0 to 1, as in 0.66881"
    ) as error:
        history.tell(made.id, score)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert history.file.read_bytes() == content


def test_percent_are_not_taken_for_a_score_but_explained(history: History) -> None:
    with pytest.raises(HistoryError, match=r"66\.9 % is 0\.669"):
        history.tell("abcd", 66.9)


@pytest.mark.parametrize("score", [0, 1, 0.5, "0.5", " 1e-3 "])
def test_both_ends_are_scores(history: History, score: float) -> None:
    made = write(history)
    assert history.tell(made.id, score)
    assert history.find(made.id).public == float(score)


def test_an_unknown_id_names_the_nearest_or_the_newest(history: History, tmp_path: Path) -> None:
    made = [write(history, name) for name in ("a", "bb", "ccc", "dddd")]
    near = made[0].id[:-1] + ("0" if made[0].id[-1] != "0" else "1")
    with pytest.raises(
        HistoryError, match=f"there is no submission '{near}' in .*did you mean '{made[0].id}'"
    ):
        history.find(near)
    newest = ", ".join(one.id for one in made[:0:-1])
    with pytest.raises(HistoryError, match=rf"no submission 'ped2' in .* \(the newest are {newest}\)"):
        history.tell("ped2", 0.5)
    with pytest.raises(HistoryError, match="too short: expected 4 to 12 digits"):
        history.find(made[0].id[:3])
    with pytest.raises(HistoryError, match=r"there is no file none\.csv: expected a CSV, or the id"):
        history.find("none.csv")
    other = make_csv(tmp_path / "other.csv", 0.123)
    with pytest.raises(HistoryError, match="add it with 'pixelkit history import"):
        history.find(str(other))


def test_a_beginning_that_is_not_unique_names_those_it_may_be(history: History) -> None:
    time = datetime.now(UTC)
    history.root.mkdir()
    for identity in ("abcd00000000", "abcd11111111", "abce00000000"):
        append(history, "imported", time, id=identity)
    with pytest.raises(HistoryError, match="may be any of abcd00000000, abcd11111111: give more digits"):
        history.find("abcd")
    assert history.find("ABCD0").id == "abcd00000000"


def test_the_path_of_a_csv_stands_for_its_id(history: History) -> None:
    made = write(history)
    assert history.find(str(made.csv)) == made


def test_a_mistake_leaves_no_empty_history_behind(history: History) -> None:
    for mistake in (
        lambda: history.tell("abcd", 0.5),
        lambda: history.note("abcd", "x"),
        lambda: history.find("abcd"),
    ):
        with pytest.raises(HistoryError, match=r"there is no submission 'abcd' in .*: it holds none"):
            mistake()
    assert not history.root.exists()
    assert history.submissions() == []
    assert history.best() is None


def test_the_best_is_the_earliest_of_the_highest_public_scores(history: History) -> None:
    low, high, same, private, _ = (write(history, name) for name in ("a", "bb", "ccc", "dddd", "eeeee"))
    for one, score in ((same, 0.7), (low, 0.6), (high, 0.7)):
        history.tell(one.id, score)
    history.tell(private.id, 0.9, private=True)
    assert history.best() == history.find(high.id)
    assert [one.id for one in history.told()] == [low.id, high.id, same.id]


def test_a_note_takes_the_place_of_the_last_and_can_be_removed(history: History) -> None:
    made = write(history)
    for text in ("first", "ünï\n\u2028code 🙂", ""):
        assert history.note(made.id, text).note == text
        assert history.find(made.id).note == text


def test_a_proposal_and_an_upload_are_remembered_once(history: History) -> None:
    made = write(history)
    details = {"model": {"weights": [0.1, 0.9]}, "expected": 0.7}
    for _ in range(2):
        history.proposed(made.id, details)
        history.sent(made.id, "pixel-play-26", "123")
    history.sent(made.id, "pixel-play-26", "124", datetime(2026, 1, 2, 1, 0, tzinfo=UTC))
    found = history.find(made.id)
    assert found.proposed == details
    assert [(upload.competition, upload.ref) for upload in found.sent] == [
        ("pixel-play-26", "124"),
        ("pixel-play-26", "123"),
    ]
    assert len(history.file.read_text().splitlines()) == 4


def test_a_daily_budget_counts_uploads_and_scores_that_were_told_without_one(
    history: History, tmp_path: Path
) -> None:
    uploaded, told, never, replaced = (write(history, name) for name in ("a", "bb", "ccc", "dddd"))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    history.sent(uploaded.id, "c", "1", yesterday)
    history.sent(uploaded.id, "c", "2")
    history.tell(uploaded.id, 0.5)
    history.tell(told.id, 0.5)
    history.tell(never.id, 0.5, private=True)
    append(history, "told", yesterday, id=replaced.id, score=0.5)
    history.tell(replaced.id, 0.6, replace=True)
    history.imported(make_csv(tmp_path / "old.csv", 0.5), score=0.4)  # sent on some earlier day
    assert history.sent_on(datetime.now(UTC).date()) == 2
    assert history.sent_on(yesterday.date()) == 2
    assert history.sent_on(yesterday.date() - timedelta(days=1)) == 0
