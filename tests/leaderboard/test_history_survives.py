"""The file of the history after a crash, at whatever byte: no earlier line is lost, and the next one is readable."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from submitted import append, write

from pixelkit.leaderboard.history import History, Submission

SEEDS = 1000
KILLS = 60
# Blocks that a file system was still to write when the power failed are full of zeros, or of what was there before.
RUBBISH = (b"", b"\0" * 512, b"\xff\xfe{", b'"}{"event":"told"', b"[]")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking git and waiting for the disk would take nine tenths of the time."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def fill(history: History) -> list[Submission]:
    """Write a history as an evening makes it: several CSVs, with notes, scores and an upload."""
    made = [write(history, name) for name in ("a", "bb", "ccc")]
    for one in made:
        history.note(one.id, f"ünïcode 🙂 \u2028 {one.id}")
        history.tell(one.id, 0.5)
    history.sent(made[0].id, "pixel-play-26", "123")
    return made


@pytest.mark.usefixtures("quick")
def test_a_file_cut_anywhere_loses_no_earlier_line_and_can_be_appended_to(
    history: History, warnings: Callable[[], list[str]]
) -> None:
    """Every line that ends before the cut is there, and so is what is told afterwards."""
    fill(history)
    content = history.file.read_bytes()
    chance = random.Random(0)
    for cut in [
        0,
        1,
        len(content) - 1,
        len(content),
        *(chance.randrange(len(content)) for _ in range(SEEDS)),
    ]:
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


@pytest.mark.usefixtures("quick")
def test_the_last_line_cut_at_a_thousand_places_with_rubbish_behind_it_is_named_and_nothing_else_is_lost(
    history: History, warnings: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """The append that a crash tears may leave any part of itself, and blocks of zeros or of other files behind that."""
    made = fill(history)
    earlier, known = history.file.read_bytes(), history.submissions()
    append(history, "note", datetime.now(UTC), id=made[1].id, note="ünïcode 🙂 " + "torn " * 200)
    last = history.file.read_bytes()[len(earlier) :]
    line = earlier.count(b"\n") + 1
    for seed in range(SEEDS):
        chance = random.Random(seed)
        part = last[: chance.randrange(1, len(last) - 1)] + chance.choice(RUBBISH)
        history.file.write_bytes(earlier + part)
        caplog.clear()
        assert History(history.file).submissions() == known
        History(history.file).note(made[2].id, f"after {seed}")
        assert history.file.read_bytes().startswith(earlier + part + b"\n"), "a line is never rewritten"
        found = History(history.file).find(made[2].id)
        assert found == replace(known[2], note=f"after {seed}", changed=found.changed)
        assert History(history.file).submissions()[:2] == known[:2]
        assert {message.split(" cannot ")[0] for message in warnings()} == {f"{history.file}: line {line}"}


KILLED_AGAIN_AND_AGAIN = """
import os, random, signal, sys, time
from pathlib import Path
from pixelkit.leaderboard.history import History

file, identity = Path(sys.argv[1]), sys.argv[2]
for seed in range(int(sys.argv[3])):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        number = 0
        while True:
            note = f"{seed}-{number} " + 3000 * "x"
            History(file).note(identity, note)
            os.write(writer, note.split()[0].encode() + b" ")  # told only when it is on the disk
            number += 1
    os.close(writer)
    time.sleep(random.Random(seed).uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as told:
        print(told.read().decode(), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
def test_processes_killed_while_they_append_lose_nothing_that_was_promised(
    history: History, tmp_path: Path
) -> None:
    """A note is promised when the call returns; whichever byte the next one got to, the promised ones are there."""
    made = write(history)
    script = tmp_path / "killed.py"
    script.write_text(KILLED_AGAIN_AND_AGAIN)
    words = [sys.executable, str(script), str(history.file), made.id, str(KILLS)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    promised = done.stdout.split()
    assert len(done.stdout.splitlines()) == KILLS and len(promised) >= KILLS
    intact = []
    for line in history.file.read_bytes().split(b"\n"):
        try:
            intact.append(json.loads(line))
        except ValueError:
            continue
    noted = [line["note"].split()[0] for line in intact if line["event"] == "note"]
    assert set(promised) <= set(noted)
    assert [note for note in noted if note in set(promised)] == promised
    assert history.note(made.id, "later") == history.find(made.id)
    assert history.find(made.id).note == "later"
