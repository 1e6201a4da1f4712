"""Autoencoders and frame prediction: the seed's presets are pinned, the defaults within reach of two cores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from pixelkit.plugins.convae import ConvAE
from pixelkit.plugins.dae import DAE
from pixelkit.plugins.ffp import FFP
from pixelkit.plugins.stae import STAE

from pixelkit import Video, View
from pixelkit.errors import SettingsError
from pixelkit.frames.video import ArraySource
from pixelkit.models.reconstruction import ReconstructionScorer

SEEDED = pytest.mark.parametrize("scorer", [ConvAE, DAE, STAE])
EVERY = pytest.mark.parametrize("scorer", [ConvAE, DAE, STAE, FFP])


def parameters(scorer: ReconstructionScorer) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in scorer.build_network().parameters())


def test_seed_preset_has_the_parameters_of_the_seed() -> None:
    assert parameters(ConvAE(preset="seed")) == 5_542_032
    assert parameters(DAE(preset="seed")) == 5_542_032
    assert parameters(STAE(preset="seed")) == 15_664_961


@SEEDED
def test_seed_preset_trains_as_the_seed_did(scorer: type[ReconstructionScorer]) -> None:
    settings = scorer(preset="seed").resolved()
    assert (settings.length, settings.size, settings.width) == (16, 128, 64)
    assert (settings.learning_rate, settings.weight_decay, settings.batch) == (1e-3, 1e-4, 32)
    assert (settings.epochs, settings.clips_per_epoch, settings.patience, settings.anneal) == (
        25,
        0,
        0,
        False,
    )
    assert settings.train_stride == 2
    assert not settings.background


def test_seed_presets_differ_in_what_the_seed_says() -> None:
    convae, dae, stae = (scorer(preset="seed").resolved() for scorer in (ConvAE, DAE, STAE))
    assert (convae.noise, convae.noisy_share, convae.denoise, convae.dropout) == (0.1373, 0.4, False, 0.2)
    assert (dae.noise, dae.noisy_share, dae.denoise, dae.dropout) == (0.157, 1.0, True, 0.2)
    assert (stae.noise, stae.noisy_share, stae.denoise, stae.dropout) == (0.1373, 0.4, False, 0.0)
    assert (convae.score_stride, dae.score_stride, stae.score_stride) == (1, 1, 2)


@EVERY
def test_default_preset_is_bounded_however_long_the_data_set_is(scorer: type[ReconstructionScorer]) -> None:
    settings = scorer().resolved()
    assert 0 < settings.clips_per_epoch * settings.epochs <= 40_000
    assert settings.patience > 0


@EVERY
def test_default_preset_asks_for_one_gray_view(scorer: type[ReconstructionScorer]) -> None:
    assert scorer().views() == (View((128, 128), "gray"),)


@EVERY
def test_check_settings_find_a_planted_anomaly_in_seconds(scorer: type[ReconstructionScorer]) -> None:
    floor = np.random.default_rng(0).integers(60, 120, (64, 64, 3))
    frames = np.tile(floor, (60, 1, 1, 1)).astype(np.uint8)
    for position in range(60):
        frames[position, 30:42, position % 50 : position % 50 + 10] = 200
    anomalous = frames.copy()
    anomalous[25:35, 4:24, 20:40] = 255
    ours = scorer(**scorer.check_settings)
    ours.fit([Video(name, range(60), ArraySource(frames)) for name in ("01", "02")])
    scores = ours.score(Video("03", range(60), ArraySource(anomalous)))
    assert (scores[25:35].mean(0) > 1.2 * scores[:9].mean(0)).all()


def film(speeds: list[int], missing: Sequence[int] = ()) -> Video:
    """A square on a floor, so many pixels further to the right in each frame."""
    floor = np.random.default_rng(0).integers(60, 120, (64, 64, 3))
    frames = np.tile(floor, (len(speeds), 1, 1, 1)).astype(np.uint8)
    for frame, place in zip(frames, np.cumsum(speeds), strict=True):
        frame[30:42, place % 50 : place % 50 + 10] = 200
    numbers = np.setdiff1d(np.arange(len(speeds)), missing)
    return Video("x", numbers, ArraySource(frames[numbers]))


def test_what_moves_as_never_before_is_where_it_was_not_predicted() -> None:
    """A square at another speed looks like every other one: only prediction tells."""
    ours = FFP(**FFP.check_settings)
    ours.fit([film([1] * 80), film([1] * 80)])
    scores = ours.score(film([1] * 30 + [4] * 10 + [1] * 20))
    assert (scores[31:40].mean(0) > 1.5 * scores[:30].mean(0)).all()


def test_nothing_is_predicted_across_missing_frames() -> None:
    ours = FFP(**FFP.check_settings)
    whole, holed = film([1] * 80), film([1] * 80, missing=[20, 21, 40, 62])
    ours.fit([whole, holed])
    expected, scores = ours.score(whole), ours.score(holed)
    known = np.flatnonzero(np.convolve(np.diff(holed.numbers) == 1, np.ones(4), "valid") == 4) + 4
    assert 50 < len(known) < len(holed)
    assert np.allclose(scores[known], expected[holed.numbers[known]])
    assert np.array_equal(scores[20:24], np.tile(scores[24], (4, 1)))


@pytest.mark.parametrize("wrong", [{"background": True}, {"dropout": 0.2}, {"length": 1}])
def test_what_prediction_cannot_use_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(
        SettingsError, match="ffp predicts the last frame of a clip from the others: expected"
    ):
        FFP(**wrong).views()
