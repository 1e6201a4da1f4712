"""The repair plan: which test frames are upside down and which are noisy, as a file that a person can edit.

::

    {
     "noise": "median",
     "report": {"flips": "...", "noise": "..."},
     "videos": {
      "01": {
       "flipped": [941, "950-952"],
       "noisy": [939, 941, 977]
      }
     }
    }
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import SettingsError, StorageError, did_you_mean
from pixelkit.files import write_text
from pixelkit.frames.denoise import Treatment

NOISE_CHOICES = ("off", *get_args(Treatment))
DONE = {
    "off": "are left as they are",
    "median": "become the median of themselves and their two nearest clean frames",
    "nearest": "become their nearest clean frame",
    "bilateral": "are smoothed by a bilateral filter",
}


class Numbered(Protocol):
    """What a plan is held against: a video's name and the numbers of its frames."""

    @property
    def name(self) -> str:
        """As on disk."""
        ...

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(n,) frame numbers, strictly increasing."""
        ...


@dataclass(frozen=True)
class VideoRepair:
    """The frame numbers of one video that are repaired, each tuple strictly increasing."""

    flipped: tuple[int, ...] = ()
    noisy: tuple[int, ...] = ()


@dataclass(frozen=True)
class RepairPlan:
    """What is done to which test frames.

    Parameters
    ----------
    videos
        By test video name, its frames to repair; a video that is not named is left alone.
    noise
        How noisy frames are treated: ``off`` or a treatment of :func:`~pixelkit.frames.denoise.treat`.
    report
        What was measured when the plan was made, a text each for ``flips`` and ``noise``.
    frames
        How many frames the test videos have.
    """

    videos: Mapping[str, VideoRepair]
    noise: str = "off"
    report: Mapping[str, str] = field(default_factory=dict)
    frames: int = 0

    def flipped_numbers(self, video: str) -> list[int]:
        """Return the frame numbers of the test video of that name that are upside down."""
        return list(self.videos.get(video, VideoRepair()).flipped)

    def noisy_numbers(self, video: str) -> list[int]:
        """Return the frame numbers of the test video of that name that are noisy."""
        return list(self.videos.get(video, VideoRepair()).noisy)

    def digest(self) -> str:
        """Return 16 hexadecimal digits that stand for what the plan does to the frames, and for nothing else."""
        treated = self.noise != "off"
        does = {
            name: (repair.flipped, repair.noisy if treated else ()) for name, repair in self.videos.items()
        }
        facts = sorted((name, *lists) for name, lists in does.items() if any(lists))
        return hashlib.sha256(repr((self.noise, facts) if facts else "nothing").encode()).hexdigest()[:16]

    def summary(self) -> list[str]:
        """Return two lines for the user: how many frames are flipped and noisy, and how well that is known."""
        flipped = sum(len(repair.flipped) for repair in self.videos.values())
        noisy = sum(len(repair.noisy) for repair in self.videos.values())
        of = f"of {self.frames:,} test frames"
        return [
            f"{flipped:,} {of} are upside down and turned ({self.report.get('flips', 'no report')})",
            f"{noisy:,} {of} are noisy and {DONE[self.noise]} ({self.report.get('noise', 'no report')})",
        ]

    def write(self, path: Path) -> None:
        """Write the plan as JSON, a line for each list, whole or not at all.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        videos = {
            name: _object({"flipped": _ranges(repair.flipped), "noisy": _ranges(repair.noisy)}, indent=2)
            for name, repair in self.videos.items()
        }
        report = {key: _text(text) for key, text in self.report.items()}
        parts = {
            "noise": _text(self.noise),
            "report": _object(report, indent=1),
            "videos": _object(videos, indent=1),
        }
        write_text(path, _object(parts) + "\n")

    @classmethod
    def read(cls, path: Path, videos: Sequence[Numbered]) -> RepairPlan:
        """Read a plan, perhaps edited by hand, and hold it against the test videos.

        Parameters
        ----------
        path
            The file.
        videos
            The test videos that it is for.

        Raises
        ------
        SettingsError
            If it is not JSON, names a video, a frame or a treatment that does not exist; the line is named.
        StorageError
            If it cannot be read.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise SettingsError(
                f"{path} is not UTF-8 text: {error}; mend it, or delete it to make it anew"
            ) from None
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
        return _Reader(path, text).plan(videos)


def _text(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)


def _object(parts: Mapping[str, str], indent: int = 0) -> str:
    """Return a JSON object of parts that are JSON already, a line for each key."""
    edge = "\n" + " " * indent
    lines = ",".join(f"{edge} {_text(key)}: {part}" for key, part in parts.items())
    return f"{{{lines}{edge}}}" if parts else "{}"


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as a JSON list in which three or more in a row are one text: ``[4, "7-9"]``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    items: list[int | str] = []
    for run in runs:
        items += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else run
    return json.dumps(items)


class _Reader:
    """Checks the text of a plan; every complaint names file and line."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def plan(self, videos: Sequence[Numbered]) -> RepairPlan:
        root = self._object(self._parse(), "the plan", ())
        self._known(root, ("noise", "report", "videos"), ())
        noise = root.get("noise", "off")
        if noise not in NOISE_CHOICES:
            raise self._error(f"noise is {noise!r}: expected one of {', '.join(NOISE_CHOICES)}", "noise")
        report = self._object(root.get("report", {}), "report", ("report",))
        on_disk = {video.name: [int(number) for number in video.numbers] for video in videos}
        repairs = self._object(root.get("videos", {}), "videos", ("videos",))
        self._known(repairs, on_disk, ("videos",), "test video")
        return RepairPlan(
            {name: self._video(name, repairs[name], on_disk[name]) for name in repairs},
            noise,
            {key: str(text) for key, text in report.items()},
            sum(map(len, on_disk.values())),
        )

    def _parse(self) -> Any:
        try:
            return json.loads(self._text, object_pairs_hook=self._without_duplicates)
        except json.JSONDecodeError as error:
            where = f"{self._path}, line {error.lineno}, column {error.colno}"
            raise SettingsError(
                f"{where}: not valid JSON: {error.msg}; mend it, or delete the file"
            ) from None
        except RecursionError:
            raise SettingsError(f"{self._path}: not a repair plan, far too deep; delete the file") from None

    def _without_duplicates(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        for key in keys:
            if keys.count(key) > 1:
                raise self._error(f"{key!r} is there twice: join the two", key)
        return dict(pairs)

    def _video(self, name: str, value: Any, numbers: list[int]) -> VideoRepair:
        lists = self._object(value, f"video {name!r}", ("videos", name))
        self._known(lists, ("flipped", "noisy"), ("videos", name))
        return VideoRepair(
            **{key: tuple(sorted(set(self._frames(name, key, lists[key], numbers)))) for key in lists}
        )

    def _frames(self, name: str, key: str, items: Any, numbers: list[int]) -> Iterator[int]:
        where = ("videos", name, key)
        if not isinstance(items, list):
            raise self._error(
                f'{key} of video {name!r} is {items!r}: expected a list like [3, "7-9"]', *where
            )
        there = set(numbers)
        for item in items:
            first, last = self._ends(name, key, item)
            for end in (first, last):
                if end not in there:
                    held = f"it has {len(numbers):,} frames, {numbers[0]} to {numbers[-1]}"
                    raise self._error(f"{key}: video {name!r} has no frame {end} ({held})", *where)
            yield from (number for number in numbers if first <= number <= last)

    def _ends(self, name: str, key: str, item: Any) -> tuple[int, int]:
        """Return the first and last frame number that an item of a list stands for."""
        if isinstance(item, int) and not isinstance(item, bool):
            return item, item
        match = (
            re.fullmatch(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?", item, re.ASCII)
            if isinstance(item, str)
            else None
        )
        ends = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if ends[0] > ends[1]:
            wanted = 'a frame number, or a range like "7-9"'
            raise self._error(
                f"{key} of video {name!r} holds {item!r}: expected {wanted}", "videos", name, key
            )
        return ends

    def _object(self, value: Any, what: str, where: Sequence[str]) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        raise self._error(f"{what} is {type(value).__name__}: expected an object in curly brackets", *where)

    def _known(
        self,
        table: Mapping[str, Any],
        known: Sequence[str] | Mapping[str, Any],
        where: Sequence[str],
        what: str = "key",
    ) -> None:
        for key in table:
            if key not in known:
                raise self._error(f"there is no {what} {key!r}{did_you_mean(key, known)}", *where, key)

    def _error(self, message: str, *where: str) -> SettingsError:
        """Return the error with the line of the innermost key of ``where``, found from the outermost on."""
        place = 0
        for key in where:
            found = re.compile(re.escape(_text(key)) + r"\s*:").search(self._text, place)
            place = found.start() if found else place
        line = self._text.count("\n", 0, place) + 1
        return SettingsError(
            f"{self._path}, line {line}: {message}; mend it, or delete the file to make it anew"
        )
