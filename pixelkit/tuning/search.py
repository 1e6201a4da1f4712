"""The search: Optuna proposes recipes, an objective judges them, the best is kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.progress import bar
from pixelkit.scores.normalise import rank
from pixelkit.scores.order import rising as order_of
from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.objectives import Objective, Scores
from pixelkit.tuning.space import SearchSpace
from pixelkit.tuning.studies import is_shared, open_study, storage_errors

if TYPE_CHECKING:
    import optuna

log = logging.getLogger("pixelkit")

# Seconds between looks at what other workers are still at, when there is nothing left to begin.
WAIT = 0.5


@dataclass(frozen=True)
class Budget:
    """How long a search may go on.

    Parameters
    ----------
    trials
        Recipes to try, those of all workers on one study together.
    seed
        One worker with the same seed finds the same.
    until
        ``time.monotonic()`` at which to stop; None for no such end.
    storage
        None for memory, a journal file, or a database URL.
    name
        Of the study.
    """

    trials: int
    seed: int = 0
    until: float | None = None
    storage: str | None = None
    name: str = "pixelkit"


@dataclass(eq=False)
class Judge:
    """Gives each recipe its value on some of the videos.

    Parameters
    ----------
    objective
        What to measure.
    untuned
        The recipe to begin with.
    towards_equal
        What it costs to order frames in another way than the untuned recipe does: so much times one minus the rank
        correlation of their scores.
    videos
        (videos,) 1 for those that count, 0 for the others; None for all.
    """

    objective: Objective
    untuned: Recipe
    towards_equal: float = 0.0
    videos: NDArray[np.float64] | None = None
    _ranks: Scores = field(init=False)

    def __post_init__(self) -> None:
        self._ranks = rank(self.objective.fuser.fuse(self.untuned)) - 0.5

    def values(self, scores: Scores) -> Scores:
        """Return the value of each part of the objective, (parts,), of one score for each row."""
        return self.objective.values(self.objective.curves(scores), self.videos)

    def value(self, recipe: Recipe) -> float:
        """Return what the search makes as large as it can."""
        scores = self.objective.fuser.fuse(recipe)
        rising = order_of(scores)
        values = self.objective.values(self.objective.curves(scores, rising), self.videos)
        value = self.objective.figure_of(values)
        if not self.towards_equal:
            return value
        return value - self.towards_equal * (1 - self._agreement(scores, rising))

    def _agreement(self, scores: Scores, rising: NDArray[np.intp]) -> float:
        """Return the rank correlation with the untuned recipe's scores, -1 to 1; 1 where one of them is constant."""
        ranks = rank(scores, rising=rising) - 0.5  # the mean of ranks
        spread = float(np.linalg.norm(ranks) * np.linalg.norm(self._ranks))
        return float(ranks @ self._ranks) / spread if spread else 1.0


@dataclass(frozen=True)
class Tried:
    """A recipe that was tried: the parameters that stand for it in the space that was searched, and its value."""

    parameters: Mapping[str, Any]
    value: float


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found.

    Parameters
    ----------
    recipe
        The best recipe, or that without the votes which it does not need.
    value
        What the judge gives it.
    judge, space
        By whom, and where it was found.
    trials
        All recipes that were tried, in order; the first is the recipe to begin with.
    stopped
        Whether Ctrl-C ended it early.
    """

    recipe: Recipe
    value: float
    judge: Judge
    space: SearchSpace
    trials: Sequence[Tried]
    stopped: bool = False


def search(
    judge: Judge,
    space: SearchSpace,
    budget: Budget,
    *,
    begin: Sequence[Recipe] = (),
    purpose: str = "",
    label: str = "tune",
) -> Found:
    """Try ``budget.trials`` recipes and return the best.

    The sampler is TPE (Bergstra et al., NIPS 2011), all parameters of a recipe together. It is seeded by the budget's
    seed and the worker's first trial: one worker finds the same each time, several do not propose the same.

    Parameters
    ----------
    judge
        Gives each recipe its value.
    space
        Where to look.
    budget
        For how long, and where the study lies.
    begin
        What to try first, in this order; the untuned recipe when empty.
    purpose
        Stands for what is searched: see :func:`pixelkit.tuning.studies.open_study`.
    label
        For the progress bar.

    Raises
    ------
    TuningError
        If the study's storage fails.
    """
    import optuna

    study = open_study(budget.storage, budget.name, purpose)

    def trial_value(trial: optuna.Trial) -> float:
        recipe = space.suggest(trial)
        if recipe is None:
            raise optuna.TrialPruned
        return judge.value(recipe)

    with storage_errors(budget.storage), _quiet():
        done = len(_finished(study))
        if not study.get_trials(deepcopy=False):
            for early in begin or (judge.untuned,):
                study.enqueue_trial(space.parameters(early), skip_if_exists=True)
        with bar(budget.trials, label, "trial") as progress:
            progress.update(min(done, budget.trials))
            stopped = _optimise(study, trial_value, budget, progress)
        best, trials = study.best_trial, _states(study, "COMPLETE")
    recipe = space.recipe(best.params)
    assert recipe is not None
    tried = [Tried(trial.params, float(trial.value or 0.0)) for trial in trials]
    return Found(recipe, float(best.value or 0.0), judge, space, tried, stopped)


def _optimise(
    study: optuna.Study, value: Callable[[optuna.Trial], float], budget: Budget, progress: Any
) -> bool:
    """Run trials until all are done, also those of workers that died; return whether Ctrl-C stopped it before."""
    study.sampler = _sampler(budget.seed, len(study.get_trials(deepcopy=False)))
    first: list[int] = []

    def after(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if (
            not first
        ):  # Workers that began together have drawn the same so far; no two have had the same trial.
            first.append(trial.number)
            study.sampler = _sampler(budget.seed, trial.number + 1)
        done = len(_finished(study)) if is_shared(budget.storage) else progress.n + 1
        progress.set_postfix_str(f"best {study.best_value:.4f}", refresh=False)
        progress.update(min(done, budget.trials) - progress.n)
        if done >= budget.trials:
            study.stop()

    try:
        while (missing := budget.trials - len(_finished(study))) > 0 or is_shared(budget.storage):
            left = None if budget.until is None else budget.until - time.monotonic()
            if left is not None and left <= 0:
                return False
            if missing > 0 or _states(study, "WAITING"):
                count = None if is_shared(budget.storage) and missing > 0 else max(missing, 1)
                study.optimize(value, n_trials=count, timeout=left, callbacks=[after])
            elif not _await_others(study):
                return False
    except KeyboardInterrupt:
        if not _finished(study):
            raise
        log.info("stopped: the best of %d trials is kept", len(_finished(study)))
        return True
    return False


def _await_others(study: optuna.Study) -> bool:
    """Wait for what other workers are at; give up those that died. Return whether anything may be left to do."""
    import optuna

    if not _states(study, "RUNNING"):
        return bool(_states(study, "WAITING"))
    time.sleep(WAIT)
    optuna.storages.fail_stale_trials(study)
    return True


def _sampler(seed: int, number: int) -> optuna.samplers.BaseSampler:
    import optuna

    mixed = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=mixed, multivariate=True)


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that came to an end: with a value, or with every channel left out."""
    return _states(study, "COMPLETE", "PRUNED")


def _states(study: optuna.Study, *names: str) -> list[optuna.trial.FrozenTrial]:
    import optuna

    return study.get_trials(deepcopy=False, states=[optuna.trial.TrialState[name] for name in names])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the warnings that what we use of Optuna is experimental."""
    import warnings

    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
