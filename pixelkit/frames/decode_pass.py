"""The decode pass itself: image files on all cores, video files side by side, one writer for each video."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.reading import Undecodable, decode_image, promised_frames, read_bytes, video_frames
from pixelkit.frames.recording import GROUP, Rendered, Wanted, recording
from pixelkit.frames.video import Colour
from pixelkit.progress import bar
from pixelkit.threads import PATIENCE, cores, in_order, uninterrupted


def decode_pass(pool: ThreadPoolExecutor, wanted: Sequence[Wanted]) -> None:
    """Decode what is wanted of each video into its cache; on Ctrl-C the finished videos stay and the threads end.

    Raises
    ------
    DataError
        If no frame of a video decodes.
    StorageError
        If a cache cannot be written.
    """
    folders = [one for one in wanted if not one.cache.video.is_video_file]
    films = {one: promised_frames(one.cache.video.path) for one in wanted if one.cache.video.is_video_file}
    for one in wanted:
        one.cache.remove_leftovers()
    total = sum(len(one.cache.video.files) for one in folders) + sum(films.values())
    with bar(total, "decode", "frame") as done, _quiet_opencv():
        _decode_folders(pool, folders, done)
        _decode_films(pool, films, done)


def _decode_folders(pool: ThreadPoolExecutor, wanted: Sequence[Wanted], done: Any) -> None:
    """Decode image folders: the files on all cores, over the ends of videos; this thread writes them in order."""
    groups = [
        [files[start : start + GROUP] for start in range(0, len(files), GROUP)]
        for files in (one.cache.video.files for one in wanted)
    ]
    calls = (
        partial(_read_group, one, files) for one, own in zip(wanted, groups, strict=True) for files in own
    )
    with closing(in_order(pool, calls, 8 * cores())) as results:
        for one, own in zip(wanted, groups, strict=True):
            with recording(one) as record:
                for _ in own:
                    frames = next(results)
                    for frame, content in frames:
                        record.add(frame)
                        record.add_content(content)
                    done.update(len(frames))


def _read_group(wanted: Wanted, files: Sequence[Path]) -> list[tuple[Rendered | str, bytes]]:
    read = [_read(file, wanted) for file in files]
    rendered = iter(wanted.render([frame for frame, _ in read if not isinstance(frame, str)]))
    return [(frame if isinstance(frame, str) else next(rendered), content) for frame, content in read]


def _read(file: Path, wanted: Wanted) -> tuple[dict[Colour, NDArray[np.uint8]] | str, bytes]:
    """Return the frame of a file in each colour, or the reason why there is none; and the hash of its bytes."""
    try:
        data = read_bytes(file)
        frame = {colour: decode_image(data, colour) for colour in wanted.colours}
    except Undecodable as reason:
        return str(reason), b""
    return frame, hashlib.sha256(data).digest() if wanted.facts else b""


def _decode_films(pool: ThreadPoolExecutor, wanted: dict[Wanted, int], done: Any) -> None:
    """Decode video files: each from its first frame to its last in a thread of its own, several side by side."""
    stop = threading.Event()
    lock = threading.Lock()

    def progress(frames: int) -> None:
        with lock:
            done.update(frames)
        if stop.is_set():
            raise CancelledError

    with uninterrupted():
        films = {pool.submit(_decode_film, one, promised, progress) for one, promised in wanted.items()}
    running = films
    try:
        while running:
            with uninterrupted():
                ended, running = wait(running, timeout=PATIENCE, return_when=FIRST_COMPLETED)
                for film in ended:
                    film.result()
    finally:
        stop.set()
        with uninterrupted():
            for film in films:
                film.cancel()


def _decode_film(wanted: Wanted, promised: int, progress: Callable[[int], None]) -> None:
    frames = video_frames(wanted.cache.video.path)
    with recording(wanted) as record:
        record.promised = promised
        if wanted.facts:
            record.add_content(_digest_of(wanted.cache.video.path))
        while group := list(islice(frames, GROUP)):
            for frame in wanted.render(
                [{colour: _as(colour, rgb) for colour in wanted.colours} for rgb in group]
            ):
                record.add(frame)
            progress(len(group))


def _digest_of(film: Path) -> bytes:
    try:
        with film.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:  # then no frame decodes either, which is told
        return b""


def _as(colour: Colour, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return rgb if colour == "rgb" else np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Let each thread of the pool decode alone, and OpenCV be silent about files that we report on ourselves.

    With threads of its own too, OpenCV gets in its own way: on 2 cores 760 to 1,040 instead of 1,210 colour frames/s
    at 360x240.
    """
    threads, level = cv2.getNumThreads(), cv2.utils.logging.getLogLevel()
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
        cv2.utils.logging.setLogLevel(level)
