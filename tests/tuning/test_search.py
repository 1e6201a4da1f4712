"""The search: finds what is better, gives the same for the same seed, keeps what it has when it is stopped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from scipy.stats import spearmanr
from scored import scored

from pixelkit.scores.fuser import Fuser
from pixelkit.scores.recipe import ChannelRecipe, Recipe
from pixelkit.tuning.objectives import label_objective
from pixelkit.tuning.search import Budget, Found, Judge, climb, search, search_in_rounds
from pixelkit.tuning.space import SearchSpace
from pixelkit.tuning.studies import open_study


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
