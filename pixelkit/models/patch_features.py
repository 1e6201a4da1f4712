"""From a backbone's maps to the vectors that VideoPatchCore remembers: pure functions of tensors.

The steps are those of Ahn et al., VideoPatchCore: An Effective Method to Memorize Normality for Video Anomaly
Detection, ACCV 2024. Maps are float32 (n, channels, H, W), those of an earlier layer first; n counts images or tubes,
T the frames of a clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pixelkit.models.clip_backbone import MEAN, STD


class Scaling(NamedTuple):
    """How pixels in [0, 1] become the input of a network: less ``mean``, over ``std``."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bgr: bool
    """The network gets blue first."""


SCALINGS = {
    # what CLIP was trained with
    "clip": Scaling(MEAN, STD, bgr=False),
    # x / 127.5 - 1, in the order in which OpenCV reads a file: not what CLIP knows, but what the authors feed it
    "bgr": Scaling((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), bgr=True),
}


def network_input(
    images: Tensor, scaling: Scaling, size: int, *, align_corners: bool, noise: Tensor | None = None
) -> Tensor:
    """Scale images, then bring them to the size of the network's input by bilinear interpolation.

    Parameters
    ----------
    images
        uint8 (n, H, W, 3), RGB.
    scaling
        One of :data:`SCALINGS`.
    size
        Height and width of the result.
    align_corners
        The corner pixels' centres stay in the corners, as the authors have it.
    noise
        float32 like ``images``: is added to pixels in [0, 1], which are clamped again.

    Returns
    -------
    Tensor
        float32 (n, 3, size, size).
    """
    pixels = images.permute(0, 3, 1, 2).float() / 255
    if noise is not None:
        pixels = (pixels + noise.permute(0, 3, 1, 2)).clamp(0, 1)
    mean, std = (
        torch.tensor(values, device=images.device)[:, None, None] for values in (scaling.mean, scaling.std)
    )
    pixels = (pixels - mean) / std
    if scaling.bgr:
        pixels = pixels.flip(1)
    if pixels.shape[2:] == (size, size):
        return pixels
    return functional.interpolate(pixels, (size, size), mode="bilinear", align_corners=align_corners)


def smooth(maps: Tensor, pool: int = 3) -> Tensor:
    """Average ``pool`` x ``pool`` neighbours, without padding: each side loses ``pool`` - 1."""
    return functional.avg_pool2d(maps, pool, stride=1)


def local_map(maps: Sequence[Tensor], group: int, pool: int = 3) -> Tensor:
    """Return one map of few channels: float32 (n, C, S, S), S the side of the first map.

    Each map is smoothed and brought to S x S by adaptive average pooling; of all their C * ``group`` channels, every
    ``group`` in a row are averaged. The average over channels commutes with those over places and is taken first:
    the rest then works on 32 channels and not on 1536.
    """
    channels = [each.shape[1] for each in maps]
    groups = torch.eye(sum(channels) // group, device=maps[0].device).repeat_interleave(group, 1) / group
    side = maps[0].shape[-1]
    parts = []
    for each, weights in zip(maps, groups.split(channels, 1), strict=True):
        means = (weights @ each.flatten(2)).unflatten(2, each.shape[2:])
        parts.append(functional.adaptive_avg_pool2d(smooth(means, pool), side))
    return torch.stack(parts).sum(0)


def spatial_vectors(local: Tensor, grid: int) -> Tensor:
    """Return what an object looks like, by place: (n, T, C, S, S) to (n, grid * grid, C).

    Mean over time plus maximum over time, averaged to ``grid`` x ``grid`` places.
    """
    over_time = local.mean(1) + local.amax(1)
    return functional.adaptive_avg_pool2d(over_time, grid).flatten(2).transpose(1, 2)


def temporal_vectors(local: Tensor, *, absolute: bool, training: bool) -> Tensor:
    """Return how an object changes from each frame to the next: (n, T, C, S, S) to (n, T - 1, C).

    Parameters
    ----------
    local
        The local maps of each tube.
    absolute
        Take the amount of each change. Otherwise it keeps its sign.
    training
        The mean over places, which goes to memory; in scoring it is the maximum.
    """
    change = local.diff(dim=1)
    if absolute:
        change = change.abs()
    return change.mean((3, 4)) if training else change.amax((3, 4))


def frame_vectors(maps: Sequence[Tensor], pool: int = 3) -> Tensor:
    """Return one vector per whole frame: float32 (n, 1536) for maps of 512 and 1024 channels.

    Each map is smoothed and brought to the side of the last one; then its mean plus its maximum over all places.
    """
    side = maps[-1].shape[-1]
    places = [functional.adaptive_avg_pool2d(smooth(each, pool), side).flatten(2) for each in maps]
    return torch.cat([each.mean(2) + each.amax(2) for each in places], 1)


def global_vectors(frames: Tensor) -> Tensor:
    """Return what happens on the whole frame, as a pyramid over time: (n, T, C) to (n, T, C), T at least 3.

    On the way up, the maximum of two frames beside each other, twice; on the way down, each level is stretched by
    adaptive maximum pooling and added to the one below.
    """
    ground = frames.transpose(1, 2)
    middle = functional.max_pool1d(ground, 2, stride=1)
    top = functional.max_pool1d(middle, 2, stride=1)
    middle = functional.adaptive_max_pool1d(top, middle.shape[2]) + middle
    return (functional.adaptive_max_pool1d(middle, ground.shape[2]) + ground).transpose(1, 2)


def pooled_vectors(maps: Sequence[Tensor], pool: int = 3) -> Tensor:
    """Return one vector per image: float32 (n, 1536), the mean of each smoothed map over all its places."""
    return torch.cat([smooth(each, pool).mean((2, 3)) for each in maps], 1)
