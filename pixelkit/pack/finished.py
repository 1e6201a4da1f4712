"""What of a finished run goes into a pack, so that the other machine scores without fitting again."""

from __future__ import annotations

from pathlib import Path

from pixelkit.artifacts import RunFolder, RunRecord
from pixelkit.errors import PackError


def run_files(run: RunFolder) -> list[Path]:
    """Return settings, recipe, repair plan and fitted scorers of a run: all that another machine finds again.

    Not its scores, which are made there, nor its CSVs. What a run makes is named after the content of the frames,
    settings, sources and weights, so that a copy of the folder is as good as the original.

    Raises
    ------
    StorageError
        If it is no run, or one that did not get as far as scoring.
    PackError
        If something of it is gone.
    """
    record = run.read_record()
    files = [run.settings, run.recipe, *([run.path / record.repair] if record.repair else [])]
    for scorer in scorers_of(run, record):
        fitted = run.path / record.fitted.get(scorer, "")
        if scorer not in record.fitted or not fitted.is_dir():
            raise _unfinished(run, f"the fitted scorer {scorer!r}")
        files += sorted(path for path in fitted.rglob("*") if path.is_file())
    for file in files:
        if not file.is_file():
            raise _unfinished(run, file.name)
    return files


def scorers_of(run: RunFolder, record: RunRecord | None = None) -> list[str]:
    """Return the scorers of a run."""
    return list((record or run.read_record()).scores)


def _unfinished(run: RunFolder, what: str) -> PackError:
    return PackError(
        f"run {run.path} lacks {what}: give its 'pixelkit run' again, which makes what is missing, then pack it"
    )
