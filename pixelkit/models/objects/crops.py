"""Small squares around objects, with the frames before and after, as a network sees them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import Video
from pixelkit.models.foreground import VIEW
from pixelkit.models.objects.seen import Objects

SIDE = 32  # pixels: a walker of Ped2 is 17×33
GROW = (
    1.2  # side of the square to the longer side of the box: an object's outline needs some ground around it
)


def cut_crops(video: Video, objects: Objects, offsets: range) -> NDArray[np.uint8]:
    """Return the place of each object in the frames around its own: uint8 (k, len(offsets), 32, 32).

    Parameters
    ----------
    video
        Decoded for the view of the foreground detector.
    objects
        Of ``video``.
    offsets
        In frame numbers. Where there is no frame of that number in the same stretch, the nearest one is taken.
    """
    frames = video.frames(VIEW)
    crops = np.empty((len(objects), len(offsets), SIDE, SIDE), np.uint8)
    stretch = {position: ends for ends in video.stretches() for position in range(*ends)}
    edge = max(VIEW.size) // 2
    padded: dict[int, NDArray[np.uint8]] = {}
    for row, (position, corners) in enumerate(zip(objects.position.tolist(), objects.corners, strict=True)):
        around = _positions(video.numbers, position, offsets, stretch[position])
        for gone in [known for known in padded if known < around[0]]:
            del padded[gone]
        for each in around:
            if each not in padded:
                padded[each] = _with_border(frames[each], edge)
        square = _square(corners, edge)
        crops[row] = [_shrink(padded[each][square]) for each in around]
    return crops


def _positions(
    numbers: NDArray[np.int64], position: int, offsets: range, stretch: tuple[int, int]
) -> list[int]:
    """Return the positions whose frame numbers are nearest to that of ``position`` plus each offset."""
    start, stop = stretch
    wanted = numbers[position] + np.array(offsets)
    inside = numbers[start:stop]
    after = np.clip(np.searchsorted(inside, wanted), 1, max(1, len(inside) - 1))
    last = np.minimum(after, len(inside) - 1)
    nearer = np.where(wanted - inside[after - 1] <= inside[last] - wanted, after - 1, last)
    return [int(each) for each in start + nearer]


def _with_border(frame: NDArray[np.uint8], edge: int) -> NDArray[np.uint8]:
    bordered = cv2.copyMakeBorder(frame, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    return np.asarray(bordered, np.uint8)


def _square(corners: NDArray[np.float32], edge: int) -> tuple[slice, slice]:
    """Return the rows and columns of the square around a box in a frame with a border of ``edge`` pixels."""
    left, top, right, bottom = corners.tolist()
    side = min(max(4, round(GROW * max(right - left, bottom - top))), 2 * edge)
    x, y = (round(edge + (low + high - side) / 2) for low, high in ((left, right), (top, bottom)))
    return slice(y, y + side), slice(x, x + side)


def _shrink(square: NDArray[np.uint8]) -> NDArray[np.uint8]:
    smooth = cv2.INTER_AREA if len(square) > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=smooth), np.uint8)
