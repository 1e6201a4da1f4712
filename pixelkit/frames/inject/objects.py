"""Finds objects that move through a held-out video, by difference to its background, and follows them.

A simple detector is enough here: of all that passes, injection needs a few objects that are cut out cleanly, and what
is doubtful is left alone. (The detector that scores objects is ``pixelkit.models.foreground``.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.inject.reel import Frame, Reel, shrink

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the small frames, exclusive at the end."""

LEAST_CONTRAST = 8.0  # gray levels, of any channel: JPEG and sensor noise stay below
NOISE_CONTRAST = 5.0  # standard deviations of a pixel's noise
HEIGHT = (0.06, 0.6)  # of the frame, an object's
ASPECT = (0.15, 2.5)  # width to height
MARGIN = 2  # pixels around an object's box, for its soft border
SOLID = 0.35  # of its box, an object's least area
OVERLAP = 0.35  # intersection over union of an object's boxes in two frames in a row
SAME_AREA = 1.5  # by which factor the area of one object may change from frame to frame
STEADY = 0.15  # standard deviation of a track's areas relative to their mean: legs alone make a tenth
CLEAR, COMPACT = 6, 3  # powers with which the quality of a track depends on how clear and how compact it is
LEAST_TRACK = 10  # frames
MOVED = 0.5  # of its own height, how far a track leads at least
STRIDE = 8  # frames, the shortest gait that is repeated; at least a third of the track
OUTLINE = 32  # pixels high, at which outlines are compared


@dataclass(frozen=True, eq=False)
class Blob:
    """An object in one frame.

    Parameters
    ----------
    box
        Where it is.
    alpha
        uint8 (h + 2 · MARGIN, w + 2 · MARGIN) how much of each pixel it covers, 0 to 255; of the box, and beyond it.
    area
        How many pixels it covers.
    clear
        0 to 1, the share of these that differ from the background for certain.
    """

    box: Box
    alpha: NDArray[np.uint8]
    area: int
    clear: float

    @property
    def foot(self) -> tuple[float, float]:
        """Where it stands: x, y."""
        left, _, right, bottom = self.box
        return (left + right) / 2, float(bottom)


@dataclass(frozen=True, eq=False)
class Track:
    """One object over consecutive frames of a source, never touching the picture's edge.

    Parameters
    ----------
    first
        Position of the first frame in the source.
    blobs
        The object in each frame.
    feet
        float64 (n, 2) where it stands, x and y, smoothed over time.
    """

    first: int
    blobs: tuple[Blob, ...]
    feet: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.blobs)

    @cached_property
    def quality(self) -> float:
        """How cleanly the object was cut out: 0 to 1.

        An object of which a part looks like the ground lacks that part; one that meets others changes its area, and
        its height; a group of several fills little of its box.
        """
        areas = np.array([blob.area for blob in self.blobs], float)
        sides = self.boxes[:, 2:] - self.boxes[:, :2]
        unsteady = sum((each.std() / each.mean() / STEADY) ** 2 for each in (areas, sides[:, 1]))
        clear = float(np.mean([blob.clear for blob in self.blobs]))
        compact = float(np.mean(areas / sides.prod(1)))
        return clear**CLEAR * compact**COMPACT * math.exp(-unsteady)

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """The boxes of the blobs: (n, 4)."""
        return np.array([blob.box for blob in self.blobs], float)

    @cached_property
    def stride(self) -> tuple[int, int]:
        """Frames between which the gait can be repeated, the last exclusive: there the outline is as at the first."""
        outlines = self._outlines()
        squares = (outlines**2).sum(1)
        apart = squares[:, None] + squares - 2 * outlines @ outlines.T
        first, last = np.triu_indices(len(self), max(STRIDE, len(self) // 3))
        best = int(np.argmin(apart[first, last]))
        return int(first[best]), int(last[best])

    def _outlines(self) -> NDArray[np.float32]:
        """Return how much of each pixel the object covers, its feet in one place: (n, pixels)."""
        height, width = np.max([blob.alpha.shape for blob in self.blobs], axis=0)
        size = (max(1, round(OUTLINE * width / height)), OUTLINE)
        outlines = []
        for blob in self.blobs:
            rows, columns = blob.alpha.shape
            left = (width - columns) // 2
            padded = np.pad(blob.alpha, ((height - rows, 0), (left, width - columns - left)))
            outlines.append(cv2.resize(padded, size, interpolation=cv2.INTER_AREA).ravel())
        return np.array(outlines, np.float32) / np.float32(255)


@dataclass(frozen=True, eq=False)
class Scene:
    """What of a source stands still, and who moves through it; in pixels of the small frames.

    Parameters
    ----------
    background
        float32 (h, w, 3) the median over time, a little smoothed.
    contrast
        float32 (h, w) by how many gray levels an object differs from it at least.
    """

    background: NDArray[np.float32]
    contrast: NDArray[np.float32]

    @classmethod
    def learn(cls, samples: NDArray[np.uint8]) -> Scene:
        """Learn the background from small frames spread over the source: uint8 (n, h, w, 3)."""
        background = np.median([_smooth(sample) for sample in samples], axis=0).astype(np.float32)
        apart = np.median([_difference(sample, background) for sample in samples], axis=0)
        noise = cv2.blur(apart.astype(np.float32), (5, 5)) / 0.6745
        return cls(background, np.maximum(LEAST_CONTRAST, NOISE_CONTRAST * noise))

    def blobs(self, frame: Frame) -> list[Blob]:
        """Return what differs from the background in a full-size frame, in pieces of plausible size."""
        contrast = _difference(shrink(frame), self.background) / self.contrast
        apart = (contrast > 1).astype(np.uint8)
        # People are upright: gaps between head and legs are closed, those between neighbours are not
        # An even kernel would shift what it opens, were it not turned round
        opened = cv2.dilate(
            cv2.erode(apart, np.ones((2, 2), np.uint8)), np.ones((2, 2), np.uint8), anchor=(0, 0)
        )
        whole = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((7, 3), np.uint8))
        outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        found = (_blob(np.asarray(outline, np.int32), contrast) for outline in outlines)
        return [blob for blob in found if blob is not None]


def _difference(frame: Frame, background: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by how much a small frame differs from the background, whatever the light: float32 (h, w)."""
    levels = _smooth(frame).astype(np.float32)
    # Most of a picture is background: the median ratio is that of the light
    light = np.median((levels[::4, ::4] + 1) / (background[::4, ::4] + 1), axis=(0, 1))
    return np.asarray(np.abs(levels / light - background).max(2), np.float32)


def _smooth(frame: Frame) -> Frame:
    return np.asarray(cv2.GaussianBlur(frame, (3, 3), 0), np.uint8)


def _blob(outline: NDArray[np.int32], contrast: NDArray[np.float32]) -> Blob | None:
    left, top, width, height = cv2.boundingRect(outline)
    if not HEIGHT[0] * len(contrast) <= height <= HEIGHT[1] * len(contrast):
        return None
    if not ASPECT[0] * height <= width <= ASPECT[1] * height or width < 3:
        return None
    mask = np.zeros((height + 2 * MARGIN, width + 2 * MARGIN), np.uint8)
    cv2.drawContours(mask, [outline - (left - MARGIN, top - MARGIN)], 0, 1, cv2.FILLED)
    area = cv2.countNonZero(mask)
    if area < SOLID * height * width:
        return None
    padded = np.pad(contrast[top : top + height, left : left + width], MARGIN)
    clear = np.count_nonzero((padded > 1) & (mask > 0)) / area
    return Blob((left, top, left + width, top + height), _matte(mask, padded), area, clear)


def _matte(mask: NDArray[np.uint8], contrast: NDArray[Any]) -> NDArray[np.uint8]:
    """Return how much of each pixel an object covers: 0 to 255.

    All of it inside; towards the borders as much as it differs from the background, of which no rim should be cut out
    with it: neither what hardly differs, nor what differs far less than the pixel beside it, since smoothing spreads an
    edge by one pixel. What is thinner than five pixels, legs and the gaps between them, is border.
    """
    inside = cv2.erode(mask, np.ones((5, 5), np.uint8)).astype(np.float32)
    beside = cv2.dilate(contrast, np.ones((3, 3), np.uint8))
    border = np.minimum(contrast - 0.5, (contrast / np.maximum(beside, 1e-6) - 0.3) / 0.4).clip(0, 1)
    covered = np.maximum(inside, border * mask)
    return np.asarray((255 * cv2.GaussianBlur(covered, (3, 3), 0.6)).round(), np.uint8)


Run = Callable[[Iterable[Callable[[], list[Blob]]]], Iterable[list[Blob]]]
"""Runs calls, on several cores perhaps, and gives their results in order."""


def find_objects(reel: Reel, scene: Scene, run: Run) -> tuple[dict[int, list[Blob]], list[Track]]:
    """Find the objects of a source in the frames that were kept, and follow them.

    Parameters
    ----------
    reel
        The frames.
    scene
        Their background.
    run
        Looks into many frames at a time.

    Returns
    -------
    blobs, tracks
        What is in each frame, by position; and those that move, longest first.
    """
    height, width = scene.background.shape[:2]
    found: dict[int, list[Blob]] = {}
    tracks: list[Track] = []
    for start, stop in reel.stretches():
        calls = [_Search(scene, reel, position) for position in range(start, stop)]
        found |= zip(range(start, stop), run(calls), strict=True)
        tracks += _link([found[position] for position in range(start, stop)], start, (height, width))
    return found, sorted(tracks, key=lambda track: (-len(track), track.first))


@dataclass(frozen=True)
class _Search:
    scene: Scene
    reel: Reel
    position: int

    def __call__(self) -> list[Blob]:
        return self.scene.blobs(self.reel.frame(self.position))


def _link(frames: Sequence[Sequence[Blob]], start: int, size: tuple[int, int]) -> list[Track]:
    """Return the tracks through the blobs of consecutive frames, the first of which is at ``start``."""
    finished: list[tuple[int, list[Blob]]] = []
    growing: list[tuple[int, list[Blob]]] = []
    for position, blobs in enumerate(frames, start):
        free = [blob for blob in blobs if _is_inside(blob.box, size)]
        still: list[tuple[int, list[Blob]]] = []
        for first, track in growing:
            follower = _follower(track[-1], free, growing)
            if follower is None:
                finished.append((first, track))
            else:
                track.append(follower)
                free = [blob for blob in free if blob is not follower]
                still.append((first, track))
        growing = still + [(position, [blob]) for blob in free]
    candidates = (_track(first, blobs) for first, blobs in finished + growing)
    return [track for track in candidates if track is not None]


def _is_inside(box: Box, size: tuple[int, int]) -> bool:
    left, top, right, bottom = box
    return left > 0 and top > 0 and right < size[1] and bottom < size[0]


def _follower(
    blob: Blob, candidates: Sequence[Blob], others: Sequence[tuple[int, list[Blob]]]
) -> Blob | None:
    """Return the blob of the next frame that is the same object, or None: where two meet or part, tracks end."""
    near = [other for other in candidates if overlap(blob.box, other.box) > OVERLAP]
    if len(near) != 1 or _rivals(near[0], others) > 1:
        return None
    areas = sorted((blob.area, near[0].area))
    return near[0] if areas[1] <= SAME_AREA * areas[0] else None


def _rivals(blob: Blob, tracks: Sequence[tuple[int, list[Blob]]]) -> int:
    return sum(bool(overlap(track[-1].box, blob.box) > OVERLAP / 3) for _, track in tracks)


def overlap(one: Box | NDArray[np.float64], other: Box | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return intersection over union of boxes, (4,) or (n, 4) each: 0 to 1."""
    first, second = np.asarray(one, float), np.asarray(other, float)
    shared = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    common = shared.clip(0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (first, second)]
    return np.asarray(common / np.maximum(areas[0] + areas[1] - common, 1e-9))


def _track(first: int, blobs: Sequence[Blob]) -> Track | None:
    """Return a track if it is long and steady enough and leads somewhere."""
    if len(blobs) < LEAST_TRACK:
        return None
    areas = np.array([blob.area for blob in blobs], float)
    height = float(np.median([blob.box[3] - blob.box[1] for blob in blobs]))
    feet = _smoothed(np.array([blob.foot for blob in blobs], float))
    if areas.std() > 2 * STEADY * areas.mean() or np.hypot(*(feet[-1] - feet[0])) < MOVED * height:
        return None
    return Track(first, tuple(blobs), feet)


def _smoothed(feet: NDArray[np.float64], reach: int = 4) -> NDArray[np.float64]:
    """Average over nine frames: legs that open and close move the box, not the walker. Ends are continued linearly."""
    before = 2 * feet[0] - feet[reach:0:-1]
    after = 2 * feet[-1] - feet[-2 : -reach - 2 : -1]
    padded = np.concatenate([before, feet, after])
    kernel = np.ones(2 * reach + 1) / (2 * reach + 1)
    return np.stack([np.convolve(column, kernel, "valid") for column in padded.T], 1)
