"""The objects of a video: where they are, how large, how they move, and how long something has been there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import Video
from pixelkit.models.foreground import VERSION as BLOBS
from pixelkit.models.foreground import VIEW, Background, Deviation, deviation, find_blobs, moved
from pixelkit.models.objects.pieces import pieces
from pixelkit.models.objects.stature import stature

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

VERSION = 5
SAMPLES = 30  # frames in which it is looked how tall people are: some 300 blobs
MEMORY = 50.0  # frames after which what has left a place counts 1/e there: two seconds at 25 frames/s


@dataclass(frozen=True, eq=False)
class Objects:
    """What moves in a video, or does not belong to its background; rows are objects in frames, in order of the frames.

    Parameters
    ----------
    position
        int64 (k,) of the frame in the video.
    corners
        float32 (k, 4) left, top, right, bottom in pixels of the 240×320 view; right and bottom exclusive. Of what was
        taken out of a crowd the box reaches down to where it stands.
    area
        float32 (k,) pixels of the object itself, 1 or more.
    speed
        float32 (k,) mean length of the optical flow over these pixels, in pixels a frame.
    velocity
        float32 (k, 2) mean optical flow, right and down, in pixels a frame.
    dwell
        float32 (k,) part of the last two seconds or so in which the box was not background, 0 to 1.
    stature
        float32 (k,) how tall somebody is who stands where the box ends, in pixels; 0 where nobody was seen.
    """

    position: NDArray[np.int64]
    corners: Floats
    area: Floats
    speed: Floats
    velocity: Floats
    dwell: Floats
    stature: Floats

    def __len__(self) -> int:
        return len(self.position)

    def take(self, chosen: NDArray[Any] | slice) -> Objects:
        """Return the chosen rows: by a mask, by rows in order, or by a slice."""
        return Objects(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def join(cls, parts: list[Objects]) -> Objects:
        """Return the rows of all parts, in order."""
        return cls(
            *(np.concatenate(columns) for columns in zip(*map(_columns, [_NONE, *parts]), strict=True))
        )


def _columns(objects: Objects) -> tuple[NDArray[Any], ...]:
    return tuple(getattr(objects, field.name) for field in fields(objects))


_NONE = Objects(
    np.empty(0, np.int64),
    np.empty((0, 4), np.float32),
    np.empty(0, np.float32),
    np.empty(0, np.float32),
    np.empty((0, 2), np.float32),
    np.empty(0, np.float32),
    np.empty(0, np.float32),
)


def observe(video: Video) -> Objects:
    """Return the objects of ``video``, found or remembered: the optical flow is computed once for each frame.

    Objects are the blobs of :class:`~pixelkit.models.foreground.Foreground`, which
    :func:`~pixelkit.models.objects.pieces.pieces` takes apart; the flow is DIS (Kroeger et al., Fast Optical Flow using
    Dense Inverse Search, ECCV 2016) to the next frame, divided by how many frames really lie between, and does not
    cross a long gap. Of a video of one frame there are none.
    """
    name = f"objects {VERSION}, blobs {BLOBS}"
    kept = video.recall(name)
    if kept is None:
        objects = Objects.join(list(_watch(video)))
        kept = {field.name: getattr(objects, field.name) for field in fields(objects)}
        video.keep(name, kept)
    return Objects(**kept)


def _watch(video: Video) -> Iterator[Objects]:
    """Yield the objects of each frame."""
    frames = video.frames(VIEW)
    background = Background.learn(frames)
    tall = _stature(video, frames, background)
    for start, stop in video.stretches():
        flow: Floats = np.zeros((*VIEW.size, 2), np.float32)
        present: Floats = np.zeros(VIEW.size, np.float32)
        for position in range(start, stop):
            found = _deviation(frames, background, position, (start, stop))
            if position + 1 < stop:
                gap = int(video.numbers[position + 1] - video.numbers[position])
                flow = optical_flow(frames[position], frames[position + 1]) / np.float32(gap)
            since = int(video.numbers[position] - video.numbers[position - 1]) if position > start else 1
            kept = float(np.exp(-since / MEMORY))
            present = np.asarray(present * kept + found.weak * (1 - kept), np.float32)
            yield _measure(position, find_blobs(found), found.weak, flow, present, tall)


def _stature(video: Video, frames: NDArray[np.uint8], background: Background) -> Floats:
    """Return how tall people are at each row, from frames spread over the video."""
    stretch = {position: ends for ends in video.stretches() for position in range(*ends)}
    chosen = np.unique(np.linspace(0, len(frames) - 1, SAMPLES).round().astype(int)).tolist()
    blobs = [find_blobs(_deviation(frames, background, each, stretch[each])) for each in chosen]
    return stature(np.concatenate(blobs), VIEW.size[0])


def _deviation(
    frames: NDArray[np.uint8], background: Background, position: int, stretch: tuple[int, int]
) -> Deviation:
    start, stop = stretch
    neighbours = frames[max(start, position - 1) : min(stop, position + 2)]
    return deviation(frames[position], background, moved(neighbours))


def optical_flow(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Floats:
    """Return by how much each pixel of ``first`` moves until ``second``: float32 (H, W, 2), right and down."""
    # The preset decides between 1.5 and 7.6 ms a frame on one core; slower is smoother at the edges of objects
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = np.zeros((*first.shape, 2), np.float32)
    return np.asarray(method.calc(first, second, flow), np.float32)


def _measure(
    position: int, blobs: NDArray[np.int64], mask: Mask, flow: Floats, present: Floats, tall: Floats
) -> Objects:
    """Return the objects of one frame."""
    length = np.asarray(cv2.magnitude(flow[..., 0], flow[..., 1]), np.float32)
    rows = []
    for left, top, right, bottom in blobs.tolist():
        blob = slice(top, bottom), slice(left, right)
        for piece in pieces(mask[blob], length[blob], tall[top:bottom]):
            corners = left + piece.left, top + piece.top, left + piece.right, top + piece.bottom
            stays = present[corners[1] : corners[3], corners[0] : corners[2]].mean()
            area = max(1, int(np.count_nonzero(piece.mask)))
            speed = length[blob][piece.mask].sum() / area
            velocity = flow[blob][piece.mask].sum(0) / area
            rows.append((*corners, area, speed, *velocity, stays, tall[corners[3] - 1]))
    table = np.nan_to_num(np.array(rows, np.float32).reshape(-1, 10), posinf=0)
    where = np.full(len(table), position, np.int64)
    return Objects(where, table[:, :4], table[:, 4], table[:, 5], table[:, 6:8], table[:, 8], table[:, 9])
