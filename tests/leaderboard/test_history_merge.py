"""The histories of two machines become one, the same whichever way they are merged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from submitted import append, make_csv, write

from pixelkit.errors import HistoryError
from pixelkit.leaderboard.history import FILE_NAME, History, Submission, submission_id


def test_merging_brings_what_is_missing_and_copies_the_csvs(history: History, tmp_path: Path) -> None:
    write(history, "here")
    other = History(tmp_path / "stick" / FILE_NAME)
    there, lost = write(other, "there"), write(other, "missing")
    other.tell(there.id, 0.5)
    lost.csv.unlink()
    merged = history.merge(other.file)
    assert (merged.lines, merged.submissions, merged.copied, merged.lost) == (3, 2, 1, (lost.id,))
    shutil.rmtree(other.root)
    found = history.find(there.id)
    assert (found.public, found.csv) == (0.5, history.find_csv(found))
    assert submission_id(found.csv) == there.id
    assert not history.find(lost.id).csv.exists()


def test_merging_writes_no_file_that_the_other_history_names(history: History, tmp_path: Path) -> None:
    mine = write(history, "ped2")
    other = History(tmp_path / "stick" / FILE_NAME)
    same_name = write(other, "ped2", 0.9, 0.8, 0.7)
    evil = make_csv(tmp_path / "evil.csv", 0.3)
    append(other, "written", datetime.now(UTC), id=submission_id(evil), csv="../evil.csv")
    content = mine.csv.read_bytes()
    history.merge(other.file)
    assert mine.csv.read_bytes() == content
    assert submission_id(history.find_csv(history.find(same_name.id))) == same_name.id
    assert sorted(path.name for path in history.root.iterdir()) == [FILE_NAME, "imported", "ped2"]


def test_scores_that_two_histories_do_not_agree_about_are_warned_of(
    history: History, tmp_path: Path, warnings: Callable[[], list[str]]
) -> None:
    made = write(history)
    other = History(tmp_path / "stick" / FILE_NAME)
    write(other)
    history.tell(made.id, 0.5)
    other.tell(made.id, 0.6)
    history.merge(other.file)
    [message] = warnings()
    assert message.startswith(
        f"{made.id}: the public score is 0.5 here and 0.6 there: 0.6 was told last and stands"
    )
    assert history.find(made.id).public == 0.6


def test_a_score_that_was_put_right_on_the_other_machine_is_no_conflict(
    history: History, tmp_path: Path, warnings: Callable[[], list[str]]
) -> None:
    made = write(history)
    history.tell(made.id, 0.5)
    other = History(tmp_path / "stick" / FILE_NAME)
    other.merge(history.file)
    other.tell(made.id, 0.6, replace=True)
    history.merge(other.file)
    assert history.find(made.id).public == 0.6
    assert warnings() == []


def test_what_is_told_after_a_merge_stands_though_the_other_clock_was_ahead(history: History) -> None:
    made = write(history)
    append(history, "told", datetime.now(UTC) + timedelta(days=3), id=made.id, score=0.1)
    history.tell(made.id, 0.2, replace=True)
    assert history.find(made.id).public == 0.2


@pytest.mark.parametrize(
    ("content", "said"), [(None, "there is no history"), (b"Id,Predicted\n1_5,0\n", "is no history")]
)
def test_merging_what_is_no_history_is_one_clear_line(
    history: History, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "other").write_bytes(content)
    with pytest.raises(HistoryError, match=said):
        history.merge(tmp_path / "other")
    assert not history.root.exists()


def test_merging_a_history_with_itself_adds_nothing(history: History) -> None:
    write(history)
    content = history.file.read_bytes()
    assert history.merge(history.file).lines == 0
    assert history.file.read_bytes() == content


EVENTS = st.lists(
    st.tuples(
        st.sampled_from("ab"),  # of which CSV
        st.sampled_from(
            ["imported", "told", "private", "note", "proposed", "sent", "unknown", "broken", "odd"]
        ),
        st.integers(0, 3),
    ),
    max_size=8,
)


def fill(history: History, events: list[tuple[str, str, int]]) -> None:
    """Write a line for each event; all have one of four times, so that many are of the same time."""
    history.root.mkdir()
    append(history, "made", datetime(2026, 1, 1, tzinfo=UTC))
    for name, event, number in events:
        csv = make_csv(history.root / f"{name}.csv", ord(name))
        identity, time = submission_id(csv), datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC)
        told = {"score": number / 10, "note": str(number), "details": {"n": number}}
        fields: dict[str, object] = {"id": identity, **told}
        if event == "broken":
            with history.file.open("ab") as file:
                file.write(b'{"event": "to\n')
        elif event == "odd":
            append(history, "told", time, id=identity, score="none")
        elif event == "private":
            append(history, "told", time, private=True, **fields)
        else:
            append(history, event, time, csv=csv.name, competition="c", ref=str(number), **fields)


def known(history: History) -> list[Submission]:
    """What a history knows, but for where it keeps the CSVs."""
    return [replace(one, csv=Path("a.csv")) for one in history.submissions()]


@settings(max_examples=40)
@given(EVENTS, EVENTS)
def test_a_merge_is_the_same_either_way_and_the_second_time(
    first: list[tuple[str, str, int]], second: list[tuple[str, str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        a, b, c, d = (History(Path(folder) / name / FILE_NAME) for name in "abcd")
        for history, events in ((a, first), (b, second)):
            fill(history, events)
            history.file.touch()
        for history in (c, d):  # copies of a and b
            shutil.copytree((a if history is c else b).root, history.root)
        c.merge(b.file)
        d.merge(a.file)
        assert known(c) == known(d)
        for history in (c, d):
            assert all(one.csv.is_file() for one in history.submissions() if one.imported)
        content = c.file.read_bytes()
        assert c.merge(b.file).lines == c.merge(d.file).lines == 0
        assert c.file.read_bytes() == content
        assert content.startswith(a.file.read_bytes())
