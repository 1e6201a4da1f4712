"""The search space: made of the channels that are there, narrowed by their plugins, with the untuned recipe in it."""

from __future__ import annotations

import dataclasses
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.errors import RecipeError
from pixelkit.scores import fuse, normalise, smooth
from pixelkit.scores.recipe import Recipe, RecipeSettings
from pixelkit.tuning.space import SearchSpace, check_narrow

UNTUNED = Recipe.untuned(["convae.mean", "convae.patch", "mine.score"])

settings = st.builds(
    RecipeSettings,
    normalise=st.sampled_from(list(normalise.METHODS)),
    scope=st.sampled_from(normalise.SCOPES),
    smooth=st.sampled_from(smooth.METHODS),
    width=st.floats(0.1, 100),
    fusion=st.sampled_from(list(fuse.RULES)),
)


def trial(parameters: dict[str, Any]) -> Any:
    return optuna.trial.FixedTrial(parameters)


@given(settings, st.dictionaries(st.sampled_from(["a.x", "a.y", "b.z"]), st.floats(0.1, 3), min_size=1))
def test_the_untuned_recipe_is_in_the_space_whatever_the_settings_are(
    chosen: RecipeSettings, shares: dict[str, float]
) -> None:
    untuned = Recipe.untuned(shares, chosen)
    space = SearchSpace.around(untuned, calibrated=())
    assert space.suggest(trial(space.parameters(untuned))) == untuned


def test_a_channel_that_was_centred_stays_so() -> None:
    centred = {
        name: dataclasses.replace(channel, centred=name == "mine.score")
        for name, channel in UNTUNED.channels.items()
    }
    begin = dataclasses.replace(UNTUNED, channels=centred)
    space = SearchSpace.around(begin, calibrated=())
    assert space.suggest(trial(space.parameters(begin))) == begin
    with pytest.raises(RecipeError, match="not in the space"):
        SearchSpace.around(UNTUNED, calibrated=()).parameters(begin)


def test_a_channel_that_weighs_nothing_untuned_can_be_taken_in() -> None:
    untuned = Recipe.untuned({"a.x": 1.0, "a.y": 0.0})
    space = SearchSpace.around(untuned, calibrated=())
    assert space.suggest(trial(space.parameters(untuned))) == untuned
    assert space.channels["a.y"].base > 0
    assert max(space.channels["a.y"].weights) > 0


def test_every_channel_is_searched_without_anyone_writing_it_down() -> None:
    space = SearchSpace.around(UNTUNED, calibrated=UNTUNED.channels)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    recipes = [space.suggest(study.ask()) for _ in range(300)]
    for name in UNTUNED.channels:
        tried = [recipe.channels[name] for recipe in recipes if recipe]
        assert {channel.normalise for channel in tried} == set(normalise.METHODS)
        assert {channel.scope for channel in tried} == {"global", "heldout"}
        assert 0 in {channel.weight for channel in tried}
    assert {recipe.smooth for recipe in recipes if recipe} == set(smooth.METHODS)
    assert {recipe.fusion for recipe in recipes if recipe} == set(fuse.RULES)


def test_a_plugin_narrows_its_own_channels_only() -> None:
    narrow = {"mine.score": {"normalise": ("z",), "power": (2.0,), "weight": (0.0, 1.0)}}
    space = SearchSpace.around(UNTUNED, narrow=narrow, calibrated=UNTUNED.channels)
    mine = space.channels["mine.score"]
    assert set(mine.scales) == {"z, global, 2", "z, heldout, 2", "rank, global, 1"}
    assert mine.weights == (0.0, 1.0)
    assert len(space.channels["convae.mean"].scales) > 10


def test_nothing_is_calibrated_without_left_out_video_and_nothing_per_video_unless_asked() -> None:
    space = SearchSpace.around(UNTUNED, calibrated=())
    assert all(", global, " in scale for scale in space.channels["mine.score"].scales)
    wide = SearchSpace.around(UNTUNED, calibrated=(), per_video=True)
    assert "rank, video, 1" in wide.channels["mine.score"].scales


def test_a_single_channel_is_never_left_out_and_has_nothing_to_be_fused_with() -> None:
    space = SearchSpace.around(Recipe.untuned(["a.x"]), calibrated=())
    assert space.channels["a.x"].weights == (1.0,)
    assert space.fusions == ("rank average",)


def test_a_trial_that_leaves_every_channel_out_is_no_recipe() -> None:
    space = SearchSpace.around(UNTUNED, calibrated=())
    nothing = {
        key: 0 if key.endswith(" weight") else value for key, value in space.parameters(UNTUNED).items()
    }
    assert space.suggest(trial(nothing)) is None


def test_a_recipe_from_elsewhere_is_not_in_the_space() -> None:
    space = SearchSpace.around(UNTUNED, calibrated=())
    with pytest.raises(RecipeError, match="not in the space"):
        space.parameters(Recipe.untuned(["other.channel"]))


@pytest.mark.parametrize(
    ("narrow", "said"),
    [
        ({"normalize": ("rank",)}, "did you mean 'normalise'"),
        ({"normalise": ("ranks",)}, "did you mean 'rank'"),
        ({"scope": ()}, "expected a list"),
        ({"scope": "global"}, "expected a list"),
        ({"power": (0,)}, "above 0"),
        ({"weight": (-1,)}, "0 or more"),
    ],
)
def test_what_a_plugin_narrows_wrongly_is_told(narrow: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        check_narrow("scorer 'mine'", narrow)


def test_values_are_told_as_people_say_them() -> None:
    space = SearchSpace.around(UNTUNED, calibrated=())
    assert space.text("convae.mean weight", 0.25) == "×0.25"
    assert space.text("width", 4) == "10 frames"
    assert space.text("smooth", "median") == "median"


def test_channels_without_left_out_scores_are_not_calibrated() -> None:
    space = SearchSpace.around(UNTUNED, calibrated=["mine.score"])
    assert any("heldout" in scale for scale in space.channels["mine.score"].scales)
    assert not any("heldout" in scale for scale in space.channels["convae.mean"].scales)


def test_votes_weigh_the_channels_of_a_voter_together_and_scale_all_alike() -> None:
    untuned = Recipe.untuned({"convae.mean": 1.0, "dae.mean": 1.0, "motion.object": 1.0, "motion.speed": 0.0})
    voters = {name: "motion" if name.startswith("motion") else "autoencoder" for name in untuned.channels}
    votes = SearchSpace.around(untuned, calibrated=untuned.channels, voters=voters)
    assert set(votes.choices) == {"autoencoder weight", "motion weight", "scale", "smooth", "width", "fusion"}
    parameters = {**votes.parameters(untuned), "motion weight": 2.0, "scale": "z, global, 2"}
    recipe = votes.suggest(trial(parameters))
    assert recipe is not None
    assert {channel.normalise for channel in recipe.channels.values()} == {"z"}
    weights = {name: channel.weight for name, channel in recipe.channels.items()}
    assert weights["motion.object"] == 2 * untuned.channels["motion.object"].weight
    assert weights["convae.mean"] == untuned.channels["convae.mean"].weight
    assert weights["motion.speed"] == 0, "it has no vote"
    assert votes.parameters(recipe) == parameters


def test_every_recipe_of_the_votes_is_in_the_space_of_channels() -> None:
    untuned = Recipe.untuned(
        {"a.x": 1.0, "a.y": 0.0, "b.z": 0.3}, RecipeSettings(normalise="z", fusion="power")
    )
    narrow = {"b.z": {"weight": (0.0, 1.0, 3.0), "power": (1.0,)}}
    votes, space = (
        SearchSpace.around(untuned, narrow=narrow, calibrated=untuned.channels, voters=voters)
        for voters in ({"a.x": "a", "a.y": "a", "b.z": "b"}, None)
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    recipes = [recipe for _ in range(100) if (recipe := votes.suggest(study.ask()))]
    assert all(space.suggest(trial(space.parameters(recipe))) == recipe for recipe in recipes)


def test_a_vote_without_a_channel_that_weighs_anything_is_idle() -> None:
    untuned = Recipe.untuned({"a.x": 1.0, "b.y": 1.0, "b.z": 0.0})
    untuned = dataclasses.replace(
        untuned, channels={name: each for name, each in untuned.channels.items() if name != "b.y"}
    )
    voters = {"a.x": "a", "b.z": "b"}
    for narrow in ({}, {"b.z": {"weight": (0.0, 2.0)}}):
        votes = SearchSpace.around(untuned, narrow=narrow, calibrated=(), voters=voters)
        parameters = votes.parameters(untuned)
        assert parameters.keys() == votes.choices.keys()
        assert votes.suggest(trial(parameters)) == untuned


def test_what_a_plugin_narrows_it_shares_with_nobody() -> None:
    voters = {"convae.mean": "one", "convae.patch": "one", "mine.score": "one"}
    narrow = {"mine.score": {"normalise": ("z",), "weight": (0.0, 1.0)}}
    votes = SearchSpace.around(UNTUNED, narrow=narrow, calibrated=(), voters=voters)
    assert {"one weight", "scale", "mine.score weight", "mine.score scale"} < set(votes.choices)
    twice = dataclasses.replace(UNTUNED.channels["convae.mean"], weight=1.0)
    mixed = dataclasses.replace(UNTUNED, channels={**UNTUNED.channels, "convae.mean": twice})
    with pytest.raises(RecipeError, match="otherwise than channels beside it"):
        votes.parameters(mixed)


def test_votes_are_smoothed_and_fused_as_in_the_untuned_recipe_and_not_calibrated() -> None:
    untuned = Recipe.untuned(("a.one", "b.one"), RecipeSettings(smooth="median", fusion="maximum"))
    voters = {name: name.partition(".")[0] for name in untuned.channels}
    votes, every = (
        SearchSpace.around(untuned, calibrated=untuned.channels, voters=each) for each in (voters, None)
    )
    assert (votes.smooths, votes.fusions) == (("median",), ("maximum",))
    assert not any("heldout" in scale for scale in votes.choices["scale"])
    assert set(votes.smooths) < set(every.smooths)
    assert set(votes.fusions) < set(every.fusions)
    assert set(votes.channels["a.one"].scales) < set(every.channels["a.one"].scales)
