"""The noise level of a frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pixelkit.frames.noise import noise_level

Frame = NDArray[np.uint8]


def textured(seed: int = 0, size: tuple[int, int] = (240, 360)) -> Frame:
    """A scene with structure at every scale, as asphalt and leaves have it, sharpened as a camera does."""
    rng, (height, width) = np.random.default_rng(seed), size
    scene = np.full((height, width, 3), 120.0)
    for scale in (2, 4, 8, 16, 32):
        coarse = rng.normal(0, 3 + scale, (height // scale, width // scale, 3))
        scene += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    sharpened = 1.5 * scene - 0.5 * cv2.GaussianBlur(scene, (0, 0), 1.5)
    return np.clip(sharpened, 0, 255).astype(np.uint8)


def with_noise(frame: Frame, amplitude: float, seed: int = 0) -> Frame:
    noise = np.random.default_rng(seed).uniform(-amplitude, amplitude, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


def through_jpeg(frame: Frame, quality: int) -> Frame:
    return cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize("quality", [95, 75, 50])
def test_noise_is_far_above_texture_at_every_jpeg_quality(quality: int) -> None:
    clean = [noise_level(through_jpeg(textured(seed), quality)) for seed in range(5)]
    noisy = [noise_level(through_jpeg(with_noise(textured(seed), 35), quality)) for seed in range(5)]
    assert min(noisy) > 1.5 * max(clean) and min(noisy) > max(clean) + 2


@pytest.mark.parametrize("amplitude", [5, 20, 40])
def test_estimate_is_the_standard_deviation_of_the_luma_noise(amplitude: int) -> None:
    flat = np.full((240, 360, 3), 128, np.uint8)
    expected = amplitude / 3**0.5 * np.linalg.norm([0.299, 0.587, 0.114])
    assert noise_level(with_noise(flat, amplitude)) == pytest.approx(expected, rel=0.12)


def test_gray_frame_is_estimated_as_its_rgb_copy() -> None:
    gray = with_noise(textured(), 30)[..., 1]
    assert noise_level(gray) == pytest.approx(noise_level(np.repeat(gray[..., None], 3, axis=2)), rel=0.05)


def test_flipping_does_not_change_the_estimate_much() -> None:
    noisy = with_noise(textured(), 35)
    assert noise_level(noisy[::-1]) == pytest.approx(noise_level(noisy), rel=0.05)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (3, 3), (5, 2000), (2000, 5), (1081, 1923)])
def test_any_size_gives_a_finite_level(size: tuple[int, int]) -> None:
    assert 0 <= noise_level(with_noise(np.full((*size, 3), 128, np.uint8), 35)) < 100


def test_black_frame_has_no_noise() -> None:
    assert noise_level(np.zeros((240, 360, 3), np.uint8)) == 0
