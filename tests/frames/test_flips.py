"""The flip detector."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pixelkit.frames import flips
from pixelkit.frames.flips import FlipDetector, train_flip_detector

Frames = NDArray[np.uint8]


def scene(count: int, seed: int, *, light: float = 1.0, noise: float = 0.0) -> Frames:
    """A square under a light sky, crossed by walkers at random places."""
    rng = np.random.default_rng(seed)
    frames = np.repeat(np.linspace(200, 70, 64)[None, :, None], count, axis=0).repeat(64, axis=2)
    frames += np.random.default_rng(0).normal(0, 8, (64, 64))
    for frame in frames:
        for x, y in rng.integers((0, 25), (58, 50), (3, 2)):
            frame[y : y + 12, x : x + 4] = rng.uniform(20, 230)
    return np.clip(frames * light + rng.normal(0, 1, frames.shape) * noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def detector() -> FlipDetector:
    return train_flip_detector([scene(40, 1), scene(40, 2)], seed=0)


@pytest.mark.parametrize(("light", "noise"), [(1.0, 0), (1.0, 15), (0.5, 0), (0.4, 8)])
def test_flips_are_told_in_noise_and_in_other_light(
    detector: FlipDetector, light: float, noise: float
) -> None:
    frames = scene(100, 3, light=light, noise=noise)
    flipped = np.arange(100) % 10 == 0
    frames[flipped] = frames[flipped, ::-1]
    assert detector.is_reliable and detector.accuracy == 1
    assert np.array_equal(detector.upside_down(frames), flipped)


def test_symmetric_scene_is_not_reliable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flips, "MOST_STEPS", 60)
    frames = scene(60, 1)
    frames[:, 32:] = frames[:, :32][:, ::-1]
    detector = train_flip_detector([frames[:30], frames[30:]], seed=0)
    assert detector.accuracy < 0.9 and not detector.is_reliable


def test_frame_and_its_flip_never_get_the_same_answer_twice(detector: FlipDetector) -> None:
    strange = np.random.default_rng(0).integers(0, 256, (50, 64, 64), np.uint8)
    assert np.array_equal(detector.upside_down(strange), ~detector.upside_down(strange[:, ::-1]))


def test_blank_frame_is_left_as_it_is(detector: FlipDetector) -> None:
    assert not detector.upside_down(np.zeros((3, 64, 64), np.uint8)).any()


def test_no_frames_give_no_answers(detector: FlipDetector) -> None:
    assert detector.upside_down(np.empty((0, 64, 64), np.uint8)).shape == (0,)


@pytest.mark.parametrize("count", [1, 10])
def test_one_short_training_video_is_enough(count: int) -> None:
    detector = train_flip_detector([scene(count, 1)], seed=0)
    frames = scene(40, 3)
    assert detector.tested_on.startswith("the last ")
    assert (
        np.mean(detector.upside_down(frames)) < 0.05 and np.mean(detector.upside_down(frames[:, ::-1])) > 0.95
    )


def test_whole_videos_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flips, "MOST_STEPS", 1)
    detector = train_flip_detector([scene(7, seed) for seed in range(6)], seed=0)
    assert detector.tested_on == "14 frames of 2 training videos"


def test_same_seed_gives_the_same_weights_and_touches_no_global_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flips, "MOST_STEPS", 20)
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    first, second = (train_flip_detector([scene(20, 1), scene(20, 2)], seed=3).network for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads
