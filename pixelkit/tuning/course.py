"""How a search went, in words and numbers that outlive it: for the plots and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.search import Found


@dataclass(frozen=True)
class Course:
    """What a search tried, in order.

    Parameters
    ----------
    choices
        By parameter, what there was to choose, in words.
    chosen
        By parameter, which of its choices each trial took.
    values
        The value of each trial: the objective, less what it costs to order frames otherwise than the recipe that the
        search was told to stay near.
    equal
        The value of the untuned recipe.
    importances
        By parameter, what the best recipe would lose of its value if this one alone were what it is in the untuned
        recipe; those that are the same in both, or are about channels that weigh nothing, are left out, the others come
        in the order of what they are worth. Below 0 where the search has missed that going back is better.
    """

    choices: Mapping[str, Sequence[str]]
    chosen: Mapping[str, Sequence[int]]
    values: Sequence[float]
    equal: float
    importances: Mapping[str, float]

    @classmethod
    def of(cls, found: Found, untuned: Recipe) -> Course:
        """Return the course of the search that found what is best.

        Parameters
        ----------
        found
            The best, and all that was tried.
        untuned
            What importances are measured against; it lies in the space that was searched.
        """
        space, choices = found.space, found.space.choices
        return cls(
            {name: [space.text(name, choice) for choice in of] for name, of in choices.items()},
            {
                name: [list(of).index(each.parameters[name]) for each in found.trials]
                for name, of in choices.items()
            },
            [each.value for each in found.trials],
            found.judge.value(untuned),
            _importances(found, untuned),
        )


def _importances(found: Found, untuned: Recipe) -> dict[str, float]:
    best, before = found.space.parameters(found.recipe), found.space.parameters(untuned)
    lost = {}
    for name in best:
        back = found.space.recipe({**best, name: before[name]})
        if back is not None and _heard(back) != _heard(found.recipe):
            lost[name] = found.value - found.judge.value(back)
    return dict(sorted(lost.items(), key=lambda each: -each[1]))


def _heard(recipe: Recipe) -> Recipe:
    """Return the recipe without the channels that weigh nothing, and whose scale therefore does not matter."""
    return replace(recipe, channels={name: each for name, each in recipe.channels.items() if each.weight})
