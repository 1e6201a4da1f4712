"""The cache of decoded frames: where it lies, what its keys depend on, and how a damaged file is noticed.

::

    ~/.cache/pixelkit/frames/
      01-5f0c…/                  one video; the name holds the fingerprint of its files
        128x128-gray.npy         one view: uint8 (n, H, W) or (n, H, W, 3)
        128x128-gray.npy.crc32   its checksum and size
        facts.json               noise and size of every frame, which files gave none, a hash of what they hold
        facts.json.crc32
        kept-81b0….safetensors   what a scorer computed from these frames, boxes for one (kept.py)

Any of it can be deleted at any time: it is made again.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.files import write_text
from pixelkit.frames.video import View

if TYPE_CHECKING:
    from pixelkit.frames.layouts import VideoFiles

log = logging.getLogger("pixelkit")

# Part of every key: raise it when decoding, resizing or the noise estimate gives other values than before.
FORMAT = 1
# What a killed process left is removed after this many seconds; a process at work touches its files far more often.
STALE = 3600.0
_BLOCK = 1 << 20

# Files whose checksum this process has seen to be right, as they were then: (path, inode, size, mtime).
_verified: set[tuple[str, int, int, int]] = set()


def cache_folder() -> Path:
    """Return where decoded frames lie when nobody says otherwise: ``$PIXELKIT_CACHE`` or ``~/.cache/pixelkit``."""
    named = os.environ.get("PIXELKIT_CACHE")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pixelkit"


def fingerprint(video: VideoFiles) -> str:
    """Return 32 hexadecimal digits that change when a file of ``video`` is changed, added, deleted or moved.

    They depend on place, names, numbers, sizes and modification times, not on the pixels: 20,000 files take 0.1 s.
    The place counts because raw frames of two videos can agree in all the rest. They only say whether the cache is up
    to date: what outlives it, in a run folder, goes by ``DecodedVideo.key``, the same on another machine.
    """
    files = zip(video.files, video.numbers, strict=True) if video.files else [(video.path, 0)]
    facts = [(file.name, number, *_size_and_time(file)) for file, number in files]
    return blake2b(
        repr((FORMAT, video.name, str(video.path.resolve()), facts)).encode(), digest_size=16
    ).hexdigest()


def _size_and_time(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


@dataclass(frozen=True, eq=False)
class FrameFacts:
    """What the decode pass learned about the frames of one video; see ``DecodedVideo`` for the fields."""

    noise: NDArray[np.float32]
    sizes: NDArray[np.int32]
    undecodable: dict[int, str]
    promised: int | None
    content: str

    def to_json(self) -> str:
        """Return the facts as text."""
        facts: dict[str, Any] = {
            "noise": [None if np.isnan(level) else float(level) for level in self.noise],
            "sizes": self.sizes.tolist(),
            "undecodable": self.undecodable,
            "promised": self.promised,
            "content": self.content,
        }
        return json.dumps(facts) + "\n"

    @classmethod
    def from_json(cls, text: str) -> FrameFacts:
        """Return what :meth:`to_json` wrote."""
        facts = json.loads(text)
        return cls(
            noise=np.array([np.nan if level is None else level for level in facts["noise"]], np.float32),
            sizes=np.array(facts["sizes"], np.int32).reshape(-1, 2),
            undecodable={int(position): reason for position, reason in facts["undecodable"].items()},
            promised=facts["promised"],
            content=facts["content"],
        )


class VideoCache:
    """The cache folder of one video.

    Parameters
    ----------
    root
        The cache folder of all videos.
    video
        The video as it lies on disk now.
    """

    def __init__(self, root: Path, video: VideoFiles) -> None:
        self.video = video
        self.key = fingerprint(video)
        readable = re.sub(r"[^\w.-]", "_", video.name)[:40]
        self.folder = root / "frames" / f"{readable}-{self.key}"
        self.facts_path = self.folder / "facts.json"

    def view_path(self, view: View) -> Path:
        """Return where the frames lie in ``view``."""
        return self.folder / f"{view}.npy"

    def numbers(self, count: int) -> NDArray[np.int64]:
        """Return the frame numbers of the video's ``count`` frames: int64 (count,)."""
        return np.array(self.video.numbers if self.video.files else range(count), np.int64)

    def facts(self) -> FrameFacts:
        """Read what is known about the frames."""
        return FrameFacts.from_json(self.facts_path.read_text(encoding="utf-8"))

    def missing(self, views: Iterable[View]) -> tuple[tuple[View, ...], bool]:
        """Return the views to decode, and whether the facts are to be found; what is damaged is missing."""
        lacking = tuple(view for view in views if not is_whole(self.view_path(view)))
        return lacking, not is_whole(self.facts_path)

    def remove_leftovers(self) -> None:
        """Remove what a killed process left here long ago."""
        for path in self.folder.glob(".*.tmp"):
            try:
                if time.time() - path.stat().st_mtime > STALE:
                    path.unlink()
            except OSError:  # another process was faster, or still has it open
                continue


def seal(path: Path) -> None:
    """Write the checksum of a finished file beside it."""
    write_text(_seal_of(path), _checksum(path))
    _verified.add(_identity(path))


def is_whole(path: Path) -> bool:
    """Return whether a file of the cache is there and unharmed; warn when it is damaged.

    The checksum is computed once per process, by reading (3 GB/s) rather than through the memory map, whose pages
    would count as this process's memory.
    """
    try:
        expected = _seal_of(path).read_text(encoding="ascii")
        identity = _identity(path)
        if identity in _verified:
            return True
        if _checksum(path) == expected:
            _verified.add(identity)
            return True
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError):
        pass
    log.warning("cache file %s is damaged: it is made again", path)
    return False


def _seal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.crc32")


def _identity(path: Path) -> tuple[str, int, int, int]:
    found = path.stat()
    return str(path), found.st_ino, found.st_size, found.st_mtime_ns


def _checksum(path: Path) -> str:
    value = size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
            size += len(block)
    return f"{value:08x} {size}\n"
