"""A contact sheet: the frames of a data set that are suspected of something, as they lie on disk, with their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import StorageError
from pixelkit.files import atomic
from pixelkit.frames.decode import DecodedVideo
from pixelkit.frames.ids import frame_id
from pixelkit.frames.repair_plan import RepairPlan
from pixelkit.frames.repaired import Repairs
from pixelkit.report.footage import Frame, RunFrames

# Of each kind, evenly over all that there are: more pictures than this nobody looks at.
MOST = 48
COLUMNS = 6
TILE = (220, 124)  # width and height of a picture in pixels
MARGIN, CAPTION, HEADING = 12, 22, 44
NOISY = "noisy"
PAPER, INK, BLANK = 255, (40, 40, 40), 225


@dataclass(frozen=True)
class Suspect:
    """A frame to look at: where it is, and its id."""

    video: DecodedVideo
    position: int

    @property
    def id(self) -> str:
        """As on the leaderboard."""
        return frame_id(self.video.name, int(self.video.numbers[self.position]))


def suspects(
    train: Sequence[DecodedVideo], test: Sequence[DecodedVideo], plan: RepairPlan
) -> dict[str, list[Suspect]]:
    """Return the frames that are suspected, by what they are suspected of.

    Parameters
    ----------
    train, test
        The videos; those of training are only looked through for files that do not decode.
    plan
        Says which test frames look flipped and noisy.
    """
    return {
        "upside down": _named(test, {video.name: plan.flipped_numbers(video.name) for video in test}),
        NOISY: _named(test, {video.name: plan.noisy_numbers(video.name) for video in test}),
        "undecodable": [
            Suspect(video, position) for video in (*train, *test) for position in sorted(video.undecodable)
        ],
    }


def write_sheet(found: Mapping[str, Sequence[Suspect]], path: Path) -> str:
    """Write a PNG of suspected frames, and return how many of which kind it shows.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    shown = {kind: _spread(every) for kind, every in found.items() if every}
    bands = [_band(kind, shown[kind], len(found[kind])) for kind in shown]
    sheet = np.concatenate(bands or [_heading("nothing is suspected")])
    good, data = cv2.imencode(".png", sheet)
    if not good:
        raise StorageError(
            f"cannot write {path}: OpenCV does not make a PNG of {sheet.shape[1]}x{sheet.shape[0]}"
        )
    with atomic(path) as temporary:
        temporary.write_bytes(data.tobytes())
    return ", ".join(f"{len(one)} of {len(found[kind]):,} {kind}" for kind, one in shown.items()) or "nothing"


def _named(videos: Sequence[DecodedVideo], numbers: Mapping[str, Sequence[int]]) -> list[Suspect]:
    return [
        Suspect(video, int(position))
        for video in videos
        for position in np.flatnonzero(np.isin(video.numbers, numbers[video.name]))
    ]


def _spread(every: Sequence[Suspect]) -> list[Suspect]:
    """Return at most :data:`MOST`, evenly spaced."""
    step = max(1.0, len(every) / MOST)
    return [every[int(at * step)] for at in range(min(MOST, len(every)))]


def _band(kind: str, shown: Sequence[Suspect], every: int) -> NDArray[np.uint8]:
    """Return the pictures of one kind under their title: uint8 (H, W, 3), BGR.

    Of noisy frames it is the middle, pixel for pixel: a smaller picture shows no noise.
    """
    title = f"{kind}: {len(shown)} of {every:,}{', the middle at full size' if kind == NOISY else ''}"
    pictures = _pictures(shown)
    rows = -(-len(shown) // COLUMNS)
    width, height = TILE
    band = np.full((rows * (height + CAPTION + MARGIN), _width(), 3), PAPER, np.uint8)
    for place, one in enumerate(shown):
        row, column = divmod(place, COLUMNS)
        left, top = MARGIN + column * (width + MARGIN), row * (height + CAPTION + MARGIN)
        frame = pictures[one]
        _paste(band, _middle(frame) if kind == NOISY and frame is not None else frame, left, top)
        _write(band, one.id, (left, top + height + CAPTION - 6), 0.45)
    return np.concatenate([_heading(title), band])


def _heading(title: str) -> NDArray[np.uint8]:
    heading = np.full((HEADING, _width(), 3), PAPER, np.uint8)
    _write(heading, title, (MARGIN, HEADING - 14), 0.65)
    return heading


def _pictures(shown: Sequence[Suspect]) -> dict[Suspect, Frame | None]:
    """Return each frame as it lies on disk, RGB; None for a file that does not decode."""
    pictures: dict[Suspect, Frame | None] = {}
    for video in dict.fromkeys(one.video for one in shown):
        mine = sorted((one for one in shown if one.video is video), key=lambda one: one.position)
        good = [one for one in mine if one.position not in video.undecodable]
        frames = RunFrames(video, Repairs(frozenset(), {})).at([one.position for one in good])
        pictures |= dict.fromkeys(mine) | dict(zip(good, frames, strict=True))
    return pictures


def _paste(band: NDArray[np.uint8], frame: Frame | None, left: int, top: int) -> None:
    width, height = TILE
    if frame is None:
        band[top : top + height, left : left + width] = BLANK
        return
    scale = min(width / frame.shape[1], height / frame.shape[0])
    size = max(1, int(frame.shape[1] * scale)), max(1, int(frame.shape[0] * scale))
    small = cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    down = top + height - size[1]  # the caption stands right below it
    band[down : down + size[1], left : left + size[0]] = small


def _middle(frame: Frame) -> Frame:
    width, height = TILE
    top, left = max(0, frame.shape[0] - height) // 2, max(0, frame.shape[1] - width) // 2
    return frame[top : top + height, left : left + width]


def _write(band: NDArray[np.uint8], text: str, place: tuple[int, int], size: float) -> None:
    letters = text.encode("ascii", "replace").decode()  # OpenCV's font has no others
    cv2.putText(band, letters, place, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)


def _width() -> int:
    return MARGIN + COLUMNS * (TILE[0] + MARGIN)
