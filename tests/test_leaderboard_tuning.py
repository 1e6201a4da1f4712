"""``tune --objective leaderboard``: what was sent and told survives everything, and nothing is sent twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scored import scored, write_run

from pixelkit import shipping
from pixelkit.artifacts import RunFolder
from pixelkit.errors import TuningError
from pixelkit.leaderboard.csv import read_submission
from pixelkit.leaderboard.history import FILE_NAME, History, submission_id
from pixelkit.leaderboard_tuning import LeaderboardTuning, Proposal, changes
from pixelkit.leaderboard_uploads import uploads_left
from pixelkit.recipes import untuned
from pixelkit.scores.metrics import average_precision
from pixelkit.scores.recipe import ChannelRecipe, Recipe
from pixelkit.scores.table import ScoreTable
from pixelkit.tuning.settings import TuningSettings

TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
GOOD = Recipe({"good.score": ChannelRecipe()}, "gaussian", 3.0)
BAD = Recipe({"bad.score": ChannelRecipe()}, "gaussian", 3.0)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "submissions" / "street")


@pytest.fixture
def history(folder: RunFolder) -> History:
    return History(folder.path.parent / FILE_NAME)


@pytest.fixture
def warnings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[[], str]]:
    """What was warned of so far; the command line, tested in the same process, keeps messages for itself."""
    monkeypatch.setattr(logging.getLogger("pixelkit"), "propagate", True)
    yield lambda: "\n".join(
        record.getMessage() for record in caplog.records if record.levelno == logging.WARNING
    )


def tuning(folder: RunFolder, history: History, today: date = TODAY) -> LeaderboardTuning:
    return LeaderboardTuning(folder, history, TuningSettings(), today=today)


def write(folder: RunFolder, history: History, recipe: Recipe) -> str:
    """Write the CSV of a recipe as the command line does, and return its id."""
    csv = shipping.write_csv(folder, recipe)
    return history.written(csv, run=folder.path, recipe=recipe, settings={}).id


def propose(folder: RunFolder, history: History, today: date = TODAY, daily: int = 5) -> Proposal:
    """Ask, and tell the history, as the command line does."""
    found = tuning(folder, history, today).propose(
        lambda recipe: shipping.write_csv(folder, recipe), daily=daily
    )
    identity = write(folder, history, found.recipe)
    assert identity == submission_id(found.csv)
    history.proposed(identity, found.details)
    return found


def leaderboard_score(csv: Path) -> float:
    """Return what a leaderboard with the labels of the run would say."""
    _, labels = scored([f"{number:02d}" for number in range(1, 9)], seed=1)
    truth = {str(int(name)): found for name, found in labels.items()}
    table = read_submission(csv)
    every = np.array([truth[video][number] for video, number in table.frames()])
    found = average_precision(every, table.values[:, 0])
    assert found is not None
    return found


def test_asks_go_on_where_they_were_and_find_a_better_recipe(folder: RunFolder, history: History) -> None:
    first = propose(folder, history)
    assert first.recipe == untuned(folder)
    history.tell(submission_id(first.csv), leaderboard_score(first.csv))
    for _ in range(3):  # every ask reads everything anew, as after a restart
        found = propose(folder, history)
        history.tell(submission_id(found.csv), leaderboard_score(found.csv))
    accepted = tuning(folder, history).accept()
    assert accepted.recipe is not None
    assert accepted.score is not None
    assert accepted.score > leaderboard_score(first.csv) + 0.05
    assert str(accepted.id) in accepted.reason
    assert len(accepted.rungs) == 4


def test_what_a_proposal_says(folder: RunFolder, history: History) -> None:
    first = propose(folder, history, daily=3)
    identity = submission_id(first.csv)
    history.tell(identity, 0.61234)
    second = propose(folder, history, daily=3)
    assert second.details["day"] == TODAY.isoformat()
    assert (second.details["best"], second.details["score"]) == (identity, 0.61234)
    assert 0 < second.details["expected"] < 1
    assert second.details["deviation"] > 0
    assert second.details["changes"] == changes(first.recipe, second.recipe) != []
    assert (second.left, second.waiting) == (1, ())
    assert f"differs from {identity}, the accepted best with 0.61234" in "\n".join(second.lines())
    known = history.find(submission_id(second.csv)).proposed
    assert known == second.details
    third = propose(folder, history, daily=3)
    assert third.waiting == (submission_id(second.csv),)
    assert submission_id(second.csv) in third.lines()[-1]


def test_nothing_is_proposed_that_was_sent_told_or_proposed(folder: RunFolder, history: History) -> None:
    equal = write(folder, history, untuned(folder))
    history.sent(equal, "pixel-play-26", time=datetime(2026, 1, 1, tzinfo=UTC))
    ids = [submission_id(propose(folder, history).csv) for _ in range(3)]
    assert len({equal, *ids}) == 4


def test_a_csv_that_is_gone_is_not_proposed_again(
    folder: RunFolder, history: History, warnings: Callable[[], str]
) -> None:
    first = propose(folder, history)
    identity = submission_id(first.csv)
    history.tell(identity, 0.5)
    first.csv.unlink()
    second = propose(folder, history)
    assert submission_id(second.csv) != identity
    assert f"{identity} is left out" in warnings()


def test_a_csv_that_was_changed_teaches_nothing(
    folder: RunFolder, history: History, warnings: Callable[[], str]
) -> None:
    found = propose(folder, history)
    identity = submission_id(found.csv)
    history.tell(identity, 0.9)
    found.csv.write_text(found.csv.read_text().replace("1_0,", "1_0,0"))
    accepted = tuning(folder, history).accept()
    assert accepted.recipe is None
    assert "its recipe stays" in accepted.reason
    assert "is not what it was" in warnings()


def test_a_csv_of_other_frames_is_left_out_by_name(
    folder: RunFolder, history: History, warnings: Callable[[], str]
) -> None:
    other = folder.path / "other.csv"
    other.write_text("Id,Predicted\n1_0,0.5\n1_1,0.25\n")
    identity = history.imported(other, 0.9).id
    found = propose(folder, history)
    assert found.recipe == untuned(folder)
    assert identity in warnings()
    assert "not those of this run" in warnings()


def test_a_csv_from_elsewhere_teaches_and_is_named_when_it_is_ahead(
    folder: RunFolder, history: History
) -> None:
    csv = shipping.write_csv(folder, GOOD)
    lines = csv.read_text().splitlines()
    elsewhere = csv.with_name("elsewhere.csv")
    elsewhere.write_text("\n".join([lines[0], *(f"{line}1" for line in lines[1:])]) + "\n")
    ahead = history.imported(elsewhere, leaderboard_score(csv)).id
    identity = write(folder, history, BAD)
    history.tell(identity, 0.2)
    accepted = tuning(folder, history).accept()
    assert (accepted.recipe, accepted.id) == (BAD, identity)
    assert f"made elsewhere: {ahead}" in accepted.reason
    found = propose(folder, history)
    assert leaderboard_score(found.csv) > 0.8


def test_the_budget_of_a_day_counts_what_was_sent_told_and_proposed(
    history: History, folder: RunFolder
) -> None:
    sent = write(folder, history, GOOD)
    history.sent(sent, "pixel-play-26")
    told = write(folder, history, BAD)
    history.tell(told, 0.3)
    assert uploads_left(history, 5, TODAY) == 3
    found = propose(folder, history)
    assert found.left == uploads_left(history, 5, TODAY) == 2
    tomorrow = TODAY + timedelta(days=1)
    with pytest.raises(
        TuningError, match=rf"the 3 uploads of {TODAY}.*2 sent or told, 1 proposed.*{tomorrow}"
    ):
        propose(folder, history, daily=3)
    history.tell(submission_id(found.csv), 0.5)
    assert uploads_left(history, 5, TODAY) == 2
    with pytest.raises(TuningError, match="expected 1 or more"):
        uploads_left(history, 0, TODAY)


def test_proposals_of_earlier_days_do_not_block(folder: RunFolder, history: History) -> None:
    stale = propose(folder, history, today=YESTERDAY, daily=1)
    with pytest.raises(TuningError, match="used up"):
        propose(folder, history, today=YESTERDAY, daily=1)
    found = propose(folder, history, daily=1)
    assert submission_id(found.csv) != submission_id(stale.csv)
    assert found.waiting == (submission_id(stale.csv),)


def test_a_score_that_is_told_late_counts(folder: RunFolder, history: History) -> None:
    stale = propose(folder, history, today=YESTERDAY)
    assert tuning(folder, history).accept().recipe is None
    history.tell(submission_id(stale.csv), 0.7)
    assert tuning(folder, history).accept().recipe == stale.recipe


def test_the_tuned_recipe_and_that_of_the_run_come_first(folder: RunFolder, history: History) -> None:
    folder.keep_recipe(GOOD)
    BAD.write(folder.tuned)
    assert [propose(folder, history).recipe for _ in range(3)] == [GOOD, untuned(folder), BAD]


def test_a_recipe_that_does_not_fit_the_run_is_left_out(
    folder: RunFolder, history: History, warnings: Callable[[], str]
) -> None:
    folder.keep_recipe(Recipe({"gone.score": ChannelRecipe()}))
    folder.tuned.write_text("{")
    assert propose(folder, history).recipe == untuned(folder)
    assert "recipe.json is left out" in warnings()
    assert "tuned.json is left out" in warnings()


def test_a_submission_of_scores_that_were_made_again_is_one_from_elsewhere(
    folder: RunFolder, history: History
) -> None:
    history.tell(write(folder, history, GOOD), 0.9)
    file = folder.path / folder.read_record().scores["good"]
    table = ScoreTable.read_csv(file)
    ScoreTable(table.video, table.number, table.channels, table.values[::-1]).write_csv(file)
    assert tuning(folder, history).accept().recipe is None


def test_frames_that_the_sample_does_not_ask_for_count_for_nothing(
    folder: RunFolder, history: History, tmp_path: Path
) -> None:
    lines = shipping.write_csv(folder, GOOD).read_text().splitlines()
    sample = tmp_path / "sample.csv"
    sample.write_text("\n".join([*lines[:200], "1_999,0"]) + "\n")
    folder.write_record(replace(folder.read_record(), sample=str(sample)))
    found = propose(folder, history)
    assert len(read_submission(found.csv)) == 200
    history.tell(submission_id(found.csv), 0.6)
    assert tuning(folder, history).accept().recipe == found.recipe


def test_channels_without_left_out_scores_are_not_calibrated(folder: RunFolder, history: History) -> None:
    record = folder.read_record()
    folder.write_record(replace(record, heldout={"good": record.heldout["good"]}))
    history.tell(write(folder, history, GOOD), 0.9)
    assert propose(folder, history).csv.is_file()


def test_a_run_without_scores_says_so(folder: RunFolder, history: History) -> None:
    folder.write_record(replace(folder.read_record(), scores={}))
    with pytest.raises(TuningError, match="holds no scores: make them with"):
        tuning(folder, history)


def test_changes_are_told_in_words() -> None:
    after = Recipe({"good.score": ChannelRecipe(weight=0.5)}, "median", 5.0)
    assert changes(GOOD, after) == ["smooth gaussian -> median", "width 3 -> 5", "good.score weight 1 -> 0.5"]
    assert changes(GOOD, BAD) == ["good.score weight 1 -> 0", "bad.score weight 0 -> 1"]
    assert changes(GOOD, replace(GOOD, fusion="power", exponent=8.0)) == [
        "fusion rank average -> power",
        "exponent 4 -> 8",
    ]
    assert not changes(GOOD, GOOD)
