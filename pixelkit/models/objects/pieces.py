"""Takes blobs apart where something passes through a crowd: what is clearly faster than the rest is an object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

LEAST_PIECE = 60  # pixels
# Of the height of somebody who stands there: what is lower is a foot or an arm that swings.
LOWEST = 0.35
# A piece's speed is at least this factor of the rest's, and so many pixels a frame more.
FASTER, MARGIN = 1.3, 0.4
# Where flow is measured, it blends into that of the ground: what this does not fit into is an edge, and no object.
BULK = np.ones((5, 5), np.uint8)


class Piece(NamedTuple):
    """A part of a blob, or the whole of it.

    Parameters
    ----------
    mask
        bool (h, w) its pixels among those of the blob.
    left, top, right, bottom
        Its box in the blob's, right and bottom exclusive. A part reaches down to where it stands.
    """

    mask: Mask
    left: int
    top: int
    right: int
    bottom: int


def pieces(mask: Mask, speed: Floats, stature: Floats) -> Iterator[Piece]:
    """Yield what of a blob moves clearly faster than its rest, each piece by itself, and then the rest.

    Neighbours in a crowd are one blob, in whose mean the flow of somebody who rides through it is lost. The speeds of
    the blob's pixels are parted in two by Otsu's method (A Threshold Selection Method from Gray-level Histograms,
    1979); a blob whose two parts are about as fast is yielded whole.

    Parameters
    ----------
    mask
        bool (h, w) the pixels of the blob.
    speed
        float32 (h, w) their speed in pixels a frame.
    stature
        float32 (h,) how tall somebody is whose feet are in each row, in pixels.
    """
    found = _fast_parts(mask, speed, stature) if np.count_nonzero(mask) >= 2 * LEAST_PIECE else []
    rest = mask & ~np.any(found, axis=0) if found else mask
    if not found or not _bulky(rest, stature):  # one object, and perhaps its edge
        left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
        yield Piece(mask, left, top, left + width, top + height)
        return
    for part in (*found, rest):
        left, top, width, height = cv2.boundingRect(part.view(np.uint8))
        bottom = max(top + height, _feet(mask[:, left : left + width], stature, top))
        yield Piece(part, left, top, left + width, bottom)


def _feet(columns: Mask, stature: Floats, top: int) -> int:
    """Return the row below somebody whose head is in row ``top``: where the blob ends, or a person of that height."""
    rows = len(columns)
    end = rows - int(np.median(columns[::-1].argmax(0)))
    fits = np.arange(1, rows - top + 1) >= stature[top:]
    return min(end, top + 1 + int(fits.argmax()) if fits.any() else rows)


def _fast_parts(mask: Mask, speed: Floats, stature: Floats) -> list[Mask]:
    """Return the connected parts that are clearly faster than all others together."""
    speeds = speed[mask]
    levels = (speeds * (255 / max(float(speeds.max()), 1e-6))).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    fast = levels > threshold
    if not fast.any() or fast.all() or speeds[fast].mean() < FASTER * speeds[~fast].mean() + MARGIN:
        return []
    found = np.zeros_like(mask)
    found[mask] = fast
    return _bulky(found, stature)


def _bulky(mask: Mask, stature: Floats) -> list[Mask]:
    """Return the connected parts that are large enough for an object, without their fringes."""
    opened = cv2.morphologyEx(
        mask.astype(np.uint8), cv2.MORPH_OPEN, BULK, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    count, labels, table, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    areas, tops, heights = table[:, [cv2.CC_STAT_AREA, cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT]].T
    large = (areas >= LEAST_PIECE) & (heights >= LOWEST * stature[tops + heights - 1])
    return [labels == number for number in range(1, count) if large[number]]
