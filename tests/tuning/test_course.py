"""The course of a search: what was tried, in words, and what each change is worth."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scored import scored

from pixelkit.scores.fuser import Fuser
from pixelkit.scores.recipe import ChannelRecipe, Recipe
from pixelkit.tuning.course import Course
from pixelkit.tuning.objectives import label_objective
from pixelkit.tuning.search import Budget, Found, Judge, Tried, search
from pixelkit.tuning.space import SearchSpace


@pytest.fixture(scope="module")
def judge() -> Judge:
    table, labels = scored(["01", "02", "03", "04"], seed=0)
    return Judge(label_objective(Fuser(table), labels, "ap"), Recipe.untuned(table.channels))


def found(judge: Judge, recipe: Recipe) -> Found:
    space = SearchSpace.around(judge.untuned, calibrated=())
    tried = [Tried(space.parameters(each), judge.value(each)) for each in (judge.untuned, recipe)]
    return Found(recipe, tried[-1].value, judge, space, tried)


def test_what_a_change_is_worth_is_what_going_back_loses(judge: Judge) -> None:
    channels = {**judge.untuned.channels, "bad.score": ChannelRecipe("z", weight=0.0)}
    recipe = replace(judge.untuned, channels=channels, smooth="median", width=5.0)
    course = Course.of(found(judge, recipe), judge.untuned)
    loud = replace(recipe, channels=judge.untuned.channels)
    rough = replace(recipe, smooth=judge.untuned.smooth)
    best = judge.value(recipe)
    assert course.importances["bad.score weight"] == best - judge.value(loud) > 0
    assert course.importances["smooth"] == best - judge.value(rough)
    assert set(course.importances) == {"bad.score weight", "smooth", "width"}, (
        "the others are as they were, or not heard"
    )
    assert list(course.importances.values()) == sorted(course.importances.values(), reverse=True)
    assert course.equal == judge.value(judge.untuned) == course.values[0]


def test_choices_are_told_in_words(judge: Judge) -> None:
    recipe = replace(judge.untuned, width=10.0)
    course = Course.of(found(judge, recipe), judge.untuned)
    assert course.choices["width"][course.chosen["width"][-1]] == "10 frames"
    assert course.choices["good.score weight"][course.chosen["good.score weight"][0]] == "×1"


def test_equal_weights_changed_nothing(judge: Judge) -> None:
    assert Course.of(found(judge, judge.untuned), judge.untuned).importances == {}


def test_the_only_channel_that_counts_is_not_put_back_to_nothing(judge: Judge) -> None:
    silent = {name: ChannelRecipe(weight=float(name == "weak.score")) for name in judge.untuned.channels}
    untuned = replace(judge.untuned, channels=silent)
    alone = {name: ChannelRecipe(weight=float(name == "good.score")) for name in silent}
    recipe = replace(untuned, channels=alone)
    space = SearchSpace.around(untuned, calibrated=())
    tried = [Tried(space.parameters(recipe), judge.value(recipe))]
    course = Course.of(Found(recipe, tried[0].value, judge, space, tried), untuned)
    assert set(course.importances) == {"weak.score weight"}


def test_a_search_is_told_trial_by_trial(judge: Judge) -> None:
    done = search(judge, SearchSpace.around(judge.untuned, calibrated=()), Budget(25))
    course = Course.of(done, judge.untuned)
    assert max(course.values) == done.value
    assert {len(chosen) for chosen in course.chosen.values()} == {len(course.values)} == {len(done.trials)}
