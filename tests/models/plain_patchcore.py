"""VideoPatchCore, slow and obvious: loops over NumPy arrays in float64, one image, one place, one vector at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def network_input(
    images: NDArray[np.uint8], scaling: str, size: int, *, align_corners: bool, noise: Floats | None = None
) -> Floats:
    """uint8 (n, H, W, 3), RGB, to (n, 3, size, size)."""
    inputs = []
    for number, image in enumerate(images):
        pixels = image.astype(np.float64)
        if noise is not None:
            pixels = np.clip(pixels / 255 + noise[number], 0, 1) * 255
        pixels = pixels[:, :, ::-1] / 127.5 - 1 if scaling == "bgr" else (pixels / 255 - CLIP_MEAN) / CLIP_STD
        inputs.append(np.moveaxis(enlarge(pixels, size, align_corners=align_corners), 2, 0))
    return np.array(inputs)


def enlarge(image: Floats, size: int, *, align_corners: bool) -> Floats:
    """Bilinear interpolation, pixel by pixel."""
    height, width = image.shape[:2]
    result = np.empty((size, size, image.shape[2]))
    for row in range(size):
        for column in range(size):
            y, x = (
                place * (side - 1) / (size - 1) if align_corners else (place + 0.5) * side / size - 0.5
                for place, side in ((row, height), (column, width))
            )
            y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
            lower = image[bottom, left] * (1 - (x - left)) + image[bottom, right] * (x - left)
            result[row, column] = upper * (1 - (y - top)) + lower * (y - top)
    return result


def smooth(maps: Floats, pool: int) -> Floats:
    """Average pool over pool x pool places, stride 1, no padding."""
    images, channels, height, width = maps.shape
    result = np.empty((images, channels, height - pool + 1, width - pool + 1))
    for row in range(height - pool + 1):
        for column in range(width - pool + 1):
            result[:, :, row, column] = maps[:, :, row : row + pool, column : column + pool].mean(
                (2, 3), dtype=np.float64
            )
    return result


def windows(length: int, wanted: int) -> list[slice]:
    """Where adaptive pooling looks for each of its results."""
    return [slice(k * length // wanted, -(-(k + 1) * length // wanted)) for k in range(wanted)]


def adaptive_mean(maps: Floats, side: int) -> Floats:
    """(n, C, H, W) to (n, C, side, side)."""
    result = np.empty((*maps.shape[:2], side, side))
    for row, rows in enumerate(windows(maps.shape[2], side)):
        for column, columns in enumerate(windows(maps.shape[3], side)):
            result[:, :, row, column] = maps[:, :, rows, columns].mean((2, 3))
    return result


def local_map(maps: Sequence[Floats], group: int, pool: int = 3) -> Floats:
    """Maps of all layers to one of few channels."""
    side = maps[0].shape[-1]
    every = np.concatenate([adaptive_mean(smooth(each, pool), side) for each in maps], 1)
    return np.stack([every[:, at : at + group].mean(1) for at in range(0, every.shape[1], group)], 1)


def spatial_vectors(local: Floats, grid: int) -> Floats:
    """(n, T, C, S, S) to (n, grid * grid, C)."""
    result = []
    for tube in local.astype(np.float64):
        pooled = adaptive_mean((tube.mean(0) + tube.max(0))[None], grid)[0]
        result.append([pooled[:, row, column] for row in range(grid) for column in range(grid)])
    return np.array(result)


def temporal_vectors(local: Floats, *, absolute: bool, training: bool) -> Floats:
    """(n, T, C, S, S) to (n, T - 1, C)."""
    result = []
    for tube in local.astype(np.float64):
        changes = [after - before for before, after in pairwise(tube)]
        if absolute:
            changes = [np.abs(change) for change in changes]
        result.append([change.mean((1, 2)) if training else change.max((1, 2)) for change in changes])
    return np.array(result)


def frame_vectors(maps: Sequence[Floats], pool: int = 3) -> Floats:
    """Maps of all layers to one vector per image."""
    side = maps[-1].shape[-1]
    every = np.concatenate([adaptive_mean(smooth(each, pool), side) for each in maps], 1)
    return every.mean((2, 3)) + every.max((2, 3))


def global_vectors(frames: Floats) -> Floats:
    """(n, T, C) to (n, T, C): a pyramid over time."""
    result = []
    for ground in frames.astype(np.float64):
        middle = pairs(ground)
        top = pairs(middle)
        middle = middle + stretch(top, len(middle))
        result.append(ground + stretch(middle, len(ground)))
    return np.array(result)


def pairs(level: Floats) -> Floats:
    """The larger of each two neighbours in time."""
    return np.array([np.maximum(before, after) for before, after in pairwise(level)])


def stretch(level: Floats, length: int) -> Floats:
    """Adaptive maximum pooling over time."""
    return np.array([level[window].max(0) for window in windows(len(level), length)])


def pooled_vectors(maps: Sequence[Floats], pool: int = 3) -> Floats:
    """Maps of all layers to one vector per image: their means."""
    return np.concatenate([smooth(each, pool).mean((2, 3)) for each in maps], 1)


def nearest(vectors: Floats, memory: Floats) -> Floats:
    """The distance of each vector to the nearest in memory."""
    return np.array([min(np.linalg.norm(vector - known) for known in memory) for vector in vectors])


def clip_score(objects: Sequence[Floats], memory: Floats, power: float) -> float:
    """The largest over objects of the largest distance of an object's vectors, to the power; 0 without objects."""
    return max((float(nearest(vectors, memory).max()) ** power for vectors in objects), default=0.0)
