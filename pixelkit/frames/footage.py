"""Footage: the videos of one split as scorers see them, with the key that stands for every pixel of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixelkit.frames.video import Video


@dataclass(frozen=True)
class Footage:
    """Videos, what they were made from, and which of their frames did not decode.

    Parameters
    ----------
    videos
        The videos, in natural order.
    key
        Changes when any frame of any video does.
    bad
        By video name, the positions of the frames that did not decode.
    """

    videos: Sequence[Video]
    key: str
    bad: dict[str, tuple[int, ...]]

    @property
    def frames(self) -> int:
        """How many frames all videos have together."""
        return sum(map(len, self.videos))

    def undecodable(self, video: Video) -> tuple[int, ...]:
        """Return the positions in ``video`` whose file did not decode."""
        return self.bad.get(video.name, ())


def split_heldout(names: Sequence[str], part: float, most: int) -> tuple[list[str], list[str]]:
    """Split training videos into those to fit on and those left out, by whole videos, evenly over the list.

    Frames of one video resemble each other: a split by frames would make left-out scores look better than they
    are. At least one video stays on each side when there are two or more; a single video is never left out.

    Parameters
    ----------
    names
        Names of the training videos, in their order.
    part
        Part to leave out, 0 to below 1; 0 leaves out none.
    most
        Videos to leave out at most.
    """
    count = max(1, min(round(part * len(names)), most, len(names) - 1)) if part > 0 and len(names) > 1 else 0
    left_out = {int((number + 0.5) * len(names) / count) for number in range(count)}
    return (
        [name for position, name in enumerate(names) if position not in left_out],
        [name for position, name in enumerate(names) if position in left_out],
    )
