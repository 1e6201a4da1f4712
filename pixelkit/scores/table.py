"""The score table: float32, rows (video, frame number), columns channels; a CSV on disk that a person can read."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixelkit.errors import DataError, examples, reason
from pixelkit.files import atomic
from pixelkit.frames.folders import natural_key
from pixelkit.frames.ids import frame_id, video_key
from pixelkit.frames.video import Video

# The columns that name a row; every other column is a channel.
KEY_COLUMNS = ("video", "number")


class ScoreTable:
    """Scores of frames, keyed by (video, frame number) and never by position.

    Whatever the order in which rows are given, the table holds them by video in natural order and by frame number.

    Parameters
    ----------
    video
        (rows,) names of videos, as on disk.
    number
        (rows,) frame numbers.
    channels
        The name of each column, as in ``convae.mean``.
    values
        (rows, channels) scores, finite, higher for more anomalous frames. Kept as float32.

    Raises
    ------
    ValueError
        If shapes do not agree, a frame or a channel comes twice, two videos share one id, or a score is not finite.
    """

    video: NDArray[np.str_]
    """(rows,) names of videos."""
    number: NDArray[np.int64]
    """(rows,) frame numbers, strictly increasing within a video."""
    channels: tuple[str, ...]
    """The name of each column of :attr:`values`."""
    values: NDArray[np.float32]
    """(rows, channels) scores."""

    def __init__(
        self, video: ArrayLike, number: ArrayLike, channels: Iterable[str], values: ArrayLike
    ) -> None:
        names = np.asarray(video, dtype=np.str_)
        numbers = np.asarray(number, dtype=np.int64)
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which is an error below
            scores = np.asarray(values, dtype=np.float32)
        self.channels = tuple(channels)
        if names.shape != numbers.shape or scores.shape != (*numbers.shape, len(self.channels)):
            raise ValueError(
                f"shapes do not agree: {names.shape} videos, {numbers.shape} frame numbers, "
                f"{scores.shape} scores for {len(self.channels)} channels"
            )
        order = _natural_order(names, numbers)
        self.video, self.number, self.values = names[order], numbers[order], scores[order]
        for array in (self.video, self.number, self.values):
            array.flags.writeable = False
        self._check()

    def __len__(self) -> int:
        return len(self.number)

    def __repr__(self) -> str:
        return (
            f"<ScoreTable {len(self)} rows, {len(self.videos())} videos, channels {', '.join(self.channels)}>"
        )

    @classmethod
    def from_videos(
        cls, channels: Iterable[str], videos: Sequence[Video], scores: Sequence[ArrayLike]
    ) -> ScoreTable:
        """Return the table of the scores (len(video), channels) that a scorer gave each of ``videos``."""
        channels = tuple(channels)
        return cls(
            [video.name for video in videos for _ in range(len(video))],
            np.concatenate([video.numbers for video in videos]) if videos else [],
            channels,
            np.concatenate([np.asarray(array) for array in scores])
            if scores
            else np.empty((0, len(channels))),
        )

    @classmethod
    def join(cls, tables: Sequence[ScoreTable]) -> ScoreTable:
        """Return one table with the channels of all, rows matched by (video, frame number).

        ``01`` and ``1`` are the same video; the names of the first table are kept.

        Raises
        ------
        DataError
            If the tables do not hold the same frames, or a channel is in two of them.
        """
        if not tables:
            raise DataError("there is no score table to join: expected at least one")
        first = tables[0]
        rows = {key: row for row, key in enumerate(first.frames())}
        columns = [table.values[_matched(first, rows, table)] for table in tables]
        channels = [channel for table in tables for channel in table.channels]
        if len(set(channels)) < len(channels):
            raise DataError(
                f"two score tables have a channel {_repeated(channels)!r}: rename it in one of them"
            )
        return cls(first.video, first.number, channels, np.concatenate(columns, axis=1))

    @classmethod
    def read_csv(cls, path: Path) -> ScoreTable:
        """Read what :meth:`write_csv` wrote: columns ``video``, ``number``, then one for each channel.

        12,000 rows of 12 channels take less than 0.1 s; pandas alone takes longer to import.

        Raises
        ------
        DataError
            If the file cannot be read, lacks a column, or holds a frame twice or a score that is not finite.
        """
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                header, *rows = csv.reader(file)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path}: cannot be read as a score table: {reason(error)}") from None
        except ValueError:
            raise DataError(f"{path}: is empty: expected a score table") from None
        if tuple(header[:2]) != KEY_COLUMNS or len(header) < 3:
            raise DataError(
                f"{path}: columns are {','.join(header)}: expected video,number and at least one channel"
            )
        video, number, values = _parse(path, rows, len(header))
        try:
            return cls(video, number, header[2:], values)
        except ValueError as error:
            raise DataError(f"{path}: {error}") from None

    def write_csv(self, path: Path) -> None:
        """Write the table so that :meth:`read_csv` returns the same float32 numbers, bit for bit.

        Each score is the shortest decimal that only this float32 is nearest to. The same table gives the same bytes.
        """
        columns = _texts(self.values).T.tolist()
        with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*KEY_COLUMNS, *self.channels])
            writer.writerows(zip(self.video.tolist(), self.number.tolist(), *columns, strict=True))

    def videos(self) -> dict[str, slice]:
        """Return the rows of each video, in the order of the table."""
        if not len(self):
            return {}
        firsts = [0, *(np.flatnonzero(self.video[1:] != self.video[:-1]) + 1).tolist(), len(self)]
        return {str(self.video[start]): slice(start, stop) for start, stop in pairwise(firsts)}

    def channel(self, name: str) -> NDArray[np.float32]:
        """Return the scores of one channel, float32 (rows,)."""
        return self.values[:, self.channels.index(name)]

    def frames(self) -> list[tuple[str, int]]:
        """Return the video key and frame number of each row: what an id is made of."""
        keys = {name: video_key(name) for name in self.videos()}
        return [
            (keys[name], number)
            for name, number in zip(self.video.tolist(), self.number.tolist(), strict=True)
        ]

    def _check(self) -> None:
        again = (self.video[1:] == self.video[:-1]) & (self.number[1:] == self.number[:-1])
        if again.any():
            row = int(np.flatnonzero(again)[0])
            raise ValueError(f"frame {self.number[row]} of video {str(self.video[row])!r} comes twice")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError(f"channel {_repeated(self.channels)!r} comes twice")
        keys = [video_key(name) for name in self.videos()]
        if len(set(keys)) < len(keys):
            raise ValueError(
                f"two videos are called {_repeated(keys)!r} in an id: rename one of their folders"
            )
        bad = np.argwhere(~np.isfinite(self.values))
        if len(bad):
            row, column = bad[0]
            raise ValueError(
                f"not finite: {len(bad):,} of {self.values.size:,} scores, the first at frame {self.number[row]} of "
                f"video {str(self.video[row])!r} in channel {self.channels[column]!r}: every frame needs a finite score"
            )


def fill(values: NDArray[np.float32], bad: Sequence[int]) -> NDArray[np.float32]:
    """Return the scores of one video with those of frames that did not decode taken from their neighbours.

    Parameters
    ----------
    values
        (n, channels) scores of one video.
    bad
        Positions, 0 to n - 1, whose scores stand for no real frame. Each becomes the straight line between the
        nearest good frames before and after it, or the nearest one at an end. If no frame is good, ``values`` is
        returned as it is.
    """
    good = np.setdiff1d(np.arange(len(values)), bad)
    if len(good) in (0, len(values)):
        return values
    filled = values.copy()
    for column in range(values.shape[1]):
        filled[list(bad), column] = np.interp(bad, good, values[good, column])
    return filled


def _texts(values: NDArray[np.float32]) -> NDArray[np.str_]:
    """Return NumPy's shortest texts for float32 numbers.

    Read as float64 and rounded to float32 they are the same numbers, all but one: every positive finite float32 was
    tried. That one lies next to the middle between two, and gets a digit more.
    """
    texts = values.astype(np.str_)
    odd = np.float32(7.0385307e-26)
    texts[values == odd], texts[values == -odd] = "7.0385307e-26", "-7.0385307e-26"
    return texts


def _natural_order(video: NDArray[np.str_], number: NDArray[np.int64]) -> NDArray[np.intp]:
    names, index = np.unique(video, return_inverse=True)
    place = np.empty(len(names), np.intp)
    place[sorted(range(len(names)), key=lambda i: natural_key(str(names[i])))] = np.arange(len(names))
    return np.lexsort((number, place[index]))


def _matched(first: ScoreTable, rows: dict[tuple[str, int], int], table: ScoreTable) -> NDArray[np.intp]:
    """Return the row of ``table`` for each row of ``first``."""
    order = np.empty(len(first), np.intp)
    others = table.frames()
    if rows.keys() != set(others):
        raise DataError(
            f"the score tables of {first.channels[0]} and {table.channels[0]} do not hold the same frames: only one "
            f"of them has {examples(frame_id(*key) for key in sorted(rows.keys() ^ set(others)))}; score both again"
        )
    for row, key in enumerate(others):
        order[rows[key]] = row
    return order


def _repeated(names: Sequence[str]) -> str:
    return next(name for name in names if names.count(name) > 1)


def _parse(
    path: Path, rows: list[list[str]], width: int
) -> tuple[list[str], NDArray[np.int64], NDArray[np.float64]]:
    for line, row in enumerate(rows, 2):
        if len(row) != width:
            raise DataError(
                f"{path}, line {line}: {len(row)} columns, expected {width}: was the file cut off?"
            )
    try:
        number = np.array([int(row[1]) for row in rows], np.int64)
        cells = chain.from_iterable(row[2:] for row in rows)
        values = np.fromiter(map(float, cells), np.float64, len(rows) * (width - 2))
    except (ValueError, OverflowError):
        raise DataError(_first_bad_cell(path, rows)) from None
    return [row[0] for row in rows], number, values.reshape(len(rows), width - 2)


def _first_bad_cell(path: Path, rows: list[list[str]]) -> str:
    for line, row in enumerate(rows, 2):
        try:
            np.int64(int(row[1]))
        except (ValueError, OverflowError):
            return f"{path}, line {line}: frame number is {row[1]!r}, expected a whole number"
        for cell in row[2:]:
            try:
                float(cell)
            except ValueError:
                return f"{path}, line {line}: score is {cell!r}, expected a number"
    return f"{path}: holds a number that is too large"
