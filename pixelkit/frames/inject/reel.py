"""What injection keeps of a held-out video while it is streamed once: the stretches that takes need, on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import DataError
from pixelkit.frames.video import split_at_gaps

Frame = NDArray[np.uint8]

# Objects are looked for at this height: Ped2's smallest walkers are 8×18 pixels there, and it costs 2 ms a frame.
SMALL = 240
SAMPLES = 48  # frames that the background is learnt from; twice as many change it by less than the noise
STILLS = 4  # whole pictures kept in memory, from which foreign textures are cut


class Source(Protocol):
    """A held-out training video: both ``DecodedVideo`` and ``Video`` are one."""

    @property
    def name(self) -> str:
        """Its name, as on disk."""
        ...

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(n,) frame numbers, strictly increasing."""
        ...

    def __len__(self) -> int: ...

    def stream(self) -> Iterator[Frame]:
        """Yield every frame at full size: uint8 (H, W, 3), RGB."""
        ...


@dataclass(frozen=True, eq=False)
class Reel:
    """What was kept of one source.

    Parameters
    ----------
    name
        The source's name.
    numbers
        int64 (n,) the frame numbers of the source.
    path
        Holds the kept frames, uncompressed, one after another.
    rows
        int64 (n,) the place of each frame in the file, -1 for one that was not kept.
    shape
        (H, W, 3).
    stills
        A few whole frames from all over the source.
    samples
        uint8 (k, h, w, 3) frames from all over the source, at most ``SMALL`` pixels high.
    gray
        Whether the three channels of all these are the same.
    """

    name: str
    numbers: NDArray[np.int64]
    path: Path
    rows: NDArray[np.int64]
    shape: tuple[int, int, int]
    stills: tuple[Frame, ...]
    samples: NDArray[np.uint8]
    gray: bool

    @property
    def scale(self) -> float:
        """Full-size pixels to one pixel of ``samples``, at least 1."""
        return self.shape[0] / int(self.samples.shape[1])

    def holds(self, position: int) -> bool:
        """Return whether the frame at this position was kept."""
        return 0 <= position < len(self.rows) and self.rows[position] >= 0

    def frame(self, position: int) -> Frame:
        """Return a copy of a kept frame: uint8 (H, W, 3), RGB."""
        return self.lines(position, 0, self.shape[0])

    def lines(self, position: int, top: int, bottom: int) -> Frame:
        """Return lines ``top`` to ``bottom`` of a kept frame: uint8 (bottom - top, W, 3)."""
        height, width, channels = self.shape
        line = width * channels
        # Read, not mapped: the pages of a map count as this process's memory.
        start = (int(self.rows[position]) * height + top) * line
        pixels = np.fromfile(self.path, np.uint8, (bottom - top) * line, offset=start)
        return pixels.reshape(bottom - top, width, channels)

    def stretches(self) -> list[tuple[int, int]]:
        """Return the runs of positions that were kept, as (start, stop), in order."""
        kept = np.flatnonzero(self.rows >= 0)
        return [(int(kept[start]), int(kept[stop - 1]) + 1) for start, stop in split_at_gaps(kept, 0)]

    def remove(self) -> None:
        """Delete the kept frames."""
        self.path.unlink(missing_ok=True)


def record(source: Source, positions: Iterable[int], path: Path) -> Reel:
    """Stream a source once and keep the frames at ``positions``, as far as there are such, in the file ``path``.

    Raises
    ------
    DataError
        If it gives fewer frames than it has.
    """
    count = len(source)
    wanted = {position for position in positions if position < count}
    stills = set(np.linspace(0, count - 1, STILLS + 2).astype(int)[1:-1].tolist())
    samples = set(np.linspace(0, count - 1, SAMPLES).round().astype(int).tolist())
    recorder = _Recorder(count)
    with path.open("wb") as file:
        for position, frame in enumerate(source.stream()):
            recorder.shape = frame.shape
            if position in wanted:
                recorder.rows[position] = recorder.kept
                recorder.kept += 1
                file.write(np.ascontiguousarray(frame).data)
            if position in stills:
                recorder.stills.append(frame.copy())
            if position in samples:
                recorder.samples.append(shrink(frame))
    if recorder.kept < len(wanted) or not recorder.samples:
        raise DataError(f"video {source.name}: fewer frames than before: run the same command again")
    return recorder.reel(source, path)


class _Recorder:
    """Collects what becomes a reel."""

    def __init__(self, count: int) -> None:
        self.rows = np.full(count, -1, np.int64)
        self.kept = 0
        self.shape: tuple[int, ...] = ()
        self.stills: list[Frame] = []
        self.samples: list[Frame] = []

    def reel(self, source: Source, path: Path) -> Reel:
        height, width, channels = self.shape
        samples = np.stack(self.samples)
        gray = is_gray(samples) and all(map(is_gray, self.stills))
        numbers = np.asarray(source.numbers, np.int64)
        stills = tuple(self.stills)
        return Reel(source.name, numbers, path, self.rows, (height, width, channels), stills, samples, gray)


def shrink(frame: Frame) -> Frame:
    """Return a full-size frame at the height at which objects are looked for."""
    height, width = frame.shape[:2]
    if height <= SMALL:
        return frame.copy()
    size = (max(1, round(width * SMALL / height)), SMALL)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def is_gray(frames: NDArray[np.uint8]) -> bool:
    """Return whether the three channels, the last axis, are the same."""
    return bool((frames[..., :1] == frames[..., 1:]).all())
