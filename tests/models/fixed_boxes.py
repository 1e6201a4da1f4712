"""A detector that finds what it is told, and says how often it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit import Video, View
from pixelkit.frames.video import ArraySource
from pixelkit.models.boxes import Boxes


class FixedBoxes:
    """By position, left, top, right and bottom of each box; elsewhere nothing."""

    def __init__(self, boxes: Mapping[int, Sequence[Sequence[float]]]) -> None:
        self.boxes = boxes
        self.key = f"fixed {boxes}"
        self.asked: list[list[int]] = []

    full_size = True

    def views(self) -> tuple[View, ...]:
        return ()

    def begin(self, _video: Video) -> Any:
        def find(positions: Sequence[int], frames: Sequence[NDArray[np.uint8]]) -> list[Boxes]:
            assert len(positions) == len(frames)
            self.asked.append(list(positions))
            return [Boxes.of(self.boxes.get(position, [])) for position in positions]

        return find


class Counted(ArraySource):
    """Frames in memory that count how often they are decoded."""

    def __init__(self, frames: NDArray[np.uint8]) -> None:
        super().__init__(frames)
        self.decoded = 0

    def stream(self) -> Any:
        for frame in super().stream():
            self.decoded += 1
            yield frame


def textured(frames: int, *, seed: int = 0, size: tuple[int, int] = (48, 72)) -> NDArray[np.uint8]:
    """Frames of drawn texture, each a little different from the one before."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (frames, size[0] // 8, size[1] // 8, 3))
    drift = np.cumsum(coarse - 128, 0) // 8 + 128
    return np.kron(drift, np.ones((1, 8, 8, 1))).clip(0, 255).astype(np.uint8)


def video_of(frames: NDArray[np.uint8], name: str = "01", numbers: Sequence[int] | None = None) -> Video:
    """A video that counts how often its frames are decoded, in ``video._source.decoded``."""
    return Video(name, range(len(frames)) if numbers is None else numbers, Counted(frames))
