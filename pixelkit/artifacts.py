"""The run folder: what is finished lies there under a name that says what it was made from, and is not made again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from pixelkit.config import coerce
from pixelkit.errors import SettingsError, StorageError, SubmissionError, reason
from pixelkit.files import make_folder, storage_errors, write_text
from pixelkit.scores.recipe import Recipe
from pixelkit.scores.table import ScoreTable

RECORD = "run.json"
log = logging.getLogger("pixelkit")


def digest(*parts: Any) -> str:
    """Return 12 hexadecimal digits over ``parts`` (anything JSON can hold; other things by their text)."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class RunRecord:
    """What ``run.json`` says: the score tables of the last run and what its CSV must hold.

    Paths of tables and of the CSV are relative to the run folder; ``sample`` is as the user gave it.
    """

    data: str
    scores: dict[str, str]
    """By scorer, the table of test scores."""
    heldout: dict[str, str]
    """By scorer, the table of scores on left-out training videos."""
    max_gap: int
    seed: int = 0
    sample: str | None = None
    shares: dict[str, float] = field(default_factory=dict)
    """By channel, its weight in the untuned recipe."""
    kin: dict[str, str] = field(default_factory=dict)
    """By scorer, what it is a variant of: scorers of one kin share one vote in the untuned recipe."""
    choices: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By channel, what its plugin wants tuning to try in the place of everything."""
    synthetic: dict[str, str] = field(default_factory=dict)
    """By scorer, the table of scores on takes with synthetic anomalies."""
    takes: str | None = None
    """The folder that says what was injected into which take."""
    layout: str = ""
    """How people call the layout of the data set."""
    videos: dict[str, str] = field(default_factory=dict)
    """By test video, the folder of its frames or its file."""
    train: list[str] = field(default_factory=list)
    """The training videos by name, the left-out ones among them."""
    repair: str | None = None
    """The repair plan of the test videos."""
    fitted: dict[str, str] = field(default_factory=dict)
    """By scorer, the folder of what it learned."""
    caveats: dict[str, str] = field(default_factory=dict)
    """By scorer, what everybody who reads its scores has to know."""

    def with_sample(self, sample: Path | None) -> RunRecord:
        """Return the record with another sample submission; None for the one that it has.

        Raises
        ------
        SubmissionError
            If it is not there.
        """
        if sample is None:
            return self
        _check_readable(sample, f"the sample submission {sample}", "check the path given to --sample")
        return replace(self, sample=str(sample.resolve()))


class RunFolder:
    """One folder that holds settings, repair plan, fitted scorers, score tables, recipe, CSV and log.

    Parameters
    ----------
    path
        The folder; made when something is first written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def recipe(self) -> Path:
        """The recipe of the last CSV: a small JSON that a person can edit."""
        return self.path / "recipe.json"

    @property
    def settings(self) -> Path:
        """All settings of the run as they took effect, as TOML."""
        return self.path / "settings.toml"

    @property
    def log(self) -> Path:
        """What was said while the run went on."""
        return self.path / "log.txt"

    def repair_plan(self, key: str) -> Path:
        """Where the repair plan lies that was made from ``key``; edit it and run again."""
        return self.path / f"repair-{key}.json"

    def fitted(self, scorer: str, key: str) -> Path:
        """The folder of a fitted scorer."""
        return self.path / "fitted" / f"{scorer}-{key}"

    def workspace(self, scorer: str, key: str) -> Path:
        """A folder for unfinished work, which outlives a kill."""
        return make_folder(self.path / "unfinished" / f"{scorer}-{key}")

    def scores(self, scorer: str, key: str) -> Path:
        """The score table of a scorer."""
        return self.path / "scores" / f"{scorer}-{key}.csv"

    def takes(self, key: str) -> Path:
        """The folder that says what was injected into which take; the frames lie in the cache."""
        return self.path / "tuning" / f"takes-{key}"

    def tuning(self, key: str) -> Path:
        """What tuning found, as JSON."""
        return self.path / "tuning" / f"found-{key}.json"

    @property
    def tuned(self) -> Path:
        """The recipe that tuning found last, whether it ships or not."""
        return self.path / "tuning" / "tuned.json"

    def submission(self, key: str) -> Path:
        """The CSV, named by what is in it: an earlier one is never overwritten by another."""
        return self.path / f"{self.path.name}-{key}.csv"

    def stored(self, files: Mapping[str, str]) -> ScoreTable:
        """Return the channels of all scorers in one table: ``files`` are those of the record, by scorer."""
        if not files:
            return ScoreTable([], [], [], np.empty((0, 0)))
        return ScoreTable.join([self.table(file) for file in files.values()])

    def table(self, file: str) -> ScoreTable:
        """Return one of the score tables that the record names.

        Raises
        ------
        StorageError
            If it is gone.
        DataError
            If it is damaged.
        """
        path = self.path / file
        if not path.exists():
            raise StorageError(
                f"{path} is gone, a score table that {self.path / RECORD} names: give the command that made this run "
                f"again ('pixelkit run', 'score' or 'blend'), which makes what is missing"
            )
        return ScoreTable.read_csv(path)

    def sample(self, record: RunRecord) -> Path | None:
        """Return the sample submission that the record names, if it names one.

        Raises
        ------
        SubmissionError
            If it is gone.
        """
        if record.sample is None:
            return None
        sample = Path(record.sample)
        _check_readable(
            sample,
            f"the sample submission {sample}, whose ids the CSV of {self.path} has to have,",
            f"put it back, or name another with 'pixelkit submit {self.path} --sample FILE'",
        )
        return sample

    def keep_recipe(self, recipe: Recipe) -> None:
        """Write ``recipe.json``; one that was there and says something else is kept under another name."""
        if self.recipe.is_file() and (before := self.recipe.read_bytes()) != recipe.to_json().encode():
            kept = self.recipe.with_name(f"recipe-{digest(before.hex())}.json")
            with storage_errors(kept):
                self.recipe.replace(kept)
            log.info("another recipe was there: kept as %s", kept)
        recipe.write(self.recipe)

    def write_record(self, record: RunRecord) -> None:
        """Write ``run.json``."""
        write_text(self.path / RECORD, json.dumps(asdict(record), indent=1) + "\n")

    def read_record(self) -> RunRecord:
        """Read ``run.json``.

        Raises
        ------
        StorageError
            If the folder holds no finished run, or its record does not parse.
        """
        file = self.path / RECORD
        try:
            return _record(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise StorageError(
                f"{self.path} holds no scored run: expected {RECORD}; make one with 'pixelkit run'"
            ) from None
        except (OSError, ValueError, TypeError, RecursionError, SettingsError) as error:
            raise StorageError(
                f"{file} cannot be read ({reason(error)}): give the command that made this run again ('pixelkit run', "
                f"'score' or 'blend') to rewrite it"
            ) from None


def _record(found: Any) -> RunRecord:
    """Return the record that JSON holds; what a newer version wrote beside it is passed over."""
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    kinds = get_type_hints(RunRecord)
    return RunRecord(**{key: coerce(found[key], kinds[key], key) for key in found if key in kinds})


def _check_readable(sample: Path, what: str, remedy: str) -> None:
    try:
        sample.open("rb").close()
    except OSError as error:
        raise SubmissionError(f"{what} cannot be read ({reason(error)}): {remedy}") from None


def newest_run(folder: Path) -> RunFolder:
    """Return the run in ``folder`` that was written last.

    Raises
    ------
    StorageError
        If there is none.
    """
    records = sorted(folder.glob(f"*/{RECORD}"), key=lambda file: file.stat().st_mtime)
    if not records:
        raise StorageError(
            f"there is no run in {folder.resolve()}: make one with 'pixelkit run DATA', or name its folder"
        )
    return RunFolder(records[-1].parent)
