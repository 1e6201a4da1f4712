"""Videos of bright squares over a textured ground, whose ways are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pixelkit import Video
from pixelkit.frames.video import ArraySource, KeptInMemory
from pixelkit.models.foreground import VIEW

HEIGHT, WIDTH = VIEW.size
Way = Sequence[tuple[float, float] | None]
"""Left and top of a square in each frame, None where it is not there."""


class GraySource(KeptInMemory):
    """Gray frames of the detector's view, in memory; it counts how often they are asked for."""

    def __init__(self, frames: NDArray[np.uint8]) -> None:
        self.frames = frames
        self.asked = 0

    def view(self, view: object) -> NDArray[np.uint8]:
        assert view == VIEW
        self.asked += 1
        return self.frames

    stream = ArraySource.stream


def draw(
    *ways: Way,
    frames: int,
    numbers: Sequence[int] | None = None,
    size: tuple[int, int] = (14, 34),
    name: str = "01",
) -> Video:
    """Return a video in which a textured object of ``size`` (width, height) goes each way."""
    rng = np.random.default_rng(5)
    ground = rng.integers(70, 110, (HEIGHT, WIDTH)).astype(np.float32)
    looks = rng.integers(170, 250, (size[1], size[0]))
    pixels = np.repeat(ground[None], frames, axis=0) + rng.normal(0, 1, (frames, HEIGHT, WIDTH))
    for way in ways:
        for position, place in enumerate(way):
            if place is not None:
                _paint(pixels[position], looks, *(round(each) for each in place))
    drawn = pixels.clip(0, 255).astype(np.uint8)
    drawn.flags.writeable = False
    return Video(name, range(frames) if numbers is None else numbers, GraySource(drawn))


def _paint(frame: NDArray[np.floating], looks: NDArray[np.integer], left: int, top: int) -> None:
    """Paint as much of an object as lies in the frame."""
    height, width = looks.shape
    rows = slice(max(0, -top), max(0, min(height, HEIGHT - top)))
    columns = slice(max(0, -left), max(0, min(width, WIDTH - left)))
    seen = looks[rows, columns]
    frame[max(0, top) :, max(0, left) :][: seen.shape[0], : seen.shape[1]] = seen


def straight(left: float, top: float, right: float, down: float, frames: int) -> list[tuple[float, float]]:
    """Return the way of something that moves by ``right`` and ``down`` pixels a frame."""
    return [(left + right * each, top + down * each) for each in range(frames)]
