"""The recipe: how the channels of a score table become one number per frame. What tuning looks for.

On disk it is JSON that a person can read and edit::

    {"version": 1, "smooth": "gaussian", "width": 10.0, "fusion": "rank average", "exponent": 4.0,
     "channels": {"convae.mean": {"normalise": "rank", "scope": "global", "power": 1.0, "weight": 0.5}, ...}}
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import RecipeError, SettingsError, did_you_mean, reason
from pixelkit.files import write_text
from pixelkit.frames.video import MAX_GAP
from pixelkit.scores import fuse, normalise, smooth
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.table import ScoreTable

VERSION = 1

# Powers of calibrated scores (at most 1e6, see normalise.LARGEST) must stay within the range of a float64.
LARGEST_POWER = 16.0
# Only ratios matter: what is larger is a mistake, and sums of it may leave the range of a float64.
LARGEST_WEIGHT = 100_000.0


@dataclass(frozen=True)
class RecipeSettings:
    """The ``[recipe]`` section of the settings: what the recipe is when nothing has been tuned.

    No default was chosen by looking at labels:

    - *ranks*, because they need no scale to be guessed, a spike counts no more than its rank, and averaging ranks is
      what works best without labels (Goswami et al., ICLR 2023);
    - over *all* videos, because per-video scales assume that every video holds an anomaly;
    - a *Gaussian of 10 frames*, because anomalies last for many frames and noise does not; published entries to
      PixelPlay '26 smoothed with 3 to 17 frames, and 10 is the middle of that;
    - *centred* where normal videos lie more than twice as far apart as the frames of one: synthetic anomalies are then
      found better, even where they fill most of their video; with once as far they are not (benchmarks/tuning.md).
    """

    normalise: str = "rank"
    """``rank``, ``min-max``, ``percentile`` or ``z``."""
    scope: str = "global"
    """``global``, ``video``, or ``heldout`` (calibrated on left-out training videos)."""
    smooth: str = "gaussian"
    """``gaussian``, ``moving average``, ``median``, ``exponential`` or ``none``."""
    width: float = 10.0
    """Width of the smoothing, in frames."""
    fusion: str = "rank average"
    """``rank average``, ``weighted sum``, ``maximum`` or ``power``."""
    centre_above: float = 2.0
    """A channel is centred, less the median of each video, where left-out normal videos lie more than so many times as
    far apart as the frames of one (see :func:`pixelkit.scores.levels.spread_of_levels`). 1000 for never."""

    def __post_init__(self) -> None:
        if not 0 <= self.centre_above < math.inf:
            raise SettingsError(
                f"recipe.centre_above is {self.centre_above}: expected a number, 0 or more; 1000 for never"
            )


@dataclass(frozen=True)
class ChannelRecipe:
    """What happens to one channel before smoothing.

    Raises
    ------
    RecipeError
        An unknown normalisation or scope, a power outside (0, 16], a weight outside [0, 100000], a ``centred`` that
        is no bool.
    """

    normalise: str = "rank"
    """``rank``, ``min-max``, ``percentile`` or ``z``."""
    scope: str = "global"
    """``global``, ``video``, or ``heldout`` (calibrated on left-out training videos)."""
    power: float = 1.0
    """The normalised score is raised to it, its sign kept: above 1 stresses the largest scores."""
    weight: float = 1.0
    """From 0 to 100000; only the ratios of the weights matter. A channel of weight 0 is left out."""
    centred: bool = False
    """Whether each video's median is taken away first: what is high all through a video, as the reconstruction error of
    a crowded scene is, then tells nothing. A video without an anomaly stays low, unlike with the scope ``video``."""

    def __post_init__(self) -> None:
        _check_name("normalisation", self.normalise, normalise.METHODS)
        _check_name("scope", self.scope, normalise.SCOPES)
        _check_number("power", self.power, above=0, most=LARGEST_POWER)
        _check_number("weight", self.weight, least=0, most=LARGEST_WEIGHT)
        if not isinstance(self.centred, bool):
            raise RecipeError(f"centred is {self.centred!r:.60}: expected true or false")


@dataclass(frozen=True)
class Recipe:
    """Normalise each channel, raise it to its power, smooth over time, fuse.

    Raises
    ------
    RecipeError
        An unknown smoothing or fusion, a width or exponent out of range, no channel with a weight above 0.
    """

    channels: Mapping[str, ChannelRecipe]
    smooth: str = "gaussian"
    """``gaussian``, ``moving average``, ``median``, ``exponential`` or ``none``."""
    width: float = 10.0
    """Width of the smoothing in frames: see :func:`pixelkit.scores.smooth.smooth`."""
    fusion: str = "rank average"
    """``rank average``, ``weighted sum``, ``maximum`` or ``power``."""
    exponent: float = 4.0
    """Of the fusion ``power``; 4 is VideoPatchCore's."""

    def __post_init__(self) -> None:
        _check_name("smoothing", self.smooth, smooth.METHODS)
        _check_name("fusion", self.fusion, fuse.RULES)
        _check_number("width", self.width, least=0.1, most=10_000)
        _check_number("exponent", self.exponent, above=0, most=100)
        if not any(channel.weight > 0 for channel in self.channels.values()):
            raise RecipeError("the recipe has no channel with a weight above 0: expected at least one")

    @classmethod
    def untuned(
        cls,
        channels: Iterable[str] | Mapping[str, float],
        settings: RecipeSettings | None = None,
        kin: Mapping[str, str] | None = None,
        levels: Mapping[str, float] | None = None,
    ) -> Recipe:
        """Return the recipe for when nothing has been tuned: every scorer has one vote, and so have scorers of one kin.

        The vote of a scorer (the part of a channel's name before the dot) is shared out among its channels, so that
        one with many channels does not outvote the others: evenly, or by the shares that ``channels`` maps them to.
        ``kin`` maps scorers to what they are variants of: they err alike, and share one vote evenly. ``levels`` maps
        channels to how far apart normal videos lie in them (:func:`pixelkit.scores.levels.spread_of_levels`): those
        above the setting ``centre_above`` are centred.
        """
        chosen = settings or RecipeSettings()
        kin, levels = kin or {}, levels or {}
        shares = dict(channels) if isinstance(channels, Mapping) else dict.fromkeys(channels, 1.0)
        total: defaultdict[str, float] = defaultdict(float)
        for name, share in shares.items():
            total[scorer_of(name)] += share
        sharing = Counter(voter(scorer, kin) for scorer in total)
        votes = {scorer: 1 / sharing[voter(scorer, kin)] for scorer in total}
        return cls(
            {
                name: ChannelRecipe(
                    chosen.normalise,
                    chosen.scope,
                    weight=votes[scorer_of(name)] * share / total[scorer_of(name)],
                    centred=levels.get(name, 0.0) > chosen.centre_above,
                )
                for name, share in shares.items()
            },
            chosen.smooth,
            chosen.width,
            chosen.fusion,
        )

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read what :meth:`write` wrote, or what a person made of it.

        Raises
        ------
        RecipeError
            If the file cannot be read, is of a newer version, or names what does not exist.
        """
        try:
            return cls.from_plain(json.loads(path.read_text(encoding="utf-8-sig")))
        except (OSError, ValueError) as error:
            raise RecipeError(f"{path}: cannot be read as a recipe: {reason(error)}") from None
        except RecursionError:
            raise RecipeError(
                f"{path}: cannot be read as a recipe: its lists or objects are nested too deeply"
            ) from None
        except RecipeError as error:
            raise RecipeError(f"{path}: {error}") from None

    def write(self, path: Path) -> None:
        """Write the recipe as JSON; the same recipe gives the same bytes."""
        write_text(path, self.to_json())

    def to_json(self) -> str:
        """Return what :meth:`write` writes."""
        return json.dumps(self.to_plain(), indent=2) + "\n"

    def to_plain(self) -> dict[str, Any]:
        """Return the recipe as what JSON can hold; ``centred`` is named where it is true, as before it was there."""
        plain = asdict(self)
        channels = plain.pop("channels")
        for channel in channels.values():
            if not channel["centred"]:
                del channel["centred"]
        return {"version": VERSION, **plain, "channels": channels}

    @classmethod
    def from_plain(cls, plain: Any) -> Recipe:
        """Return the recipe that :meth:`to_plain` gave.

        Raises
        ------
        RecipeError
            If it is of a newer version, or names what does not exist.
        """
        return _from_plain(plain)

    def apply(
        self, table: ScoreTable, heldout: ScoreTable | None = None, *, max_gap: int = MAX_GAP
    ) -> NDArray[np.float64]:
        """Return one score per row of ``table``: float64 (rows,), finite, from 0 to 1, higher for more anomalous.

        Parameters
        ----------
        table
            Scores of the frames in question. Channels that the recipe does not name are not used.
        heldout
            Scores of left-out normal video, for channels of the scope ``heldout``.
        max_gap
            A gap of more missing frames than this ends smoothing.

        Raises
        ------
        RecipeError
            If the recipe names a channel that ``table`` does not have, or needs ``heldout`` and there is none.
        """
        return Fuser(table, heldout, max_gap=max_gap).fuse(self)


def voter(channel: str, kin: Mapping[str, str]) -> str:
    """Return who has one vote in the untuned recipe: the channel's scorer, or what that is a variant of."""
    return kin.get(scorer_of(channel), scorer_of(channel))


def scorer_of(channel: str) -> str:
    """Return the scorer that a channel is of: what stands before the dot."""
    return channel.partition(".")[0]


def _from_plain(plain: Any) -> Recipe:
    if not isinstance(plain, dict) or not isinstance(plain.get("channels"), dict):
        raise RecipeError("is not a recipe: expected a JSON object with 'channels'")
    plain = dict(plain)
    version = plain.pop("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        newer = isinstance(version, int) and version > VERSION
        remedy = "install a newer pixelkit" if newer else "correct it, or leave the version out"
        raise RecipeError(f"is of version {version!r:.60}: expected {VERSION}; {remedy}")
    channels = {}
    for name, keys in plain.pop("channels").items():
        try:
            channels[name] = ChannelRecipe(**_known(keys, ChannelRecipe))
        except RecipeError as error:
            raise RecipeError(f"channel {name!r}: {error}") from None
    return Recipe(channels, **_known(plain, Recipe))


def _known(keys: Any, cls: type[Recipe] | type[ChannelRecipe]) -> dict[str, Any]:
    names = [field.name for field in fields(cls) if field.name != "channels"]
    if not isinstance(keys, dict):
        raise RecipeError(f"is {keys!r:.60}: expected an object with {', '.join(names)}")
    for key in keys:
        if key not in names:
            raise RecipeError(f"there is no {key!r} in a recipe{did_you_mean(key, names)}")
    return keys


def _check_name(what: str, name: object, known: Iterable[str]) -> None:
    if not isinstance(name, str) or name not in tuple(known):
        raise RecipeError(f"there is no {what} {name!r:.60}{did_you_mean(str(name), known)}")


def _check_number(
    what: str, value: object, *, most: float, least: float = -math.inf, above: float = -math.inf
) -> None:
    """Raise unless ``value`` is a number that fits ``least <= value <= most`` and ``above < value``."""
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not (good and least <= value <= most and above < value):  # type: ignore[operator]
        floor = f"above {above:g}" if above > -math.inf else f"{least:g} or more"
        raise RecipeError(f"{what} is {value!r:.60}: expected a number {floor} and at most {most:g}")
