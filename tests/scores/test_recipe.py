"""The recipe: readable JSON, clear errors, and one finite score in [0, 1] per frame."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.errors import RecipeError
from pixelkit.scores import fuse, normalise, smooth
from pixelkit.scores.metrics import roc_auc
from pixelkit.scores.recipe import LARGEST_POWER, LARGEST_WEIGHT, ChannelRecipe, Recipe, RecipeSettings
from pixelkit.scores.table import ScoreTable

CHANNELS = ("convae.mean", "convae.patch", "dae.mean")

channel_recipes = st.builds(
    ChannelRecipe,
    normalise=st.sampled_from(list(normalise.METHODS)),
    scope=st.sampled_from(normalise.SCOPES),
    power=st.floats(0.1, LARGEST_POWER),
    weight=st.floats(0.01, 10),
    centred=st.booleans(),
)
recipes = st.builds(
    Recipe,
    channels=st.dictionaries(st.sampled_from(CHANNELS), channel_recipes, min_size=1),
    smooth=st.sampled_from(smooth.METHODS),
    width=st.floats(0.1, 50),
    fusion=st.sampled_from(list(fuse.RULES)),
    exponent=st.floats(0.1, 100),
)


def table(seed: int = 0, spike: float = 1.0) -> ScoreTable:
    """Three videos: of twenty frames with a gap, of one, of a constant."""
    values = np.random.default_rng(seed).gamma(2, 1, (30, 3))
    values[3, 1] *= spike
    values[21:] = 1
    number = [*range(10), *range(40, 50), 7, *range(9)]
    return ScoreTable(["01"] * 20 + ["02"] + ["03"] * 9, number, CHANNELS, values)


@given(recipe=recipes, spike=st.sampled_from([0.0, 1.0, 1e30]))
def test_every_recipe_gives_finite_scores_in_0_to_1(recipe: Recipe, spike: float) -> None:
    scores = recipe.apply(table(spike=spike), table(1))
    assert scores.dtype == np.float64
    assert scores.shape == (30,)
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert np.array_equal(scores, recipe.apply(table(spike=spike), table(1)))


@given(recipe=recipes)
def test_json_gives_back_the_same_recipe_and_the_same_bytes(recipe: Recipe) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "a.json", Path(folder) / "b.json"
        recipe.write(first)
        again = Recipe.read(first)
        again.write(second)
        assert again == recipe
        assert first.read_bytes() == second.read_bytes()


def test_untuned_gives_every_scorer_the_same_say() -> None:
    recipe = Recipe.untuned(CHANNELS)
    assert {name: channel.weight for name, channel in recipe.channels.items()} == {
        "convae.mean": 0.5,
        "convae.patch": 0.5,
        "dae.mean": 1.0,
    }
    assert (recipe.smooth, recipe.width, recipe.fusion) == ("gaussian", 10, "rank average")
    doubled = Recipe.untuned(["a.x", "a.y", "b.x"], RecipeSettings(smooth="none"))
    single = Recipe.untuned(["a.x", "b.x"], RecipeSettings(smooth="none"))
    values = np.random.default_rng(0).random((40, 2))
    of = ["1"] * 40, range(40)
    copied = ScoreTable(*of, ["a.x", "a.y", "b.x"], values[:, [0, 0, 1]])
    assert np.allclose(doubled.apply(copied), single.apply(ScoreTable(*of, ["a.x", "b.x"], values)))


def test_untuned_finds_a_planted_anomaly_beside_a_weaker_channel_and_spikes() -> None:
    rng = np.random.default_rng(0)
    anomalous = np.zeros(600, bool)
    anomalous[200:260] = anomalous[400:450] = True
    good = rng.normal(0, 1, 600) + 1.5 * anomalous
    weaker = rng.normal(0, 1, 600) + anomalous
    good[rng.integers(0, 600, 20)] = 1e4  # single frames of noise
    scores = ScoreTable(["1"] * 600, range(600), ["a.x", "b.x"], np.stack([good, weaker], axis=1))
    auc = roc_auc(anomalous, Recipe.untuned(["a.x", "b.x"]).apply(scores))
    assert auc is not None
    assert auc > 0.95


def test_a_channel_of_weight_0_is_left_out() -> None:
    channels = {"convae.mean": ChannelRecipe(weight=1), "gone.x": ChannelRecipe(weight=0)}
    assert np.array_equal(
        Recipe(channels).apply(table()), Recipe({"convae.mean": ChannelRecipe()}).apply(table())
    )


def test_untuned_centres_what_tells_videos_apart_rather_than_frames() -> None:
    levels = {"convae.mean": 7.3, "convae.patch": 2.0, "other.x": 9.0}
    centred = [channel.centred for channel in Recipe.untuned(CHANNELS, levels=levels).channels.values()]
    assert centred == [True, False, False]
    never = Recipe.untuned(CHANNELS, RecipeSettings(centre_above=1000), levels=levels)
    assert never == Recipe.untuned(CHANNELS)


def test_only_a_centred_channel_says_so() -> None:
    recipe = Recipe({"a.x": ChannelRecipe(), "a.y": ChannelRecipe(centred=True)})
    channels = recipe.to_plain()["channels"]
    assert list(channels["a.x"]) == ["normalise", "scope", "power", "weight"]
    assert channels["a.y"]["centred"] is True


@pytest.mark.parametrize("scope", normalise.SCOPES)
def test_a_centred_channel_does_not_know_how_high_its_videos_are(scope: str) -> None:
    """What lies above the median of its video counts, beside normal video that is centred too."""
    scores, normal = table(), table(1)
    video = np.unique(scores.video, return_inverse=True)[1]
    values = np.stack([scores.channel(name) for name in CHANNELS], 1)
    lifted = ScoreTable(scores.video, scores.number, CHANNELS, values + 64 * video[:, None])
    recipe = Recipe({"dae.mean": ChannelRecipe("z", scope, centred=True)}, "none", fusion="weighted sum")
    found = recipe.apply(scores, normal)
    assert recipe.apply(lifted, normal) == pytest.approx(found, abs=1e-6)
    medians = np.array([np.median(values[video == number, 2]) for number in range(3)])
    order = np.lexsort((values[:, 2] - medians[video],))
    if scope != "video":
        assert (np.diff(found[order]) >= -1e-6).all()
    plain = dataclasses.replace(recipe, channels={"dae.mean": ChannelRecipe("z", "global")})
    assert plain.apply(lifted) != pytest.approx(plain.apply(scores), abs=0.1)


def test_scores_that_are_all_equal_and_no_scores() -> None:
    constant = ScoreTable(["1", "1"], [0, 1], ["a.x"], [[3], [3]])
    assert Recipe.untuned(["a.x"]).apply(constant).tolist() == [0, 0]
    assert Recipe.untuned(["a.x"]).apply(ScoreTable.from_videos(["a.x"], [], [])).tolist() == []


def test_an_unknown_channel_is_named_with_the_nearest_one() -> None:
    with pytest.raises(RecipeError, match=r"no channel 'convae.maen' \(did you mean 'convae.mean'\?\)"):
        Recipe.untuned(["convae.maen"]).apply(table())


@pytest.mark.parametrize("heldout", [None, ScoreTable.from_videos(CHANNELS, [], [])])
def test_calibration_without_held_out_scores_is_an_error(heldout: ScoreTable | None) -> None:
    with pytest.raises(RecipeError, match="no scores of left-out training videos"):
        Recipe.untuned(CHANNELS, RecipeSettings(scope="heldout")).apply(table(), heldout)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smooth": "gausian"}, "no smoothing 'gausian' (did you mean 'gaussian'?)"),
        ({"fusion": "vote"}, "no fusion 'vote'"),
        ({"fusion": ["power"]}, "no fusion ['power']"),
        ({"width": 0}, "width is 0: expected a number 0.1 or more and at most 10000"),
        ({"width": "10"}, "width is '10'"),
        ({"exponent": float("nan")}, "exponent is nan: expected a number above 0"),
        ({"wdith": 3}, "no 'wdith' in a recipe (did you mean 'width'?)"),
        ({"version": 2}, "of version 2: expected 1; install a newer pixelkit"),
        ({"version": 0}, "of version 0: expected 1; correct it, or leave the version out"),
        ({"version": "1"}, "of version '1': expected 1; correct it"),
        ({"version": True}, "of version True: expected 1; correct it"),
        ({"channels": []}, "expected a JSON object with 'channels'"),
        ({"channels": {}}, "no channel with a weight above 0"),
        ({"channels": {"a.x": 3}}, "channel 'a.x': is 3"),
        (
            {"channels": {"a.x": {"normalise": "minmax"}}},
            "no normalisation 'minmax' (did you mean 'min-max'?)",
        ),
        ({"channels": {"a.x": {"scope": "vidoe"}}}, "channel 'a.x': there is no scope 'vidoe'"),
        ({"channels": {"a.x": {"weight": -1}}}, "channel 'a.x': weight is -1: expected a number 0 or more"),
        ({"channels": {"a.x": {"weight": True}}}, "weight is True"),
        (
            {"channels": {"a.x": {"weight": 1e308}}},
            "weight is 1e+308: expected a number 0 or more and at most 100000",
        ),
        ({"channels": {"a.x": {"weight": 10**400}}}, f"weight is 1{59 * '0'}: expected a number"),
        ({"channels": {"a.x": {"weight": float("inf")}}}, "weight is inf: expected a number"),
        ({"exponent": 10**400}, "exponent is 1000"),
        ({"channels": {"a.x": {"power": 17}}}, "power is 17: expected a number above 0 and at most 16"),
        ({"channels": {"a.x": {"centred": 1}}}, "centred is 1: expected true or false"),
        ({"channels": {"a.x": {"wieght": 1}}}, "no 'wieght' in a recipe (did you mean 'weight'?)"),
    ],
)
def test_a_bad_recipe_is_one_clear_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "recipe.json"
    Recipe.untuned(["a.x"]).write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RecipeError, match=r"recipe\.json") as caught:
        Recipe.read(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe", b"null", b"[" * 100_000, b'{"channels":' * 100_000]
)
def test_a_file_that_is_no_recipe_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.json"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"recipe\.json") as caught:
        Recipe.read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(RecipeError, match="cannot be read"):
        Recipe.read(tmp_path / "missing.json")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    recipe = Recipe.untuned(CHANNELS)
    path.write_text(recipe.to_json(), encoding="utf-8-sig")
    assert Recipe.read(path) == recipe


def test_only_the_ratios_of_the_weights_matter_up_to_the_largest() -> None:
    by_weight = [
        Recipe({name: ChannelRecipe(weight=weight) for name in CHANNELS}).apply(table())
        for weight in (5e-324, 1.0, LARGEST_WEIGHT)
    ]
    assert np.ptp(by_weight[1]) == 1
    assert np.allclose(by_weight[0], by_weight[1])
    assert np.allclose(by_weight[2], by_weight[1])


def test_a_trial_of_competition_size_takes_milliseconds() -> None:
    values = np.random.default_rng(0).random((12_000, 1))
    scores = ScoreTable([f"{i // 600}" for i in range(12_000)], range(12_000), ["a.x"], values)
    for method in smooth.METHODS:
        recipe = dataclasses.replace(Recipe.untuned(["a.x"]), smooth=method)
        recipe.apply(scores)
        started = time.process_time()
        for _ in range(5):
            recipe.apply(scores)
        assert (time.process_time() - started) / 5 < 0.05  # 2 to 4 ms on an idle core


def test_a_scorer_may_say_how_its_weight_is_shared_out() -> None:
    shares = {"vpc.spatial": 0.49, "vpc.temporal": 0.21, "vpc.frame": 0.3, "convae.mean": 5.0}
    recipe = Recipe.untuned(shares)
    assert {name: round(channel.weight, 6) for name, channel in recipe.channels.items()} == {
        **shares,
        "convae.mean": 1.0,
    }
    assert Recipe.untuned({"vpc.spatial": 1.0, "vpc.temporal": 0.0}).channels["vpc.temporal"].weight == 0


def test_scorers_of_one_kin_share_one_vote() -> None:
    recipe = Recipe.untuned(
        ["convae.mean", "convae.p99", "stae.mean", "motion.object"],
        kin={"convae": "autoencoder", "stae": "autoencoder", "dae": "autoencoder"},
    )
    weights = [channel.weight for channel in recipe.channels.values()]
    assert weights == pytest.approx([1 / 4, 1 / 4, 1 / 2, 1])
