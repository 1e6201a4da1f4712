"""Submissions made elsewhere as channels of a run: alone, or beside the channels of a run of our own."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixelkit.artifacts import RECORD, RunFolder, RunRecord
from pixelkit.errors import DataError, StorageError, TuningError, examples
from pixelkit.files import atomic
from pixelkit.frames.ids import frame_id
from pixelkit.frames.video import MAX_GAP
from pixelkit.leaderboard.csv import check_sample, read_submission
from pixelkit.scores.table import ScoreTable

log = logging.getLogger("pixelkit")

# The score tables of a blend are named after it, and not after what they were made from, as those of a run are.
KEY = "blend"


def blend(
    csvs: Sequence[Path], folder: RunFolder, own: RunFolder | None = None, sample: Path | None = None
) -> None:
    """Make a run of leaderboard CSVs: each becomes a channel that weighs as much as a scorer.

    Nothing is written before all was checked.

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
    StorageError
        If ``folder`` holds a run that was not made by blending: it would be lost.
    SubmissionError
        If the leaderboard would reject one of the CSVs, or the sample submission is gone or does not fit them.
    """
    _check_place(folder, own)
    record = own.read_record() if own else RunRecord(data="", scores={}, heldout={}, max_gap=MAX_GAP)
    if len(csvs) + len(record.scores) < 2:
        raise DataError("there is nothing to blend: expected two or more CSVs, or one and --run RUN")
    foreign = _foreign(csvs, taken=record.scores)
    _check_same_ids(foreign, dict(zip(foreign, csvs, strict=True)))
    first = next(iter(foreign.values()))
    tables = {} if own is None else _own(own, record, first)
    tables |= foreign
    made = replace(
        record,
        data=record.data or "blend",
        scores={name: _file(folder, name).relative_to(folder.path).as_posix() for name in tables},
        shares={**record.shares, **{name: 1.0 for table in foreign.values() for name in table.channels}},
    ).with_sample(sample)
    if (wanted := (own or folder).sample(made)) is not None:
        check_sample(wanted, first.videos())
    if own is not None:
        made = _beside(own, folder, made)
    for name, table in tables.items():
        table.write_csv(_file(folder, name))
    folder.write_record(made)


def check_synthetic(own: RunFolder | None) -> None:
    """Raise a TuningError unless the run that is blended in holds synthetic anomalies to tune on."""
    if own is None:
        raise TuningError(
            "CSVs made elsewhere hold no scores of synthetic anomalies: add a run that does with --run RUN, or choose "
            "--objective labels or leaderboard"
        )
    record = own.read_record()
    lost = _lost(own, record.synthetic.values(), record.takes)
    if lost or not record.synthetic or record.takes is None:
        why = f" ({lost[0]} is gone)" if lost else ""
        raise TuningError(
            f"{own.path} holds no scores of synthetic anomalies{why}: give its 'pixelkit run' again with "
            f"--objective synthetic, or choose another objective"
        )


def _check_place(folder: RunFolder, own: RunFolder | None) -> None:
    """Raise an error if the blend would take the place of a run, whose takes and fitted scorers nothing would find."""
    if own is not None and own.path.resolve() == folder.path.resolve():
        raise DataError(
            f"--run and --out are the same folder {folder.path}: name another --out for the blend"
        )
    if not (folder.path / RECORD).exists():
        return
    before = folder.read_record().scores
    if not before or any(folder.path / file != _file(folder, name) for name, file in before.items()):
        raise StorageError(
            f"{folder.path} holds a run that was not made by 'pixelkit blend': name another folder with --out"
        )


def _own(own: RunFolder, record: RunRecord, like: ScoreTable) -> dict[str, ScoreTable]:
    """Return our own scores of the frames that the CSVs ask for, by scorer."""
    return {name: _restricted(own.table(file), like, name) for name, file in record.scores.items()}


def _beside(own: RunFolder, folder: RunFolder, record: RunRecord) -> RunRecord:
    """Copy what calibrates and tunes the channels of our own run, so that the folder stands by itself.

    What is gone there is left out, with a warning: a blend can do without.
    """
    if lost := _lost(own, record.heldout.values()):
        log.warning("%s is gone: nothing is calibrated on left-out training videos", lost[0])
        record = replace(record, heldout={})
    if lost := _lost(own, record.synthetic.values(), record.takes):
        log.warning("%s is gone: the blend cannot be tuned on synthetic anomalies", lost[0])
        record = replace(record, synthetic={}, takes=None)
    files = [own.path / file for file in (*record.heldout.values(), *record.synthetic.values())]
    if record.takes is not None:
        files += [file for file in (own.path / record.takes).rglob("*") if file.is_file()]
    for file in (*files, *([own.settings] if own.settings.is_file() else [])):
        with atomic(folder.path / file.relative_to(own.path)) as temporary:
            shutil.copyfile(file, temporary)
    return record


def _lost(run: RunFolder, files: Iterable[str], takes: str | None = None) -> list[Path]:
    """Return what the record of a run names and is not there."""
    named = [run.path / file for file in (*files, *([takes] if takes else []))]
    return [path for path in named if not path.exists()]


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


def _file(folder: RunFolder, name: str) -> Path:
    return folder.scores(name, KEY)
