"""Every step from maps to vectors is what a slow and obvious version of it computes."""

from __future__ import annotations

import numpy as np
import plain_patchcore as plain
import pytest
import torch
from numpy.typing import NDArray

from pixelkit.models.patch_features import (
    SCALINGS,
    frame_vectors,
    global_vectors,
    local_map,
    network_input,
    pooled_vectors,
    smooth,
    spatial_vectors,
    temporal_vectors,
)

Floats = NDArray[np.float64]


def close(ours: torch.Tensor, reference: Floats) -> bool:
    assert ours.dtype == torch.float32
    assert ours.shape == reference.shape
    return bool(np.allclose(ours.numpy(), reference, rtol=1e-4, atol=1e-4))


def random_maps(images: int = 3, sides: tuple[int, int] = (28, 14)) -> list[Floats]:
    """Maps of the shapes that RN101 gives, positive as after its ReLU, with few large values."""
    rng = np.random.default_rng(0)
    return [
        rng.gamma(0.3, 1.0, (images, channels, side, side)).astype(np.float32)
        for channels, side in zip((512, 1024), sides, strict=True)
    ]


def tensors(maps: list[Floats]) -> list[torch.Tensor]:
    return [torch.from_numpy(each).contiguous(memory_format=torch.channels_last) for each in maps]


def random_local(tubes: int = 2, length: int = 10, side: int = 28) -> Floats:
    return np.random.default_rng(1).normal(size=(tubes, length, 32, side, side)).astype(np.float32)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("align_corners", [True, False])
def test_input_is_scaled_then_enlarged(scaling: str, align_corners: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    ours = network_input(torch.from_numpy(images), SCALINGS[scaling], 56, align_corners=align_corners)
    assert close(ours, plain.network_input(images, scaling, 56, align_corners=align_corners))


def test_bgr_is_x_over_127_5_less_one_with_blue_first() -> None:
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[..., 0] = 255
    ours = network_input(torch.from_numpy(image), SCALINGS["bgr"], 32, align_corners=True)
    assert ours[0, :, 0, 0].tolist() == [-1, -1, 1]


def test_noise_is_added_before_scaling_and_clamped() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    noise = np.random.default_rng(1).uniform(-0.1373, 0.1373, images.shape).astype(np.float32)
    ours = network_input(
        torch.from_numpy(images), SCALINGS["clip"], 56, align_corners=False, noise=torch.from_numpy(noise)
    )
    assert close(ours, plain.network_input(images, "clip", 56, align_corners=False, noise=noise))


def test_smoothing_is_a_mean_over_nine() -> None:
    maps = random_maps(1)[1][:, :4]
    for pool in (1, 2, 3, 5):
        assert close(smooth(torch.from_numpy(maps), pool), plain.smooth(maps, pool))


@pytest.mark.parametrize("sides", [(28, 14), (8, 4)])
def test_local_map_averages_groups_of_48_channels_across_both_layers(sides: tuple[int, int]) -> None:
    maps = random_maps(1, sides)
    ours = local_map(tensors(maps), 48)
    assert ours.shape == (1, 32, sides[0], sides[0])
    assert close(ours, plain.local_map(maps, 48))


def test_spatial_vectors_are_mean_plus_maximum_over_time_on_a_grid() -> None:
    local = random_local()
    ours = spatial_vectors(torch.from_numpy(local), 7)
    assert ours.shape == (2, 49, 32)
    assert close(ours, plain.spatial_vectors(local, 7))


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_temporal_vectors_are_the_mean_change_in_training_and_the_largest_in_scoring(
    absolute: bool, training: bool
) -> None:
    local = random_local()
    ours = temporal_vectors(torch.from_numpy(local), absolute=absolute, training=training)
    assert ours.shape == (2, 9, 32)
    assert close(ours, plain.temporal_vectors(local, absolute=absolute, training=training))


def test_frame_vectors_are_mean_plus_maximum_over_places() -> None:
    maps = random_maps(2)
    ours = frame_vectors(tensors(maps))
    assert ours.shape == (2, 1536)
    assert close(ours, plain.frame_vectors(maps))


@pytest.mark.parametrize("length", [3, 4, 10])
def test_global_vectors_are_a_pyramid_over_time(length: int) -> None:
    frames = np.random.default_rng(2).normal(size=(2, length, 20)).astype(np.float32)
    assert close(global_vectors(torch.from_numpy(frames)), plain.global_vectors(frames))


def test_pooled_vectors_are_the_mean_of_each_smoothed_map() -> None:
    maps = random_maps(2)
    ours = pooled_vectors(tensors(maps))
    assert ours.shape == (2, 1536)
    assert close(ours, plain.pooled_vectors(maps))
