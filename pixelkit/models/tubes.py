"""Tubes: the same box cut out of every frame of a clip. Each frame is decoded once for all its boxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import Video
from pixelkit.models.boxes import Boxes, cut_outs
from pixelkit.models.detectors import Detector, keep_boxes, recall_boxes

Frame = NDArray[np.uint8]
WHOLE_FRAME = 0
# Detectors look at several frames at once, if those of their clips need no more memory than this: sixteen clips of ten
# frames at 640x360 take 105 MiB, two of them at 1920x1080 take 119.
DETECT_AT_ONCE, HELD_BYTES = 16, 128 * 2**20


@dataclass(frozen=True, eq=False)
class Tube:
    """One object, or the whole frame, in every frame of a clip.

    Parameters
    ----------
    video, clip
        Where it is from: the video, and the row of its table of clips.
    number
        ``WHOLE_FRAME`` (0), or which object of the clip it is, from 1.
    corners
        int32 (4,) left, top, right, bottom of what was cut out, in pixels of the frame; right and bottom exclusive.
    images
        uint8 (T, side, side, 3), RGB.
    """

    video: Video
    clip: int
    number: int
    corners: NDArray[np.int32]
    images: NDArray[np.uint8]


def tubes(
    video: Video,
    clips: NDArray[np.int64],
    detector: Detector,
    *,
    crop: int,
    frame: int,
    grow: tuple[float, float],
) -> Iterator[Tube]:
    """Yield, clip by clip, the tube of the whole frame and those of all objects on the clip's middle frame.

    Parameters
    ----------
    video
        Its frames are streamed: only those of a few clips are held.
    clips
        int64 (k, T) positions, rows and columns in rising order.
    detector
        Finds the objects, unless ``video`` still knows what it found.
    crop, frame
        Height and width to which objects and whole frames are resized, in pixels.
    grow
        How boxes are enlarged in x and in y, see :func:`~pixelkit.models.boxes.cut_outs`.
    """
    for clip, (frames, boxes) in enumerate(clips_with_boxes(video, clips, detector)):
        height, width = frames[0].shape[:2]
        corners = np.array([0, 0, width, height], np.int32)
        yield Tube(video, clip, WHOLE_FRAME, corners, _cut(frames, corners, frame))
        for number, corners in enumerate(cut_outs(boxes, (height, width), grow=grow)[0], start=1):
            yield Tube(video, clip, number, corners, _cut(frames, corners, crop))


def _cut(frames: list[Frame], corners: NDArray[np.int32], side: int) -> NDArray[np.uint8]:
    left, top, right, bottom = corners.tolist()
    images = np.empty((len(frames), side, side, 3), np.uint8)
    for image, frame in zip(images, frames, strict=True):
        cv2.resize(frame[top:bottom, left:right], (side, side), dst=image, interpolation=cv2.INTER_LINEAR)
    return images


def clips_with_boxes(
    video: Video, clips: NDArray[np.int64], detector: Detector
) -> Iterator[tuple[list[Frame], Boxes]]:
    """Yield the frames of each clip and the boxes on its middle frame, which are kept for the next time."""
    middle = clips.shape[1] // 2
    known = recall_boxes(video, detector, clips[:, middle])
    if known is not None:
        yield from zip(clip_frames(video, clips), known, strict=True)
        return
    finder = detector.begin(video)
    found: list[Boxes] = []
    for group in _groups(clip_frames(video, clips)):
        positions = clips[len(found) : len(found) + len(group), middle].tolist()
        boxes = finder(positions, [frames[middle] for frames in group])
        found += boxes
        for each in boxes:
            yield group.pop(0), each  # popped, so that a clip is let go before the next ones are held
    keep_boxes(video, detector, clips[:, middle], found)


def clip_frames(video: Video, clips: NDArray[np.int64]) -> Iterator[list[Frame]]:
    """Yield the full-size frames of each clip; a frame is let go when no further clip needs it."""
    held: dict[int, Frame] = {}
    waiting = clips.tolist()
    for position, frame in enumerate(video.stream()):
        held[position] = frame
        while waiting and waiting[0][-1] <= position:
            yield [held[at] for at in waiting.pop(0)]
        if not waiting:
            return
        for past in [at for at in held if at < waiting[0][0]]:
            del held[past]


def _groups(clips: Iterator[list[Frame]]) -> Iterator[list[list[Frame]]]:
    group: list[list[Frame]] = []
    for frames in clips:
        group.append(frames)
        size = len(frames) * frames[0].nbytes
        if len(group) == DETECT_AT_ONCE or (len(group) + 1) * size > HELD_BYTES:
            yield group
            group = []
    if group:
        yield group
