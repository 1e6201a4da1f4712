"""Where a study lies: several processes on one PostgreSQL study, one killed; refusals that show no password."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import postgres
import pytest

from pixelkit.errors import TuningError
from pixelkit.tuning.studies import open_study, shown, storage_errors

TESTS = Path(__file__).resolve().parents[1]
TRIALS = 45

# A worker says where it is in its fifth trial, and stays there until it is killed or told to go on.
WORKER = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from scored import scored
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.objectives import label_objective
from pixelkit.tuning.search import Budget, Judge, search
from pixelkit.tuning.space import SearchSpace

table, labels = scored(["01", "02", "03"], seed=0)
mark = Path(sys.argv[4]) if len(sys.argv) > 4 else None

class Slow(Judge):
    tried = 0
    def value(self, recipe):
        self.tried += 1
        if mark is not None and self.tried == 5:
            mark.touch()
            time.sleep(600)
        return super().value(recipe)

of = Slow(label_objective(Fuser(table), labels, "ap"), Recipe.untuned(table.channels))
budget = Budget(int(sys.argv[3]), storage=sys.argv[2], name="shared")
found = search(of, SearchSpace.around(of.untuned, calibrated=()), budget, purpose="test")
print(found.value)
"""


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres.server() as url:
        yield url


def worker(url: str, *more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(TESTS), url, str(TRIALS), *map(str, more)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_three_processes_on_one_study_one_killed_and_every_trial_accounted_for(
    database: str, tmp_path: Path
) -> None:
    mark = tmp_path / "in its fifth trial"
    victim = worker(database, mark)
    end = time.monotonic() + 120
    while not mark.exists():
        assert victim.poll() is None, victim.communicate()
        assert time.monotonic() < end
        time.sleep(0.1)
    others = [worker(database), worker(database)]
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    said = [process.communicate(timeout=300) for process in others]
    assert [process.returncode for process in others] == [0, 0], said

    states = optuna.trial.TrialState
    trials = open_study(database, "shared", "test").trials
    assert [trial.number for trial in trials] == [*range(len(trials))]
    finished = [trial for trial in trials if trial.state in (states.COMPLETE, states.PRUNED)]
    lost = [trial for trial in trials if trial.state is states.FAIL]
    assert len(finished) + len(lost) == len(trials), "none is left running or waiting"
    assert len(finished) >= TRIALS
    assert len(lost) == 1
    retried = [
        trial
        for trial in finished
        if optuna.storages.RetryHeartbeatStaleTrialCallback.retried_trial_number(trial) == lost[0].number
    ]
    assert [trial.params for trial in retried] == [lost[0].params]
    best = max(trial.value for trial in finished if trial.value is not None)
    assert [float(out) for out, _ in said] == [best, best]


def test_a_study_made_for_something_else_is_refused(database: str) -> None:
    open_study(database, "mine", "these scores")
    open_study(database, "mine", "these scores")
    with pytest.raises(TuningError, match="choose another name with --study") as caught:
        open_study(database, "mine", "other scores")
    assert postgres.PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://tuner:{postgres.PASSWORD}@127.0.0.1:1/postgres",
        f"nosuchdatabase://tuner:{postgres.PASSWORD}@127.0.0.1/x",
        f"postgresql://tuner:{postgres.PASSWORD}@127.0.0.1:port/x",
        f"://tuner:{postgres.PASSWORD}",
    ],
)
def test_a_storage_that_cannot_be_reached_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(TuningError, match="cannot be reached") as caught:
        open_study(url, "x", "y")
    assert postgres.PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_password_is_not_shown(database: str) -> None:
    wrong = database.replace(postgres.PASSWORD, "wr0ng-and-long")
    with pytest.raises(TuningError, match="cannot be reached") as caught:
        open_study(wrong, "x", "y")
    assert "wr0ng-and-long" not in str(caught.value)


def test_a_url_is_shown_without_its_password() -> None:
    assert shown("postgresql://me:secret@host/db") == "postgresql://***@host/db"
    assert shown("sqlite:///study.db") == "sqlite:///study.db"
    assert shown("study.log") == "study.log"
    assert shown(None) == "memory"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (
            "postgresql://h:1/db?user=me&password=hunter2pw&sslmode=require",
            "h:1/db?user=me&sslmode=require&***",
        ),
        ("postgresql://h:1/db?password=a&hunter2pw", "h:1/db?***"),
        ("postgresql://me:p@ss/hunter2pw@127.0.0.1:1/db", "postgresql://***@127.0.0.1:1/db"),
        ("postgresql://me:hunter2pw?x@127.0.0.1:1/db", "postgresql://..."),
        ("postgresql://127.0.0.1:1/db?password=x@hunter2pw", "postgresql://..."),
        ("postgresql://me:hunter2pw", "postgresql://..."),
        ("postgresql:/me:hunter2pw@host/db", "postgresql:***@host/db"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dhunter2pw", "mssql+pyodbc:///?***"),
    ],
)
def test_a_password_is_shown_in_no_place_of_a_url(url: str, text: str) -> None:
    assert shown(url).endswith(text)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://127.0.0.1:1/db?user=me&password=hunter2pw",
        "postgresql://127.0.0.1:1/db?user=me&password=hunter%32pw",
        "postgresql://127.0.0.1:1/db?user=me&passwort=hunter2pw",
        "postgresql://127.0.0.1:1/db?password=x@hunter2pw",
        "postgresql://me:p@hunter2pw/hunter2pw@127.0.0.1:1/db",
        "postgresql://me:p@ss/hunter2pw@127.0.0.1:1/db",
        "postgresql://me:hunter2pw?x@127.0.0.1:1/db",
    ],
)
def test_a_password_is_in_no_message(url: str) -> None:
    with pytest.raises(TuningError, match="cannot be reached") as caught:
        open_study(url, "x", "y")
    for secret in ("hunter2pw", "p@ss", "'ss'", "***@ss"):
        assert secret not in str(caught.value)


def test_what_a_driver_says_is_told_without_the_password() -> None:
    said = ValueError("invalid dsn near 'hunter2 pw&' or hunter2%20pw%26 or hunter2+pw%26")
    for url in ("postgresql://me:hunter2%20pw&@h/db", "postgresql://h/db?password=hunter2+pw%26"):
        with pytest.raises(TuningError, match="invalid dsn near") as caught, storage_errors(url):
            raise said
        assert "hunter2" not in str(caught.value)
    with pytest.raises(TuningError, match=r"\(ValueError\)"), storage_errors("postgresql://me:sn@h/db"):
        raise ValueError("what a short password is a part of: invalid dsn")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Id,Label\n", "is no journal of a study (line 1): name another file with --storage"),
        (b'{"id": 1}\n', "is no journal of a study (line 1)"),
        (b"SQLite format 3\x00\xff", "is no journal of a study (line 1)"),
    ],
)
def test_a_file_that_is_no_journal_is_named_and_left_alone(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(content)
    with pytest.raises(TuningError) as caught:
        open_study(str(file), "x", "y")
    assert f"{file} {said}" in str(caught.value)
    assert "server" not in str(caught.value)
    assert file.read_bytes() == content


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    file = tmp_path / "study.log"
    study = open_study(str(file), "x", "y")
    study.optimize(lambda trial: trial.suggest_float("a", 0, 1), n_trials=3)
    return file


def test_a_broken_line_of_a_journal_is_told_and_the_lines_before_it_are_enough(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    for end in ([b"?\n", lines[-1]], [b"?\n", lines[-1][:-9]]):
        broken = b"".join([*lines[:-1], *end])
        journal.write_bytes(broken)
        with pytest.raises(TuningError, match=rf"line {len(lines)}: is no entry of a journal.*delete it"):
            open_study(str(journal), "x", "y")
        assert journal.read_bytes() == broken
    journal.write_bytes(b"".join(lines[:-1]))
    assert len(open_study(str(journal), "x", "y").trials) == 3


@pytest.mark.parametrize("left", [1, 9, -1])  # bytes of the last entry; all but the end of its line
def test_an_entry_that_was_cut_off_is_left_out(
    journal: Path, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    *before, last = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*before, last[:left]]))
    with caplog.at_level(logging.WARNING, "pixelkit"):
        study = open_study(str(journal), "x", "y")
    assert f"{journal}: its last entry was cut off" in caplog.text
    assert journal.read_bytes().splitlines(keepends=True)[: len(before)] == before
    study.optimize(lambda trial: trial.suggest_float("a", 0, 1), n_trials=2)
    assert len(open_study(str(journal), "x", "y").trials) == 5
    assert [file.name for file in journal.parent.iterdir()] == [journal.name]


def test_a_journal_that_cannot_be_written_is_told_without_a_word_of_servers(tmp_path: Path) -> None:
    with pytest.raises(TuningError, match="cannot be read or written") as caught:
        open_study("/proc/study.log", "x", "y")
    assert "server" not in str(caught.value)
    (tmp_path / "study.log").touch()
    assert open_study(str(tmp_path / "study.log"), "x", "y").trials == []
