"""Frames as small pictures for the page, within a number of bytes: all of them, or every k-th."""

from __future__ import annotations

import base64
import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import StorageError
from pixelkit.progress import bar
from pixelkit.report.footage import AHEAD, Frame, RunFrames
from pixelkit.threads import cores, in_order

# All pictures of the timelines together. In base64 they are 16 MB; plotly.js is 4.8 MB, the scores of PixelPlay's
# 11,706 frames in 10 channels are 1.6 MB, the moments 1 MB: below 25 MB, which mail and issue trackers still take.
BUDGET = 12_000_000
LONGER_SIDE, QUALITY = 256, 50
# Longer side and quality of the pictures of moments.
LARGE = 640, 70
# What the first guess of their size may be wrong by before every second picture is dropped.
RESERVE = 0.9


@dataclass(frozen=True)
class Pictures:
    """The small pictures of one video.

    Parameters
    ----------
    every
        Pictures are those of the positions 0, ``every``, 2 · ``every`` ...
    data
        WebP files.
    """

    every: int
    data: list[bytes]

    def to_text(self) -> list[str]:
        """Return the pictures in base64."""
        return [base64.b64encode(one).decode("ascii") for one in self.data]


def small_pictures(videos: Mapping[str, RunFrames], budget: int = BUDGET) -> dict[str, Pictures]:
    """Return pictures of the frames of every video, by name: all frames if they fit, otherwise every k-th.

    About ten frames are in memory at a time, besides the pictures.

    Parameters
    ----------
    videos
        Where the frames come from.
    budget
        Bytes that all pictures may have together.
    """
    every = _guess_every(videos, budget)
    made: dict[str, Pictures] = {}
    total = sum(-(-len(one.decoded) // every) for one in videos.values())
    with bar(total, "pictures", "frame") as done:
        for name, video in videos.items():
            data = []
            with closing(_encoded(video, range(0, len(video.decoded), every))) as pictures:
                for picture in pictures:
                    data.append(picture)
                    done.update(1)
            made = _thinned({**made, name: Pictures(every, data)}, budget)
            every = made[name].every
    return made


def large_pictures(
    videos: Mapping[str, RunFrames], frames: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    """Return pictures of single frames, by video and frame number, as addresses in the page.

    Frames of a video that is not in ``videos`` have none.
    """
    wanted = sorted({frame for frame in frames if frame[0] in videos})
    pictures: dict[tuple[str, int], str] = {}
    for name, mine in groupby(wanted, key=itemgetter(0)):
        numbers = [number for _, number in mine]
        positions = np.searchsorted(videos[name].decoded.numbers, numbers).tolist()
        for number, frame in zip(numbers, videos[name].at(positions), strict=True):
            pictures[name, number] = data_url(encode(frame, *LARGE))
    return pictures


def picture_blocks(names: Sequence[str], pictures: Mapping[str, Pictures]) -> list[list[str]]:
    """Return the small pictures of each video as text."""
    return [pictures[name].to_text() if name in pictures else [] for name in names]


def picture_size(frames: RunFrames | None) -> tuple[int, int] | None:
    """Return width and height of the small pictures of a video; None if it has none."""
    if frames is None:
        return None
    height, width = frames.decoded.size
    scale = min(1.0, LONGER_SIDE / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def pictures_note(pictures: Mapping[str, Pictures], *, frames: bool, served: bool) -> str:
    """Return which frames the page shows, in words; ``frames``: there are some."""
    if served:
        return "Every frame is shown." if frames else "No frame can be shown."
    every = max((one.every for one in pictures.values()), default=0)
    if not every:
        return "No frame can be shown."
    if every == 1:
        return "Every frame lies in this file, repaired and small; “pixelkit view” shows them at full size."
    return (
        f"One frame in {every} lies in this file, repaired and small, the nearest is shown; “pixelkit view” shows "
        f"every one at full size."
    )


def encode(frame: Frame, longer_side: int, quality: int) -> bytes:
    """Return a frame (H, W, 3), RGB, as a WebP file whose longer side is at most so many pixels."""
    height, width = frame.shape[:2]
    scale = min(1.0, longer_side / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _webp(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), quality)


def encode_transparent(colours: NDArray[np.uint8], alpha: NDArray[np.uint8], quality: int = 60) -> bytes:
    """Return colours (H, W, 3), BGR, with their opacity (H, W) as a WebP file."""
    return _webp(np.dstack([colours, alpha]), quality)


def data_url(picture: bytes) -> str:
    """Return a WebP file as the address of an image in the page."""
    return "data:image/webp;base64," + base64.b64encode(picture).decode("ascii")


def _webp(pixels: object, quality: int) -> bytes:
    good, data = cv2.imencode(".webp", np.asarray(pixels), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not good:
        raise StorageError("OpenCV was built without WebP: install opencv-python from PyPI")
    return bytes(data)


def _small(frame: Frame) -> bytes:
    return encode(frame, LONGER_SIDE, QUALITY)


def _encoded(video: RunFrames, positions: range) -> Generator[bytes, None, None]:
    """Yield pictures; reading is done in threads already, and so is encoding here."""
    with (
        ThreadPoolExecutor(cores(), "pixelkit-pictures") as pool,
        closing(in_order(pool, (partial(_small, frame) for frame in video.at(positions)), AHEAD)) as pictures,
    ):
        yield from pictures


def _guess_every(videos: Mapping[str, RunFrames], budget: int) -> int:
    """Return the k of every k-th that fits, by the size of some: one or three of each video."""
    expected = 0.0
    for video in videos.values():
        count = len(video.decoded)
        tried = [0] if video.is_film else sorted({0, count // 3, 2 * count // 3})
        expected += count * float(np.mean([len(_small(frame)) for frame in video.at(tried)]))
    return max(1, math.ceil(expected / (RESERVE * budget)))


def _thinned(made: dict[str, Pictures], budget: int) -> dict[str, Pictures]:
    """Drop every second picture as long as they are too many."""
    while sum(len(picture) for one in made.values() for picture in one.data) > budget:
        longest = max(len(one.data) for one in made.values())
        if longest == 1:
            break
        made = {name: Pictures(2 * one.every, one.data[::2]) for name, one in made.items()}
    return made
