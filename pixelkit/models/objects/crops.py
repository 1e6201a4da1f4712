"""Small squares around objects, with the frames before and after, as a network sees them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import Video
from pixelkit.models.foreground import VIEW
from pixelkit.models.objects.seen import Objects

SIDE = 32  # pixels: a walker of Ped2 is 17×33
GROW = 1.2  # side of what is cut out to that of the square: an outline needs some ground around it
SPILL = 0.3  # of a square, by which an object may stand out before it gets one more
MOST = 6  # squares side by side: after a change of light an object is as large as the frame


def person_squares(objects: Objects) -> tuple[Objects, NDArray[np.int64]]:
    """Return squares as high as somebody who stands there, which together cover each object.

    So a network sees everybody at one scale: a group is shown person by person, and a head or a leg that was found
    alone with the rest of its walker. Where it is not known how tall people are, a square is as high as the object.

    Returns
    -------
    parts, owner
        m objects, at least as many as there were, which differ from theirs in the corners, and int64 (m,) which object
        each is a part of, in rising order.
    """
    low, high = objects.corners[:, :2], objects.corners[:, 2:]
    size = high - low
    side = np.where(objects.stature > 0, objects.stature, size.max(1))
    side = np.maximum(side, size.max(1) / (MOST + SPILL))
    count = np.maximum(np.ceil(size / side[:, None] - SPILL), 1).astype(np.int64)
    side = np.where(count.prod(1) == 1, np.maximum(side, size.max(1)), side)
    owner = np.repeat(np.arange(len(objects)), count.prod(1))
    number = np.arange(len(owner)) - np.searchsorted(owner, owner)
    place = np.stack([number % count[owner, 0], number // count[owner, 0]], 1)
    # From the first square's middle to the last one's, in even steps; of one square, it is the object's own
    spread = np.where(count > 1, (size - side[:, None]) / np.maximum(count - 1, 1), 0)
    middle = (low + high)[owner] / 2 + (place - (count - 1)[owner] / 2) * spread[owner]
    half = side[owner, None] / 2
    corners = np.concatenate([middle - half, middle + half], 1).astype(np.float32)
    return replace(objects.take(owner), corners=corners), owner


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
