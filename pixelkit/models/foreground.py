"""Finds what does not belong to a video's background: a detector that needs no network and no download."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import Video, View
from pixelkit.models.boxes import Boxes

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

# The smallest walkers of Ped2 are 8×18 pixels here; at half this size their legs are gone.
VIEW = View((240, 320), "gray")
VERSION = 1

SAMPLES = 60  # frames that the background is learnt from, evenly spaced: more of them change it by less than the noise
BIN = 4  # gray levels; a background's own levels lie within three bins: Ped2's noise has a deviation of 0.5 to 3
CELL = 8  # pixels: the light is measured in cells of 8×8
LIGHT_CELLS = 15  # the light of a place is the median over 120 pixels: no object covers half of that

# Deviations, in standard deviations of the noise: a blob's pixels exceed WEAK, and enough of them STRONG.
WEAK, STRONG = 4.0, 8.0
LEAST_NOISE = 1.25  # gray levels: what JPEG adds where the picture is flat, and noise rounds to 0
SHAKE = 0.25  # of the range of the 3×3 neighbourhood: Ped2's camera moves by up to a quarter of a pixel
SHADOW = (0.5, 0.97)  # of the light that a shadow leaves
FLAT = 3.0  # a shadow changes the light evenly: to within this many standard deviations of the noise

LEAST_AREA, LEAST_STRONG = 24, 12  # pixels of a blob
# Pixels, down: people are upright. What is lower than OPEN goes, such as the rim of a shadow, which links walkers; gaps
# lower than CLOSE within a walker are filled, those between two walkers run the other way.
OPEN, CLOSE = 3, 5
UPRIGHT = 1.8  # height to width
FRAGMENTS = 300  # of a frame, the largest: what shatters into more is no picture of objects


@dataclass(frozen=True, eq=False)
class Background:
    """What a video shows where nothing moves, and how much that varies by itself.

    Parameters
    ----------
    level
        float32 (H, W) gray levels.
    noise
        float32 (H, W) their standard deviation over time.
    shake
        float32 (H, W) by how much a level changes when the camera moves by a fraction of a pixel.
    """

    level: Floats
    noise: Floats
    shake: Floats

    @classmethod
    def learn(cls, frames: NDArray[np.uint8]) -> Background:
        """Learn the background of a video from frames spread over all of it: uint8 (n, H, W).

        A pixel's background is the gray level that it shows most often, the fullest three bins of its histogram
        over time. In a crowd that is less than half of the time, where a median shows a mixture of passers-by. Who
        stands in one place for most of the video becomes background.
        """
        chosen = np.unique(np.linspace(0, len(frames) - 1, SAMPLES).round().astype(int))
        samples = [_smooth(frames[position]) for position in chosen]
        few = np.stack(samples[:: -(-len(samples) // 9)])
        usual = np.partition(few, len(few) // 2, axis=0)[len(few) // 2]
        samples = [np.minimum(sample / light(sample, usual), 255) for sample in samples]
        level, noise = _most_frequent(samples)
        around = np.ones((3, 3), np.uint8)
        shake = SHAKE * (cv2.dilate(level, around) - cv2.erode(level, around))
        return cls(level, np.maximum(noise, LEAST_NOISE), shake)


def _most_frequent(samples: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each pixel's levels in its fullest three bins: float32 (H, W) each."""
    shape = samples[0].shape
    columns = np.arange(samples[0].size)
    histogram = np.zeros((256 // BIN + 2, len(columns)), np.uint8)
    for sample in samples:
        histogram[(sample.ravel() * (1 / BIN)).astype(np.intp) + 1, columns] += 1
    votes = histogram[:-2] + histogram[1:-1] + histogram[2:]
    middle = ((votes.argmax(0) + 0.5) * BIN).astype(np.float32).reshape(shape)
    count, total, squares = (np.zeros(shape, np.float32) for _ in range(3))
    for sample in samples:
        apart = sample - middle
        near = np.abs(apart) <= 1.5 * BIN
        apart *= near
        count += near
        total += apart
        squares += apart * apart
    mean = total / np.maximum(count, 1)
    variance = np.maximum(squares / np.maximum(count, 1) - mean * mean, 0)
    return middle + mean, np.sqrt(cv2.blur(variance, (5, 5)))


def _smooth(frame: NDArray[np.uint8]) -> Floats:
    return np.asarray(cv2.GaussianBlur(frame, (3, 3), 0), np.float32)


def light(frame: Floats, level: Floats) -> Floats:
    """Return by which factor the light of ``frame`` differs from that of ``level``: float32 (H, W), 0.5 to 2.

    It varies slowly over the frame, as a cloud's shadow does: the median over 15×15 cells, in which no object is
    large enough to matter.
    """
    height, width = level.shape
    cells = max(1, width // CELL), max(1, height // CELL)
    bright, usual = (cv2.resize(each, cells, interpolation=cv2.INTER_AREA) + 4 for each in (frame, level))
    steps = np.clip(np.log2(bright / usual) * 127 + 128, 1, 255).astype(np.uint8)  # of half a percent
    smooth = cv2.blur(cv2.medianBlur(steps, LIGHT_CELLS).astype(np.float32), (5, 5))
    return np.asarray(cv2.resize(np.exp2((smooth - 128) / 127), (width, height)), np.float32)


@dataclass(frozen=True, eq=False)
class Deviation:
    """How a frame differs from the background.

    Parameters
    ----------
    signed
        float32 (H, W) gray levels.
    noise
        float32 (H, W) standard deviation of what differs by itself.
    weak, strong
        bool (H, W) pixels that differ by more than the noise, and by much more.
    """

    signed: Floats
    noise: Floats
    weak: Mask
    strong: Mask


def deviation(
    frame: NDArray[np.uint8], background: Background, movement: NDArray[np.uint8] | None
) -> Deviation:
    """Hold a frame against the background.

    Parameters
    ----------
    frame
        uint8 (H, W).
    background
        Of its video.
    movement
        uint8 (H, W) what :func:`moved` says; None without two neighbours.
    """
    seen = _smooth(frame)
    expected = background.level * light(seen, background.level)
    signed = seen - expected
    # Most of a frame is background: its median deviation is noise, and tells a noisy frame, or fog
    noise = np.maximum(background.noise, np.median(np.abs(signed[::4, ::4])) / 0.6745)
    excess = np.abs(signed) - background.shake
    weak, strong = excess > WEAK * noise, excess > STRONG * noise
    if movement is not None:
        # Not alone: between two passers-by the ground differs from both its neighbours in time
        moving = (movement > STRONG * noise + 2 * background.shake) & (excess > WEAK / 2 * noise)
        weak, strong = weak | moving, strong | moving
    lit = ~_in_shadow((seen + 4) / (expected + 4), noise / (expected + 4))
    return Deviation(signed, noise, weak & lit, strong & lit)


def _in_shadow(ratio: Floats, noise: Floats) -> Mask:
    """Return where the light is dimmed evenly over 3×3 pixels, so that the ground still shows its texture.

    Stricter than what a soft shadow needs, on purpose: grey clothes dim an even ground just as evenly, and only their
    folds and outlines tell them from it. Told by second differences, soft shadows went, and half of the walkers.
    """
    mean = cv2.blur(ratio, (3, 3))
    variance = cv2.blur(ratio * ratio, (3, 3)) - mean * mean
    return np.asarray((mean > SHADOW[0]) & (mean < SHADOW[1]) & (variance < (FLAT * noise) ** 2))


def moved(around: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return by how many gray levels a frame differs from both its neighbours in time: uint8 (H, W).

    Parameters
    ----------
    around
        uint8 (3, H, W), the frame in the middle; of fewer, at the end of a stretch, None is returned.
    """
    if len(around) < 3:
        return None
    before, now, after = around
    return np.asarray(cv2.min(cv2.absdiff(before, now), cv2.absdiff(now, after)), np.uint8)


def find_blobs(found: Deviation) -> NDArray[np.int64]:
    """Return the objects that a deviation shows: int64 (k, 4) left, top, right, bottom, exclusive at the end."""
    mask = cv2.morphologyEx(found.weak.astype(np.uint8), cv2.MORPH_OPEN, np.ones((OPEN, 1), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((CLOSE, 1), np.uint8))
    # 16 bits hold every label, and take a third of the time
    count, labels, table, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    strong = np.bincount(labels[found.strong], minlength=count)
    rows = np.flatnonzero(strong > 0)
    rows = rows[rows > 0]
    rows = rows[np.argsort(-table[rows, cv2.CC_STAT_AREA], kind="stable")][:FRAGMENTS]
    left, top, width, height, area = table[rows].T.astype(np.int64)
    corners = np.stack([left, top, left + width, top + height], 1)
    return _join(corners, area, strong[rows], found)


def _join(
    corners: NDArray[np.int64], area: NDArray[np.int64], strong: NDArray[np.int64], found: Deviation
) -> NDArray[np.int64]:
    """Join fragments of one object, and drop what is too small for one."""
    group = np.arange(len(corners))
    for upper, lower in _one_above_the_other(corners):
        if _is_bridged(corners[upper], corners[lower], found):
            group[group == group[lower]] = group[upper]
    _, group = np.unique(group, return_inverse=True)
    count = group.max(initial=-1) + 1
    objects = np.tile(np.array([VIEW.size[1], VIEW.size[0], 0, 0]), (count, 1))
    np.minimum.at(objects[:, :2], group, corners[:, :2])
    np.maximum.at(objects[:, 2:], group, corners[:, 2:])
    areas, strengths = (np.bincount(group, each, count) for each in (area, strong))
    return objects[(areas >= LEAST_AREA) & (strengths >= LEAST_STRONG)]


def _one_above_the_other(corners: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield pairs of fragments that could be head and legs: in one column, the gap no larger than either.

    What is upright and as wide as the other is a walker already, and the other one somebody behind.
    """
    left, top, right, bottom = corners.T
    width, height = right - left, bottom - top
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    smaller = np.minimum(height[:, None], height)
    gap = top - bottom[:, None]
    narrow, wide = np.minimum(width[:, None], width), np.maximum(width[:, None], width)
    whole = (height >= UPRIGHT * width)[:, None] & (2 * height > height[:, None]) & (narrow >= 0.7 * wide)
    near = (gap >= -smaller / 2) & (gap <= smaller)
    aligned = (shared >= 0.6 * narrow) & (narrow >= 0.3 * wide)
    for upper, lower in np.argwhere(near & aligned & ~whole & ~whole.T):
        yield int(upper), int(lower)


def _is_bridged(upper: NDArray[np.int64], lower: NDArray[np.int64], found: Deviation) -> bool:
    """Say whether the gap between two fragments differs from the background too, if only as a whole."""
    left, right = max(upper[0], lower[0]), min(upper[2], lower[2])
    between = slice(upper[3], max(upper[3] + 1, lower[1])), slice(left, right)
    if found.signed[between].size == 0:
        return True
    return bool(np.abs(found.signed[between]).mean() > 2 * found.noise[between].mean())


class Foreground:
    """The detector: a background model for each video, and the difference to the frames around.

    It reads the gray 240×320 view, not the full-size frames. It copes with changes of light, noise, and a camera
    that shakes a little. It cannot tell objects that overlap, nor somebody who never moves. Of a video of one frame
    it finds nothing.
    """

    key = f"foreground {VERSION}"
    full_size = False

    def views(self) -> tuple[View, ...]:
        """Return the one gray view."""
        return (VIEW,)

    def begin(self, video: Video) -> _Blobs:
        """Learn the background of ``video`` and return what finds the blobs of its frames."""
        return _Blobs(video)


class _Blobs:
    """Finds the blobs of one video's frames."""

    def __init__(self, video: Video) -> None:
        self.frames = video.frames(VIEW)
        self.background = Background.learn(self.frames)
        self.stretch = {position: stretch for stretch in video.stretches() for position in range(*stretch)}

    def __call__(self, positions: Sequence[int], frames: Sequence[NDArray[np.uint8]]) -> list[Boxes]:
        return [self._find(position, frame.shape) for position, frame in zip(positions, frames, strict=True)]

    def _find(self, position: int, full_size: tuple[Any, ...]) -> Boxes:
        frame = np.asarray(self.frames[position])
        start, stop = self.stretch[position]
        around = self.frames[max(start, position - 1) : min(stop, position + 2)]
        blobs = find_blobs(deviation(frame, self.background, moved(around)))
        scale = np.array([full_size[1] / VIEW.size[1], full_size[0] / VIEW.size[0]])
        return Boxes.of(blobs * np.tile(scale, 2))
