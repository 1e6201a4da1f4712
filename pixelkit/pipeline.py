"""The main job on one page: from a folder of videos to a checked CSV. Read this first.

    data set ─▶ frames ─▶ repair ─▶ scorers ─▶ score tables ─▶ normalise · smooth · fuse ─▶ CSV
                                                    └──── tuning ────▶ recipe ──┘

Data goes one way. Every step stores what it made under a name that holds a hash of all that it depends on, so a run
that was killed, or that is run again with one setting changed, makes only what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pixelkit import jobs, recipes, shipping, synthetic
from pixelkit.artifacts import RunFolder, RunRecord, digest
from pixelkit.config import Settings, make_scorer, write_settings
from pixelkit.errors import PluginError
from pixelkit.frames.cache import cache_folder
from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.footage import Footage, split_heldout
from pixelkit.frames.layouts import DataSet
from pixelkit.frames.repair import FLIP_VIEW, RepairPlan, apply_repairs, plan_repairs
from pixelkit.leaderboard.csv import check_sample
from pixelkit.registry import RegisteredScorer
from pixelkit.scorer import Scorer
from pixelkit.scores.recipe import Recipe

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
    """The videos of a job: to fit on, left out of that to be judged by, and to be scored."""

    train: Footage
    final: Footage
    """What the scorers of the test videos are fitted on: all training videos, or the same as ``train``."""
    heldout: Footage
    test: Footage
    repair: Path
    """The repair plan of the test videos."""
    synthetic: Footage | None = None
    """Left-out training video with injected anomalies, when the recipe is tuned on these."""
    takes: Path | None = None
    """What was injected where."""


@dataclass(frozen=True)
class Scored:
    """Where one scorer's tables lie, and the scorer itself."""

    test: Path
    heldout: Path
    fitted: Path
    """What the scorer learned."""
    synthetic: Path | None = None


def run(job: Job) -> Path:
    """Do the whole job and return the path of the checked CSV."""
    score(job)
    return shipping.ship(job.folder, job.folder.read_record(), recipe_of(job), job.recipe)


def recipe_of(job: Job) -> Recipe:
    """Return the recipe that was handed over, or the tuned one, or that in which every scorer weighs the same."""
    if job.recipe:
        return Recipe.read(job.recipe)
    if tunes(job) and job.folder.read_record().synthetic:
        tuned = recipes.tune_on_synthetic(job.folder, job.settings.tuning)
        recipes.draw(job.folder, tuned)
        return tuned.recipe
    return recipes.untuned(job.folder)


def tunes(job: Job) -> bool:
    """Return whether the recipe is to be tuned: injected anomalies are scored only then."""
    return job.recipe is None and job.settings.tuning.objective == "synthetic"


def score(job: Job) -> dict[str, Scored]:
    """Decode, repair, fit and score; return the tables of each scorer, which the run folder remembers."""
    scorers = start(job)
    splits = read_videos(job, scorers)
    tables = score_all(job, scorers, splits)
    job.folder.write_record(record_of(job, scorers, splits, tables))
    return tables


def record_of(job: Job, scorers: Sequence[Scorer], splits: Splits, tables: Mapping[str, Scored]) -> RunRecord:
    """Return what the run folder has to remember, so that all else can be made from it."""
    mine = [scorer for scorer in scorers if scorer.name in tables]
    return RunRecord(
        data=str(job.data.root),
        scores={name: _inside(job.folder, scored.test) for name, scored in tables.items()},
        heldout={name: _inside(job.folder, scored.heldout) for name, scored in tables.items()},
        max_gap=job.settings.max_gap,
        seed=job.settings.seed,
        sample=str(job.sample.resolve()) if job.sample else None,
        shares={key: share for scorer in mine for key, share in jobs.channel_shares(scorer).items()},
        kin={scorer.name: scorer.kin for scorer in mine if scorer.kin},
        choices={key: tried for scorer in mine for key, tried in jobs.channel_choices(scorer).items()},
        synthetic={
            name: _inside(job.folder, scored.synthetic) for name, scored in tables.items() if scored.synthetic
        },
        takes=_inside(job.folder, splits.takes) if splits.takes else None,
        layout=job.data.layout,
        videos={video.name: str(video.path.resolve()) for video in job.data.test},
        train=[video.name for video in job.data.train],
        repair=_inside(job.folder, splits.repair),
        fitted={name: _inside(job.folder, scored.fitted) for name, scored in tables.items()},
        caveats={scorer.name: scorer.caveat for scorer in mine if scorer.caveat},
    )


def fit(job: Job) -> list[Path]:
    """Decode and fit; return the folder of each fitted scorer."""
    scorers = start(job)
    splits = read_videos(job, scorers)
    fitted = []
    for scorer in scorers:
        with left_out_if_broken(job, scorer.name):
            key = jobs.fit(copy(scorer), splits.train, job.folder)
            if splits.final is not splits.train:
                key = jobs.fit(scorer, splits.final, job.folder)
            fitted.append(job.folder.fitted(scorer.name, key))
    require_some(fitted)
    return fitted


def start(job: Job) -> list[Scorer]:
    """Make the scorers with their settings, and leave the resolved settings in the run folder.

    Recipe, sample submission and the scorers' pretrained weights are read here already, and missing weights fetched:
    what is wrong with them should not come to light after hours.
    """
    recipe = Recipe.read(job.recipe) if job.recipe else None
    Recipe.untuned({"any": 1.0}, job.settings.recipe)
    if job.sample is not None:
        check_sample(job.sample, [video.name for video in job.data.test])
    scorers: list[Scorer] = []
    for registered in job.scorers:
        with left_out_if_broken(job, registered.name), jobs.blame(registered.cls):
            scorer = make_scorer(registered.cls, job.settings)
            scorer.views()
            jobs.channel_shares(scorer)
            jobs.channel_choices(scorer)
            jobs.input_digests(scorer)
            scorers.append(scorer)
    if recipe is not None and scorers:
        channels = [name for scorer in scorers for name in jobs.channel_names(scorer)]
        shipping.check_channels(
            recipe, channels, job.recipe, "the choice of scorers", "choose its scorer with --scorers"
        )
    write_settings(job.folder.settings, job.settings, scorers)
    return scorers


def read_videos(job: Job, scorers: Sequence[Scorer]) -> Splits:
    """Decode every frame once, for all views of all scorers, and repair the test videos."""
    views = {FLIP_VIEW, *(view for scorer in scorers for view in scorer.views())}
    store = FrameStore(job.cache or cache_folder())
    decoded = store.decode([*job.data.train, *job.data.test], sorted(views))
    train, test = decoded[: len(job.data.train)], decoded[len(job.data.train) :]
    repair, plan = repair_plan(job, train, test)
    for line in plan.summary():
        log.info("repair: %s", line)
    to_fit, left_out = split_heldout(
        [video.name for video in train], job.settings.holdout, job.settings.max_holdout
    )
    by_name = {video.name: video for video in train}
    heldout = [by_name[name] for name in left_out]
    fitted_on = _footage([by_name[name] for name in to_fit], None, job.settings)
    again = job.settings.refit and bool(heldout)
    splits = Splits(
        train=fitted_on,
        final=_footage(train, None, job.settings) if again else fitted_on,
        heldout=_footage(heldout, None, job.settings),
        test=_footage(test, plan, job.settings),
        repair=repair,
    )
    if not tunes(job):
        return splits
    made = synthetic.film_takes(train, heldout, test, plan, job.settings, store, job.folder)
    if made is None:
        return splits
    takes, kept = made
    frames = _footage(store.decode(takes.videos, sorted(views)), takes.plan(plan.noise), job.settings)
    return replace(splits, synthetic=frames, takes=kept)


def repair_plan(
    job: Job, train: Sequence[DecodedVideo], test: Sequence[DecodedVideo]
) -> tuple[Path, RepairPlan]:
    """Return the plan that lies in the run folder for these frames (a person may have edited it), or make it."""
    settings = job.settings
    file = job.folder.repair_plan(
        digest(asdict(settings.repair), settings.seed, [v.key for v in train], [v.key for v in test])
    )
    if file.is_file():
        return file, RepairPlan.read(file, test)
    plan = plan_repairs(train, test, settings.repair, seed=settings.seed)
    plan.write(file)
    return file, plan


def score_all(job: Job, scorers: Sequence[Scorer], splits: Splits) -> dict[str, Scored]:
    """Fit every scorer; let it score left-out training videos, and injected anomalies if there are any; then the test.

    The test videos are scored by what was fitted on all training videos: those that were left out have done their work.

    Raises
    ------
    PluginError
        If no scorer is left, or one that was asked for by name fails.
    """
    if splits.final is not splits.train:
        log.info(
            "each scorer is fitted twice: without %d of %d training videos, by which recipes are judged, and then on "
            "all of them, to score the test videos",
            len(splits.heldout.videos),
            len(splits.final.videos),
        )
    scored: dict[str, Scored] = {}
    for scorer in scorers:
        with left_out_if_broken(job, scorer.name):
            fitted = copy(scorer)
            key = jobs.fit(fitted, splits.train, job.folder)
            _, heldout = jobs.score(fitted, key, splits.heldout, job.folder)
            injected = None
            if splits.synthetic is not None:
                _, injected = jobs.score(fitted, key, splits.synthetic, job.folder)
            if splits.final is not splits.train:
                fitted = scorer
                key = jobs.fit(fitted, splits.final, job.folder)
            _, test = jobs.score(fitted, key, splits.test, job.folder)
            scored[scorer.name] = Scored(test, heldout, job.folder.fitted(scorer.name, key), injected)
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


def _footage(decoded: Sequence[DecodedVideo], plan: RepairPlan | None, settings: Settings) -> Footage:
    videos = apply_repairs(decoded, plan, max_gap=settings.max_gap)
    key = digest(
        [(video.name, video.key) for video in decoded], plan.digest() if plan else "", settings.max_gap
    )
    return Footage(
        videos, key, {video.name: tuple(video.undecodable) for video in decoded if video.undecodable}
    )


def _inside(folder: RunFolder, file: Path) -> str:
    return file.relative_to(folder.path).as_posix()
