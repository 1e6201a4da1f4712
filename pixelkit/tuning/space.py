"""What is searched: described by the channels that are there, so that a new plugin's channels are, too.

For each channel a weight (0 leaves it out) and a scale (normalisation, scope and power); for all together a smoothing,
its width, and a fusion rule. Or, with voters, a weight for each of them and one scale for all channels. Every choice is
one of a short list: neighbours of a recipe then have most of their columns in common with it, and a trial costs
milliseconds. What TPE spends on a trial grows with the number of parameters: with one more for each channel's power it
was half as much again, and whole numbers cost it a third more than the same choices without an order, which found
nothing better.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pixelkit.errors import RecipeError, did_you_mean
from pixelkit.scores import fuse, normalise, smooth
from pixelkit.scores.recipe import ChannelRecipe, Recipe

T = TypeVar("T")

# Times what a channel weighs in the untuned recipe.
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
# Half: a squared error becomes an error. Two: large scores count more.
POWERS = (0.5, 1.0, 2.0)
# Frames: from the least that does something to what half-minute events want, in steps of about 1.5.
WIDTHS = (2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 22.0, 33.0, 50.0)
EXPONENTS = (2.0, 4.0, 8.0)
CHOICES = ("normalise", "scope", "power", "weight")


class Suggests(Protocol):
    """What an Optuna trial can do."""

    def suggest_int(self, name: str, low: int, high: int) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...


@dataclass(frozen=True)
class ChannelSpace:
    """What is tried for one channel.

    Parameters
    ----------
    base
        Its weight in the untuned recipe; where that is 0, the mean of the others.
    scales
        Normalisation, scope and power, as in ``rank, global, 2``.
    weights
        Times ``base``; 0 leaves the channel out.
    centred
        Whether the median of each video is taken away, as in the untuned recipe. Takes cannot tell: most of a take is
        normal, and of a test video perhaps not.
    weighed_by, scaled_by
        Names of the parameters that decide: the channel's own, or those that it shares with others.
    """

    base: float
    scales: tuple[str, ...]
    weights: tuple[float, ...]
    centred: bool
    weighed_by: str
    scaled_by: str


@dataclass(frozen=True)
class SearchSpace:
    """Every recipe that a search can find.

    Parameters
    ----------
    channels
        By name, what is tried for each.
    smooths, widths
        Smoothings and their widths in frames.
    fusions
        Fusion rules; ``power`` with its exponent, as in ``power 4``.
    """

    channels: Mapping[str, ChannelSpace]
    smooths: tuple[str, ...]
    widths: tuple[float, ...]
    fusions: tuple[str, ...]

    @classmethod
    def around(
        cls,
        untuned: Recipe,
        *,
        narrow: Mapping[str, Mapping[str, Sequence[Any]]] | None = None,
        calibrated: Collection[str],
        per_video: bool = False,
        voters: Mapping[str, str] | None = None,
    ) -> SearchSpace:
        """Return the space around the untuned recipe, which is always in it.

        Parameters
        ----------
        untuned
            The recipe to begin with: its channels are those that are searched.
        narrow
            By channel, what its plugin wants tried instead of everything: any of ``normalise``, ``scope``, ``power``
            and ``weight`` (times the weight in the untuned recipe).
        calibrated
            The channels that have scores of left-out training videos to calibrate on.
        per_video
            Whether to try each video by itself, too.
        voters
            By channel, with which others it is weighed: then all channels share one scale, not calibrated, those of one
            voter one weight, and a channel that weighs nothing in the untuned recipe stays out; they are smoothed and
            fused as in the untuned recipe, in other widths. None for each by itself, and everything there is.
        """
        scopes = ["global", *(["video"] if per_video else [])]
        known = [channel.weight for channel in untuned.channels.values() if channel.weight > 0]
        mean = sum(known) / len(known) if voters is None else 0.0
        several = len(untuned.channels) > 1
        channels = {
            name: _channel_space(
                name,
                channel,
                channel.weight or mean,
                (*scopes, "heldout") if voters is None and name in calibrated else scopes,
                (narrow or {}).get(name, {}),
                several=several,
                voter=None if voters is None else voters[name],
            )
            for name, channel in untuned.channels.items()
        }
        own = _fusion_text(untuned)
        smooths = tuple(smooth.METHODS) if voters is None else (untuned.smooth,)
        fusions = [own]
        if voters is None and several:
            fusions = [rule for rule in fuse.RULES if rule != "power"]
            fusions += [*(f"power {exponent:g}" for exponent in EXPONENTS), own]
        return cls(channels, smooths, tuple(sorted({*WIDTHS, untuned.width})), tuple(dict.fromkeys(fusions)))

    @property
    def choices(self) -> dict[str, Sequence[Any]]:
        """By parameter, what a trial may suggest."""
        weights = {space.weighed_by: space.weights for space in self.channels.values()}
        scales = {space.scaled_by: space.scales for space in self.channels.values()}
        shared = {"smooth": self.smooths, "width": range(len(self.widths)), "fusion": self.fusions}
        return {**weights, **scales, **shared}

    def suggest(self, trial: Suggests) -> Recipe | None:
        """Return the recipe that a trial stands for; None if it leaves every channel out."""
        channels = {name: self._suggest_channel(trial, space) for name, space in self.channels.items()}
        method = trial.suggest_categorical("smooth", self.smooths)
        width = self.widths[trial.suggest_int("width", 0, len(self.widths) - 1)]
        fusion = trial.suggest_categorical("fusion", self.fusions)
        if not any(channel.weight for channel in channels.values()):
            return None
        rule, _, exponent = fusion.partition(" ") if fusion.startswith("power") else (fusion, "", "")
        return Recipe(channels, method, width, rule, float(exponent) if exponent else 4.0)

    def recipe(self, parameters: Mapping[str, Any]) -> Recipe | None:
        """Return the recipe that these parameters stand for; None if they leave every channel out."""
        from optuna.trial import FixedTrial

        return self.suggest(FixedTrial(dict(parameters)))

    def parameters(self, recipe: Recipe) -> dict[str, Any]:
        """Return what a trial must suggest to stand for ``recipe``.

        Raises
        ------
        RecipeError
            If the recipe is not in this space.
        """
        found: dict[str, Any] = {}
        try:
            for name, space in self.channels.items():
                channel = recipe.channels[name]
                mine: dict[str, Any] = {space.scaled_by: _one_of(_scale(channel), space.scales)}
                if channel.centred != space.centred:
                    raise ValueError(f"{name!r} is centred otherwise than in the untuned recipe")
                if space.base:
                    mine[space.weighed_by] = _nearest(channel.weight / space.base, space.weights)
                if any(found.setdefault(key, value) != value for key, value in mine.items()):
                    raise ValueError(f"{name!r} is weighed or scaled otherwise than channels beside it")
            for space in self.channels.values():  # of whom no channel weighs anything, the vote is idle
                found.setdefault(space.weighed_by, 1.0)
            found["smooth"] = _one_of(recipe.smooth, self.smooths)
            found["width"] = self.widths.index(recipe.width)
            found["fusion"] = _one_of(_fusion_text(recipe), self.fusions)
        except (KeyError, ValueError) as error:
            raise RecipeError(f"the recipe is not in the space that is searched: {error}") from None
        return found

    def text(self, parameter: str, value: Any) -> str:
        """Return what the value of a trial's parameter stands for, as plots say it: ``×0.5``, ``10 frames``."""
        if parameter == "width":
            return f"{self.widths[value]:g} frames"
        return f"×{value:g}" if parameter.endswith(" weight") else str(value)

    def _suggest_channel(self, trial: Suggests, space: ChannelSpace) -> ChannelRecipe:
        weight: float = trial.suggest_categorical(space.weighed_by, space.weights)
        method, scope, power = trial.suggest_categorical(space.scaled_by, space.scales).split(", ")
        return ChannelRecipe(method, scope, float(power), weight * space.base, space.centred)


def check_narrow(where: str, narrow: Mapping[str, Sequence[Any]]) -> None:
    """Raise a RecipeError unless ``narrow`` names what there is: ``{"normalise": ("rank",), "power": (1.0,)}``."""
    known = {"normalise": tuple(normalise.METHODS), "scope": normalise.SCOPES}
    for key, values in narrow.items():
        if key not in CHOICES:
            raise RecipeError(f"{where}: there is no {key!r} to narrow{did_you_mean(key, CHOICES)}")
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise RecipeError(f"{where}: {key} is {values!r}: expected a list of what to try")
        for value in values:
            if key in known and value not in known[key]:
                raise RecipeError(
                    f"{where}: there is no {key} {value!r}{did_you_mean(str(value), known[key])}"
                )
            if key not in known:
                ChannelRecipe(**{key: value})


def _channel_space(
    name: str,
    channel: ChannelRecipe,
    base: float,
    scopes: Iterable[str],
    narrow: Mapping[str, Sequence[Any]],
    *,
    several: bool,
    voter: str | None,
) -> ChannelSpace:
    methods = narrow.get("normalise", tuple(normalise.METHODS))
    wanted = [scope for scope in narrow.get("scope", tuple(scopes)) if scope in scopes or scope == "video"]
    powers = narrow.get("power", POWERS)
    scales = [f"{method}, {scope}, {power:g}" for scope in wanted for method in methods for power in powers]
    own_weight = 1.0 if channel.weight or not base else 0.0
    weights = tuple(narrow.get("weight", WEIGHTS)) if several else (1.0,)
    return ChannelSpace(
        base,
        tuple(dict.fromkeys([*scales, _scale(channel)])),
        tuple(sorted({*map(float, weights), own_weight})),
        channel.centred,
        # What its plugin narrows, a channel shares with nobody.
        f"{name if voter is None or 'weight' in narrow else voter} weight",
        f"{name} scale" if voter is None or {"normalise", "scope", "power"} & set(narrow) else "scale",
    )


def _scale(channel: ChannelRecipe) -> str:
    return f"{channel.normalise}, {channel.scope}, {channel.power:g}"


def _fusion_text(recipe: Recipe) -> str:
    return f"power {recipe.exponent:g}" if recipe.fusion == "power" else recipe.fusion


def _nearest(value: float, known: Sequence[float]) -> float:
    """Return the number that is meant: a weight times 3 and divided by itself is not always 3."""
    nearest = min(known, key=lambda each: abs(each - value))
    if not math.isclose(nearest, value, abs_tol=1e-12):
        raise ValueError(f"{value:g} is none of {known}")
    return nearest


def _one_of(value: T, known: Sequence[T]) -> T:
    return known[known.index(value)]
