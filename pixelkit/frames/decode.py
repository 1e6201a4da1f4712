"""One decode pass over a data set: every file once, on all cores, for every view that is not in the cache yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import View

if TYPE_CHECKING:
    from pixelkit.frames.layouts import VideoFiles


@dataclass(frozen=True, eq=False)
class DecodedVideo:
    """The frames of one video as they lie on disk, before any repair. It can be pickled; it holds no pixels.

    Parameters
    ----------
    files
        Where the frames come from.
    key
        Fingerprint of the video's files: another one when a file was changed, added or deleted.
    folder
        The cache folder of this video; what is derived from its frames may be put there too.
    numbers
        int64 (n,) frame numbers, strictly increasing, as in the file names; 0, 1, 2 ... for a video file.
    noise
        float32 (n,) standard deviation of the pixel noise in gray levels, estimated on the full-size gray frame;
        NaN where the file did not decode.
    sizes
        int32 (n, 2) height and width of each frame in pixels.
    undecodable
        Position to reason, for each file that gave no frame. It shows the pixels of the nearest good frame, and
        has its size.
    promised
        How many frames the header of a video file promises; None for a folder of images.
    """

    files: VideoFiles
    key: str
    folder: Path
    numbers: NDArray[np.int64]
    noise: NDArray[np.float32]
    sizes: NDArray[np.int32]
    undecodable: dict[int, str] = field(default_factory=dict)
    promised: int | None = None

    @property
    def name(self) -> str:
        """The name of the video's folder or file, as on disk."""
        return self.files.name

    def __len__(self) -> int:
        return len(self.numbers)

    def view(self, view: View) -> NDArray[np.uint8]:
        """Return all frames in ``view``: uint8 (n, H, W) or (n, H, W, 3), read-only, mapped and not loaded.

        Nothing here keeps the map: when the caller lets go of it, its pages go too.

        Raises
        ------
        KeyError
            If this view was not asked for when the video was decoded.
        """
        raise NotImplementedError

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        """Yield every frame at full size: uint8 (H, W, 3), RGB; threads decode a few frames ahead."""
        raise NotImplementedError
