"""A reconstruction scorer: settings, fit, score, save and load, resume, number formats."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from walkers import VIEW, GrayFrames, walker, walkers

from pixelkit import Video
from pixelkit.errors import ScorerError, SettingsError
from pixelkit.models.presets import AutoencoderSettings
from pixelkit.models.reconstruction import ReconstructionScorer


class Tiny(ReconstructionScorer):
    name = "tiny"
    presets = {  # noqa: RUF012
        "default": AutoencoderSettings(
            width=4, size=32, epochs=8, batch=4, learning_rate=5e-3, anneal=True, patience=3, background=True
        ),
        "seed": AutoencoderSettings(width=64, dropout=0.2),
    }


class Tiny3D(Tiny):
    name = "tiny3d"
    dimensions = 3


@pytest.fixture(scope="module")
def fitted() -> Tiny:
    scorer = Tiny()
    scorer.fit(walkers())
    return scorer


def with_ball() -> tuple[Video, slice]:
    """A walker with a bright ball that crosses the upper part for ten frames."""
    video = walker(40, 5)
    frames = video.frames(VIEW).copy()
    for position in range(15, 25):
        frames[position, 2:8, 2 * position - 28 : 2 * position - 22] = 255
    return Video("ball", range(40), GrayFrames(frames)), slice(15, 25)


def test_named_setting_overrides_the_preset() -> None:
    assert Tiny().resolved() == Tiny.presets["default"]
    settings = Tiny(preset="seed", epochs=2).resolved()
    assert (settings.width, settings.dropout, settings.epochs) == (64, 0.2, 2)
    assert Tiny(preset="seed", dropout=0.0).resolved().dropout == 0.0


def test_settings_are_those_of_the_signature_and_stored_as_they_are() -> None:
    scorer = Tiny(preset="seed", epochs=2)
    assert set(scorer.settings()) == set(vars(Tiny.presets["seed"])) | {"preset", "precision"}
    assert scorer.settings()["epochs"] == 2
    assert scorer.settings()["width"] is None


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (Tiny(preset="sead"), r"tiny\.preset: .*did you mean 'seed'"),
        (Tiny(width=0), r"tiny\.width must be at least 1"),
        (Tiny3D(length=10), r"tiny3d\.length must be a multiple of 16"),
    ],
)
def test_wrong_setting_is_explained_before_anything_is_decoded(scorer: Tiny, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        scorer.views()


def test_anomaly_scores_higher_in_every_channel(fitted: Tiny) -> None:
    video, anomalous = with_ball()
    scores = fitted.score(video)
    assert scores.shape == (40, 3)
    assert scores.dtype == np.float32
    others = np.delete(scores, anomalous, axis=0)
    assert (np.median(scores[anomalous], axis=0) > np.quantile(others, 0.75, axis=0)).all()


def test_heatmap_shows_where(fitted: Tiny) -> None:
    video, _ = with_ball()
    heat = fitted.heatmap(video, 19)
    assert heat.shape == VIEW.size
    assert heat.dtype == np.float32
    assert heat[2:8, 10:16].mean() > 3 * heat[24:].mean()


@pytest.mark.parametrize("frames", [1, 5, 16, 17])
@pytest.mark.parametrize("scorer", [Tiny, Tiny3D])
def test_short_videos_are_fitted_and_scored(scorer: type[Tiny], frames: int) -> None:
    tiny = scorer(epochs=1)
    tiny.fit([walker(frames, 0)])
    scores = tiny.score(walker(frames, 1))
    assert scores.shape == (frames, 3)
    assert np.isfinite(scores).all()


def test_frames_beside_a_gap_are_scored_without_crossing_it(fitted: Tiny) -> None:
    """Both sides of a long gap get the scores that they get as videos of their own."""
    video = walker(40, 1, numbers=[*range(100, 118), *range(300, 322)])
    scores = fitted.score(video)
    frames = video.frames(VIEW)
    for part in (slice(0, 18), slice(18, 40)):
        alone = fitted.score(Video("part", video.numbers[part], GrayFrames(frames[part])))
        np.testing.assert_allclose(scores[part], alone, rtol=1e-4)


def test_saved_and_loaded_scores_are_equal(fitted: Tiny, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = Tiny()
    loaded.load(tmp_path)
    assert np.array_equal(loaded.score(walker(30, 4)), fitted.score(walker(30, 4)))
    history = json.loads((tmp_path / "history.json").read_text(encoding="utf-8"))
    assert history == fitted.history_
    assert {"epoch", "train_loss", "held_out_loss", "learning_rate"} == set(history[0])


def test_same_seed_gives_the_same_weights(fitted: Tiny) -> None:
    again, other = Tiny(), Tiny()
    other.seed = 1
    again.fit(walkers())
    other.fit(walkers())
    assert all(np.array_equal(again.weights_[name], array) for name, array in fitted.weights_.items())
    assert not all(np.array_equal(other.weights_[name], array) for name, array in fitted.weights_.items())


def test_checkpoint_lies_in_the_workspace(tmp_path: Path) -> None:
    scorer = Tiny(epochs=1)
    scorer.workspace = tmp_path
    scorer.fit(walkers())
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_scorer_survives_pickling(fitted: Tiny) -> None:
    copy = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(copy.score(walker(30, 4)), fitted.score(walker(30, 4)))


def test_unfitted_scorer_says_so() -> None:
    with pytest.raises(ScorerError, match="tiny is not fitted"):
        Tiny().score(walker(20, 0))


def test_scores_that_are_not_finite_are_an_error(fitted: Tiny) -> None:
    broken = pickle.loads(pickle.dumps(fitted))
    broken.weights_ = {name: array * np.nan for name, array in fitted.weights_.items()}
    with pytest.raises(ScorerError, match=r"tiny: scores of video '04' are not finite"):
        broken.score(walker(20, 4))


def test_bfloat16_scores_agree_with_float32(fitted: Tiny) -> None:
    """Errors within 2 % of their range over the video, on average and per channel: less than a change of seed."""
    float32, bfloat16 = (pickle.loads(pickle.dumps(fitted)) for _ in range(2))
    float32.precision, bfloat16.precision = "float32", "bfloat16"  # 'auto' is either, as the hardware has it
    video, _ = with_ball()
    expected, got = float32.score(video), bfloat16.score(video)
    assert not np.array_equal(expected, got)
    assert (np.abs(got - expected).mean(0) < 0.02 * np.ptp(expected, axis=0)).all()


def test_training_in_bfloat16_learns_as_well() -> None:
    losses = []
    for precision in ("float32", "bfloat16"):
        scorer = Tiny(precision=precision)
        scorer.fit(walkers())
        losses.append(scorer.history_[-1]["held_out_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_background_makes_the_first_reconstruction_the_mean_frame() -> None:
    scorer = Tiny(epochs=1, learning_rate=0.0)
    scorer.fit(walkers())
    video = walker(40, 0)
    mean = np.mean([each.frames(VIEW).mean(0) for each in walkers()], axis=0) / 255
    expected = (video.frames(VIEW) / 255 - mean) ** 2
    np.testing.assert_allclose(scorer.score(video)[:, 0], expected.mean((1, 2)), rtol=0.1)


def test_importing_a_scorer_does_not_import_torch() -> None:
    code = (
        "import sys; import pixelkit.models.reconstruction, pixelkit.plugins.convae, pixelkit.plugins.dae, "
        "pixelkit.plugins.stae; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
