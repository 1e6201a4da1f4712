"""Takes blobs apart where something passes through a crowd: what is clearly faster than the rest is an object."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.models.foreground import LEAST_AREA

Mask = NDArray[np.bool_]

LEAST_PIECE = 100  # pixels: a leg that swings is smaller
# A piece's speed is at least this factor of the rest's, and so many pixels a frame more.
FASTER, MARGIN = 1.3, 0.4
# What this does not fit into is an edge, where the flow blends into the ground's.
THIN = np.ones((3, 3), np.uint8)


def pieces(mask: Mask, speed: NDArray[np.float32]) -> Iterator[Mask]:
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
    """
    found = list(_components(_fast(mask, speed))) if np.count_nonzero(mask) >= 2 * LEAST_PIECE else []
    yield from found
    rest = mask & ~np.any(found, axis=0) if found else mask
    if np.count_nonzero(rest) >= LEAST_AREA or not found:
        yield rest


def _fast(mask: Mask, speed: NDArray[np.float32]) -> Mask:
    """Return which pixels are the fast ones: none of them if there is no clear difference."""
    speeds = speed[mask]
    levels = (speeds * (255 / max(float(speeds.max()), 1e-6))).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    fast = levels > threshold
    found = np.zeros_like(mask)
    if fast.any() and speeds[fast].mean() >= FASTER * speeds[~fast].mean() + MARGIN:
        found[mask] = fast
    return found


def _components(mask: Mask) -> Iterator[Mask]:
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, THIN)
    count, labels, table, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    for number in range(1, count):
        if table[number, cv2.CC_STAT_AREA] >= LEAST_PIECE:
            yield labels == number
