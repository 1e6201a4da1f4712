"""Small videos that a small network learns in a second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pixelkit import Video, View
from pixelkit.frames.video import KeptInMemory

VIEW = View((32, 32), "gray")


class GrayFrames(KeptInMemory):
    """Gray frames in memory; it can stop like Ctrl-C when it is read for the n-th time."""

    def __init__(self, frames: NDArray[np.uint8], stop_at: int = 0) -> None:
        self.frames = frames
        self.left = stop_at

    def view(self, view: View) -> NDArray[np.uint8]:
        assert view == VIEW
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.frames

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        raise NotImplementedError


def walker(frames: int, seed: int, *, stop_at: int = 0, numbers: Sequence[int] | None = None) -> Video:
    """A bright square that walks one pixel a frame over a textured floor."""
    floor = np.random.default_rng(7).integers(60, 120, VIEW.size)
    pixels = np.tile(floor, (frames, 1, 1)).astype(np.uint8)
    for position in range(frames):
        x = (position + 11 * seed) % 26
        pixels[position, 12:20, x : x + 6] = 220
    pixels.flags.writeable = False
    return Video(f"{seed:02d}", numbers or range(frames), GrayFrames(pixels, stop_at))


def walkers() -> list[Video]:
    """Three training videos."""
    return [walker(40, seed) for seed in range(3)]
