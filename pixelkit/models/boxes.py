"""Boxes around objects: what detectors find, how they are stored, read from a CSV, and cut out of a frame."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixelkit.errors import DataError
from pixelkit.frames.ids import video_key

FOREGROUND = -1
"""The label of a blob: something that a detector without classes found."""

CORNERS = ("left", "top", "right", "bottom")
CSV_COLUMNS = ("video", "frame", *CORNERS)


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of one frame.

    Parameters
    ----------
    corners
        float32 (k, 4): left, top, right, bottom in pixels of the full-size frame; right and bottom are exclusive.
        They may lie outside the frame, or be empty: :func:`cut_outs` drops those.
    confidence
        float32 (k,) in [0, 1].
    label
        int16 (k,) COCO class, 0 for a person; ``FOREGROUND`` (-1) for a blob.
    """

    corners: NDArray[np.float32]
    confidence: NDArray[np.float32]
    label: NDArray[np.int16]

    def __post_init__(self) -> None:
        count = len(self.label)
        if self.corners.shape != (count, 4) or self.confidence.shape != (count,):
            raise ValueError(
                f"boxes need corners (k, 4), confidence (k,) and label (k,): got {self.corners.shape}, "
                f"{self.confidence.shape} and {self.label.shape}"
            )

    def __len__(self) -> int:
        return len(self.label)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.integer[Any]] | slice) -> Boxes:
        """Return the chosen boxes: by a mask (k,), by rows in any order, or by a slice."""
        return Boxes(self.corners[chosen], self.confidence[chosen], self.label[chosen])

    @classmethod
    def of(cls, corners: ArrayLike, confidence: ArrayLike = 1.0, label: ArrayLike = FOREGROUND) -> Boxes:
        """Return boxes from anything that NumPy can read; one confidence or label goes for all of them."""
        rows = np.array(corners, np.float32).reshape(-1, 4)
        confidences, labels = np.empty(len(rows), np.float32), np.empty(len(rows), np.int16)
        confidences[:], labels[:] = confidence, label
        return cls(rows, confidences, labels)

    @classmethod
    def none(cls) -> Boxes:
        """Return no boxes."""
        return cls.of([])

    @classmethod
    def join(cls, parts: Sequence[Boxes]) -> Boxes:
        """Return the boxes of all parts, in order."""
        parts = [cls.none(), *parts]
        return cls(
            np.concatenate([part.corners for part in parts]),
            np.concatenate([part.confidence for part in parts]),
            np.concatenate([part.label for part in parts]),
        )


def to_arrays(frames: Sequence[Boxes]) -> dict[str, NDArray[Any]]:
    """Return the boxes of many frames as flat arrays, for ``Video.keep``."""
    every = Boxes.join(frames)
    counts = np.array([len(boxes) for boxes in frames], np.int64)
    return {
        "corners": every.corners,
        "confidence": every.confidence,
        "label": every.label,
        "counts": counts,
    }


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> list[Boxes]:
    """Return the boxes of each frame from what :func:`to_arrays` gave."""
    every = Boxes(arrays["corners"], arrays["confidence"], arrays["label"])
    ends = np.cumsum(arrays["counts"]).tolist()
    return [every.take(slice(start, end)) for start, end in zip([0, *ends], ends, strict=False)]


def cut_outs(
    boxes: Boxes, frame_size: tuple[int, int], *, grow: tuple[float, float] = (1.0, 1.0), square: bool = True
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Return the whole pixels to cut out of a frame for each box, and which boxes these are.

    As in the code of VideoPatchCore (Ahn et al., ACCV 2024): every side moves outwards by (factor − 1) × size, so
    that a factor of 1.5 doubles the box; then the short side grows to a square, centred; then the frame cuts it, and
    fractions are dropped. A box at the border is therefore no longer square.

    Parameters
    ----------
    boxes
        k boxes of one frame.
    frame_size
        Its ``(height, width)`` in pixels.
    grow
        Factors in x and in y.
    square
        Extend the short side to the length of the long one.

    Returns
    -------
    corners
        int32 (m, 4) left, top, right, bottom; right and bottom exclusive; none is empty, all lie in the frame.
    kept
        intp (m,) rows of ``boxes``: those outside the frame, without a whole pixel, or not finite are left out.
    """
    height, width = frame_size
    left, top, right, bottom = boxes.corners.T
    across, down = (grow[0] - 1) * (right - left), (grow[1] - 1) * (bottom - top)
    left, right, top, bottom = left - across, right + across, top - down, bottom + down
    if square:
        across, down = right - left, bottom - top
        wider, taller = np.maximum(down - across, 0) / 2, np.maximum(across - down, 0) / 2
        left, right, top, bottom = left - wider, right + wider, top - taller, bottom + taller
    corners = np.stack(
        [np.maximum(left, 0), np.maximum(top, 0), np.minimum(right, width), np.minimum(bottom, height)], 1
    )
    corners = np.trunc(corners)
    # A comparison with NaN is false, so that what is not finite goes with what is empty.
    kept = np.flatnonzero((corners[:, 0] < corners[:, 2]) & (corners[:, 1] < corners[:, 3]))
    return corners[kept].astype(np.int32), kept


def uncovered(blobs: Boxes, boxes: Boxes) -> Boxes:
    """Return the blobs of which ``boxes``, all together, cover less than half.

    Areas are counted in whole pixels, each once, however many boxes overlap there.
    """
    covers = np.rint(boxes.corners[np.isfinite(boxes.corners).all(1)]).clip(-1e6, 1e6).astype(np.int64)
    free = []
    for blob in blobs.corners:
        left, top, right, bottom = np.rint(blob).astype(int).tolist()
        seen = np.zeros((max(1, bottom - top), max(1, right - left)), np.bool_)
        inside = (covers - (left, top, left, top)).clip(0, [*seen.shape[::-1], *seen.shape[::-1]])
        for x1, y1, x2, y2 in inside[(inside[:, :2] < inside[:, 2:]).all(1)].tolist():
            seen[y1:y2, x1:x2] = True
        free.append(seen.mean() < 0.5)
    return blobs.take(np.array(free, np.bool_))


def read_boxes_csv(path: Path) -> dict[str, dict[int, Boxes]]:
    """Read boxes that were found elsewhere: for each video, by frame number, the boxes there.

    The columns are ``video,frame,left,top,right,bottom`` in any order, and if you like ``confidence`` (0 to 1;
    otherwise 1) and ``label`` (a COCO class number; otherwise -1); other columns are ignored. A frame without boxes
    has no line. Boxes may reach beyond the frame. Every box counts: thresholds and classes are for detectors that run.

    Returns
    -------
    dict
        Video name as it is called in an id, so that ``01`` and ``1`` are the same video, to frame number to boxes.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, or holds something that is no box: names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            missing = [name for name in CSV_COLUMNS if name not in (lines.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{path}: has no column {', '.join(missing)}: expected {','.join(CSV_COLUMNS)}, and if you like "
                    f"confidence and label"
                )
            rows: dict[tuple[str, int], list[list[float]]] = defaultdict(list)
            for line in lines:
                video, number, values = _parse_row(line, f"{path}, line {lines.line_num}")
                rows[video, number].append(values)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a CSV of boxes: {error}") from None
    found: dict[str, dict[int, Boxes]] = defaultdict(dict)
    for (video, number), several in rows.items():
        table = np.array(several)
        found[video][number] = Boxes.of(table[:, :4], table[:, 4], table[:, 5])
    return dict(found)


def _parse_row(line: Mapping[str, str | None], where: str) -> tuple[str, int, list[float]]:
    """Return the video's key, the frame number, and the six numbers of one box."""
    video = (line["video"] or "").strip()
    if not video:
        raise DataError(f"{where}: the video's name is missing")
    left, top, right, bottom = (_number(line, column, where) for column in CORNERS)
    if right < left or bottom < top:
        raise DataError(
            f"{where}: the box from ({left:g}, {top:g}) to ({right:g}, {bottom:g}) has a negative size: expected the "
            f"corners left, top, right, bottom, not a width and a height"
        )
    confidence = _number(line, "confidence", where, default=1.0)
    if not 0 <= confidence <= 1:
        raise DataError(f"{where}: confidence is {confidence:g}: expected a number from 0 to 1")
    label = _whole(line, "label", where, -1, 2**15 - 1, default=FOREGROUND)
    return (
        video_key(video),
        _whole(line, "frame", where, 0, 2**63 - 1),
        [left, top, right, bottom, confidence, label],
    )


def _number(line: Mapping[str, str | None], column: str, where: str, default: float | None = None) -> float:
    text = (line.get(column) or "").strip()
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < 1e6:  # NaN too; no frame is that large, and float32 still tells its pixels apart
        raise DataError(f"{where}: {column} is {text!r}: expected a number of pixels")
    return value


def _whole(
    line: Mapping[str, str | None], column: str, where: str, low: int, high: int, default: int | None = None
) -> int:
    text = (line.get(column) or "").strip()
    if not text and default is not None:
        return default
    try:
        value = int(text) if "_" not in text else low - 1  # int("1_939") is 1939
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise DataError(f"{where}: {column} is {text!r}: expected a whole number from {low}")
    return value
