"""A video with its repairs: flipped frames turned, noisy ones treated, in every view and at full size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.files import atomic
from pixelkit.frames import kept
from pixelkit.frames.cache import is_whole, seal
from pixelkit.frames.denoise import REACH, Frame, Treatment, treat
from pixelkit.frames.video import View

if TYPE_CHECKING:
    from pixelkit.frames.decode import DecodedVideo

# Part of the name of every repaired map: raise it when a treatment gives other pixels than before.
FORMAT = 1


@dataclass(frozen=True)
class Repairs:
    """What is done to the frames of one video, by position.

    Parameters
    ----------
    flipped
        Positions of the frames that are upside down.
    noisy
        For each noisy position the positions of its nearest clean frames, nearest first.
    treatment
        What is done to noisy frames.
    """

    flipped: frozenset[int]
    noisy: Mapping[int, tuple[int, ...]]
    treatment: Treatment = "median"

    def __bool__(self) -> bool:
        return bool(self.flipped or self.noisy)

    def digest(self) -> str:
        """Return 16 hexadecimal digits that stand for these repairs."""
        facts = (FORMAT, sorted(self.flipped), sorted(self.noisy.items()), self.noisy and self.treatment)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def apply(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the repaired frames of ``frames``, at any size; about ten are held at a time.

        Flips come first, so that a noisy frame and the clean ones that help it are the same way up.
        """
        upright: dict[int, Frame] = {}
        done = 0
        for position, frame in enumerate(frames):
            upright[position] = self._upright(position, frame)
            while done <= position and max((done, *self.noisy.get(done, ()))) <= position:
                yield self._treated(done, upright)
                upright.pop(done - REACH, None)
                done += 1

    def needs(self, position: int) -> tuple[int, ...]:
        """Return the positions of the frames that it takes to repair the one at ``position``, itself first."""
        return position, *self.noisy.get(position, ())

    def repair(self, position: int, frames: Mapping[int, Frame]) -> Frame:
        """Return one repaired frame; ``frames`` holds, as they lie on disk, those that it needs, by position."""
        upright = {other: self._upright(other, frames[other]) for other in self.needs(position)}
        return self._treated(position, upright)

    def _upright(self, position: int, frame: Frame) -> Frame:
        return np.asarray(cv2.flip(frame, 0), np.uint8) if position in self.flipped else frame

    def _treated(self, position: int, upright: Mapping[int, Frame]) -> Frame:
        if position not in self.noisy:
            return upright[position]
        neighbours = [upright[other] for other in self.noisy[position]]
        return treat(upright[position], neighbours, self.treatment)


@dataclass(frozen=True, eq=False)
class RepairedFrames:
    """The frames of a decoded video after its repairs. It can be pickled; it holds no pixels.

    Parameters
    ----------
    decoded
        The frames as they lie on disk.
    repairs
        What is done to them.
    """

    decoded: DecodedVideo
    repairs: Repairs

    def view(self, view: View) -> NDArray[np.uint8]:
        """Return all repaired frames in ``view``: uint8 (n, H, W) or (n, H, W, 3), read-only, mapped.

        The map is made once, beside that of the raw frames, and streamed to disk. Two processes that make it at the
        same time write the same bytes under temporary names.

        Raises
        ------
        KeyError
            If this view was not asked for when the video was decoded.
        StorageError
            If the map cannot be written.
        """
        path = self.decoded.folder / f"{view}-repaired-{self.repairs.digest()}.npy"
        if not is_whole(path):
            self._write(path, self.decoded.view(view))
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))

    def _write(self, path: Path, raw: NDArray[np.uint8]) -> None:
        # Written, not mapped: the pages of a map count as this process's memory.
        with atomic(path) as temporary, temporary.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": raw.shape}
            np.lib.format.write_array_header_1_0(file, header)
            for frame in self.repairs.apply(raw):
                file.write(np.ascontiguousarray(frame).data)
        seal(path)

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        """Yield every repaired frame at full size: uint8 (H, W, 3), RGB. Noise is treated at full size too.

        On Ped2 the median brings a noisy frame from 12.8 gray levels off the true one to 1.5; one frame differs from
        the next by 2.
        """
        return self.repairs.apply(self.decoded.stream())

    def recall(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what was kept under ``name`` for these frames with these repairs, or None."""
        return kept.recall(self.decoded.folder, self._kept_name(name))

    def keep(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep ``arrays`` beside the decoded frames, for these repairs."""
        kept.keep(self.decoded.folder, self._kept_name(name), arrays)

    def _kept_name(self, name: str) -> str:
        return f"{self.repairs.digest()} {name}"
