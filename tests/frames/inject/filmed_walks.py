"""Small videos of people who walk, the takes that are planned for them, and what is on disk then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.corrupt import JPEG_QUALITY, Corruption
from pixelkit.frames.inject import Take, plan_takes
from pixelkit.frames.video import ArraySource, Video

Frame = NDArray[np.uint8]
NONE = Corruption(flips=0, noise=0, missing=0)


def scenery(height: int = 72, width: int = 128, seed: int = 0) -> Frame:
    """A light, textured ground: uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(120, 200, (height // 12 + 1, width // 12 + 1, 3))
    return np.asarray(
        cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255), np.uint8
    )


def walker(frame: Frame, x: float, foot: int, colour: tuple[int, int, int] = (40, 30, 60)) -> Frame:
    """Draw somebody 20 pixels high whose feet are at ``foot``, at a fraction of a pixel."""
    drawn = frame.copy()
    middle = (round(16 * x), round(16 * (foot - 10)))
    cv2.ellipse(drawn, middle, (16 * 4, 16 * 10), 0, 0, 360, colour, -1, cv2.LINE_AA, 4)
    return drawn


def walk(frames: int = 60, seed: int = 0, people: int = 2) -> Frame:
    """People who walk to the right over a ground, a lane and a colour for each: uint8 (frames, 72, 128, 3)."""
    rng = np.random.default_rng(seed)
    ground, video = scenery(seed=seed), []
    starts = rng.uniform(-20, 60, people)
    for number in range(frames):
        frame = ground
        for person, start in enumerate(starts):
            frame = walker(frame, start + 1.5 * number, 26 + 38 * person, (30 + 50 * person, 40, 50))
        video.append(frame)
    return np.stack(video)


def videos(count: int = 2, frames: int = 60) -> list[Video]:
    return [Video(f"{n:02d}", range(frames), ArraySource(walk(frames, seed=n))) for n in range(1, count + 1)]


def planned(sources: Sequence[Video], per_family: int = 1, seed: int = 0, frames: int = 40) -> list[Take]:
    lengths = {source.name: len(source) for source in sources}
    return plan_takes(lengths, per_family=per_family, frames=frames, seed=seed)


def pixels(file: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(file))[..., ::-1])


def encoded(frame: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].data)


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
