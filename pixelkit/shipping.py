"""From the stored scores of a run to its CSV: fused, checked, written and remembered."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelkit import recipes
from pixelkit.artifacts import RunFolder, RunRecord, digest
from pixelkit.config import read_plain
from pixelkit.errors import RecipeError, StorageError, did_you_mean, examples
from pixelkit.leaderboard.csv import check_sample, check_submission, write_submission
from pixelkit.leaderboard.history import FILE_NAME, History
from pixelkit.scores.recipe import Recipe
from pixelkit.scores.table import ScoreTable

log = logging.getLogger("pixelkit")

Fused = tuple[ScoreTable, NDArray[np.float64]]
"""A table, and one score for each of its rows."""


def submit(folder: RunFolder, recipe: Path | None = None, sample: Path | None = None) -> Path:
    """Make the CSV of a scored run, by its own recipe or another; return its path.

    Raises
    ------
    RecipeError, SubmissionError
        If recipe or sample submission do not fit the run, whose own then stay.
    """
    record = folder.read_record()
    _require_scores(folder, record)
    file = recipe or (folder.recipe if folder.recipe.is_file() else None)
    chosen = Recipe.read(file) if file else recipes.untuned(folder)
    return ship(folder, record.with_sample(sample), chosen, file)


def ship(folder: RunFolder, record: RunRecord, recipe: Recipe, file: Path | None) -> Path:
    """Check all that goes into the CSV, keep it in the run folder, and write the CSV.

    ``file`` is where the recipe was read from, if it was.
    """
    fused = _fuse(folder, record, recipe, file)
    if (wanted := folder.sample(record)) is not None:
        check_sample(wanted, fused[0].videos())
    centred = [name for name, one in recipe.channels.items() if one.centred and one.weight]
    if centred:
        log.info("recipe: the median of each video is taken away from %s", examples(centred))
    if file != folder.recipe:
        folder.keep_recipe(recipe)
    if record != folder.read_record():
        folder.write_record(record)
    return _write(folder, record, recipe, fused)


def check(folder: RunFolder, csv: Path, sample: Path | None = None) -> Path:
    """Hold a CSV, made here or elsewhere, against what the leaderboard wants; return its path when it fits."""
    record = folder.read_record()
    wanted = folder.sample(record.with_sample(sample))
    if wanted is None:
        _require_scores(folder, record)
    check_submission(csv, wanted, folder.stored(record.scores))
    return csv


def _require_scores(folder: RunFolder, record: RunRecord) -> None:
    if not record.scores:
        raise StorageError(
            f"{folder.path} holds no scores: make them with 'pixelkit run' or 'pixelkit score'"
        )


def write_csv(folder: RunFolder, recipe: Recipe) -> Path:
    """Fuse the stored scores of a run by ``recipe``, write the CSV, check it, remember it, and return its path."""
    record = folder.read_record()
    return _write(folder, record, recipe, _fuse(folder, record, recipe))


def _fuse(folder: RunFolder, record: RunRecord, recipe: Recipe, file: Path | None = None) -> Fused:
    """Fuse the stored scores of a run; an error names the file that the recipe was read from."""
    table = folder.stored(record.scores)
    remedy = "delete the file for equal weights" if file == folder.recipe else "run its scorer, too"
    check_channels(recipe, table.channels, file, f"the run {folder.path}", remedy)
    try:
        scores = recipe.apply(table, folder.stored(record.heldout), max_gap=record.max_gap)
    except RecipeError as error:
        raise RecipeError(f"{file}: {error}" if file else str(error)) from None
    return table, scores


def check_channels(recipe: Recipe, known: Sequence[str], file: Path | None, where: str, remedy: str) -> None:
    """Raise a RecipeError if a recipe weighs channels that are not among those known."""
    lacking = [name for name, one in recipe.channels.items() if one.weight > 0 and name not in known]
    if lacking:
        raise RecipeError(
            f"{file or 'the recipe'}: {where} has no channel {examples(map(repr, lacking))}"
            f"{did_you_mean(lacking[0], known)}: correct the recipe, take the channel out of it, or {remedy}"
        )


def _write(folder: RunFolder, record: RunRecord, recipe: Recipe, fused: Fused) -> Path:
    """Write the CSV, check it, remember it, and return its path."""
    (table, scores), sample = fused, folder.sample(record)
    wanted = sample.read_bytes().hex() if sample else ""
    file = folder.submission(digest(table.video.tolist(), table.number.tolist(), scores.tolist(), wanted))
    write_submission(file, table, scores, sample)
    check_submission(file, sample, table)
    log.info("checked: each of %s frames has its score", f"{len(table):,}")
    figure, what = recipes.known_figure(folder, recipe)
    history = History(folder.path.resolve().parent / FILE_NAME)
    history.written(
        file,
        run=folder.path,
        recipe=recipe,
        settings=read_plain(folder.settings),
        figure=figure,
        figure_of=what,
        rows=len(table),
    )
    return file
