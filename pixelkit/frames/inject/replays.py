"""Extras: somebody who was cut out of the video walks through a take, and may run, grow, walk backwards or stand still.

An extra is in every take, normal ones included, from beginning to end. What is anomalous is what it does during an
event: were it there only then, whoever counts people would find it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.inject.families import Event
from pixelkit.frames.inject.objects import MARGIN, Blob, Run, Scene, Track, find_objects, overlap
from pixelkit.frames.inject.pasted import Floats, blend, opacity
from pixelkit.frames.inject.reel import Frame, Reel

FASTER = (2.0, 4.0)
LARGER = (1.5, 2.5)
TALLEST = 0.85  # of the frame, what is enlarged

TRIES = 80  # places that are drawn, of which the most plausible is taken
NEARER = 2  # small pixels that somebody's feet are lower, who stands in front
GOOD_CUT = 0.5  # of the quality of the best track: as good, so that it is not always the same person
CELL = 8  # small pixels: the ground that was walked on is known in cells


@dataclass(frozen=True, eq=False)
class Cast:
    """Who can be cut out of a source, where to find the pixels, and where people walk.

    Parameters
    ----------
    reel
        The frames.
    scene
        Their background.
    blobs
        Who is in each frame that was kept, by position.
    tracks
        Who moves through them.
    """

    reel: Reel
    scene: Scene
    blobs: Mapping[int, Sequence[Blob]]
    tracks: Sequence[Track]

    @classmethod
    def find(cls, reel: Reel, run: Run) -> Cast:
        """Find who is in the frames of a reel; ``run`` as for :func:`~pixelkit.frames.inject.objects.find_objects`."""
        scene = Scene.learn(reel.samples)
        return cls(reel, scene, *find_objects(reel, scene, run))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the small frames."""
        height, width = self.scene.background.shape[:2]
        return height, width

    @cached_property
    def best(self) -> float:
        """The quality of the one who was cut out most cleanly."""
        return max(track.quality for track in self.tracks)

    @cached_property
    def ground(self) -> NDArray[np.uint8]:
        """Where somebody was seen to stand, and a step to the side: 0 or 1, by cells."""
        walked = np.zeros((self.size[0] // CELL + 1, self.size[1] // CELL + 1), np.uint8)
        for track in self.tracks:
            columns, rows = (track.feet / CELL).astype(int).T
            walked[rows.clip(0, walked.shape[0] - 1), columns.clip(0, walked.shape[1] - 1)] = 1
        return np.asarray(cv2.dilate(walked, np.ones((1, 3), np.uint8)), np.uint8)

    def trodden(self, feet: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return for each of (n, 2) places, x and y in small pixels, whether people walk there."""
        columns, rows = np.floor(feet / CELL).astype(int).T
        height, width = self.ground.shape
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        known = self.ground[rows.clip(0, height - 1), columns.clip(0, width - 1)]
        return np.asarray(inside & (known > 0))


@dataclass(frozen=True)
class Manner:
    """How an extra behaves.

    Parameters
    ----------
    pace
        How far along the own path from frame to frame: 1 as it was, -1 backwards, 0 not at all.
    gait
        How many of the own frames are shown from frame to frame: 0 for a figure that does not move its legs.
    size
        Factor.
    """

    pace: float = 1.0
    gait: float = 1.0
    size: float = 1.0


@dataclass(frozen=True, eq=False)
class Replay:
    """Somebody cut out of the video, pasted along a path: n frames.

    Parameters
    ----------
    cast
        Where the pixels come from.
    track
        Who it is.
    shown
        int64 (n,) which frame of the track is shown in each frame.
    feet
        float64 (n, 2) where it is put, x and y in small pixels.
    sizes
        float64 (n,) by which factor it is enlarged.
    """

    cast: Cast
    track: Track
    shown: NDArray[np.int64]
    feet: NDArray[np.float64]
    sizes: NDArray[np.float64]

    def draw(self, frame: Frame, at: int, others: Sequence[Blob]) -> Frame:
        """Return frame ``at`` with the object, behind those among the others in it who stand nearer to the camera."""
        blob = self.track.blobs[self.shown[at]]
        colours, alpha, corner = self._cut(blob, self.track.first + int(self.shown[at]))
        scale, size = self.cast.reel.scale, float(self.sizes[at])
        # Corner and foot in full-size pixels; OpenCV counts from the middle of a pixel
        shift = (self.feet[at] - size * (self._foot(at) - corner)) * scale + (size - 1) / 2
        pasted = blend(frame, colours, alpha, np.array([[size, 0, shift[0]], [0, size, shift[1]]]))
        return pasted if pasted is frame else self._behind(frame, pasted, self.boxes[at], others)

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """The boxes of what is pasted, in small pixels: (n, 4)."""
        corners = self.track.boxes[self.shown].reshape(-1, 2, 2) - self.track.feet[self.shown][:, None]
        return np.asarray((self.feet[:, None] + self.sizes[:, None, None] * corners).reshape(-1, 4))

    def _foot(self, at: int) -> NDArray[np.float64]:
        return np.asarray(self.track.feet[self.shown[at]], np.float64)

    def _cut(self, blob: Blob, position: int) -> tuple[Floats, Floats, NDArray[np.float64]]:
        """Return colours (h, w, 3), opacity (h, w), and the corner in small pixels."""
        reel, scale = self.cast.reel, self.cast.reel.scale
        height, width = self.cast.size
        left, top = blob.box[:2]
        crop = (
            slice(max(0, MARGIN - top), MARGIN + height - top),
            slice(max(0, MARGIN - left), MARGIN + width - left),
        )
        alpha = blob.alpha[crop]
        corner = max(0, left - MARGIN), max(0, top - MARGIN)
        edges = [
            round(edge * scale) for edge in (*corner, corner[0] + alpha.shape[1], corner[1] + alpha.shape[0])
        ]
        lines = reel.lines(position, edges[1], min(edges[3], reel.shape[0]))
        pixels = lines[:, edges[0] : edges[2]].astype(np.float32)
        soft = cv2.resize(alpha, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
        return pixels, np.asarray(soft, np.float32), np.array(corner, float)

    def _behind(self, frame: Frame, pasted: Frame, box: NDArray[np.float64], others: Sequence[Blob]) -> Frame:
        """Put those back into the picture who stand in front of the object."""
        nearer = np.zeros((self.cast.size[0] + 2 * MARGIN, self.cast.size[1] + 2 * MARGIN), np.uint8)
        for blob in others:
            left, top, right, bottom = blob.box
            if bottom > box[3] + NEARER and overlap(blob.box, box) > 0:
                region = nearer[top : bottom + 2 * MARGIN, left : right + 2 * MARGIN]
                np.maximum(region, blob.alpha, out=region)
        if not nearer.any():
            return pasted
        soft = cv2.resize(nearer[MARGIN:-MARGIN, MARGIN:-MARGIN], frame.shape[1::-1])[..., None] / np.float32(
            255
        )
        return np.asarray(np.rint(pasted * (1 - soft) + frame * soft), np.uint8)


def faster(event: Event, rng: np.random.Generator) -> Manner:
    """Somebody passes two to four times as fast: half of them run, the others glide, as cyclists and skaters do."""
    speed = event.between(*FASTER)
    return Manner(speed, speed if rng.random() < 0.5 else 1.0)


def larger(event: Event, rng: np.random.Generator) -> Manner:  # noqa: ARG001
    """Somebody is 1.5 to 2.5 times as large as people are at that place."""
    return Manner(size=event.between(*LARGER))


def backwards(event: Event, rng: np.random.Generator) -> Manner:  # noqa: ARG001
    """Somebody walks backwards along their own way."""
    return Manner(-1.0, -1.0)


def loiter(event: Event, rng: np.random.Generator) -> Manner:  # noqa: ARG001
    """Somebody stands still where people walk."""
    return Manner(0.0, 0.0)


MANNERS: Mapping[str, Callable[[Event, np.random.Generator], Manner]] = {
    "faster": faster,
    "larger": larger,
    "backwards": backwards,
    "loiter": loiter,
}


def replay(
    family: str, events: Sequence[Event], cast: Cast, positions: NDArray[np.int64], rng: np.random.Generator
) -> Replay:
    """Return the extra of a take, at the most plausible of many places that are drawn.

    It stays at its height in the picture, since things look smaller further up; sideways it may be moved. A plausible
    place is inside the picture, where people walk, and not where the same person is seen at that time anyway.

    Parameters
    ----------
    family
        What it does during the events, if it is one of :data:`MANNERS`. Otherwise, and before and after, it walks.
    events
        When; counted from the first of the positions.
    cast
        Who is there; at least one track.
    positions
        (n,) the source frames in which it is shown, one after the other.
    rng
        Draws who, how and where.
    """
    manners = [(event, MANNERS[family](event, rng)) for event in events if family in MANNERS]
    weights = np.ones(len(positions))
    for event, _ in manners:  # as much as all the rest
        weights[event.start : event.stop] += len(weights) / sum(len(each) for each, _ in manners)
    drawn = [_draw(manners, len(positions), cast, rng) for _ in range(TRIES)]
    return max(drawn, key=lambda one: _plausibility(one, positions, weights))


def _draw(
    manners: Sequence[tuple[Event, Manner]], length: int, cast: Cast, rng: np.random.Generator
) -> Replay:
    chances = np.array([len(track) * track.quality for track in cast.tracks])
    track = cast.tracks[int(rng.choice(len(chances), p=chances / chances.sum()))]
    tallest = float((track.boxes[:, 3] - track.boxes[:, 1]).max())
    largest = max(1.0, TALLEST * cast.size[0] / tallest)
    paces, gaits, sizes = np.ones((3, length))
    for event, manner in manners:
        during = slice(event.start, event.stop)
        paces[during], gaits[during] = manner.pace, manner.gait
        growth = np.array([opacity(at, len(event)) for at in range(len(event))])
        sizes[during] += (min(manner.size, largest) - 1) * growth
    # Where the track is known, at the start of the first event, or anywhere in the take
    anchor = manners[0][0].start if manners else int(rng.integers(length))
    start = rng.uniform(0, len(track) - 1)
    times, frames = (start + np.cumsum(steps) - steps[: anchor + 1].sum() for steps in (paces, gaits))
    first, last = track.stride
    shown = first + (np.floor(frames).astype(np.int64) - first) % (last - first)
    for event, manner in manners:
        if not manner.gait:
            shown[event.start : event.stop] = _standing(track, rng)
    feet = _along(track, times)
    if rng.random() < 0.7:
        feet = feet + np.array([rng.uniform(-0.5, 0.5) * cast.size[1], 0])
    return Replay(cast, track, shown, feet, sizes)


def _standing(track: Track, rng: np.random.Generator) -> int:
    """Return a frame of the track in which its legs are together: one of the quarter that are narrowest."""
    widths = track.boxes[:, 2] - track.boxes[:, 0]
    return int(rng.choice(np.argsort(widths, kind="stable")[: max(1, len(track) // 4)]))


def _along(track: Track, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where a track is at any times, in frames since its start; beyond its ends it goes straight on."""
    last = len(track) - 1
    inside = times.clip(0, last)
    feet = np.stack([np.interp(inside, np.arange(last + 1), column) for column in track.feet.T], 1)
    mean = (track.feet[-1] - track.feet[0]) / last
    return np.asarray(feet + (times - inside)[:, None] * mean)


def _plausibility(one: Replay, positions: NDArray[np.int64], weights: NDArray[np.float64]) -> float:
    height, width = one.cast.size
    clipped = one.boxes.clip(0, [width, height, width, height])
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (clipped, one.boxes)]
    good = areas[0] / areas[1] + one.cast.trodden(one.feet) - _doubled(one, positions)
    clean = min(1.0, one.track.quality / (GOOD_CUT * one.cast.best))
    return float(np.average(good, weights=weights)) + clean


def _doubled(one: Replay, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return in which frames the object covers the very one that it was cut from: (n,)."""
    indices = positions - one.track.first
    there = (indices >= 0) & (indices < len(one.track))
    own = one.track.boxes[indices.clip(0, len(one.track) - 1)]
    return np.asarray(there & (overlap(one.boxes, own) > 0.1))
