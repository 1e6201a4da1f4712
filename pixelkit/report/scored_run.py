"""What a run folder says about a scored run: tables, recipe, repairs, tuning, submissions, warnings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit import recipes
from pixelkit.artifacts import RunFolder, RunRecord
from pixelkit.config import read_plain
from pixelkit.errors import PixelkitError
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair
from pixelkit.leaderboard.history import FILE_NAME, History, Submission
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.metrics import Evaluation, evaluate
from pixelkit.scores.recipe import Recipe
from pixelkit.scores.table import ScoreTable
from pixelkit.tuning.verdict import Tuned, Verdict

Labels = Mapping[str, NDArray[np.bool_]]

_LOG_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\S* (WARNING|ERROR|CRITICAL) (.*)")


@dataclass(frozen=True)
class ScoredVideo:
    """The frames of one test video as the score tables name them.

    Parameters
    ----------
    name
        As on disk.
    numbers
        int64 (n,) frame numbers, strictly increasing.
    rows
        Where its frames are in the table.
    """

    name: str
    numbers: NDArray[np.int64]
    rows: slice

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class LogWarning:
    """A warning of the log; one that came again counts."""

    text: str
    last: str
    times: int


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """A run whose score tables are there; what else is there may be missing, and ``missing`` says what.

    Parameters
    ----------
    folder
        The run folder.
    record
        Its ``run.json``.
    table
        Every channel's score of every test frame.
    recipe
        That of the last CSV, or equal weights.
    fused
        float64 (rows,) the score that the CSV holds, 0 to 1.
    repairs
        The repair plan; None if it is not known.
    missing
        What could not be read, a sentence each.
    labels
        By video bool (n,), if the user handed them over.
    """

    folder: RunFolder
    record: RunRecord
    table: ScoreTable
    recipe: Recipe
    fused: NDArray[np.float64]
    repairs: RepairPlan | None
    missing: tuple[str, ...]
    labels: Labels | None = None

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return self.folder.path.resolve().name

    @cached_property
    def videos(self) -> tuple[ScoredVideo, ...]:
        """The test videos, in natural order."""
        return tuple(
            ScoredVideo(name, self.table.number[rows], rows) for name, rows in self.table.videos().items()
        )

    @cached_property
    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The fused score and every channel, (rows,) each, by name."""
        channels = {name: self.table.channel(name).astype(np.float64) for name in self.table.channels}
        return {"fused": self.fused, **channels}

    @property
    def caveats(self) -> list[str]:
        """What everybody who reads these scores has to know, scorer by scorer."""
        return [f"{name}: {caveat}" for name, caveat in self.record.caveats.items()]

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The resolved settings; nothing where they are not there."""
        return read_plain(self.folder.settings)

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """AP and AUC of the fused score, if labels are there."""
        return self.evaluate(self.fused)

    def evaluate(self, scores: NDArray[Any]) -> Evaluation | None:
        """Return AP and AUC of scores (rows,) against the labels; None without any."""
        if self.labels is None:
            return None
        return evaluate({video.name: scores[video.rows] for video in self.videos}, self.labels)

    @property
    def verdict(self) -> Verdict | None:
        """What tuning found about the recipe of the last CSV, or of equal weights, if it was tuned."""
        return None if self._tuned is None else self._tuned.verdict

    @property
    def importances(self) -> Mapping[str, float]:
        """What each change that tuning made is worth, as its objective sees it; nothing where that is not known."""
        return {} if self._tuned is None or self._tuned.course is None else self._tuned.course.importances

    @cached_property
    def _tuned(self) -> Tuned | None:
        tuned = [
            one for file in _newest(self.folder.tuned.parent, "found-*.json") if (one := _read_tuned(file))
        ]
        plain = self.recipe.to_plain()
        about = [one for one in tuned if plain in (one.tuned.to_plain(), one.untuned.to_plain())]
        return about[0] if about else None

    @cached_property
    def curves(self) -> dict[str, list[dict[str, Any]]]:
        """By scorer, its training epoch by epoch, for those that keep it in ``history.json``."""
        files = {
            name: self.folder.path / fitted / "history.json" for name, fitted in self.record.fitted.items()
        }
        read = {name: _read_json(file) for name, file in files.items()}
        return {name: curve for name, curve in read.items() if isinstance(curve, list) and curve}

    @cached_property
    def submissions(self) -> list[Submission]:
        """Every CSV that this run wrote, in the order of time."""
        mine = self.folder.path.resolve()
        history = History(mine.parent / FILE_NAME)
        return [one for one in history.submissions() if one.run is not None and one.run.resolve() == mine]

    @cached_property
    def submission(self) -> Submission | None:
        """The newest CSV of this run that was fused by its recipe."""
        plain = self.recipe.to_plain()
        return next((one for one in reversed(self.submissions) if one.recipe == plain), None)

    @cached_property
    def warnings(self) -> list[LogWarning]:
        """The warnings of the log, the newest first."""
        try:
            lines = self.folder.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        found = [match.groups() for line in lines if (match := _LOG_LINE.match(line))]
        last = {text: time for time, _, text in found}
        texts = [text for _, _, text in found]
        return [
            LogWarning(text, last[text], texts.count(text)) for text in sorted(last, key=last.__getitem__)
        ][::-1]

    def repair_of(self, video: ScoredVideo) -> VideoRepair:
        """Return which frames of a video are repaired."""
        return (self.repairs.videos if self.repairs else {}).get(video.name, VideoRepair())


def read_run(folder: RunFolder) -> ScoredRun:
    """Read a scored run.

    Raises
    ------
    StorageError
        If the folder holds no scored run.
    DataError
        If one of its score tables is gone or damaged.
    RecipeError
        If its recipe does not fit its scores.
    """
    record = folder.read_record()
    table = folder.stored(record.scores)
    recipe = Recipe.read(folder.recipe) if folder.recipe.is_file() else recipes.untuned(folder)
    fused = Fuser(table, folder.stored(record.heldout), max_gap=record.max_gap).fuse(recipe)
    run = ScoredRun(folder, record, table, recipe, fused, None, ())
    plan, missing = _read_plan(folder, record, run.videos)
    return replace(run, repairs=plan, missing=missing)


def _read_plan(
    folder: RunFolder, record: RunRecord, videos: Sequence[ScoredVideo]
) -> tuple[RepairPlan | None, tuple[str, ...]]:
    if record.repair is None:
        return None, (
            "Repairs and frames are not shown: an older version made this run; the same 'pixelkit run' again adds "
            "what is missing.",
        )
    try:
        return RepairPlan.read(folder.path / record.repair, videos), ()
    except PixelkitError as error:
        return None, (f"Repairs are not shown: {error}.",)


def _newest(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern), key=lambda file: -file.stat().st_mtime)


def _read_tuned(file: Path) -> Tuned | None:
    try:
        return Tuned.from_json(_read_json(file) or {})
    except (ValueError, TypeError, KeyError, PixelkitError):
        return None


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
