"""The history of submissions: nothing that was told is lost, whatever crashes, and two machines end up agreeing."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelkit.errors import HistoryError, StorageError, SubmissionError
from pixelkit.leaderboard.history import FILE_NAME, History, Submission, submission_id
from pixelkit.leaderboard.history.diff import changes_between, compare_scores
from pixelkit.leaderboard.history.lines import format_line
from pixelkit.leaderboard.history.listing import import_list
from pixelkit.scores.recipe import Recipe

SETTINGS = {"seed": 0, "convae": {"epochs": 5}}
RECIPE = Recipe.untuned(["convae.mean", "dae.mean"])


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "submissions" / FILE_NAME)


@pytest.fixture
def warnings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[[], list[str]]]:
    """What was warned of so far; the command line, tested in the same process, keeps messages for itself."""
    monkeypatch.setattr(logging.getLogger("pixelkit"), "propagate", True)
    yield lambda: [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def make_csv(path: Path, *scores: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("Id,Predicted\n" + "".join(f"1_{i},{score}\n" for i, score in enumerate(scores)))
    return path


def write(
    history: History,
    name: str = "ped2",
    *scores: float,
    recipe: Recipe = RECIPE,
    plain: dict[str, object] | None = None,
    figure: float | None = 0.8,
) -> Submission:
    """Write a CSV into a run folder and tell the history."""
    csv = make_csv(history.root / name / f"{name}.csv", *(scores or (0.1, len(name) / 100)))
    return history.written(
        csv,
        run=csv.parent,
        recipe=recipe,
        settings=plain or SETTINGS,
        figure=figure,
        figure_of="synthetic AP",
        rows=2,
    )


def append(history: History, event: str, time: datetime, **fields: object) -> None:
    with history.file.open("ab") as file:
        file.write(format_line(event, fields, time) + b"\n")


def test_the_id_is_the_beginning_of_the_hash_of_the_bytes(tmp_path: Path) -> None:
    csv = make_csv(tmp_path / "a.csv", 0.5)
    assert submission_id(csv) == hashlib.sha256(csv.read_bytes()).hexdigest()[:12]
    with pytest.raises(HistoryError, match=r"none\.csv: cannot be read: No such file"):
        submission_id(tmp_path / "none.csv")


def test_what_was_written_is_read_back_by_another_process_later(history: History) -> None:
    before = datetime.now(UTC)
    made = write(history)
    [found] = History(history.file).submissions()
    assert found == made
    assert (found.csv, found.run) == (history.root / "ped2" / "ped2.csv", history.root / "ped2")
    assert found.recipe == json.loads(RECIPE.to_json())
    assert (found.settings, found.figure, found.figure_of, found.rows) == (SETTINGS, 0.8, "synthetic AP", 2)
    assert before <= found.time <= datetime.now(UTC)
    assert (found.public, found.private, found.gap, found.note, found.sent) == (None, None, None, "", ())


def test_the_folder_can_be_moved_and_what_lies_outside_it_is_named_in_full(
    history: History, tmp_path: Path
) -> None:
    write(history)
    outside = make_csv(tmp_path / "elsewhere" / "run" / "b.csv", 0.7)
    history.written(outside, run=outside.parent, recipe=RECIPE, settings={})
    moved = tmp_path / "moved"
    history.root.rename(moved)
    first, second = History(moved / FILE_NAME).submissions()
    assert first.csv == moved / "ped2" / "ped2.csv"
    assert first.csv.is_file()
    assert (second.csv, second.run) == (outside, outside.parent)


def test_the_same_csv_made_again_in_the_same_way_adds_nothing(history: History) -> None:
    first = write(history)
    content = history.file.read_bytes()
    assert write(history) == first
    assert write(history, figure=None) == first  # 'pixelkit submit' knows no figure
    assert history.file.read_bytes() == content


def test_the_same_csv_made_in_another_way_is_one_submission_that_tells_the_newest(history: History) -> None:
    first = write(history)
    other = replace(RECIPE, exponent=5.0)
    again = write(history, recipe=other, plain={"seed": 1}, figure=None)
    assert [again] == history.submissions()
    assert (again.id, again.time) == (first.id, first.time)
    assert (again.recipe, again.settings, again.figure) == (json.loads(other.to_json()), {"seed": 1}, None)
    assert write(history, recipe=other, plain={"seed": 1}, figure=0.9).figure == 0.9


def test_a_figure_that_is_not_finite_is_none_and_odd_settings_do_not_hurt(
    history: History, tmp_path: Path
) -> None:
    odd = {"path": tmp_path, "infinite": float("inf"), "nan": float("nan"), "name": "\udc80 é \u2028 \n"}
    write(history, figure=float("nan"), plain=odd)
    content = history.file.read_bytes()
    found = write(history, figure=float("nan"), plain=odd)
    assert history.file.read_bytes() == content
    assert found.figure is None
    assert found.settings == {
        "path": str(tmp_path),
        "infinite": "Infinity",
        "nan": "NaN",
        "name": odd["name"],
    }


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_and_whether_files_differ_from_it_are_told(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # set while a git hook runs the tests
        monkeypatch.delenv(name, raising=False)
    assert (write(history, "nothing").commit, write(history, "nothing").dirty) == (None, None)
    (repository / "code.py").write_text("1\n")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-q", "--no-gpg-sign", "-m", "a")):
        subprocess.run(["git", *words], check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    (repository / "untracked.csv").touch()
    clean = write(history, "clean")
    (repository / "code.py").write_text("2\n")
    changed = write(history, "changed")
    assert [(one.commit, one.dirty) for one in (clean, changed)] == [(head, False), (head, True)]


@pytest.mark.parametrize("script", [None, "exit 1", "exec sleep 60"])
def test_a_git_that_is_missing_fails_or_hangs_is_no_obstacle(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    monkeypatch.setattr("pixelkit.leaderboard.history.commit.PATIENCE", 0.2)
    tools = tmp_path / "tools"
    tools.mkdir()
    if script is not None:
        (tools / "git").write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    assert (write(history).commit, write(history).dirty) == (None, None)


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
        HistoryError, match=rf"{made.id} was told a public score of 0.66881 on {today}.*--replace"
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


def test_an_imported_csv_is_copied_and_found_when_the_original_is_gone(
    history: History, tmp_path: Path
) -> None:
    csv = make_csv(tmp_path / "old.csv", 0.5, 0.25)
    content = csv.read_bytes()
    made = history.imported(csv, score=0.79, note="pooled")
    csv.unlink()
    assert (made.public, made.note, made.rows, made.imported, made.run) == (0.79, "pooled", 2, True, None)
    assert made.csv == history.root / "imported" / f"{made.id}.csv"
    assert history.find_csv(made).read_bytes() == content


def test_importing_again_adds_nothing_and_another_score_is_an_error(history: History, tmp_path: Path) -> None:
    csv = make_csv(tmp_path / "old.csv", 0.5)
    history.imported(csv, 0.79, "pooled")
    content = history.file.read_bytes()
    history.imported(csv, 0.79, "pooled")
    history.imported(csv)
    with pytest.raises(HistoryError, match=r"was told a public score of 0\.79"):
        history.imported(csv, 0.8)
    assert history.file.read_bytes() == content


def test_importing_what_a_run_of_ours_wrote_keeps_what_is_known_and_mends_a_lost_csv(
    history: History, tmp_path: Path
) -> None:
    made = write(history)
    copy = shutil.copy(made.csv, tmp_path / "copy.csv")
    history.imported(copy, score=0.5)
    [found] = history.submissions()
    assert (found.run, found.public, found.csv) == (made.run, 0.5, made.csv)
    assert not (history.root / "imported").exists()
    made.csv.unlink()
    with pytest.raises(HistoryError, match=r"is gone: 'pixelkit submit .*ped2' may bring it back"):
        history.find_csv(found)
    history.imported(copy)
    assert history.find_csv(found).parent == history.find(made.id).csv.parent == history.root / "imported"


def test_a_csv_that_was_changed_is_not_taken_for_the_submission(history: History) -> None:
    made = write(history)
    make_csv(made.csv, 0.9)
    with pytest.raises(HistoryError, match="is not what it was"):
        history.find_csv(made)


def test_a_csv_that_the_leaderboard_would_reject_is_not_imported(history: History, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("Id,Predicted\n1_5,nan\n")
    with pytest.raises(SubmissionError, match="not finite"):
        history.imported(bad)
    with pytest.raises(HistoryError, match="is not a score"):
        history.imported(make_csv(tmp_path / "good.csv", 0.5), score=2)
    assert not history.root.exists()


def test_a_list_of_earlier_submissions_is_imported_with_scores_and_notes(
    history: History, tmp_path: Path
) -> None:
    make_csv(tmp_path / "old" / "a.csv", 0.5)
    make_csv(tmp_path / "old" / "b.csv", 0.6)
    listed = tmp_path / "old" / "list.csv"
    listed.write_text('\ufefffile,score,note\na.csv,0.66881,"one, two"\nb.csv,\n\n', encoding="utf-8")
    for _ in range(2):
        found = import_list(history, listed)
        assert [(one.public, one.note) for one in found] == [(0.66881, "one, two"), (None, "")]
    assert len(history.submissions()) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a.csv,0.5\n", "the first line is 'a.csv,0.5': expected file,score"),
        ("file,score\na.csv,0.5\na.csv,x\n", "line 3: 'x' is not a score"),
        ("file,score\na.csv\n", "line 2: 1 cells"),
        ("file,score\na.csv,0.5\nnone.csv,0.5\n", r"line 3: .*none\.csv: cannot be read"),
    ],
)
def test_a_wrong_line_in_a_list_is_named_and_nothing_is_imported(
    history: History, tmp_path: Path, text: str, said: str
) -> None:
    make_csv(tmp_path / "a.csv", 0.5)
    listed = tmp_path / "list.csv"
    listed.write_text(text)
    with pytest.raises(HistoryError, match=said):
        import_list(history, listed)
    assert not history.root.exists()


def test_a_file_cut_anywhere_loses_no_earlier_line_and_can_be_appended_to(
    history: History, warnings: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash: every line that ends before the cut is there, and so is what is told afterwards."""
    monkeypatch.setenv("PATH", "")  # asking git and waiting for the disk would take nine tenths of the time
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    made = [write(history, name) for name in ("a", "bb", "ccc")]
    for one in made:
        history.note(one.id, f"ünïcode 🙂 {one.id}")
        history.tell(one.id, 0.5)
    content = history.file.read_bytes()
    chance = random.Random(0)
    for cut in [0, 1, len(content) - 1, len(content), *(chance.randrange(len(content)) for _ in range(1000))]:
        history.file.write_bytes(content[:cut])
        whole = [json.loads(line) for line in content[:cut].split(b"\n")[:-1]]
        after = History(history.file)
        before = {one.id: one for one in after.submissions()}
        assert {line["id"] for line in whole} <= before.keys()
        for line in whole:
            assert line["event"] != "note" or before[line["id"]].note == line["note"]
            assert line["event"] != "told" or before[line["id"]].public == 0.5
        again = write(after, "dddd")
        after.tell(again.id, 0.25)
        lines = history.file.read_bytes().split(b"\n")
        assert [json.loads(line) for line in lines[: len(whole)]] == whole
        found = {one.id: one for one in History(history.file).submissions()}
        assert found[again.id].public == 0.25
        assert {identity: found[identity] for identity in before} == before
    assert all(message.startswith(f"{history.file}: line ") for message in warnings())


def test_what_was_told_is_on_the_disk_when_the_call_returns(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write(history)
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _descriptor: synced.append(history.file.read_bytes()))
    history.tell(made.id, 0.5)
    assert synced == [history.file.read_bytes()]


def test_broken_lines_are_passed_over_with_one_warning_that_names_them(
    history: History, warnings: Callable[[], list[str]]
) -> None:
    made = write(history)
    with history.file.open("ab") as file:
        file.write(b'{"key": "ab\n\0\0\0\0\n\n[1]\n\xff\xfe\n' + b"[" * 100_000 + b"\n")
        file.write(f'{{"event":"told","id":"{made.id}","time":"2026-01-01T00:00:00","score":"x"}}\n'.encode())
        file.write(b'{"event":"told","id":7,"time":"2026-01-01T00:00:00","score":0.5}\n')
        file.write(f'{{"event":"note","id":"{made.id}","time":"soon","note":"x"}}\n'.encode())
    assert history.submissions() == [made]
    history.tell(made.id, 0.5)
    [message] = warnings()
    assert message.startswith(f"{history.file}: lines 2, 3, 5, 6, 7, 8, 9, 10 cannot be understood")
    assert history.find(made.id).public == 0.5


def test_what_a_newer_version_wrote_is_kept_and_does_no_harm(
    history: History, warnings: Callable[[], list[str]]
) -> None:
    made = write(history)
    append(history, "starred", datetime.now(UTC), id=made.id, stars=[5])
    append(history, "weekly", datetime.now(UTC), who={"a": 1})
    append(history, "note", datetime.now(UTC), id=made.id, note="x", colour="red")
    content = history.file.read_bytes()
    assert history.find(made.id).note == "x"
    other = History(history.root.parent / "other" / FILE_NAME)
    other.merge(history.file)
    assert other.file.read_bytes() == content
    history.tell(made.id, 0.5)
    assert history.file.read_bytes().startswith(content)
    assert warnings() == []


def test_odd_values_in_a_line_are_as_if_never_told(history: History) -> None:
    history.root.mkdir()
    keys = ("csv", "run", "recipe", "settings", "rows", "figure", "figure_of", "commit", "dirty")
    odd = {key: [1] for key in keys}
    append(history, "written", datetime.now(UTC), id="abcd00000000", **odd)
    found = history.find("abcd")
    assert (found.run, found.recipe, found.rows, found.figure, found.commit) == (None,) * 5
    assert not found.csv.exists()


APPENDS = """
import sys
from pathlib import Path
from pixelkit.leaderboard.history import History
history = History(Path(sys.argv[1]))
for number in range(25):
    history.note(sys.argv[2], f"{sys.argv[3]}-{number} " + 5000 * "x")
"""


def processes(script: str, *arguments: Sequence[object]) -> list[subprocess.CompletedProcess[str]]:
    """Run a script at once with each of several lists of arguments."""
    running = [
        subprocess.Popen([sys.executable, "-c", script, *map(str, words)], stderr=subprocess.PIPE, text=True)
        for words in arguments
    ]
    ended = [(process, process.communicate()[1]) for process in running]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, "", said) for process, said in ended
    ]


def test_processes_that_append_at_once_lose_nothing(history: History) -> None:
    made = write(history)
    done = processes(APPENDS, *((history.file, made.id, name) for name in "abcd"))
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 4
    events = [json.loads(line) for line in history.file.read_text().splitlines()]
    notes = [event["note"].split()[0] for event in events if event["event"] == "note"]
    assert sorted(notes) == sorted(f"{name}-{number}" for name in "abcd" for number in range(25))
    for name in "abcd":
        own = [note for note in notes if note.startswith(name)]
        assert own == sorted(own, key=lambda note: int(note[2:]))


def test_of_two_processes_that_tell_different_scores_only_one_is_heard(history: History) -> None:
    made = write(history)
    script = (
        "import sys; from pathlib import Path; from pixelkit.leaderboard.history import History\n"
        "History(Path(sys.argv[1])).tell(sys.argv[2], float(sys.argv[3]))"
    )
    done = processes(script, *((history.file, made.id, score) for score in (0.1, 0.2, 0.3)))
    assert sorted(one.returncode for one in done) == [0, 1, 1]
    assert len(history.file.read_text().splitlines()) == 2


def test_a_full_disk_is_one_clear_line_and_loses_nothing(history: History) -> None:
    made = write(history)
    script = (
        "import sys, resource, signal; from pathlib import Path; from pixelkit.leaderboard.history import History\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "size = Path(sys.argv[1]).stat().st_size + 60\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
        "try: History(Path(sys.argv[1])).note(sys.argv[2], 500 * 'x')\n"
        "except Exception as error: sys.exit(f'{type(error).__name__}: {error}')"
    )
    [done] = processes(script, (history.file, made.id))
    assert done.returncode == 1
    assert done.stderr.startswith(f"StorageError: cannot write {history.file}: ")
    assert not history.file.read_bytes().endswith(b"\n")  # a part of the line went out
    history.note(made.id, "later")
    [found] = History(history.file).submissions()
    assert found == replace(made, note="later", changed=found.changed)


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write anywhere")
def test_a_history_that_cannot_be_written_can_still_be_read(history: History) -> None:
    made = write(history)
    history.file.chmod(0o400)
    assert history.submissions() == [made]
    with pytest.raises(StorageError, match="no write permission"):
        history.note(made.id, "x")


def test_a_folder_in_the_way_is_one_clear_line(history: History) -> None:
    history.file.mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot read the history"):
        history.submissions()
    with pytest.raises(StorageError, match="a folder is in the way"):
        write(history)


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


def test_what_changed_is_told_by_key(history: History) -> None:
    a = write(history, "a", plain={"seed": 0, "convae": {"epochs": 5}, "gone": True})
    other = replace(RECIPE, width=15.0)
    b = write(history, "bb", plain={"seed": 0, "convae": {"epochs": 9}, "new": [1]}, recipe=other)
    assert changes_between(a, b) == [
        ("convae.epochs", 5, 9),
        ("gone", True, None),
        ("new", None, [1]),
        ("recipe: width", 10.0, 15.0),
    ]
    assert changes_between(a, a) == []


def test_an_imported_csv_has_no_settings_to_compare(history: History, tmp_path: Path) -> None:
    a, b = write(history), history.imported(make_csv(tmp_path / "b.csv", 0.5))
    assert changes_between(a, b) is None


def frames(path: Path, scores: dict[str, float]) -> Path:
    path.write_text("Id,Predicted\n" + "".join(f"{frame},{score}\n" for frame, score in scores.items()))
    return path


def test_where_the_scores_moved_is_told_by_video_and_stretch(tmp_path: Path) -> None:
    """Video 2 stays, frames 4 to 6 of video 1 go from the lowest ranks to the highest."""
    before = {f"1_{n}": n / 100 for n in range(4, 10)} | {f"2_{n}": 0.5 + n / 100 for n in range(4)}
    after = {**before, "1_4": 0.91, "1_5": 0.92, "1_6": 0.93}
    a = frames(tmp_path / "a.csv", before)
    b = frames(tmp_path / "b.csv", dict(reversed(after.items())))  # the order of rows is of no account
    moves = compare_scores(a, b)
    assert (moves.frames, moves.only_a, moves.only_b) == (10, 0, 0)
    ranks = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [8, 9, 10, 1, 2, 3, 4, 5, 6, 7]
    squares = sum((x - y) ** 2 for x, y in zip(*ranks, strict=True))
    assert moves.correlation == pytest.approx(1 - 6 * squares / (10 * 99))
    assert [(one.video, one.frames) for one in moves.videos] == [("1", 6), ("2", 4)]
    assert [one.mean for one in moves.videos] == pytest.approx([(3 * 0.7 - 3 * 0.3) / 6, -0.3])
    assert [one.absolute for one in moves.videos] == pytest.approx([0.5, 0.3])
    [stretch] = moves.stretches
    assert (stretch.video, stretch.first, stretch.last, stretch.frames) == ("1", 4, 6, 3)
    assert stretch.mean == pytest.approx(0.7)


def test_only_frames_in_both_csvs_are_compared(tmp_path: Path) -> None:
    a = frames(tmp_path / "a.csv", {"1_0": 0.1, "1_1": 0.2, "1_2": 0.3})
    b = frames(tmp_path / "b.csv", {"1_1": 0.5, "1_2": 0.6, "1_3": 0.7, "1_4": 0})
    moves = compare_scores(a, b)
    assert (moves.frames, moves.only_a, moves.only_b, moves.correlation) == (2, 1, 2, 1.0)
    assert moves.stretches == ()
    with pytest.raises(HistoryError, match="no frame in common"):
        compare_scores(a, frames(tmp_path / "c.csv", {"7_0": 0.1}))


def test_a_constant_csv_has_no_rank_correlation(tmp_path: Path) -> None:
    a = frames(tmp_path / "a.csv", {"1_0": 0.5, "1_1": 0.5})
    assert compare_scores(a, frames(tmp_path / "b.csv", {"1_0": 0.1, "1_1": 0.2})).correlation is None


def test_reading_the_history_loads_nothing_heavy() -> None:
    script = (
        "import sys; from pathlib import Path; from pixelkit.leaderboard.history import History\n"
        "History(Path('none')).submissions()\n"
        "sys.exit(str({'torch', 'pandas', 'sklearn', 'optuna', 'cv2', 'numpy'} & set(sys.modules)))"
    )
    [done] = processes(script, ())
    assert done.stderr.strip() == "set()"


def test_a_process_killed_while_it_appends_leaves_a_history_that_can_be_read(history: History) -> None:
    made = write(history)
    for step in range(5):
        with subprocess.Popen([sys.executable, "-c", APPENDS, str(history.file), made.id, "a"]) as process:
            while process.poll() is None and len(history.file.read_bytes()) < 30_000 * (step + 1):
                pass
            process.send_signal(signal.SIGKILL)
        history.note(made.id, f"after {step}")
        assert history.find(made.id).note == f"after {step}"
