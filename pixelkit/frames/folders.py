"""What lies in a folder: frames, video files, subfolders and junk; natural order and frame numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pixelkit.errors import DataError, examples

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset({".avi", ".mp4", ".mkv"})

# Folders that stand among videos and are none: UCSD's Test001_gt, PixelPlay's training_vol, Avenue's
# testing_label_mask, ShanghaiTech's test_frame_mask; and what macOS puts into a zip.
_NO_VIDEO = re.compile(r"\.|__MACOSX$|(.*[_-])?(gt|vols?|masks?|labels?|ground_?truth)$", re.IGNORECASE)
_DIGITS = re.compile("([0-9]+)")
_LONGEST_NUMBER = 18  # digits: a frame number has to fit an int64


@dataclass(frozen=True)
class Contents:
    """What lies in one folder; all but ``images`` in natural order (those get the order of their numbers later)."""

    folders: tuple[Path, ...]
    images: tuple[Path, ...]
    videos: tuple[Path, ...]
    junk: tuple[Path, ...]
    """Everything else: ``.DS_Store``, ``._001.tif``, ``Thumbs.db``, mask and label folders, text files."""


def look(folder: Path) -> Contents:
    """List one folder; links to folders count as folders.

    Raises
    ------
    DataError
        If there is no such folder, or it may not be read.
    """
    folders: list[str] = []
    images: list[str] = []
    videos: list[str] = []
    junk: list[str] = []
    try:
        # scandir knows a folder from a file without a stat: the 21,000 frames of
        # PixelPlay '26 are found, numbered and sorted in .2 s.
        with os.scandir(folder) as entries:
            for entry in entries:
                suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122, a third of the cost of a Path
                if _is_folder(entry):
                    (junk if _NO_VIDEO.match(entry.name) else folders).append(entry.name)
                elif entry.name.startswith("."):
                    junk.append(entry.name)
                else:
                    kind = (
                        images if suffix in IMAGE_SUFFIXES else videos if suffix in VIDEO_SUFFIXES else junk
                    )
                    kind.append(entry.name)
    except FileNotFoundError:
        raise DataError(f"{folder} does not exist: check the path") from None
    except NotADirectoryError:
        raise DataError(f"{folder} is a file: expected a folder") from None
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror}") from None
    return Contents(
        folders=_paths(folder, natural(folders)),
        images=_paths(folder, images),
        videos=_paths(folder, natural(videos)),
        junk=_paths(folder, natural(junk)),
    )


def _paths(folder: Path, names: Iterable[str]) -> tuple[Path, ...]:
    return tuple(folder / name for name in names)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def natural(names: Iterable[str]) -> list[str]:
    """Return ``names`` in natural order: ``2.jpg`` before ``10.jpg``."""
    return sorted(names, key=natural_key)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Return a sort key under which runs of digits compare as numbers and case decides last."""
    parts: list[str | int] = list(_DIGITS.split(name.casefold()))
    parts[1::2] = map(int, parts[1::2])
    return parts, name


def frame_number(name: str) -> int | None:
    """Return the last run of digits in a file name without its suffix: ``frame_00939.jpg`` is 939.

    None if there is no digit, or more of them than a frame number can have (18).
    """
    digits: list[str] = _DIGITS.findall(name.rpartition(".")[0])
    return int(digits[-1]) if digits and len(digits[-1].lstrip("0")) <= _LONGEST_NUMBER else None


def number_frames(files: Iterable[Path]) -> dict[int, Path]:
    """Return the image files of one video by their frame numbers, in the order of these.

    Raises
    ------
    DataError
        If a file name holds no number, or two files have the same one.
    """
    frames: dict[int, Path] = {}
    nameless: list[Path] = []
    for file in files:
        number = frame_number(file.name)
        if number is None:
            nameless.append(file)
        elif number in frames:
            both = " and ".join(natural((frames[number].name, file.name)))
            raise DataError(f"two files for frame {number} in {file.parent}: {both}; remove or rename one")
        else:
            frames[number] = file
    if nameless:
        raise DataError(
            f"no frame number in the name of {examples(file.name for file in nameless)} in {nameless[0].parent}: "
            f"expected digits (18 at most), as in frame_00012.jpg; rename or remove"
        )
    return dict(sorted(frames.items()))
