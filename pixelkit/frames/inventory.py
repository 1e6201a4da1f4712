"""What is there: for each video its frames, gaps, sizes, what does not decode, suspected flips and noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pixelkit.frames.decode import DecodedVideo
    from pixelkit.frames.layouts import DataSet
    from pixelkit.frames.repair_plan import RepairPlan, VideoRepair


@dataclass(frozen=True)
class VideoInventory:
    """One video.

    Parameters
    ----------
    split
        ``train`` or ``test``.
    name, path
        Its name and where it lies.
    frames
        How many frames it has.
    first, last
        Its first and last frame number.
    gaps
        The missing frame numbers between them, as (first, last) of each gap.
    sizes
        ``WIDTHxHEIGHT`` to number of frames.
    undecodable
        File name to the reason why it does not decode.
    promised
        How many frames the header of a video file promises; None for a folder of images.
    noise
        Median over its frames of the standard deviation of the pixel noise, in gray levels.
    flipped, noisy
        Frame numbers that are suspected to be upside down or full of noise; None where nobody looked.
    """

    split: str
    name: str
    path: str
    frames: int
    first: int
    last: int
    gaps: list[tuple[int, int]]
    sizes: dict[str, int]
    undecodable: dict[str, str]
    promised: int | None
    noise: float
    flipped: list[int] | None
    noisy: list[int] | None

    @property
    def missing(self) -> int:
        """How many frame numbers are missing between the first and the last."""
        return sum(last - first + 1 for first, last in self.gaps)


@dataclass(frozen=True)
class Inventory:
    """A whole data set; ``repair`` says how the flips and the noise were told, and how well."""

    root: str
    layout: str
    sample: str | None
    skipped: list[str]
    videos: list[VideoInventory]
    repair: dict[str, str]

    def split(self, name: str) -> list[VideoInventory]:
        """Return the videos of one split."""
        return [video for video in self.videos if video.split == name]


def take_inventory(
    data: DataSet, train: Sequence[DecodedVideo], test: Sequence[DecodedVideo], plan: RepairPlan
) -> Inventory:
    """Return what there is in a data set, of which ``train`` and ``test`` are the decoded videos."""
    return Inventory(
        root=str(data.root),
        layout=data.layout,
        sample=_text(data.sample),
        skipped=[str(path) for path in data.skipped],
        videos=[
            *(_video("train", video, None) for video in train),
            *(_video("test", video, plan.videos.get(video.name)) for video in test),
        ],
        repair=dict(plan.report),
    )


def find_gaps(numbers: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the first and the last missing number of each gap in ``numbers``, which increase strictly."""
    before = np.flatnonzero(np.diff(numbers) > 1)
    return [(int(numbers[at]) + 1, int(numbers[at + 1]) - 1) for at in before]


def _video(split: str, video: DecodedVideo, repair: VideoRepair | None) -> VideoInventory:
    good = np.delete(np.arange(len(video)), list(video.undecodable))
    return VideoInventory(
        split=split,
        name=video.name,
        path=str(video.files.path),
        frames=len(video),
        first=int(video.numbers[0]),
        last=int(video.numbers[-1]),
        gaps=find_gaps(video.numbers),
        sizes=dict(Counter(f"{width}x{height}" for height, width in video.sizes[good]).most_common()),
        undecodable={video.files.files[at].name: reason for at, reason in video.undecodable.items()},
        promised=video.promised,
        noise=round(float(np.median(video.noise[good])), 2),
        flipped=None if repair is None else list(repair.flipped),
        noisy=None if repair is None else list(repair.noisy),
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
