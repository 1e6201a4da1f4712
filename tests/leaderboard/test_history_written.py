"""What a history knows of a CSV that a run wrote: where it lies, what it was made with, which commit."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from submitted import RECIPE, SETTINGS, make_csv, processes, write

from pixelkit.errors import HistoryError
from pixelkit.leaderboard.history import FILE_NAME, History, submission_id


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


def test_reading_the_history_loads_nothing_heavy() -> None:
    script = (
        "import sys; from pathlib import Path; from pixelkit.leaderboard.history import History\n"
        "History(Path('none')).submissions()\n"
        "sys.exit(str({'torch', 'pandas', 'sklearn', 'optuna', 'cv2', 'numpy'} & set(sys.modules)))"
    )
    [done] = processes(script, ())
    assert done.stderr.strip() == "set()"
