"""Submissions made elsewhere as channels of a run: alone, or beside the channels of a run of our own."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelkit.artifacts import RunFolder, RunRecord
from pixelkit.errors import DataError, examples
from pixelkit.files import atomic
from pixelkit.frames.ids import frame_id
from pixelkit.frames.video import MAX_GAP
from pixelkit.leaderboard.csv import read_submission
from pixelkit.scores.table import ScoreTable

log = logging.getLogger("pixelkit")


def blend(
    csvs: Sequence[Path], folder: RunFolder, own: RunFolder | None = None, sample: Path | None = None
) -> None:
    """Make a run of leaderboard CSVs: each becomes a channel that weighs as much as a scorer.

    Parameters
    ----------
    csvs
        Leaderboard CSVs with the same ids, in any order.
    folder
        The run folder to write.
    own
        A run whose channels are taken in too, with what is needed to calibrate and to tune them.
    sample
        The sample submission; None for that of ``own``, if it has one.

    Raises
    ------
    DataError
        If there is nothing to blend, or the ids differ: they are named.
    SubmissionError
        If the leaderboard would reject one of the CSVs.
    """
    record = own.read_record() if own else RunRecord(data="", scores={}, heldout={}, max_gap=MAX_GAP)
    if len(csvs) + len(record.scores) < 2:
        raise DataError("there is nothing to blend: expected two or more CSVs, or one and --run RUN")
    foreign = _foreign(csvs, taken=record.scores)
    _check_same_ids(foreign, dict(zip(foreign, csvs, strict=True)))
    first = next(iter(foreign.values()))
    scores: dict[str, str] = {}
    for name, file in record.scores.items():
        assert own is not None
        table = _restricted(ScoreTable.read_csv(own.path / file), first, name)
        scores[name] = _write(folder, name, table)
    for name, table in foreign.items():
        scores[name] = _write(folder, name, table)
    shares = dict(record.shares)
    shares |= {channel: 1.0 for table in foreign.values() for channel in table.channels}
    made = replace(record, data=record.data or "blend", scores=scores, shares=shares)
    if sample is not None:
        made = replace(made, sample=str(sample.resolve()))
    folder.write_record(made if own is None else _beside(own, folder, made))


def _beside(own: RunFolder, folder: RunFolder, record: RunRecord) -> RunRecord:
    """Copy what calibrates and tunes the channels of our own run, so that the folder stands by itself."""
    for file in (*record.heldout.values(), *record.synthetic.values(), own.settings.name):
        if (own.path / file).is_file():
            with atomic(folder.path / file) as temporary:
                shutil.copyfile(own.path / file, temporary)
    if record.takes is not None:
        shutil.copytree(own.path / record.takes, folder.path / record.takes, dirs_exist_ok=True)
    return record


def _foreign(csvs: Sequence[Path], taken: Mapping[str, str]) -> dict[str, ScoreTable]:
    """Return the scores of each CSV under a channel of its own, named after the file."""
    tables: dict[str, ScoreTable] = {}
    for csv in csvs:
        plain = re.sub(r"[^a-z0-9-]+", "-", csv.stem.lower()).strip("-") or "csv"
        again = next(n for n in range(1, 10_000) if _numbered(plain, n) not in {*tables, *taken})
        name, table = _numbered(plain, again), read_submission(csv)
        tables[name] = ScoreTable(table.video, table.number, [f"{name}.predicted"], table.values)
    return tables


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _check_same_ids(tables: Mapping[str, ScoreTable], files: Mapping[str, Path]) -> None:
    first, *others = tables
    wanted = set(tables[first].frames())
    for name in others:
        found = set(tables[name].frames())
        for more, less, keys in ((first, name, wanted - found), (name, first, found - wanted)):
            if keys:
                raise DataError(
                    f"{files[less]} lacks {len(keys):,} ids that {files[more]} has: "
                    f"{examples(frame_id(*key) for key in sorted(keys))}; blend CSVs of one competition"
                )


def _restricted(table: ScoreTable, like: ScoreTable, name: str) -> ScoreTable:
    """Return the rows of our own scores that the CSVs ask for."""
    wanted, mine = set(like.frames()), table.frames()
    lacking = wanted - set(mine)
    if lacking:
        raise DataError(
            f"the run has no {name} scores for {len(lacking):,} ids of the CSVs: "
            f"{examples(frame_id(*key) for key in sorted(lacking))}; is it a run of another data set?"
        )
    rows = np.array([key in wanted for key in mine])
    if not rows.all():
        log.info("%s: %s frames that the CSVs do not ask for are left out", name, f"{(~rows).sum():,}")
    return ScoreTable(table.video[rows], table.number[rows], table.channels, table.values[rows])


def _write(folder: RunFolder, name: str, table: ScoreTable) -> str:
    file = folder.scores(name, "blend")
    table.write_csv(file)
    return file.relative_to(folder.path).as_posix()
