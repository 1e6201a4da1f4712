"""Tunes, and says whether the tuned recipe may ship: it has to beat equal weights on what it has not seen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import TuningError
from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.course import Course
from pixelkit.tuning.objectives import NORMAL, Objective, Scores
from pixelkit.tuning.rounds import search_in_rounds
from pixelkit.tuning.search import Budget, Found, Judge
from pixelkit.tuning.settings import TuningSettings
from pixelkit.tuning.space import SearchSpace
from pixelkit.tuning.witnesses import Witnesses

log = logging.getLogger("pixelkit")

# Parts that sources are dealt into for judging: with two, recipes are found on half of the video that ships one.
SOURCES = 4


@dataclass(frozen=True)
class Verdict:
    """What tuning found, and what ships.

    Parameters
    ----------
    figure
        What was measured: ``AP on synthetic anomalies, video by video``.
    ships
        ``tuned`` or ``equal weights``.
    reason
        Why, in words.
    equal, unseen
        The figure of equal weights, and that of tuning on what each recipe had not seen; None where tuning
        was stopped before it could be told.
    seen
        The figure of the tuned recipe on the videos that it was found on: too good to be believed.
    wins
        Part of the resamples of videos in which tuning was better, on what it had not seen.
    parts
        For each family of anomalies (or video) the figures ``equal`` and ``unseen``.
    trials
        Recipes tried for the tuned one, the climb to the votes and the search of channels together.
    seconds
        That all of it took.
    judged_on
        What recipes were judged on: ``unseen videos``, ``unseen kinds of anomaly``, or these ``in unseen videos``.
    """

    figure: str
    ships: str
    reason: str
    equal: float
    unseen: float | None
    seen: float
    wins: float | None
    parts: Mapping[str, Mapping[str, float | None]]
    trials: int
    seconds: float
    judged_on: str = "unseen videos"

    def lines(self) -> list[str]:
        """Return what a user is told."""
        told = "not told" if self.unseen is None else f"{self.unseen:.4f}"
        return [
            f"{self.figure}: equal weights {self.equal:.4f}, tuned {told} (on {self.judged_on})",
            self.reason,
        ]


@dataclass(frozen=True, eq=False)
class Tuned:
    """A verdict with the recipes that it is about.

    Parameters
    ----------
    recipe
        What ships.
    tuned, untuned
        The best recipe that was found, and the one to begin with.
    verdict
        What was measured.
    course
        How the tuned recipe was found; None where an earlier version, which did not keep that, wrote the file.
    """

    recipe: Recipe
    tuned: Recipe
    untuned: Recipe
    verdict: Verdict
    course: Course | None = None

    def to_json(self) -> dict[str, Any]:
        """Return verdict, recipes and the course of the search as JSON."""
        recipes = {"recipe": self.recipe, "tuned": self.tuned, "untuned": self.untuned}
        return {
            "verdict": asdict(self.verdict),
            **{name: recipe.to_plain() for name, recipe in recipes.items()},
            "course": None if self.course is None else asdict(self.course),
        }

    def beside(self, whole: Recipe) -> Tuned:
        """Return the same with the channels of the untuned recipe ``whole`` that could not be tuned, at their weights.

        What was tuned keeps, in sum, the weight that it has in ``whole``.
        """
        rest = {name: each for name, each in whole.channels.items() if name not in self.untuned.channels}
        if not rest:
            return self

        def joined(recipe: Recipe) -> Recipe:
            total = sum(each.weight for each in recipe.channels.values())
            share = sum(each.weight for each in self.untuned.channels.values()) / total
            mine = {name: replace(each, weight=each.weight * share) for name, each in recipe.channels.items()}
            return replace(recipe, channels={**mine, **rest})

        return replace(
            self, recipe=joined(self.recipe), tuned=joined(self.tuned), untuned=joined(self.untuned)
        )

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Tuned:
        """Return what :meth:`to_json` was made from."""
        recipe, tuned, untuned = (Recipe.from_plain(plain[name]) for name in ("recipe", "tuned", "untuned"))
        course = Course(**plain["course"]) if plain.get("course") else None
        return cls(recipe, tuned, untuned, Verdict(**plain["verdict"]), course)


def tune(
    objective: Objective,
    untuned: Recipe,
    votes: SearchSpace,
    space: SearchSpace,
    settings: TuningSettings,
    *,
    seed: int,
    strata: Mapping[str, str] | None = None,
    sources: Mapping[str, str] | None = None,
    storage: str | None = None,
    study: str = "pixelkit",
    purpose: str = "",
) -> Tuned:
    """Search the best recipe, and ship it if tuning beats the untuned recipe on what it has not seen.

    One search uses all videos. Then, for each fold of the videos, another one uses the rest, and its recipes are judged
    on the anomalies of the fold. What they win there is held against each other on resamples of videos: recipes of
    channels have to beat the votes that they began with, and what is then better has to beat the untuned recipe.

    Parameters
    ----------
    objective
        What to make as large as possible.
    untuned
        The recipe to begin with, and to fall back on.
    votes, space
        Where to look: see :func:`pixelkit.tuning.rounds.search_in_rounds`.
    settings
        Trials, folds, costs, and how sure a win must be.
    seed
        Decides everything that is random.
    strata
        By video, its kind of anomaly. A fold holds all videos of some kinds, so that recipes that score it have seen
        none of them, and its part of the normal ones. None where all are alike.
    sources
        By video, the left-out video that it was made from. With two or more, recipes that score a fold have seen no
        video of the same source either: those that were found on one source often fail on another.
    storage, study, purpose
        Where the search on all videos is kept: see :func:`pixelkit.tuning.studies.open_study`.

    Raises
    ------
    TuningError
        If there are fewer than two videos, or the storage fails.
    """
    names = list(objective.fuser.videos)
    if len(names) < 2:
        raise TuningError(
            f"there is one video only ({names[0] if names else 'none'}): tuning is judged on videos that it has not "
            f"seen, which takes two or more; write the CSV with equal weights (--objective none)"
        )
    start = time.monotonic()
    end = None if settings.timeout is None else start + settings.timeout
    folds = _folds(names, strata or {}, sources or {}, min(settings.folds, len(names)), seed)
    budget = Budget(settings.trials, seed, _share(end, len(folds) + 1), storage, study)
    everything = Judge(objective, untuned, settings.towards_equal)
    find = partial(
        search_in_rounds,
        votes=votes,
        space=space,
        towards_votes=settings.towards_votes,
        required=settings.required,
        sources=sources,
    )
    top, found = find(everything, budget=budget, purpose=purpose)
    # Where Ctrl-C came before the search, what it found is what the climb did: its trials are not counted twice
    tried = len(top.trials) + (0 if found.trials is top.trials else len(found.trials))
    judged_on = _unseen_in_words(strata or {}, sources or {})
    witnesses, judged = Witnesses(objective), _Judged(found)
    try:
        # What is found on a fold is not shared by workers: to write a trial down takes longer than to try it
        budget = replace(budget, storage=None)
        unseen = None if found.stopped else _unseen(everything, witnesses, find, budget, folds, end)
        if unseen is not None:
            beats = partial(witnesses.wins, seed=seed, sources=sources)
            judged = _judged(top, found, unseen, beats, settings.required, judged_on)
    except KeyboardInterrupt:
        log.info("stopped while the recipe was judged: it is kept")
    verdict = _verdict(witnesses, untuned, judged, tried, judged_on, settings, start)
    best = judged.found.recipe
    recipe = best if verdict.ships == "tuned" else untuned
    return Tuned(recipe, best, untuned, verdict, Course.of(judged.found, untuned))


def _unseen_in_words(strata: Mapping[str, str], sources: Mapping[str, str]) -> str:
    """Return what recipes that score a fold have not seen."""
    if not strata:
        return "unseen videos"
    apart = len(set(sources.values())) > 1
    return "unseen kinds of anomaly in unseen videos" if apart else "unseen kinds of anomaly"


@dataclass(frozen=True, eq=False)
class _Unseen:
    """What each witness says, (witnesses,), of recipes that had not seen its video.

    Of the untuned recipe, of the best votes, and of the best channels.
    """

    equal: Scores
    votes: Scores
    channels: Scores


@dataclass(frozen=True, eq=False)
class _Judged:
    """The better of votes and channels, what witnesses say of it unseen, and in which part of the resamples it wins.

    Where tuning was stopped before that was known, it is the channels, and the others are None.
    """

    found: Found
    values: Scores | None = None
    wins: float | None = None


@dataclass(frozen=True, eq=False)
class _Fold:
    """Positions of the videos that are judged, and of those that the recipes which score them may not see."""

    judged: NDArray[np.intp]
    hidden: NDArray[np.intp]


def _unseen(
    everything: Judge,
    witnesses: Witnesses,
    find: Callable[..., tuple[Found, Found]],
    budget: Budget,
    folds: Sequence[_Fold],
    end: float | None,
) -> _Unseen | None:
    """Return what is said of recipes that were found without a witness's video; None when stopped."""
    objective = everything.objective
    scores = objective.fuser.fuse(everything.untuned)
    equal = witnesses.hear(scores)
    unseen = _Unseen(equal, equal.copy(), equal.copy())
    for number, fold in enumerate(folds):
        others = np.ones(len(objective.fuser.videos))
        others[fold.hidden] = 0
        judge = Judge(objective, everything.untuned, everything.towards_equal, others)
        mine = np.isin(witnesses.video, fold.judged)
        if not mine.any() or np.isnan(judge.values(scores)).all():
            continue  # It holds no anomaly to be judged on, or the other videos hold one class: nothing to search by.
        until = _share(end, len(folds) - number)
        label = f"judge {number + 1} of {len(folds)}"
        top, found = find(judge, budget=replace(budget, until=until), label=label)
        if found.stopped:
            return None
        for one, values in ((top, unseen.votes), (found, unseen.channels)):
            values[mine] = witnesses.hear(objective.fuser.fuse(one.recipe))[mine]
    return unseen


def _judged(
    top: Found,
    found: Found,
    unseen: _Unseen,
    beats: Callable[[Scores, Scores], float],
    required: float,
    judged_on: str,
) -> _Judged:
    """Hold channels against votes, and what is better against the untuned recipe, on what neither has seen."""
    wins = beats(unseen.channels, unseen.votes)
    best, values = (found, unseen.channels) if wins >= required else (top, unseen.votes)
    if best is top:
        log.info(
            "tuning: on %s, channels are better than the votes in %.0f%% of the resamples: the votes stay",
            judged_on,
            100 * wins,
        )
    return _Judged(best, values, beats(values, unseen.equal))


def _verdict(
    witnesses: Witnesses,
    untuned: Recipe,
    judged: _Judged,
    tried: int,
    judged_on: str,
    settings: TuningSettings,
    start: float,
) -> Verdict:
    objective, found, wins = witnesses.whole, judged.found, judged.wins
    equal, seen = (
        witnesses.together(witnesses.hear(objective.fuser.fuse(recipe))) for recipe in (untuned, found.recipe)
    )
    unseen, ships = np.full(len(equal), np.nan), False
    if judged.values is None or wins is None:
        reason = f"nothing new ships: tuning was stopped before its recipe was judged on {judged_on}"
    else:
        unseen = witnesses.together(judged.values)
        ships = wins >= settings.required and found.recipe != untuned
        what = "the tuned recipe ships" if ships else "equal weights ship"
        reason = (
            f"{what}: on {judged_on} tuning is better in {wins:.0%} of the resamples of videos "
            f"({settings.required:.0%} are asked for)"
        )
        if found.recipe == untuned:
            reason += "; of all recipes tried on all videos they are the best"
    return Verdict(
        figure=witnesses.figure,
        ships="tuned" if ships else "equal weights",
        reason=reason,
        equal=objective.figure_of(equal),
        unseen=None if judged.values is None else objective.figure_of(unseen),
        seen=objective.figure_of(seen),
        wins=wins,
        parts={
            part.name: {"equal": _plain(before), "unseen": _plain(after)}
            for part, before, after in zip(objective.parts, equal, unseen, strict=True)
        },
        trials=tried,
        seconds=round(time.monotonic() - start, 1),
        judged_on=judged_on,
    )


def _folds(
    names: Sequence[str], strata: Mapping[str, str], sources: Mapping[str, str], count: int, seed: int
) -> list[_Fold]:
    """Deal the videos out to folds, kind by kind, those without an anomaly one by one; each again by source."""
    rng = np.random.default_rng((seed, 3))
    groups = [[place] for place, name in enumerate(names) if strata.get(name, NORMAL) == NORMAL]
    order = [groups[place] for place in rng.permutation(len(groups))]
    kinds = sorted({strata.get(name, NORMAL) for name in names} - {NORMAL})
    whole = [[place for place, name in enumerate(names) if strata.get(name) == kind] for kind in kinds]
    order += [whole[place] for place in rng.permutation(len(whole))]
    parts = [
        np.sort(np.concatenate(order[fold::count]).astype(np.intp)) for fold in range(min(count, len(order)))
    ]
    known = sorted(set(sources.values()))
    if len(known) < 2:
        return [_Fold(part, part) for part in parts]
    dealt = np.array_split(rng.permutation(len(known)), min(SOURCES, len(known)))
    folds = []
    for part in parts:
        theirs = {strata.get(names[place], NORMAL) for place in part} - {NORMAL}
        for some in dealt:
            mine = {known[place] for place in some}
            judged = [place for place in part if sources[names[place]] in mine]
            hidden = [
                place
                for place, name in enumerate(names)
                if sources[name] in mine or strata.get(name, NORMAL) in theirs
            ]
            folds.append(_Fold(np.array(judged, np.intp), np.array(hidden, np.intp)))
    return [fold for fold in folds if len(fold.judged)]


def _share(end: float | None, parts: int) -> float | None:
    """Return when the first of so many equal parts of the time that is left is over."""
    now = time.monotonic()
    return None if end is None else now + (end - now) / parts


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
