"""Ask and tell: which recipe to send to the leaderboard next, by the scores that it gave others.

Nothing is kept between two asks but what was sent and told, so that a restart changes nothing. Asked for is the recipe
with the highest expected improvement over the best that is known (Jones, Schonlau and Welch, Journal of Global
Optimization 1998); what to expect of a recipe, guesses at the labels say: see :mod:`pixelkit.tuning.ask_labels`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelkit.scores.fuser import Fuser
from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.ask_candidates import draw, vary
from pixelkit.tuning.ask_labels import LabelGuesses, Order, Scores
from pixelkit.tuning.ask_outlook import Outlook, Prospect, Upload
from pixelkit.tuning.space import SearchSpace

# Recipes drawn from the whole space, and varied from those to begin with: the same in every ask.
DRAWN, VARIED = 250, 60
# Then so many are varied from the most promising ones and the best that were told, so many times.
ROUNDS, CHILDREN, PARENTS = 3, 80, 8


@dataclass(frozen=True, eq=False)
class Ask:
    """A recipe worth an upload.

    Parameters
    ----------
    recipe
        What to fuse by.
    expected
        The leaderboard score to expect.
    deviation
        Its standard deviation.
    """

    recipe: Recipe
    expected: float
    deviation: float


class LeaderboardSearch:
    """Finds what to send next.

    Parameters
    ----------
    fuser
        The scores of the run.
    space
        The recipes that can be proposed.
    begin
        Recipes to begin with, best first: as long as nothing is told they are asked for in this order. They need not
        be in the space.
    rows
        int (k,) rows that the leaderboard measures, rising; None for all.
    seed
        Decides everything that is random: the same uploads give the same ask.
    """

    def __init__(
        self,
        fuser: Fuser,
        space: SearchSpace,
        begin: Sequence[Recipe],
        *,
        rows: NDArray[np.intp] | None = None,
        seed: int = 0,
    ) -> None:
        self._fuser = fuser
        self._space = space
        self._begin = list(begin)
        self._rows = rows
        self._seed = seed
        self._orders: dict[str, Order] = {}

    def guesses(self, uploads: Sequence[Upload]) -> LabelGuesses:
        """Return guesses at the labels that fit what was told."""
        told = [(upload, upload.score) for upload in uploads if upload.score is not None]
        others = [upload.scores for upload, _ in told if upload.recipe is None]
        guesses = LabelGuesses(self._fuser, others, self._rows, seed=self._seed)
        guesses.fit([guesses.order(upload.scores) for upload, _ in told], [score for _, score in told])
        return guesses

    def ask(self, uploads: Sequence[Upload]) -> Iterator[Ask]:
        """Yield what to send next, most promising first; nothing that the leaderboard could not tell from an upload.

        Parameters
        ----------
        uploads
            All that is known, in the order of time.
        """
        guesses = self.guesses(uploads)
        pool = _Pool(Outlook(guesses, uploads))
        self._add(pool, guesses, [*self._begin, *_recipes(uploads), *self._first()])
        rng = np.random.default_rng((self._seed, 4, len(uploads)))
        for _ in range(ROUNDS):
            parents = [*pool.best(PARENTS), *_recipes(uploads)[:1]]
            self._add(pool, guesses, vary(self._space, parents, CHILDREN, rng))
        untold = all(upload.score is None for upload in uploads)
        yield from pool.asks(self._begin if untold else ())

    def _first(self) -> list[Recipe]:
        """Return recipes from all over the space, and around those to begin with."""
        rng = np.random.default_rng((self._seed, 3))
        return [*draw(self._space, DRAWN, rng), *vary(self._space, self._begin, VARIED, rng)]

    def _add(self, pool: _Pool, guesses: LabelGuesses, recipes: Iterable[Recipe]) -> None:
        for recipe in recipes:
            key = _key(recipe)
            if key not in self._orders:
                self._orders[key] = guesses.order(self._fuser.fuse(recipe))
            pool.add(key, recipe, guesses.average_precision(self._orders[key]))


class _Pool:
    """Recipes that may be asked for, with their AP under each guess."""

    def __init__(self, outlook: Outlook) -> None:
        self._outlook = outlook
        self._recipes: dict[str, Recipe] = {}
        self._aps: dict[str, Scores] = {}

    def add(self, key: str, recipe: Recipe, aps: Scores) -> None:
        self._recipes[key], self._aps[key] = recipe, aps

    def best(self, count: int) -> list[Recipe]:
        """Return the most promising recipes."""
        recipes = list(self._recipes.values())
        order = np.argsort(-self._prospect().improvement, kind="stable")
        return [recipes[place] for place in order[:count]]

    def asks(self, first: Sequence[Recipe]) -> Iterator[Ask]:
        """Yield the recipes that are news, those of ``first`` before the others, then the most promising ones."""
        prospect = self._prospect()
        before = {_key(recipe): len(first) - place for place, recipe in enumerate(first)}
        keys = list(self._recipes)
        early = np.array([before.get(key, 0) for key in keys])
        for place in np.lexsort((-prospect.improvement, -early)).tolist():
            if self._outlook.is_news(self._aps[keys[place]]):
                expected, deviation = prospect.expected[place], prospect.deviation[place]
                yield Ask(self._recipes[keys[place]], float(expected), float(deviation))

    def _prospect(self) -> Prospect:
        return self._outlook.of(np.stack(list(self._aps.values())))


def _recipes(uploads: Sequence[Upload]) -> list[Recipe]:
    """Return the recipes of uploads, that with the best score first."""
    ranked = sorted(uploads, key=lambda upload: -1.0 if upload.score is None else -upload.score)
    return [upload.recipe for upload in ranked if upload.recipe is not None]


def _key(recipe: Recipe) -> str:
    return json.dumps(recipe.to_plain(), sort_keys=True)
