"""Detectors: what finds objects in frames, two together, boxes from elsewhere, and boxes that are known already."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import DataError, SettingsError, did_you_mean
from pixelkit.frames.ids import video_key
from pixelkit.frames.video import Video, View
from pixelkit.models.boxes import Boxes, from_arrays, read_boxes_csv, to_arrays, uncovered

log = logging.getLogger("pixelkit")

KINDS = ("auto", "yolo", "foreground")
AT_ONCE = 16  # full-size frames that detect() hands over together: 11 MB at 640×360


class Finder(Protocol):
    """Finds the boxes in some frames of one video."""

    def __call__(self, positions: Sequence[int], frames: Sequence[NDArray[np.uint8]]) -> list[Boxes]:
        """Return the boxes of each frame, in pixels of the frame.

        Parameters
        ----------
        positions
            Positions in the video, increasing, from call to call too.
        frames
            The full-size frames there: uint8 (H, W, 3), RGB. A detector that is not ``full_size`` looks at their
            shape only.
        """
        ...


class Detector(Protocol):
    """Finds objects in videos."""

    @property
    def key(self) -> str:
        """Everything besides the pixels that decides its boxes: settings, version, digest of its weights."""
        ...

    @property
    def full_size(self) -> bool:
        """Whether it looks at full-size frames; otherwise its views are enough."""
        ...

    def views(self) -> tuple[View, ...]:
        """Return the views that it reads through ``video.frames``."""
        ...

    def begin(self, video: Video) -> Finder:
        """Return what finds the boxes in the frames of ``video``."""
        ...


def make_detector(
    kind: str,
    *,
    confidence: float = 0.4,
    classes: Sequence[int] = (0,),
    weights: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> Detector:
    """Return a detector.

    Parameters
    ----------
    kind
        ``yolo``, ``foreground``, ``auto`` (the boxes of ``yolo``, and the foreground blobs that they do not cover),
        or the path of a ``.csv`` with boxes from elsewhere.
    confidence, classes
        What ``yolo`` reports: boxes of more than this confidence, of these COCO classes.
    weights
        The ``.pt`` file of ``yolo``.
    device, precision
        Where and how ``yolo`` runs; see :mod:`pixelkit.models.device`.

    Raises
    ------
    SettingsError
        If there is no such kind, or a setting is out of range.
    WeightsError
        If the weights cannot be used.
    DataError
        If the CSV cannot be read.
    """
    from pixelkit.models.foreground import Foreground

    if kind.lower().endswith(".csv"):
        return ImportedBoxes.read(Path(kind).expanduser())
    if kind == "foreground":
        return Foreground()
    if kind not in KINDS:
        raise SettingsError(
            f"detector {kind!r} is unknown{did_you_mean(kind, KINDS)}; or name a .csv with boxes"
        )
    if weights is None:
        raise SettingsError(f"detector {kind!r} needs a weight file: give weights, or use 'foreground'")
    from pixelkit.models.yolo import Yolo

    yolo = Yolo(weights, confidence=confidence, classes=tuple(classes), device=device, precision=precision)
    return yolo if kind == "yolo" else Both(yolo, Foreground())


@dataclass(frozen=True)
class Both:
    """The boxes of one detector, and those of another that it does not cover: a thrown bag is no person.

    Parameters
    ----------
    first
        All of its boxes are taken.
    second
        Its boxes are taken where those of the first cover less than half.
    """

    first: Detector
    second: Detector

    @property
    def key(self) -> str:
        """What decides the boxes of both."""
        return f"({self.first.key}) and uncovered ({self.second.key})"

    @property
    def full_size(self) -> bool:
        """Whether one of them looks at full-size frames."""
        return self.first.full_size or self.second.full_size

    def views(self) -> tuple[View, ...]:
        """Return the views of both."""
        return tuple(dict.fromkeys([*self.first.views(), *self.second.views()]))

    def begin(self, video: Video) -> Finder:
        """Begin with both."""
        first, second = self.first.begin(video), self.second.begin(video)

        def find(positions: Sequence[int], frames: Sequence[NDArray[np.uint8]]) -> list[Boxes]:
            pairs = zip(first(positions, frames), second(positions, frames), strict=True)
            return [Boxes.join([boxes, uncovered(blobs, boxes)]) for boxes, blobs in pairs]

        return find


@dataclass(frozen=True)
class ImportedBoxes:
    """Boxes that were found elsewhere.

    Parameters
    ----------
    path
        Where they were read.
    digest
        Of the file's bytes.
    found
        By video as it is called in an id, and by frame number.
    """

    path: Path
    digest: str
    found: dict[str, dict[int, Boxes]] = field(repr=False)
    full_size = False

    @classmethod
    def read(cls, path: Path) -> ImportedBoxes:
        """Read a CSV, see :func:`~pixelkit.models.boxes.read_boxes_csv`."""
        found = read_boxes_csv(path)
        return cls(path, blake2b(path.read_bytes(), digest_size=16).hexdigest(), found)

    @property
    def key(self) -> str:
        """The file's digest."""
        return f"boxes of {self.digest}"

    def views(self) -> tuple[View, ...]:
        """Return no views."""
        return ()

    def begin(self, video: Video) -> Finder:
        """Return what looks the boxes up.

        Raises
        ------
        DataError
            If the file has boxes for frames that ``video`` does not have: it is that of another data set.
        """
        found = self.found.get(video_key(video.name), {})
        if not found:
            log.warning("%s holds no boxes for video %r", self.path, video.name)
        strangers = sorted(set(found) - set(video.numbers.tolist()))
        if strangers:
            raise DataError(
                f"{self.path}: has boxes for frame {strangers[0]} of video {video.name!r}, which has no such frame: "
                f"expected frame numbers as in the file names"
            )

        def find(positions: Sequence[int], frames: Sequence[NDArray[np.uint8]]) -> list[Boxes]:  # noqa: ARG001
            return [found.get(int(video.numbers[position]), Boxes.none()) for position in positions]

        return find


def boxes_name(detector: Detector, positions: Sequence[int] | NDArray[np.int64]) -> str:
    """Return the name under which a video keeps the boxes of ``detector`` at ``positions``."""
    return f"boxes by {detector.key} at {np.asarray(positions).tolist()}"


def recall_boxes(
    video: Video, detector: Detector, positions: Sequence[int] | NDArray[np.int64]
) -> list[Boxes] | None:
    """Return the boxes of ``video`` at ``positions`` as they were found before, or None."""
    arrays = video.recall(boxes_name(detector, positions))
    return None if arrays is None else from_arrays(arrays)


def keep_boxes(
    video: Video,
    detector: Detector,
    positions: Sequence[int] | NDArray[np.int64],
    boxes: Sequence[Boxes],
) -> None:
    """Keep the boxes of ``video`` at ``positions`` for :func:`recall_boxes`."""
    video.keep(boxes_name(detector, positions), to_arrays(boxes))


def detect(
    video: Video, detector: Detector, positions: Sequence[int] | NDArray[np.int64] | None = None
) -> list[Boxes]:
    """Return the boxes of each position, found or remembered.

    The video is streamed only for a detector that looks at full-size frames, and only what is not known yet.

    Parameters
    ----------
    video
        Decoded for the detector's views.
    detector
        Finds the boxes.
    positions
        Increasing positions; all of the video when not given.
    """
    wanted = np.arange(len(video)) if positions is None else np.asarray(positions, np.int64)
    boxes = recall_boxes(video, detector, wanted)
    if boxes is None:
        finder = detector.begin(video)
        boxes = []
        for some, frames in _full_size(video, wanted) if detector.full_size else _sizes(video, wanted):
            boxes += finder(some, frames)
        keep_boxes(video, detector, wanted, boxes)
    return boxes


Frames = list[NDArray[np.uint8]]


def _full_size(video: Video, wanted: NDArray[np.int64]) -> Iterator[tuple[list[int], Frames]]:
    """Yield the wanted positions with their frames, a few at a time."""
    chosen = set(wanted.tolist())
    positions: list[int] = []
    frames: Frames = []
    for position, frame in enumerate(video.stream()):
        if position in chosen:
            positions.append(position)
            frames.append(frame)
        if len(frames) == AT_ONCE:
            yield positions, frames
            positions, frames = [], []
    if frames:
        yield positions, frames


def _sizes(video: Video, wanted: NDArray[np.int64]) -> Iterator[tuple[list[int], Frames]]:
    """Yield the wanted positions with an empty frame of the right size each: one frame is decoded."""
    empty = np.broadcast_to(np.uint8(0), next(video.stream()).shape)
    yield wanted.tolist(), [empty] * len(wanted)
