"""A video as a scorer sees it: repaired frames in the views that it asked for, and the clips through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Colour = Literal["gray", "rgb"]

# Missing frames that a clip may span. On PixelPlay '26 single frames are missing inside 13 of 21 videos; they
# should not cut a clip, while the jumps of a hundred frames and more must.
MAX_GAP = 4


@dataclass(frozen=True, order=True)
class View:
    """What a scorer wants to see of each frame.

    Parameters
    ----------
    size
        ``(height, width)`` in pixels. Frames are resized by area averaging, without keeping their aspect.
    colour
        ``"gray"`` for frames of shape (H, W), ``"rgb"`` for (H, W, 3).
    """

    size: tuple[int, int]
    colour: Colour = "gray"

    def __post_init__(self) -> None:
        if len(self.size) != 2 or any(side < 1 for side in self.size):
            raise ValueError(f"View size must be (height, width), both at least 1: got {self.size}")
        if self.colour not in ("gray", "rgb"):
            raise ValueError(f"View colour must be 'gray' or 'rgb': got {self.colour!r}")

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]}-{self.colour}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one frame: (H, W) for gray, (H, W, 3) for rgb."""
        return self.size if self.colour == "gray" else (*self.size, 3)


class FrameSource(Protocol):
    """Where a video's frames come from. It must survive pickling into another process."""

    def view(self, view: View) -> NDArray[np.uint8]:
        """Return all frames in ``view``: uint8 (n, H, W) or (n, H, W, 3), read-only, mapped and not loaded."""
        ...

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        """Yield every frame at full size: uint8 (H, W, 3), RGB."""
        ...

    def recall(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what was kept under ``name`` for exactly these pixels, or None."""
        ...

    def keep(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep ``arrays`` for as long as these pixels stay the same."""
        ...


class Video:
    """An ordered list of repaired frames with the frame numbers of their files.

    Parameters
    ----------
    name
        The name of the video's folder or file, as on disk: ``"01"``.
    numbers
        (n,) frame numbers, strictly increasing, as in the file names. They may start anywhere and have gaps.
    source
        Gives the frames.
    max_gap
        A gap of more than this many missing frames breaks a clip, and smoothing does not cross it.

    Raises
    ------
    ValueError
        If ``numbers`` is not one-dimensional and strictly increasing.
    """

    def __init__(
        self,
        name: str,
        numbers: Sequence[int] | NDArray[np.int64],
        source: FrameSource,
        *,
        max_gap: int = MAX_GAP,
    ) -> None:
        self.name = name
        self.numbers: NDArray[np.int64] = np.array(numbers, dtype=np.int64)
        self.numbers.flags.writeable = False
        self.max_gap = max_gap
        self._source = source
        if self.numbers.ndim != 1 or np.any(np.diff(self.numbers) <= 0):
            raise ValueError(f"video {name!r}: frame numbers must be one-dimensional and strictly increasing")

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        return f"<Video {self.name!r}, {len(self)} frames>"

    def frames(self, view: View) -> NDArray[np.uint8]:
        """Return every frame in ``view``: uint8 (n, H, W) for gray, (n, H, W, 3) for rgb, 0 to 255.

        The array is read-only and mapped: nothing is loaded before it is touched. Let go of it when you are done
        with this video, and memory does not grow with the length of the data set.

        Raises
        ------
        KeyError
            If the scorer did not name this view in ``views()``.
        """
        return self._source.view(view)

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        """Yield every frame at full size, one after another: uint8 (H, W, 3), RGB, repaired."""
        return self._source.stream()

    def recall(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what :meth:`keep` was given under ``name`` for exactly these pixels, repaired as they are; or None.

        Parameters
        ----------
        name
            Says everything but the pixels that the arrays depend on: the method, its settings and version, its
            weights. Scorers share one space of names.
        """
        return self._source.recall(name)

    def keep(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep what was computed from this video's pixels, beside its decoded frames, for later runs.

        Parameters
        ----------
        name
            As for :meth:`recall`; what had this name before is replaced.
        arrays
            Arrays of numbers, by any names. They may be empty.

        Raises
        ------
        StorageError
            If they cannot be written.
        """
        self._source.keep(name, arrays)

    def stretches(self) -> list[tuple[int, int]]:
        """Return the runs of frames without a long gap, as ``(start, stop)`` positions that cover the video."""
        return split_at_gaps(self.numbers, self.max_gap)

    def clips(self, length: int, stride: int = 1) -> NDArray[np.int64]:
        """Return the positions of all clips of ``length`` frames, ``stride`` apart: int64 (k, length).

        A clip never crosses a long gap. Every position is in at least one clip: the last clip of a stretch is
        anchored at its end, and a stretch shorter than a clip is padded by repeating its last frame.

        Raises
        ------
        ValueError
            If ``length`` or ``stride`` is below 1, or ``stride`` is above ``length`` (frames would be left out).
        """
        if not 1 <= stride <= length:
            raise ValueError(f"clips need 1 <= stride <= length: got stride {stride}, length {length}")
        starts: list[NDArray[np.int64]] = []
        for start, stop in self.stretches():
            last = max(start, stop - length)
            firsts = np.unique(np.append(np.arange(start, last + 1, stride), last))
            starts.append(np.minimum(firsts[:, None] + np.arange(length), stop - 1))
        return np.concatenate(starts) if starts else np.empty((0, length), np.int64)


def split_at_gaps(numbers: NDArray[np.int64], max_gap: int = MAX_GAP) -> list[tuple[int, int]]:
    """Return ``(start, stop)`` positions of the stretches between gaps of more than ``max_gap`` missing frames."""
    if len(numbers) == 0:
        return []
    cuts = np.flatnonzero(np.diff(numbers) > max_gap + 1) + 1
    edges = [0, *cuts.tolist(), len(numbers)]
    return list(pairwise(edges))


class KeptInMemory:
    """What a source of frames in memory keeps: lost with it."""

    def recall(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return copies of what was kept under ``name``, or None."""
        arrays = self._kept.get(name)
        return None if arrays is None else {key: array.copy() for key, array in arrays.items()}

    def keep(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep copies of ``arrays``."""
        self._kept[name] = {key: array.copy() for key, array in arrays.items()}

    @cached_property
    def _kept(self) -> dict[str, dict[str, NDArray[Any]]]:
        return {}


class ArraySource(KeptInMemory):
    """Frames that are in memory already: for tests, notebooks and the conformance checks.

    Parameters
    ----------
    frames
        uint8 (n, H, W, 3), RGB.
    """

    def __init__(self, frames: NDArray[np.uint8]) -> None:
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
            raise ValueError(f"frames must be uint8 (n, H, W, 3): got {frames.dtype} {frames.shape}")
        self._frames = frames

    def view(self, view: View) -> NDArray[np.uint8]:
        """Return all frames in ``view``, read-only."""
        frames = np.empty((len(self._frames), *view.shape), np.uint8)
        for position, frame in enumerate(self._frames):
            frames[position] = render(frame, view)
        frames.flags.writeable = False
        return frames

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        """Yield a copy of every frame."""
        for frame in self._frames:
            yield frame.copy()


def render(frame: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """Return one full-size frame, (H, W) gray or (H, W, 3) RGB, as ``view`` shows it."""
    import cv2

    height, width = view.size
    shown: NDArray[Any] = frame
    if frame.shape[:2] != view.size:
        shown = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    if view.colour == "gray" and frame.ndim == 3:
        shown = cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY)
    elif view.colour == "rgb" and frame.ndim == 2:
        shown = cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB)
    return shown
