"""Whether the tuned recipe may ship: only if it beats equal weights on videos that it has not seen."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scored import scored

from pixelkit.errors import TuningError
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.recipe import ChannelRecipe, Recipe
from pixelkit.scores.table import ScoreTable
from pixelkit.tuning.objectives import Objective, label_objective
from pixelkit.tuning.rounds import search_in_rounds
from pixelkit.tuning.search import Found, Judge
from pixelkit.tuning.settings import TuningSettings
from pixelkit.tuning.space import SearchSpace
from pixelkit.tuning.verdict import Tuned, tune
from pixelkit.tuning.witnesses import Witnesses

VIDEOS = [f"{n:02d}" for n in range(1, 9)]
QUICK = TuningSettings(trials=40, towards_equal=0.0)


def objective(values: np.ndarray | None = None, seed: int = 0) -> Objective:
    table, labels = scored(VIDEOS, seed)
    if values is not None:
        table = ScoreTable(table.video, table.number, table.channels, values)
    return label_objective(Fuser(table), labels, "ap")


def run(of: Objective, settings: TuningSettings = QUICK, **more: object) -> Tuned:
    untuned = Recipe.untuned(of.fuser.table.channels)
    voters = {name: name.partition(".")[0] for name in untuned.channels}
    votes, space = (SearchSpace.around(untuned, calibrated=(), voters=each) for each in (voters, None))
    return tune(of, untuned, votes, space, settings, seed=0, **more)  # type: ignore[arg-type]


def test_a_recipe_that_is_better_on_unseen_videos_ships() -> None:
    tuned = run(objective())
    verdict = tuned.verdict
    assert tuned.recipe == tuned.tuned != tuned.untuned
    assert verdict.ships == "tuned"
    assert verdict.unseen is not None
    assert verdict.unseen > verdict.equal
    assert verdict.wins is not None
    assert verdict.wins >= QUICK.required


def test_where_there_is_nothing_to_find_equal_weights_ship() -> None:
    noise = np.random.default_rng(5).normal(size=(480, 3))
    tuned = run(objective(noise))
    assert tuned.recipe == tuned.untuned
    assert tuned.verdict.ships == "equal weights"
    assert tuned.verdict.seen > tuned.verdict.equal, "it looks better where it was found"


def test_equal_weights_that_no_recipe_beats_are_not_called_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_on_all(judge: Judge, *arguments: object, **more: object) -> tuple[Found, Found]:
        top, found = search_in_rounds(judge, *arguments, **more)  # type: ignore[arg-type]
        if judge.videos is not None:
            return top, found
        return tuple(dataclasses.replace(each, recipe=judge.untuned) for each in (top, found))  # type: ignore[return-value]

    monkeypatch.setattr("pixelkit.tuning.verdict.search_in_rounds", nothing_on_all)
    tuned = run(objective())
    assert tuned.recipe == tuned.untuned
    assert tuned.verdict.ships == "equal weights"
    assert tuned.verdict.wins is not None
    assert tuned.verdict.wins >= QUICK.required
    assert "equal weights ship" in tuned.verdict.reason
    assert "they are the best" in tuned.verdict.reason


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray | None]:
    """Return a list of the videos that each search counts, which grows with every search."""
    videos: list[np.ndarray | None] = []

    def noted(judge: Judge, *arguments: object, **more: object) -> tuple[Found, Found]:
        videos.append(judge.videos)
        return search_in_rounds(judge, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("pixelkit.tuning.verdict.search_in_rounds", noted)
    return videos


def test_each_fold_is_scored_by_a_recipe_found_without_it(asked: list[np.ndarray | None]) -> None:
    run(objective(), dataclasses.replace(QUICK, trials=2))
    first, *folds = asked
    assert first is None
    assert len(folds) == QUICK.folds
    assert np.sum([1 - fold for fold in folds], axis=0).tolist() == [1.0] * 8


def test_no_fold_is_scored_by_a_recipe_that_saw_an_anomaly_of_the_same_kind(
    asked: list[np.ndarray | None],
) -> None:
    kinds = dict(zip(VIDEOS, ("a", "a", "a", "b", "b", "normal", "normal", "normal"), strict=True))
    run(objective(), dataclasses.replace(QUICK, trials=2, folds=2), strata=kinds)
    normal = []
    for fold in asked[1:]:
        assert fold is not None
        left_out = [name for name, counts in zip(VIDEOS, fold, strict=True) if not counts]
        seen = {kinds[name] for name in set(VIDEOS) - set(left_out)} - {"normal"}
        assert not seen & {kinds[name] for name in left_out}
        normal.append(sum(kinds[name] == "normal" for name in left_out))
    assert sorted(normal) == [1, 2]


def test_no_fold_is_scored_by_a_recipe_that_saw_its_source_or_its_kind(
    asked: list[np.ndarray | None],
) -> None:
    kinds = dict(zip(VIDEOS, ("a", "a", "b", "b", "c", "c", "normal", "normal"), strict=True))
    sources = dict(zip(VIDEOS, ("01", "02") * 4, strict=True))
    tuned = run(objective(), dataclasses.replace(QUICK, trials=2), strata=kinds, sources=sources)
    assert tuned.verdict.judged_on == "unseen kinds of anomaly in unseen videos"
    folds = [dict(zip(VIDEOS, fold, strict=True)) for fold in asked[1:] if fold is not None]
    assert len(folds) == 6, "three parts of the kinds, of two sources each"
    for fold in folds:
        seen = {name for name, counts in fold.items() if counts}
        assert len({sources[name] for name in seen}) == 1
        assert len({kinds[name] for name in seen} - {"normal"}) == 2


def test_the_only_kind_of_anomaly_cannot_be_judged_unseen_so_equal_weights_ship() -> None:
    tuned = run(objective(), strata=dict.fromkeys(VIDEOS, "patch"))
    assert tuned.verdict.ships == "equal weights"
    assert "on unseen kinds of anomaly" in tuned.verdict.reason


def test_channels_that_are_no_better_than_votes_on_unseen_videos_do_not_ship(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worse = Recipe({"bad.score": ChannelRecipe()})

    def overfitted(judge: Judge, *arguments: object, **more: object) -> tuple[Found, Found]:
        top, found = search_in_rounds(judge, *arguments, **more)  # type: ignore[arg-type]
        return top, dataclasses.replace(found, recipe=worse)

    monkeypatch.setattr("pixelkit.tuning.verdict.search_in_rounds", overfitted)
    tuned = run(objective(), dataclasses.replace(QUICK, trials=2))
    assert tuned.verdict.ships == "tuned"
    assert tuned.recipe == tuned.tuned
    assert tuned.recipe not in (worse, tuned.untuned)
    assert tuned.course is not None
    assert "good weight" in tuned.course.choices, "the course is that of the climb, whose recipe ships"


def test_the_same_seed_gives_the_same_verdict() -> None:
    once, again = run(objective()), run(objective())
    assert once.recipe == again.recipe
    assert dataclasses.replace(once.verdict, seconds=0) == dataclasses.replace(again.verdict, seconds=0)


def test_ctrl_c_in_the_judging_keeps_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(Witnesses, "wins", interrupted)
    tuned = run(objective())
    assert tuned.recipe == tuned.untuned != tuned.tuned
    assert tuned.verdict.unseen is None


def test_one_video_is_too_few() -> None:
    table, labels = scored(["01"], seed=0)
    with pytest.raises(TuningError, match="one video only"):
        run(label_objective(Fuser(table), labels, "ap"))


def test_a_fold_whose_other_videos_are_of_one_class_is_scored_by_equal_weights() -> None:
    table, labels = scored(["01", "02"], seed=0)
    labels["02"][:] = False
    tuned = run(label_objective(Fuser(table), labels, "ap"), dataclasses.replace(QUICK, folds=2))
    assert tuned.verdict.unseen is not None


def test_a_timeout_is_shared_by_all_folds_and_still_gives_a_verdict() -> None:
    tuned = run(objective(), dataclasses.replace(QUICK, trials=100_000, timeout=2.0))
    assert tuned.verdict.unseen is not None
    assert tuned.verdict.seconds < 60


@pytest.mark.parametrize("when", [20, 400])
def test_stopped_by_ctrl_c_the_recipe_is_kept_and_equal_weights_ship(
    when: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, tried = Judge.value, [0]

    def interrupted(self: Judge, recipe: Recipe) -> float:
        tried[0] += 1
        if tried[0] == when:
            raise KeyboardInterrupt
        return value(self, recipe)

    monkeypatch.setattr(Judge, "value", interrupted)
    tuned = run(objective(), dataclasses.replace(QUICK, trials=400))
    assert tuned.recipe == tuned.untuned
    assert tuned.tuned != tuned.untuned
    assert tuned.verdict.unseen is None
    assert "stopped" in tuned.verdict.reason
    assert tried[0] < when + 20


def test_a_verdict_comes_back_from_json_as_it_was() -> None:
    tuned = run(objective(), dataclasses.replace(QUICK, trials=3))
    again = Tuned.from_json(json.loads(json.dumps(tuned.to_json())))
    assert (again.recipe, again.tuned, again.untuned) == (tuned.recipe, tuned.tuned, tuned.untuned)
    assert again.verdict == tuned.verdict
    assert again.course == tuned.course
