"""The file of the history: what is odd in it does no harm, and processes, full disks and folders cost no line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from submitted import append, processes, write

from pixelkit.errors import StorageError
from pixelkit.leaderboard.history import FILE_NAME, History


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
