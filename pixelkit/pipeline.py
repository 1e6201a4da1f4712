"""The main job on one page: from a folder of videos to a checked CSV. Read this first.

    data set ─▶ frames ─▶ repair ─▶ scorers ─▶ score tables ─▶ normalise · smooth · fuse ─▶ CSV

Data goes one way. Every step stores what it made under a name that holds a hash of all that it depends on, so a run
that was killed, or that is run again with one setting changed, makes only what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pixelkit import jobs
from pixelkit.artifacts import RunFolder, RunRecord, digest
from pixelkit.config import Settings, make_scorer, write_settings
from pixelkit.errors import PluginError
from pixelkit.frames.cache import cache_folder
from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.footage import Footage, split_heldout
from pixelkit.frames.layouts import DataSet
from pixelkit.frames.repair import FLIP_VIEW, RepairPlan, apply_repairs, plan_repairs
from pixelkit.leaderboard.csv import check_sample, check_submission, write_submission
from pixelkit.registry import RegisteredScorer
from pixelkit.scorer import Scorer
from pixelkit.scores.recipe import Recipe
from pixelkit.scores.table import ScoreTable

log = logging.getLogger("pixelkit")


@dataclass(frozen=True)
class Job:
    """What a run is to do: which data, which scorers, with which settings, into which folder."""

    data: DataSet
    settings: Settings
    scorers: Sequence[RegisteredScorer]
    folder: RunFolder
    named: bool = False
    """The scorers were asked for by name: one that fails is an error, not left out."""
    sample: Path | None = None
    recipe: Path | None = None
    cache: Path | None = None


@dataclass(frozen=True)
class Splits:
    """The videos of a job: to fit on, left out of fitting, and to be scored."""

    train: Footage
    heldout: Footage
    test: Footage


@dataclass(frozen=True)
class Scored:
    """Where one scorer's tables lie."""

    test: Path
    heldout: Path


def run(job: Job) -> Path:
    """Do the whole job and return the path of the checked CSV."""
    score(job)
    return submit(job.folder)


def recipe_of(job: Job, shares: Mapping[str, float]) -> Recipe:
    """Return the recipe that was handed over, or the untuned one, in which every scorer weighs the same."""
    return Recipe.read(job.recipe) if job.recipe else Recipe.untuned(shares, job.settings.recipe)


def score(job: Job) -> dict[str, Scored]:
    """Decode, repair, fit and score; return the tables of each scorer, which the run folder remembers."""
    scorers = start(job)
    tables = score_all(job, scorers, read_videos(job, scorers))
    job.folder.write_record(
        RunRecord(
            data=str(job.data.root),
            scores={name: _inside(job.folder, scored.test) for name, scored in tables.items()},
            heldout={name: _inside(job.folder, scored.heldout) for name, scored in tables.items()},
            max_gap=job.settings.max_gap,
            sample=str(job.sample.resolve()) if job.sample else None,
        )
    )
    shares: dict[str, float] = {}
    for scorer in scorers:
        shares |= jobs.channel_shares(scorer) if scorer.name in tables else {}
    job.folder.keep_recipe(recipe_of(job, shares))
    return tables


def fit(job: Job) -> list[Path]:
    """Decode and fit; return the folder of each fitted scorer."""
    scorers = start(job)
    train = read_videos(job, scorers).train
    fitted = []
    for scorer in scorers:
        with left_out_if_broken(job, scorer.name):
            fitted.append(job.folder.fitted(scorer.name, jobs.fit(scorer, train, job.folder)))
    require_some(fitted)
    return fitted


def submit(folder: RunFolder, recipe: Path | None = None, sample: Path | None = None) -> Path:
    """Make the CSV of a scored run, by its own recipe or another; return its path."""
    if sample is not None:
        folder.write_record(replace(folder.read_record(), sample=str(sample.resolve())))
    if recipe is not None:
        folder.keep_recipe(Recipe.read(recipe))
    return write_csv(folder, Recipe.read(folder.recipe))


def check(folder: RunFolder, csv: Path, sample: Path | None = None) -> Path:
    """Hold a CSV, made here or elsewhere, against what the leaderboard wants; return its path when it fits."""
    record = folder.read_record()
    wanted = sample or (Path(record.sample) if record.sample else None)
    check_submission(csv, wanted, _stored(folder, record.scores))
    return csv


def start(job: Job) -> list[Scorer]:
    """Make the scorers with their settings, and leave the resolved settings in the run folder.

    Recipe, sample submission and the scorers' pretrained weights are read here already, and missing weights fetched:
    what is wrong with them should not come to light after hours.
    """
    recipe_of(job, {"any": 1.0})
    if job.sample is not None:
        check_sample(job.sample, [video.name for video in job.data.test])
    scorers: list[Scorer] = []
    for registered in job.scorers:
        with left_out_if_broken(job, registered.name), jobs.blame(registered.cls):
            scorer = make_scorer(registered.cls, job.settings)
            scorer.views()
            jobs.channel_shares(scorer)
            jobs.input_digests(scorer)
            scorers.append(scorer)
    write_settings(job.folder.path / "settings.toml", job.settings, scorers)
    return scorers


def read_videos(job: Job, scorers: Sequence[Scorer]) -> Splits:
    """Decode every frame once, for all views of all scorers, and repair the test videos."""
    views = {FLIP_VIEW, *(view for scorer in scorers for view in scorer.views())}
    store = FrameStore(job.cache or cache_folder())
    decoded = store.decode([*job.data.train, *job.data.test], sorted(views))
    train, test = decoded[: len(job.data.train)], decoded[len(job.data.train) :]
    plan = repair_plan(job, train, test)
    for line in plan.summary():
        log.info("repair: %s", line)
    to_fit, left_out = split_heldout([video.name for video in train], job.settings.holdout)
    by_name = {video.name: video for video in train}
    return Splits(
        train=_footage([by_name[name] for name in to_fit], None, job.settings),
        heldout=_footage([by_name[name] for name in left_out], None, job.settings),
        test=_footage(test, plan, job.settings),
    )


def repair_plan(job: Job, train: Sequence[DecodedVideo], test: Sequence[DecodedVideo]) -> RepairPlan:
    """Return the plan that lies in the run folder for these frames (a person may have edited it), or make it."""
    settings = job.settings
    file = job.folder.repair_plan(
        digest(asdict(settings.repair), settings.seed, [v.key for v in train], [v.key for v in test])
    )
    if file.is_file():
        return RepairPlan.read(file, test)
    plan = plan_repairs(train, test, settings.repair, seed=settings.seed)
    plan.write(file)
    return plan


def score_all(job: Job, scorers: Sequence[Scorer], splits: Splits) -> dict[str, Scored]:
    """Fit every scorer; let it score the left-out training videos and the test videos.

    Raises
    ------
    PluginError
        If no scorer is left, or one that was asked for by name fails.
    """
    scored: dict[str, Scored] = {}
    for scorer in scorers:
        with left_out_if_broken(job, scorer.name):
            key = jobs.fit(scorer, splits.train, job.folder)
            _, heldout = jobs.score(scorer, key, splits.heldout, job.folder)
            _, test = jobs.score(scorer, key, splits.test, job.folder)
            scored[scorer.name] = Scored(test, heldout)
    require_some(scored)
    return scored


def require_some(made: Sized) -> None:
    """Raise a PluginError if every scorer was left out."""
    if not made:
        raise PluginError(
            "every scorer was left out: see the warnings, 'pixelkit plugins', 'pixelkit check NAME'"
        )


@contextmanager
def left_out_if_broken(job: Job, name: str) -> Iterator[None]:
    """Leave a scorer that fails out of the run, with its reason, unless it was asked for by name."""
    try:
        yield
    except PluginError as error:
        if job.named:
            raise
        log.warning("%s is left out: %s", name, error)


def write_csv(folder: RunFolder, recipe: Recipe) -> Path:
    """Fuse the stored scores of a run by ``recipe``, write the CSV, check it, and return its path."""
    record = folder.read_record()
    table = _stored(folder, record.scores)
    heldout = _stored(folder, record.heldout)
    scores = recipe.apply(table, heldout if len(heldout) else None, max_gap=record.max_gap)
    sample = Path(record.sample) if record.sample else None
    wanted = sample.read_bytes().hex() if sample else ""
    file = folder.submission(digest(table.video.tolist(), table.number.tolist(), scores.tolist(), wanted))
    write_submission(file, table, scores, sample)
    check_submission(file, sample, table)
    log.info("checked: each of %s frames has its score", f"{len(table):,}")
    return file


def _footage(decoded: Sequence[DecodedVideo], plan: RepairPlan | None, settings: Settings) -> Footage:
    videos = apply_repairs(decoded, plan, max_gap=settings.max_gap)
    key = digest(
        [(video.name, video.key) for video in decoded], plan.digest() if plan else "", settings.max_gap
    )
    return Footage(
        videos, key, {video.name: tuple(video.undecodable) for video in decoded if video.undecodable}
    )


def _stored(folder: RunFolder, files: Mapping[str, str]) -> ScoreTable:
    return ScoreTable.join([ScoreTable.read_csv(folder.path / file) for file in files.values()])


def _inside(folder: RunFolder, file: Path) -> str:
    return file.relative_to(folder.path).as_posix()
