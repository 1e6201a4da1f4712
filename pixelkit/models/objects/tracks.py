"""Links objects of neighbouring frames, and looks along these links for what one frame alone cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import Video
from pixelkit.models.objects.seen import Objects

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

OVERLAP = 0.3  # intersection over union of a box, moved by its own velocity, and the box that goes on with it
NOBODY = -1


@dataclass(frozen=True, eq=False)
class Tracks:
    """Which object of the next frame, and of the one before, is the same as this one.

    Parameters
    ----------
    before, after
        int64 (k,) rows of the objects; -1 where a track begins or ends.
    """

    before: Rows
    after: Rows

    def around(self, reach: int) -> Rows:
        """Return the rows of each object ``reach`` frames before to as many after: int64 (k, 2·reach + 1), or -1."""
        rows = np.full((len(self.before), 2 * reach + 1), NOBODY, np.int64)
        rows[:, reach] = np.arange(len(self.before))
        for step in range(1, reach + 1):
            for link, here in ((self.before, reach - step), (self.after, reach + step)):
                last = rows[:, here + 1] if here < reach else rows[:, here - 1]
                rows[:, here] = np.where(last >= 0, link[last], NOBODY) if len(link) else NOBODY
        return rows


def link(objects: Objects, video: Video) -> Tracks:
    """Link every object to the one of the next frame that lies most where it moves to, if that is mutual.

    Nothing is linked across a long gap, and a frame that is missing counts by how far the object moved meanwhile.
    """
    before, after = (np.full(len(objects), NOBODY, np.int64) for _ in range(2))
    starts = np.searchsorted(objects.position, np.arange(len(video) + 1))
    for first, last in video.stretches():
        for position in range(first, last - 1):
            here, there = (np.arange(*starts[place : place + 2]) for place in (position, position + 1))
            if len(here) and len(there):
                gap = int(video.numbers[position + 1] - video.numbers[position])
                moved = objects.corners[here] + np.tile(objects.velocity[here] * gap, 2)
                mine, theirs = _mutual(overlaps(moved, objects.corners[there]))
                after[here[mine]], before[there[theirs]] = there[theirs], here[mine]
    return Tracks(before, after)


def _mutual(overlap: Floats) -> tuple[Rows, Rows]:
    """Return the rows and columns that are each other's best, and overlap enough."""
    best = overlap.argmax(1)
    mine = np.flatnonzero((overlap.argmax(0)[best] == np.arange(len(overlap))) & (overlap.max(1) >= OVERLAP))
    return mine, best[mine]


def overlaps(first: Floats, second: Floats) -> Floats:
    """Return the intersection over union of every two boxes: float32 (n, m) from (n, 4) and (m, 4) corners."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    size, other = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second))
    return np.asarray(shared / (size[:, None] + other - shared), np.float32)


def mean_along(rows: Rows, values: NDArray[Any], weights: Floats) -> Floats:
    """Return the weighted mean of ``values`` over the given rows of each object, -1 left out: float32 (k, ...).

    Parameters
    ----------
    rows
        int64 (k, r), as from :meth:`Tracks.around`; of an object without any row the mean is 0.
    values
        (k,) or (k, d) of the objects.
    weights
        float32 (k,) positive.
    """
    counted = np.where(rows >= 0, weights[rows], 0)
    counted = counted / np.maximum(counted.sum(1, keepdims=True), 1e-9)
    return np.asarray(np.einsum("kr,kr...->k...", counted, values[rows]), np.float32)
