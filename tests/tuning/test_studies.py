"""Where a study lies: several processes on one PostgreSQL study, one killed; refusals that show no password."""

from __future__ import annotations

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
from pixelkit.tuning.studies import open_study, shown

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
found = search(of, SearchSpace.around(of.untuned, calibrated=False), budget, purpose="test")
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
    assert shown("postgresql://me:secret@host/db") == "postgresql://me:***@host/db"
    assert shown("study.log") == "study.log"
    assert shown(None) == "memory"
