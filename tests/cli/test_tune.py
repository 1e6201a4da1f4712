"""``pixelkit tune``: a recipe for a run that is scored already, by an objective that is named."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from scored import CHANNELS, write_labels, write_run
from street import pixelkit

from pixelkit.artifacts import RunFolder
from pixelkit.frames.labels import read_labels
from pixelkit.scores.recipe import Recipe
from pixelkit.scores.table import ScoreTable


def tune(run: RunFolder, *words: object) -> subprocess.CompletedProcess[str]:
    return pixelkit("tune", run.path, "--trials", 30, *words, cwd=run.path.parent, OMP_NUM_THREADS="1")


def test_synthetic_tuning_ships_a_recipe_that_submit_uses(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    done = tune(run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(run.recipe)
    assert "patch" in done.stdout
    assert "the tuned recipe ships" in done.stdout
    assert Recipe.read(run.recipe) == Recipe.read(run.tuned) != Recipe.untuned(CHANNELS)
    csv = pixelkit("submit", run.path, cwd=tmp_path)
    assert csv.returncode == 0, csv.stderr
    assert Path(csv.stdout.strip()).is_file()
    told = json.loads(
        pixelkit("history", "--json", "--file", tmp_path / "history.jsonl", cwd=tmp_path).stdout
    )
    assert told[0]["figure_of"] == "AP on synthetic anomalies, video by video"
    assert 0 < told[0]["figure"] < 1


def test_plots_lie_beside_what_was_found(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert tune(run).returncode == 0
    drawn = {file.name for file in run.tuned.parent.glob("*.png")}
    assert drawn == {"history.png", "importances.png", "slices.png", "timeline.png"}


def test_plots_are_of_the_tuning_whose_recipe_ships(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    plots = [run.tuned.parent / name for name in ("history.png", "slices.png", "timeline.png")]
    drawn = []
    for words in ((), ("--seed", 1), ()):
        assert tune(run, *words).returncode == 0
        drawn.append([file.read_bytes() for file in plots])
    assert drawn[0] == drawn[2], "read again, drawn again"


def test_the_same_tuning_again_is_read_and_not_made(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    first = tune(run)
    again = tune(run)
    assert "tuned before" in again.stderr
    assert again.stdout == first.stdout
    assert "tuned before" not in tune(run, "--seed", 1).stderr


def test_labels_tune_only_when_they_are_named(tmp_path: Path) -> None:
    run, labels = write_run(tmp_path / "run"), write_labels(tmp_path / "labels.csv")
    done = tune(run, "--objective", "labels", "--labels", labels, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["verdict"]["figure"] == "AP by labels, video by video"
    assert found.keys() == {"verdict", "recipe", "tuned", "untuned", "file"}
    assert found["verdict"]["unseen"] is not None
    for words in (("--objective", "labels"), ("--labels", labels)):
        refused = tune(run, *words)
        assert refused.returncode == 2
        assert "go together" in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seed", "-1"), "'--seed': -1 is not in the range"),
        (("--timeout", "nan"), "nan is no number of seconds"),
        (("--timeout", "0"), "'--timeout': 0.0 is not in the range"),
        (("--study", "mine"), "give both"),
        (("--metric", "auc"), "--metric is for --objective labels"),
        (("--objective", "leaderboard"), "--trials: there is no search with --objective leaderboard"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    refused = tune(write_run(tmp_path / "run"), *words)
    assert refused.returncode == 2
    assert said in refused.stderr


def test_a_longer_search_on_one_study_goes_on(tmp_path: Path) -> None:
    run, storage = write_run(tmp_path / "run"), str(tmp_path / "study.log")
    for words in (("--trials", 20), ("--trials", 40, "--timeout", 500), ("--trials", 5, "--seed", 5)):
        assert tune(run, *words, "--storage", storage).returncode == 0
    journal = JournalStorage(JournalFileBackend(storage))
    assert sorted(study.n_trials for study in optuna.get_all_study_summaries(journal)) == [5, 40]


def test_a_study_searched_at_another_cost_is_refused(tmp_path: Path) -> None:
    run, storage = write_run(tmp_path / "run"), ("--storage", tmp_path / "study.log", "--study", "mine")
    assert tune(run, *storage).returncode == 0
    run.settings.write_text("[tuning]\ntowards_equal = 0.2\n", encoding="utf-8")
    refused = tune(run, *storage)
    assert refused.returncode == 1
    assert "choose another name with --study" in refused.stderr


def test_a_run_whose_scores_are_gone_keeps_its_recipe(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert tune(run).returncode == 0
    before = run.recipe.read_bytes()
    (run.path / "scores" / "test-weak.score.csv").unlink()
    gone = tune(run, "--seed", 1)
    assert gone.returncode == 1
    assert "Traceback" not in gone.stderr
    assert "test-weak.score.csv" in gone.stderr
    assert run.recipe.read_bytes() == before


def test_a_channel_with_one_finite_value_is_one_line(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    file = run.path / "scores" / "takes-bad.score.csv"
    head, first, *rest = file.read_text(encoding="utf-8").splitlines()
    spoilt = [head, first, *(line.rpartition(",")[0] + ",nan" for line in rest)]
    file.write_text("\n".join(spoilt) + "\n", encoding="utf-8")
    refused = tune(run)
    assert refused.returncode == 1
    assert "takes-bad.score.csv" in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr


def test_labels_without_scores_say_what_to_do(tmp_path: Path) -> None:
    run, labels = write_run(tmp_path / "run"), write_labels(tmp_path / "labels.csv")
    run.write_record(dataclasses.replace(run.read_record(), scores={}))
    refused = tune(run, "--objective", "labels", "--labels", labels)
    assert refused.returncode == 1
    assert "pixelkit run" in refused.stderr.splitlines()[-1]


def test_ctrl_c_keeps_what_was_found_and_the_recipe_that_was_there(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    Recipe.untuned(CHANNELS[:2]).write(run.recipe)
    command = [sys.executable, "-m", "pixelkit", "tune", str(run.path), "--trials", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while ", best " not in (process.stderr.readline() if process.stderr else ""):
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert "trials is kept" in said
    assert Recipe.read(run.recipe) == Recipe.untuned(CHANNELS[:2])
    assert Recipe.read(run.tuned).channels.keys() == set(CHANNELS)


@pytest.mark.parametrize("metric", ["auc", "macro-auc"])
def test_other_metrics(tmp_path: Path, metric: str) -> None:
    run, labels = write_run(tmp_path / "run"), write_labels(tmp_path / "labels.csv")
    done = tune(run, "--objective", "labels", "--labels", labels, "--metric", metric)
    assert done.returncode == 0, done.stderr


def test_a_journal_keeps_the_study(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    first = tune(run, "--storage", tmp_path / "study.log")
    again = tune(run, "--storage", tmp_path / "study.log")
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert again.stdout == first.stdout
    other = tune(run, "--storage", tmp_path / "study.log", "--seed", 1)
    assert other.returncode == 0, other.stderr


def test_a_study_of_another_run_is_refused(tmp_path: Path) -> None:
    storage = ("--storage", tmp_path / "study.log", "--study", "mine")
    assert tune(write_run(tmp_path / "run"), *storage).returncode == 0
    refused = tune(write_run(tmp_path / "other", channels=CHANNELS[:2]), *storage)
    assert refused.returncode == 1
    assert "choose another name with --study" in refused.stderr


def test_one_channel_can_be_tuned(tmp_path: Path) -> None:
    done = tune(write_run(tmp_path / "run", channels=CHANNELS[:1]))
    assert done.returncode == 0, done.stderr


def test_a_constant_channel_is_named_and_left_alone(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    file = run.path / "scores" / "takes-bad.score.csv"
    table = ScoreTable.read_csv(file)
    ScoreTable(table.video, table.number, table.channels, table.values * 0 + 1).write_csv(file)
    done = tune(run)
    assert done.returncode == 0, done.stderr
    assert "bad.score: the same for every frame" in done.stderr


def test_a_recipe_of_another_run_is_refused_with_the_channel(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", channels=CHANNELS[:2])
    Recipe.untuned(CHANNELS).write(tmp_path / "other.json")
    done = pixelkit("submit", run.path, "--recipe", tmp_path / "other.json", cwd=tmp_path)
    assert done.returncode == 1
    assert "no channel 'bad.score'" in done.stderr


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("Id,Label\n9_0,1\n", "no label for 480 frames"),
        ("Id,Label\n1_0,1\n", "1_1"),
        ("ONE CLASS", "every frame normal"),
    ],
)
def test_labels_that_do_not_fit_are_one_line(tmp_path: Path, rows: str, said: str) -> None:
    run, labels = write_run(tmp_path / "run"), write_labels(tmp_path / "labels.csv")
    text = labels.read_text()
    labels.write_text(text.replace(",1\n", ",0\n") if rows == "ONE CLASS" else rows)
    done = tune(run, "--objective", "labels", "--labels", labels)
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_run_without_scores_or_without_takes_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = tune(RunFolder(tmp_path / "empty"))
    assert done.returncode == 1
    assert "pixelkit run" in done.stderr
    bare = tune(write_run(tmp_path / "run", synthetic=False))
    assert bare.returncode == 1
    assert "no scores of synthetic anomalies" in bare.stderr


def test_a_storage_that_cannot_be_reached_is_one_line_without_the_password(tmp_path: Path) -> None:
    done = tune(write_run(tmp_path / "run"), "--storage", "postgresql://me:s3cret@127.0.0.1:1/db")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "s3cret" not in done.stderr + done.stdout
    assert "s3cret" not in RunFolder(tmp_path / "run").log.read_text()


def test_the_labels_of_this_test_fit_its_run(tmp_path: Path) -> None:
    run, labels = write_run(tmp_path / "run"), write_labels(tmp_path / "labels.csv")
    table = run.stored(run.read_record().scores)
    truth = read_labels(labels, {name: table.number[part] for name, part in table.videos().items()})
    assert sum(each.sum() for each in truth.values()) == 8 * 15


def test_the_leaderboard_is_asked_told_and_asked_again(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    history = ("--file", tmp_path / "history.jsonl")
    sent: list[str] = []
    for score in (0.5, 0.7):
        asked = pixelkit("tune", run.path, "--objective", "leaderboard", "--json", cwd=tmp_path)
        assert asked.returncode == 0, asked.stderr
        found = json.loads(asked.stdout)
        assert Path(found["csv"]).is_file()
        sent.append(found["id"])
        assert pixelkit("history", *history, "tell", found["id"], score, cwd=tmp_path).returncode == 0
    assert len(set(sent)) == 2, "none is proposed twice"
    again = pixelkit("tune", run.path, "--objective", "leaderboard", "--daily", 3, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "is accepted with 0.7" in again.stderr
    assert Path(again.stdout.splitlines()[-1]).is_file()
    used_up = pixelkit("tune", run.path, "--objective", "leaderboard", "--daily", 3, cwd=tmp_path)
    assert used_up.returncode == 1
    assert len(used_up.stderr.splitlines()[-1]) > 20
    assert "Traceback" not in used_up.stderr
