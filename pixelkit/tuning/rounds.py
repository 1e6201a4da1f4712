"""Votes first, then channels: the two rounds of a search, and who keeps a vote between them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import cycle
from typing import Any

import numpy as np

from pixelkit.errors import examples
from pixelkit.progress import bar
from pixelkit.scores.recipe import Recipe, scorer_of
from pixelkit.tuning.search import Budget, Found, Judge, Tried, search
from pixelkit.tuning.space import SearchSpace
from pixelkit.tuning.witnesses import Witnesses

log = logging.getLogger("pixelkit")


def search_in_rounds(
    judge: Judge,
    votes: SearchSpace,
    space: SearchSpace,
    budget: Budget,
    *,
    towards_votes: float = 0.0,
    required: float = 0.0,
    sources: Mapping[str, str] | None = None,
    purpose: str = "",
    label: str = "tune",
) -> tuple[Found, Found]:
    """Climb to the best votes of scorers first, and from there, kept near to it, search each channel by itself.

    Few parameters find what also holds for kinds of anomaly that were not among those searched on; many parameters
    hold less: ``benchmarks/tuning.md``. The climb is the same for all workers on one study, so each makes its own.
    Return the best votes, and what the search found from there: where Ctrl-C came before, the same once more.

    Parameters
    ----------
    judge
        Gives each recipe its value in the climb.
    votes, space
        Where to look first, and then; the former lies within the latter.
    budget
        For the search. The climb takes up to half of the time, or as long as it takes where several work together.
    towards_votes
        The judge's ``towards_equal`` in the search, where it is to stay near what the climb found.
    required, sources
        What a vote is worth: see :func:`needed_votes`. All are kept when that is 0.
    purpose, label
        See :func:`pixelkit.tuning.search.search`.
    """
    now = time.monotonic()
    until = None if budget.until is None or budget.storage else now + (budget.until - now) / 2
    top = climb(judge, votes, until, label=f"{label}, votes")
    if top.stopped:
        return top, top
    try:
        top = needed_votes(top, required, seed=budget.seed, sources=sources)
        begin = judge.untuned, top.recipe
        near = replace(judge, untuned=top.recipe, towards_equal=towards_votes)
        found = search(near, space, budget, begin=begin, purpose=purpose, label=label)
    except KeyboardInterrupt:  # before the first trial
        log.info("stopped: the best of %d trials is kept", len(top.trials))
        return top, replace(top, stopped=True)
    return top, found


def climb(judge: Judge, space: SearchSpace, until: float | None = None, *, label: str = "tune") -> Found:
    """Change one parameter of the untuned recipe after the other for the better, until nothing is better.

    Parameters
    ----------
    judge, space, label
        See :func:`pixelkit.tuning.search.search`.
    until
        ``time.monotonic()`` at which to stop; None for no such end.
    """
    trials: list[Tried] = []

    def value(parameters: Mapping[str, Any]) -> float:
        recipe = space.recipe(parameters)
        if recipe is None:
            return -math.inf
        trials.append(Tried(parameters, judge.value(recipe)))
        return trials[-1].value

    moves = [(name, choice) for name, choices in space.choices.items() for choice in choices]
    here = space.parameters(judge.untuned)
    best, since, stopped = value(here), 0, False
    try:
        with bar(None, label, "trial") as progress:
            for name, choice in cycle(moves):
                if since == len(moves) or (until is not None and time.monotonic() > until):
                    break
                there = {**here, name: choice}
                since += 1
                if there == here:
                    continue
                if (found := value(there)) > best:
                    here, best, since = there, found, 0
                    progress.set_postfix_str(f"best {best:.4f}", refresh=False)
                progress.update()
    except KeyboardInterrupt:
        log.info("stopped: the best of %d trials is kept", len(trials))
        stopped = True
    recipe = space.recipe(here)
    assert recipe is not None
    return Found(recipe, best, judge, space, trials, stopped)


def needed_votes(
    found: Found, required: float, *, seed: int = 0, sources: Mapping[str, str] | None = None
) -> Found:
    """Take votes away one by one, first the one that is missed least, until the recipe with it is clearly better.

    A climb finds a use for every vote on the few videos that it sees. Votes that are not clearly needed there do harm
    elsewhere: ``benchmarks/tuning.md``.

    Parameters
    ----------
    found
        What was found, with all votes.
    required
        Part of the resamples of the judge's videos in which the recipe must be better with a vote than without, 0 to 1.
    seed, sources
        See :meth:`pixelkit.tuning.witnesses.Witnesses.wins`.
    """
    judge, space = found.judge, found.space
    fuse, witnesses = judge.objective.fuser.fuse, Witnesses(judge.objective, judge.videos)
    with_it = witnesses.hear(fuse(found.recipe))
    here, trials = space.parameters(found.recipe), list(found.trials)
    votes = {each.weighed_by for each in space.channels.values() if 0.0 in each.weights}
    recipe, value = found.recipe, found.value
    while required:
        fewer = [{**here, name: 0.0} for name in sorted(votes) if here[name]]
        tried = [(each, there) for each in fewer if (there := space.recipe(each)) is not None]
        if not tried:
            break
        values = [judge.value(there) for _, there in tried]
        trials += [Tried(each, value) for (each, _), value in zip(tried, values, strict=True)]
        best = int(np.argmax(values))
        without = witnesses.hear(fuse(tried[best][1]))
        wins = witnesses.wins(with_it, without, seed=seed, sources=sources)
        if wins >= required:
            break
        if judge.videos is None:  # not for every fold
            log.info(
                "tuning: no vote for %s: with it recipes are better in %.0f%% of the resamples (%.0f%% are asked for)",
                examples(_silenced(recipe, tried[best][1])),
                100 * wins,
                100 * required,
            )
        (here, recipe), value, with_it = tried[best], values[best], without
    return replace(found, recipe=recipe, value=value, trials=trials)


def _silenced(before: Recipe, after: Recipe) -> list[str]:
    """Return the scorers that no longer have a say, and the channels of those that still have one."""
    heard = {scorer_of(name) for name, each in after.channels.items() if each.weight}
    gone = [name for name, each in after.channels.items() if before.channels[name].weight and not each.weight]
    return list(dict.fromkeys(name if scorer_of(name) in heard else scorer_of(name) for name in gone))
