"""Clips of many videos as one numbered list, gathered from the frame maps one batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import Video, View


class Clips:
    """The clips of some videos.

    Only positions are kept. A batch opens the maps that it needs and lets go of them, so that the pages that it
    touched do not count as this process's memory: a data set ten times as long takes no more of it.

    Parameters
    ----------
    videos
        Where the frames come from.
    view
        A gray view.
    table
        int64 (n, 1 + length): for each clip the index of its video, then the positions of its frames.
    """

    def __init__(self, videos: Sequence[Video], view: View, table: NDArray[np.int64]) -> None:
        self.videos = videos
        self.view = view
        self.table = table

    @classmethod
    def of(cls, videos: Sequence[Video], view: View, length: int, stride: int) -> Clips:
        """Return every clip of ``length`` frames, ``stride`` apart."""
        tables = [np.empty((0, 1 + length), np.int64)]
        for index, video in enumerate(videos):
            tables.append(np.insert(video.clips(length, stride), 0, index, axis=1))
        return cls(videos, view, np.concatenate(tables))

    def __len__(self) -> int:
        return len(self.table)

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Clips:
        """Return the chosen clips, in that order."""
        return Clips(self.videos, self.view, self.table[chosen])

    def even(self) -> Clips:
        """Return the clips whose frames lie as far apart in time as those of their video mostly do.

        After a frame that is missing, what moves has gone further than usual; after one that was repeated to fill a
        clip, nowhere. Of a video without any even clip, all are returned.
        """
        chosen = np.zeros(len(self), bool)
        for index, video in enumerate(self.videos):
            mine = self.table[:, 0] == index
            gaps, times = np.unique(np.diff(video.numbers), return_counts=True)
            usual = gaps[times.argmax()] if len(gaps) else 0
            even = (np.diff(video.numbers[self.table[mine, 1:]], axis=1) == usual).all(axis=1)
            chosen[mine] = even if even.any() else True
        return self.take(chosen)

    def gather(self) -> NDArray[np.uint8]:
        """Return the pixels of all clips: uint8 (n, length, H, W)."""
        pixels = np.empty((*self.table[:, 1:].shape, *self.view.shape), np.uint8)
        for index in np.unique(self.table[:, 0]):
            rows = np.flatnonzero(self.table[:, 0] == index)
            pixels[rows] = self.videos[index].frames(self.view)[self.table[rows, 1:]]
        return pixels

    def spread(self, most: int) -> Clips:
        """Return at most that many clips, evenly spaced."""
        return self.take(np.arange(0, len(self), max(1, -(-len(self) // most))))

    def mean_frame(self) -> NDArray[np.float64]:
        """Return the mean over all frames of all clips: float64 (H, W) in [0, 1], 16 clips in memory at a time."""
        total = np.zeros(self.view.shape)
        for rows in np.array_split(np.arange(len(self)), -(-len(self) // 16)):
            total += self.take(rows).gather().sum((0, 1), dtype=np.int64)
        return total / (255 * self.table[:, 1:].size)

    def hold_out(self, share: float, seed: int) -> tuple[Clips, Clips]:
        """Split into clips to train on and clips held out, which have no frame in common.

        Whole videos are held out, about ``share`` of them, at least one and never all. Of a single video it is the
        last part, because clips beside each other are nearly the same. Of too few frames, nothing is held out.
        """
        videos = np.unique(self.table[:, 0])
        if len(videos) >= 2:
            count = min(len(videos) - 1, max(1, round(share * len(videos))))
            chosen = np.random.default_rng(seed).choice(videos, count, replace=False)
            out = np.isin(self.table[:, 0], chosen)
            return self.take(~out), self.take(out)
        first_held_out = int(np.ceil((1 - share) * self.table[:, 1:].max(initial=0)))
        train = self.take(self.table[:, -1] < first_held_out)
        held_out = self.take(self.table[:, 1] >= first_held_out)
        return (train, held_out) if len(train) and len(held_out) else (self, self.take(np.arange(0)))
