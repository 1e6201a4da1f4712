"""Keeps the cache from filling the disk: what nobody has used for long goes, what is quick to make again first."""

from __future__ import annotations

import logging
import math
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pixelkit.errors import SettingsError
from pixelkit.files import remove

log = logging.getLogger("pixelkit")

VARIABLE = "PIXELKIT_CACHE_GB"
# Several data sets like PixelPlay '26: some 20,000 frames and 6,000 of synthetic anomalies, at 100 to 200 KB each.
LIMIT = 20.0
# What was used since then stays, whatever the limit is: another run may be at work on it.
GRACE = 24 * 3600.0


def limit() -> float:
    """Return how many bytes the cache may hold: ``$PIXELKIT_CACHE_GB``, in GB, or 20 GB.

    Raises
    ------
    SettingsError
        If that is no number of 0 or more.
    """
    named = os.environ.get(VARIABLE) or str(LIMIT)
    try:
        gigabytes = float(named)
    except ValueError:
        gigabytes = math.nan
    if not gigabytes >= 0:
        raise SettingsError(
            f"{VARIABLE}={named!r}: expected how many GB the cache may hold, 0 or more, or inf"
        )
    return gigabytes * 1e9


def mark_used(entry: Path, when: float | None = None) -> None:
    """Say that a folder of the cache, if there is one of that name, was used, now or at another time."""
    with suppress(OSError):  # not there, or a cache that may only be read
        os.utime(entry, None if when is None else (when, when))


def make_room(root: Path, most: float | None = None) -> int:
    """Remove what was not used for a day and longest ago, until the cache holds no more than it may.

    Frames and synthetic anomalies go first, of all videos: they are made again in minutes. What scorers computed from
    a video, a detector's boxes for one, goes only if that was not enough.

    Parameters
    ----------
    root
        The cache folder.
    most
        How many bytes may stay; None for :func:`limit`.

    Returns
    -------
    int
        How many bytes were removed.
    """
    most = limit() if most is None else most
    entries = sorted((_used(entry), entry) for entry in _entries(root))
    size = before = sum(_size(entry) for _, entry in entries)
    old = [(used, entry) for used, entry in entries if time.time() - used > GRACE]
    for what in (_quick, _whole):
        for used, entry in old:
            for path in what(entry) if size > most else ():
                size -= _discard(path)
                mark_used(entry, used)  # to remove something is no use of it
    if before > size:
        log.info(
            "cache: %.1f GB that no run had used for a day were removed from %s, to keep %.1f GB (%s)",
            (before - size) / 1e9,
            root,
            most / 1e9,
            VARIABLE,
        )
    return before - size


def _discard(path: Path) -> int:
    """Remove a file or folder and return how many bytes that were.

    It loses its name first: takes of which a kill left half would pass for whole ones.
    """
    size, gone = _size(path), path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.rename(gone)
    except OSError:  # it is gone already, in use (Windows), or must not be changed
        return 0
    remove(gone)
    return size - _size(gone)


def _entries(root: Path) -> Iterator[Path]:
    """Yield the folder of each video, and of synthetic anomalies, also those that a killed process left half there."""
    yield from root.glob("frames/*")
    yield from root.glob("takes-*")
    yield from root.glob(".*takes-*.tmp")


def _quick(entry: Path) -> list[Path]:
    """Return what of an entry is quick to make again: frames and synthetic anomalies."""
    return list(entry.glob("*.npy")) if entry.parent.name == "frames" else [entry]


def _whole(entry: Path) -> list[Path]:
    return [entry]


def _used(entry: Path) -> float:
    with suppress(OSError):
        return entry.stat().st_mtime
    return math.inf  # somebody else removed it


def _size(path: Path) -> int:
    size = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        with suppress(OSError):
            size += file.stat().st_size
    return size
