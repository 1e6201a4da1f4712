"""Recipes that may be asked for next: drawn from the whole space, or with a few parameters of another one changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from pixelkit.errors import RecipeError
from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.space import SearchSpace

# Parameters of a recipe that are drawn anew, at most.
CHANGES = 3


class _Dice:
    """Suggests as an Optuna trial does: a parameter keeps its value, or is drawn."""

    def __init__(self, rng: np.random.Generator, kept: Mapping[str, Any]) -> None:
        self._rng = rng
        self._kept = kept

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return self._kept[name] if name in self._kept else int(self._rng.integers(low, high + 1))

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any:
        return self._kept[name] if name in self._kept else choices[int(self._rng.integers(len(choices)))]


def draw(space: SearchSpace, count: int, rng: np.random.Generator) -> list[Recipe]:
    """Return ``count`` recipes, every parameter drawn evenly; fewer where channels are left out by all of it."""
    drawn = (space.suggest(_Dice(rng, {})) for _ in range(count))
    return [recipe for recipe in drawn if recipe is not None]


def vary(
    space: SearchSpace, parents: Collection[Recipe], count: int, rng: np.random.Generator
) -> list[Recipe]:
    """Return about ``count`` recipes that differ from one of ``parents`` in one to three parameters.

    Parents that are not in the space are passed over; without any other there are none.
    """
    known = [parameters for recipe in parents if (parameters := parameters_of(space, recipe)) is not None]
    varied = []
    for _ in range(count if known else 0):
        parent = known[rng.integers(len(known))]
        names = rng.permutation(list(parent))[: rng.integers(1, CHANGES + 1)].tolist()
        kept = {name: value for name, value in parent.items() if name not in names}
        varied.append(space.suggest(_Dice(rng, kept)))
    return [recipe for recipe in varied if recipe is not None]


def parameters_of(space: SearchSpace, recipe: Recipe) -> dict[str, Any] | None:
    """Return what a trial must suggest to stand for ``recipe``; None if the recipe is not in the space."""
    try:
        return space.parameters(recipe)
    except RecipeError:
        return None
