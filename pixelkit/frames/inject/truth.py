"""What is known about takes because it was done to them: labels, and which frames were flipped or made noisy."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import StorageError
from pixelkit.files import write_text
from pixelkit.frames.corrupt import Damage
from pixelkit.frames.ids import frame_id, parse_id
from pixelkit.frames.layouts import VideoFiles
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair

TRUTH, DROPPED = "truth.csv", "dropped.csv"
HEADER = ("Id", "Label", "Family", "Source", "Flipped", "Noise")
DROPPED_HEADER = ("Take", "Reason")


@dataclass(frozen=True)
class Row:
    """What is known about one frame of a take."""

    take: str
    number: int
    label: bool
    family: str
    source: str
    damage: Damage

    def fields(self) -> tuple[object, ...]:
        """Return the row as it is written, in the order of ``HEADER``."""
        id_, flipped = frame_id(self.take, self.number), int(self.damage.flipped)
        return id_, int(self.label), self.family, self.source, flipped, self.damage.noise


@dataclass(frozen=True, eq=False)
class Takes:
    """Stretches of held-out normal video with synthetic anomalies, and what is known about them.

    Parameters
    ----------
    videos
        The takes, for ``FrameStore.decode``.
    labels
        By name, whether each frame shows something that was injected: bool (n,), in the order of the numbers.
    family
        By name, what was injected; ``"normal"`` for nothing.
    source
        By name, the training video that it was cut from.
    damage
        By name and frame number, how the frame was corrupted.
    dropped
        By name, why a take that was planned is not there.
    """

    videos: tuple[VideoFiles, ...]
    labels: Mapping[str, NDArray[np.bool_]]
    family: Mapping[str, str]
    source: Mapping[str, str]
    damage: Mapping[str, Mapping[int, Damage]]
    dropped: Mapping[str, str]

    def plan(self, noise_treatment: str) -> RepairPlan:
        """Return the repair plan that a perfect detector would make: what was corrupted is repaired.

        Parameters
        ----------
        noise_treatment
            How noisy frames are treated, as in :class:`~pixelkit.frames.repair_plan.RepairPlan`.
        """
        repairs = {
            name: VideoRepair(
                tuple(number for number, each in damages.items() if each.flipped),
                tuple(number for number, each in damages.items() if each.noise),
            )
            for name, damages in self.damage.items()
        }
        known = "known, since it was put there"
        frames = sum(map(len, self.damage.values()))
        return RepairPlan(repairs, noise_treatment, {"flips": known, "noise": known}, frames)


def write_truth(folder: Path, rows: Iterable[Row], dropped: Mapping[str, str]) -> None:
    """Write what is known about the takes in ``folder``."""
    write_text(folder / TRUTH, _table(HEADER, (row.fields() for row in rows)))
    write_text(folder / DROPPED, _table(DROPPED_HEADER, dropped.items()))


def read_takes(folder: Path) -> Takes:
    """Return the takes that ``write_takes`` wrote to ``folder``.

    Raises
    ------
    StorageError
        If there are none, or a file was changed so that it does not parse.
    """
    try:
        rows = [_row(*fields) for fields in _read(folder / TRUTH, HEADER)]
        dropped = dict(_read(folder / DROPPED, DROPPED_HEADER))
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(
            f"{folder} does not hold synthetic anomalies as they were written ({error}): delete it and run again"
        ) from None
    takes: dict[str, list[Row]] = {}
    for row in rows:
        takes.setdefault(row.take, []).append(row)
    return Takes(
        tuple(_video(folder, name, found) for name, found in takes.items()),
        {name: np.array([row.label for row in found]) for name, found in takes.items()},
        {name: found[0].family for name, found in takes.items()},
        {name: found[0].source for name, found in takes.items()},
        {name: {row.number: row.damage for row in found} for name, found in takes.items()},
        dropped,
    )


def take_folder(folder: Path, name: str) -> Path:
    """Return where the frames of a take lie."""
    return folder / "takes" / name


def frame_file(number: int) -> str:
    """Return the file name of a take's frame."""
    return f"{number:05d}.jpg"


def _video(folder: Path, name: str, rows: Iterable[Row]) -> VideoFiles:
    place, numbers = take_folder(folder, name), tuple(row.number for row in rows)
    return VideoFiles(name, place, tuple(place / frame_file(number) for number in numbers), numbers)


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def _read(path: Path, header: tuple[str, ...]) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        first, *rest = csv.reader(lines)
    if tuple(first) != header:
        raise ValueError(f"{path.name} begins with {','.join(first)}")
    return rest


def _row(id_: str, label: str, family: str, source: str, flipped: str, noise: str) -> Row:
    take, number = parse_id(id_)
    return Row(take, number, bool(int(label)), family, source, Damage(bool(int(flipped)), int(noise)))
