"""Decoded videos: every file is decoded once, for all views that are not in the cache yet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import DataError, examples
from pixelkit.frames import kept
from pixelkit.frames.cache import FrameFacts, VideoCache
from pixelkit.frames.decode_pass import decode_pass
from pixelkit.frames.reading import Undecodable, decode_image, read_bytes, video_frames
from pixelkit.frames.recording import Wanted, nearest_good
from pixelkit.frames.room import make_room, mark_used
from pixelkit.frames.video import View, render
from pixelkit.threads import cores, in_order

if TYPE_CHECKING:
    from pixelkit.frames.layouts import VideoFiles

log = logging.getLogger("pixelkit")

# Full-size frames that stream() decodes ahead, 0.7 MB each at 640x360.
AHEAD = 4


@dataclass(frozen=True, eq=False)
class DecodedVideo:
    """The frames of one video as they lie on disk, before any repair. It can be pickled; it holds no pixels.

    Parameters
    ----------
    files
        Where the frames come from.
    key
        Hash of the frame numbers and of what the files hold: the same in every copy of the video, on any machine,
        and another one when a file was changed, added or deleted.
    folder
        The cache folder of this video; what is derived from its frames may be put there too.
    numbers
        int64 (n,) frame numbers, strictly increasing, as in the file names; 0, 1, 2 ... for a video file.
    noise
        float32 (n,) standard deviation of the pixel noise in gray levels, estimated on the full-size gray picture
        (for a JPEG the luma that it stores); NaN where the file did not decode.
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

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of most frames, in pixels."""
        sizes, counts = np.unique(self.sizes, axis=0, return_counts=True)
        height, width = sizes[np.argmax(counts)]
        return int(height), int(width)

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
        try:
            mapped = np.load(self.folder / f"{view}.npy", mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise KeyError(f"video {self.name!r} was not decoded for view {view}") from None
        return np.asarray(mapped)

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        """Yield every frame at full size: uint8 (H, W, 3), RGB; threads decode a few frames ahead.

        All have the same size, that of most frames; the others are resized to it.
        """
        view = View(self.size, "rgb")
        workers = 1 if self.files.is_video_file else min(AHEAD, cores())
        with (
            ThreadPoolExecutor(workers, "pixelkit-stream") as pool,
            closing(in_order(pool, self._reads(), AHEAD)) as frames,
        ):
            for frame in frames:
                yield render(frame, view)

    def recall(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Return what was kept under ``name`` for these frames as they lie on disk, or None."""
        return kept.recall(self.folder, name)

    def keep(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep ``arrays`` beside the decoded frames."""
        kept.keep(self.folder, name, arrays)

    def _reads(self) -> Iterator[Callable[[], NDArray[np.uint8]]]:
        if self.files.is_video_file:
            frames = video_frames(self.files.path)
            yield from (partial(_next_frame, frames, self.files.path) for _ in range(len(self)))
        else:
            sources = nearest_good(self.numbers, self.undecodable)
            yield from (partial(_read_rgb, self.files.files[source]) for source in sources)


class FrameStore:
    """The cache of decoded frames of any number of data sets.

    Two processes may use one folder at the same time: both write the same bytes, under temporary names first.

    Parameters
    ----------
    folder
        Where it lies, as ``cache_folder()`` gives it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def decode(self, videos: Sequence[VideoFiles], views: Iterable[View]) -> list[DecodedVideo]:
        """Decode what the cache lacks of ``videos``, each file once for all ``views``, and return them in order.

        Files that do not decode, and video files that hold fewer frames than they promise, are named in a warning.
        When it is interrupted, the videos that are finished stay. Room is made for what is new: see
        :func:`~pixelkit.frames.room.make_room`.

        Raises
        ------
        DataError
            If no frame of a video decodes.
        SettingsError
            If ``PIXELKIT_CACHE_GB`` is no number.
        StorageError
            If the cache cannot be written.
        """
        caches = [VideoCache(self.folder, video) for video in videos]
        chosen = tuple(dict.fromkeys(views))
        with ThreadPoolExecutor(cores(), "pixelkit-decode") as pool:
            unique = {cache.key: cache for cache in caches}.values()
            states = pool.map(lambda cache: Wanted(cache, *cache.missing(chosen)), unique)
            wanted = [one for one in states if one.views or one.facts]
            for cache in caches:
                mark_used(cache.folder)
            if wanted:
                make_room(self.folder)
                decode_pass(pool, wanted)
        return [_decoded(cache) for cache in caches]


def _read_rgb(file: Path) -> NDArray[np.uint8]:
    try:
        return decode_image(read_bytes(file), "rgb")
    except Undecodable as reason:
        raise _changed(file, str(reason)) from None


def _next_frame(frames: Iterator[NDArray[np.uint8]], file: Path) -> NDArray[np.uint8]:
    frame = next(frames, None)
    if frame is None:
        raise _changed(file, "it holds fewer frames than before")
    return frame


def _changed(file: Path, reason: str) -> DataError:
    return DataError(f"{file} was changed while it was in use ({reason}): run the same command again")


def _decoded(cache: VideoCache) -> DecodedVideo:
    facts = cache.facts()
    _warn(cache.video, facts)
    return DecodedVideo(
        cache.video,
        facts.content,
        cache.folder,
        cache.numbers(len(facts.noise)),
        facts.noise,
        facts.sizes,
        facts.undecodable,
        facts.promised,
    )


def _warn(video: VideoFiles, facts: FrameFacts) -> None:
    """Say what is odd about a video, on each use: what is in the cache is as odd as it was."""
    count = len(facts.noise)
    if facts.undecodable:
        log.warning(
            "video %s: %d of %d files do not decode and show the nearest good frame: %s",
            video.path,
            len(facts.undecodable),
            count,
            examples(f"{video.files[at].name} ({reason})" for at, reason in facts.undecodable.items()),
        )
    sizes = np.unique(facts.sizes, axis=0)
    if len(sizes) > 1:
        log.warning(
            "video %s: frames of %d sizes (%s), all are resized",
            video.path,
            len(sizes),
            examples(f"{width}x{height}" for height, width in sizes),
        )
    if facts.promised is not None and count < facts.promised:
        log.warning("video file %s promises %d frames and holds %d", video.path, facts.promised, count)
