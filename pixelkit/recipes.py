"""Which recipe a run ships: equal weights, or what tuning finds on the scores that the run has stored."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelkit.artifacts import RunFolder, RunRecord, digest
from pixelkit.config import read_section
from pixelkit.errors import PixelkitError, TuningError, examples
from pixelkit.files import write_text
from pixelkit.frames.inject import read_takes
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.levels import spread_of_levels
from pixelkit.scores.recipe import Recipe, RecipeSettings, voter
from pixelkit.scores.table import ScoreTable
from pixelkit.tuning.objectives import Metric, Objective, label_objective, synthetic_objective
from pixelkit.tuning.settings import TuningSettings
from pixelkit.tuning.space import SearchSpace
from pixelkit.tuning.studies import study_name
from pixelkit.tuning.verdict import Tuned, tune

log = logging.getLogger("pixelkit")


def untuned(folder: RunFolder) -> Recipe:
    """Return the recipe of a run in which every scorer has one vote, scorers of one kin together.

    Channels that tell one normal video from another, rather than its frames from each other, are centred.
    """
    record = folder.read_record()
    shares: Mapping[str, float] = record.shares or dict.fromkeys(folder.stored(record.scores).channels, 1.0)
    settings = read_section(folder.settings, "recipe", RecipeSettings)
    return Recipe.untuned(shares, settings, record.kin, spread_of_levels(folder.stored(record.heldout)))


def known_figure(folder: RunFolder, recipe: Recipe) -> tuple[float | None, str]:
    """Return what tuning measured of ``recipe`` on videos that it had not seen, and what that is; None for nothing."""
    plain = recipe.to_plain()
    for file in sorted(folder.tuned.parent.glob("found-*.json"), key=lambda file: -file.stat().st_mtime):
        tuned = _read(file)
        if tuned is None:
            continue
        verdict = tuned.verdict
        if plain == tuned.untuned.to_plain():
            return verdict.equal, verdict.figure
        if plain == tuned.tuned.to_plain():
            return verdict.unseen, verdict.figure
    return None, ""


def tune_on_synthetic(
    folder: RunFolder,
    settings: TuningSettings,
    *,
    seed: int | None = None,
    storage: str | None = None,
    study: str | None = None,
) -> Tuned:
    """Tune on anomalies that were injected into left-out training video. No label of test video is within reach.

    Raises
    ------
    TuningError
        If the run holds no scores of such anomalies.
    """
    record = folder.read_record()
    if not record.synthetic or record.takes is None:
        raise TuningError(
            f"{folder.path} holds no scores of synthetic anomalies: run 'pixelkit run' or 'pixelkit score' again with "
            f"--objective synthetic and a left-out training video (holdout above 0), or tune on --labels"
        )
    takes = read_takes(folder.path / record.takes)
    table = folder.stored(record.synthetic)
    fuser = Fuser(table, folder.stored(record.heldout), max_gap=record.max_gap, sources=takes.source)
    objective = synthetic_objective(fuser, takes.labels, takes.family, prevalence=settings.prevalence)
    return _tune(folder, record, objective, settings, takes.family, takes.source, seed, storage, study)


def tune_on_labels(
    folder: RunFolder,
    labels: Mapping[str, NDArray[np.bool_]],
    metric: Metric,
    settings: TuningSettings,
    *,
    seed: int | None = None,
    storage: str | None = None,
    study: str | None = None,
) -> Tuned:
    """Tune on labels of the test videos, which the user handed over: by video, bool (n,)."""
    record = folder.read_record()
    fuser = Fuser(folder.stored(record.scores), folder.stored(record.heldout), max_gap=record.max_gap)
    objective = label_objective(fuser, labels, metric)
    return _tune(folder, record, objective, settings, {}, {}, seed, storage, study)


def draw(folder: RunFolder, tuned: Tuned, labels: Mapping[str, NDArray[np.bool_]] | None = None) -> None:
    """Draw, into the run's folder ``tuning``, the search and what the recipe that ships does to the test videos.

    Labels are shaded when the user handed them over.
    """
    from pixelkit.tuning.plots import draw_course, draw_timelines

    place = folder.tuned.parent
    if tuned.course is not None:
        draw_course(tuned.course, place)
    record = folder.read_record()
    fuser = Fuser(folder.stored(record.scores), folder.stored(record.heldout), max_gap=record.max_gap)
    before, after = fuser.fuse(tuned.untuned), fuser.fuse(tuned.recipe)
    draw_timelines(fuser.table, before, after, place / "timeline.png", labels)
    log.info("tuning: plots lie in %s", place)


def _tune(
    folder: RunFolder,
    record: RunRecord,
    objective: Objective,
    settings: TuningSettings,
    strata: Mapping[str, str],
    sources: Mapping[str, str],
    seed: int | None,
    storage: str | None,
    study: str | None,
) -> Tuned:
    """Tune, or read what the same tuning found before."""
    seed = record.seed if seed is None else seed
    whole = untuned(folder)
    begin = _tunable(whole, objective.fuser.table)
    votes, space = spaces(folder, begin, per_video=settings.per_video)
    labels = [part.labels.tolist() for part in objective.parts]
    facts = (
        record.scores,
        record.synthetic,
        objective.figure,
        labels,
        begin.to_plain(),
        f"{votes} {space}",
        {
            name: getattr(settings, name)
            for name in ("towards_equal", "towards_votes", "required", "prevalence")
        },
    )
    key = digest(*facts, dataclasses.asdict(settings), seed)
    file = folder.tuning(key)
    before = None if storage else _read(file)
    if before is not None:
        log.info("tuned before: %s", before.verdict.reason)
        return before.beside(whole)
    tuned = tune(
        objective,
        begin,
        votes,
        space,
        settings,
        seed=seed,
        strata=strata,
        sources=sources,
        storage=storage,
        # Whoever names the same search goes on with it, for longer, or beside others
        study=study or study_name(digest(*facts, seed)),
        purpose=digest(*facts),
    )
    for line in tuned.verdict.lines():
        log.info("tuning: %s", line)
    tuned.tuned.write(folder.tuned)
    if tuned.verdict.unseen is not None:
        write_text(file, json.dumps(tuned.to_json(), indent=1) + "\n")
    return tuned.beside(whole)


def spaces(folder: RunFolder, begin: Recipe, *, per_video: bool) -> tuple[SearchSpace, SearchSpace]:
    """Return what is searched around ``begin``: the votes of scorers, those of one kin together; then each channel."""
    record = folder.read_record()
    calibrated = folder.stored(record.heldout).channels
    voters = {name: voter(name, record.kin) for name in begin.channels}
    votes, space = (
        SearchSpace.around(
            begin, narrow=record.choices, calibrated=calibrated, per_video=per_video, voters=which
        )
        for which in (voters, None)
    )
    return votes, space


def _tunable(recipe: Recipe, table: ScoreTable) -> Recipe:
    """Return the recipe with the channels that can be tuned: they have scores, which are not the same everywhere.

    Raises
    ------
    TuningError
        If there is none.
    """
    there = [name for name in recipe.channels if name in table.channels]
    if not there:
        raise TuningError(
            f"{examples(recipe.channels)}: none of the channels has scores to tune on; what was made elsewhere is "
            f"tuned by labels or by the leaderboard"
        )
    constant = [name for name in there if np.ptp(table.channel(name)) == 0]
    if constant:
        log.warning("%s: the same for every frame, so not tuned", examples(constant))
    kept = [name for name in there if name not in constant] or there
    foreign = [name for name in recipe.channels if name not in table.channels]
    if foreign:
        log.info("%s: made elsewhere, so left at equal weights", examples(foreign))
    return dataclasses.replace(recipe, channels={name: recipe.channels[name] for name in kept})


def _read(file: Path) -> Tuned | None:
    try:
        return Tuned.from_json(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, PixelkitError) as error:
        log.warning("%s cannot be read (%s): it is made again", file, error)
        return None
