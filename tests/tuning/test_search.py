"""The search: finds what is better, gives the same for the same seed, keeps what it has when it is stopped."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from scipy.stats import spearmanr
from scored import scored

from pixelkit.scores.fuser import Fuser
from pixelkit.scores.recipe import ChannelRecipe, Recipe
from pixelkit.scores.table import ScoreTable
from pixelkit.tuning.objectives import label_objective
from pixelkit.tuning.rounds import climb, needed_votes, search_in_rounds
from pixelkit.tuning.search import Budget, Found, Judge, search
from pixelkit.tuning.space import SearchSpace
from pixelkit.tuning.studies import open_study
from pixelkit.tuning.witnesses import Witnesses


def judge(towards_equal: float = 0.0) -> Judge:
    table, labels = scored(["01", "02", "03", "04"], seed=0)
    return Judge(label_objective(Fuser(table), labels, "ap"), Recipe.untuned(table.channels), towards_equal)


def find(of: Judge, **budget: Any) -> Found:
    return search(of, SearchSpace.around(of.untuned, calibrated=()), Budget(**{"trials": 60, **budget}))


def plain(found: Found) -> list[Any]:
    return [(trial.parameters, trial.value) for trial in found.trials]


def test_the_best_is_better_than_equal_weights_and_found_again_with_the_same_seed() -> None:
    of = judge()
    found = find(of)
    assert found.value > of.value(of.untuned) + 0.02
    assert found.value == of.value(found.recipe)
    assert plain(find(of)) == plain(found)
    assert plain(find(of, seed=1)) != plain(found)


def test_trial_0_is_the_untuned_recipe() -> None:
    of = judge()
    found = find(of, trials=1)
    assert found.recipe == of.untuned
    assert found.value == of.value(of.untuned)


def test_ordering_frames_otherwise_than_equal_weights_costs() -> None:
    free, dear = judge(), judge(towards_equal=10.0)
    other = Recipe({"good.score": ChannelRecipe(), "bad.score": ChannelRecipe(weight=3.0)})
    fuse = free.objective.fuser.fuse
    agreement = spearmanr(fuse(other), fuse(free.untuned)).statistic
    assert dear.value(free.untuned) == pytest.approx(free.value(free.untuned))
    assert dear.value(other) == pytest.approx(free.value(other) - 10 * (1 - agreement))
    assert find(dear).recipe == dear.untuned


def both(of: Judge) -> tuple[SearchSpace, SearchSpace]:
    """Return the votes, in which every channel is a voter, and the space of channels."""
    voters = {name: name for name in of.untuned.channels}
    votes, space = (SearchSpace.around(of.untuned, calibrated=(), voters=which) for which in (voters, None))
    return votes, space


def test_a_climb_ends_where_no_single_change_is_better() -> None:
    of = judge(towards_equal=0.1)
    votes, _ = both(of)
    top = climb(of, votes)
    assert not top.stopped
    assert top.value == of.value(top.recipe) > of.value(of.untuned)
    here = votes.parameters(top.recipe)
    changed = (
        votes.recipe({**here, name: choice}) for name, choices in votes.choices.items() for choice in choices
    )
    assert max(of.value(recipe) for recipe in changed if recipe) == top.value
    assert votes.recipe(top.trials[0].parameters) == of.untuned
    assert max(trial.value for trial in top.trials) == top.value
    assert plain(climb(of, votes)) == plain(top)
    hurried = climb(of, votes, until=0.0)
    assert (hurried.recipe, len(hurried.trials), hurried.stopped) == (of.untuned, 1, False), (
        "there was no time"
    )


def test_the_second_round_begins_with_equal_weights_and_the_best_votes_and_stays_near_these() -> None:
    free = judge()
    votes, space = both(free)
    top, near = search_in_rounds(free, votes, space, Budget(30), towards_votes=100.0)
    assert near.recipe == top.recipe != free.untuned, "everything else costs too much"
    top, found = search_in_rounds(free, votes, space, Budget(2))
    first, second = (space.recipe(each.parameters) for each in found.trials)
    assert (first, second) == (free.untuned, top.recipe)
    assert plain(climb(free, votes)) == plain(top)
    assert found.recipe == second


def sharing(strengths: tuple[tuple[float, ...], ...]) -> Judge:
    """Return a judge of eight videos whose channels tell each of its anomalies as strongly as a row says."""
    table, labels = scored([f"{n:02d}" for n in range(1, 9)], seed=4)
    told = np.repeat(np.array(strengths), 480 // len(strengths), axis=0)
    values = (
        np.random.default_rng(4).normal(size=(480, 3)) + np.concatenate([*labels.values()])[:, None] * told
    )
    table = ScoreTable(table.video, table.number, table.channels, values)
    plainly = replace(Recipe.untuned(table.channels), smooth="none")
    return Judge(label_objective(Fuser(table), labels, "ap"), plainly)


def equal_votes(of: Judge) -> Found:
    return Found(of.untuned, of.value(of.untuned), of, both(of)[0], [])


def weights(recipe: Recipe) -> list[float]:
    return [each.weight for each in recipe.channels.values()]


def test_a_vote_is_taken_away_unless_it_is_clearly_needed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "pixelkit"):
        useless = needed_votes(equal_votes(sharing(((3.0, 0.0, 0.0),))), 0.75)
    assert [line.split(":")[1] for line in caplog.messages] == [" no vote for bad", " no vote for weak"]
    assert weights(useless.recipe) == [1, 0, 0]
    assert useless.value == useless.judge.value(useless.recipe)
    assert len(useless.trials) == 3 + 2, "each of three, then each of two: the last one stays"
    shared = needed_votes(equal_votes(sharing(((2.0, 2.0, 0.0),))), 0.75)
    assert weights(shared.recipe) == [1, 1, 0], "two that err independently are better than either"
    assert needed_votes(equal_votes(shared.judge), 0.0).recipe == shared.judge.untuned, "nothing is asked for"


def test_votes_are_needed_in_the_videos_that_the_judge_sees() -> None:
    of = sharing(((4.0, 0.0, 0.0), (0.0, 4.0, 0.0)))
    first_half = replace(of, videos=np.repeat([1.0, 0.0], 4))
    assert weights(needed_votes(equal_votes(first_half), 0.75).recipe) == [1, 0, 0]


def test_ctrl_c_while_votes_are_judged_keeps_what_the_climb_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> float:
        raise KeyboardInterrupt

    of = judge()
    votes, space = both(of)
    monkeypatch.setattr(Witnesses, "wins", interrupted)
    top, found = search_in_rounds(of, votes, space, Budget(5), required=0.75)
    assert found.stopped
    assert found.recipe == top.recipe == climb(of, votes).recipe


def test_a_timeout_ends_the_search_with_what_was_found() -> None:
    found = find(judge(), trials=100_000, until=time.monotonic() + 0.5)
    assert not found.stopped, "nobody stopped it"
    assert 0 < len(found.trials) < 100_000


def test_ctrl_c_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    of = judge()
    value, tried = Judge.value, [0]

    def interrupted(self: Judge, recipe: Recipe) -> float:
        tried[0] += 1
        if tried[0] > 10:
            raise KeyboardInterrupt
        return value(self, recipe)

    monkeypatch.setattr(Judge, "value", interrupted)
    found = find(of)
    assert found.stopped
    assert found.value >= value(of, of.untuned)


def test_ctrl_c_before_anything_was_found_stops() -> None:
    of = judge()
    of.value = lambda _: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        find(of)


def test_a_journal_goes_on_where_it_was(tmp_path: Path) -> None:
    of, storage = judge(), str(tmp_path / "journal.log")
    find(of, trials=20, storage=storage, name="x")
    found = find(of, trials=50, storage=storage, name="x")
    trials = open_study(storage, "x", "").trials
    assert [trial.number for trial in trials] == [*range(50)]
    assert {trial.state for trial in trials} <= {
        optuna.trial.TrialState.COMPLETE,
        optuna.trial.TrialState.PRUNED,
    }
    assert plain(find(of, trials=50, storage=storage, name="x")) == plain(found)
