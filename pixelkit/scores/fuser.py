"""Applies recipes to one table of scores: what two recipes have in common is computed once.

A search tries a thousand recipes that differ in a few places each. Normalised, smoothed and ranked columns are kept,
so that a trial costs what it changes and a sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import RecipeError, did_you_mean
from pixelkit.frames.video import MAX_GAP
from pixelkit.scores import normalise
from pixelkit.scores.fuse import fuse
from pixelkit.scores.smooth import Smoother
from pixelkit.scores.table import ScoreTable

if TYPE_CHECKING:
    from pixelkit.scores.recipe import ChannelRecipe, Recipe

Scores = NDArray[np.float64]

# What is kept of columns that were computed: 2,700 of them at PixelPlay's 11,706 frames.
KEPT_BYTES = 256 * 2**20


class Fuser:
    """From the channels of a score table to one score per frame, by any number of recipes.

    Parameters
    ----------
    table
        Scores of the frames in question.
    heldout
        Scores of left-out normal video, for channels of the scope ``heldout``.
    max_gap
        A gap of more missing frames than this ends smoothing.
    sources
        By video of ``table``, the left-out video that it was made from. It is not calibrated on that one, as long
        as there is another: nothing is calibrated on the frames that it judges.
    """

    def __init__(
        self,
        table: ScoreTable,
        heldout: ScoreTable | None = None,
        *,
        max_gap: int = MAX_GAP,
        sources: Mapping[str, str] | None = None,
    ) -> None:
        self.table = table
        self.videos = table.videos()
        self._heldout = heldout if heldout is not None and len(heldout) else None
        self._sources = sources or {}
        self._smoother = Smoother(table.number, self.videos.values(), max_gap=max_gap)
        most = max(64, KEPT_BYTES // (16 * max(1, len(table))))
        self._column = lru_cache(most)(self._compute_column)
        self._smoothed = lru_cache(most)(self._compute_smoothed)
        self._ranked = lru_cache(most)(self._compute_ranked)

    def fuse(self, recipe: Recipe) -> Scores:
        """Return one score per row of the table: float64 (rows,), finite, 0 to 1, higher for more anomalous.

        Raises
        ------
        RecipeError
            If the recipe names a channel that the table does not have, or needs ``heldout`` and there is none.
        """
        used = {name: channel for name, channel in recipe.channels.items() if channel.weight > 0}
        weights = np.array([channel.weight for channel in used.values()], np.float64)
        how = recipe.smooth, recipe.width
        if recipe.fusion == "weighted sum" and recipe.smooth != "median":
            # Both are linear: one sum smoothed is the sum of all that are.
            columns = _side_by_side(self._column(*_key(*item)) for item in used.items())
            fused = fuse(columns, weights, recipe.fusion, recipe.exponent)
            return _unit(self._smoother.smooth(fused[:, None], *how)[:, 0])
        if recipe.fusion == "rank average":
            ranks = _side_by_side(self._ranked(*_key(*item), *how) for item in used.items())
            return _unit(fuse(ranks, weights, "weighted sum", recipe.exponent))
        columns = _side_by_side(self._smoothed(*_key(*item), *how) for item in used.items())
        return _unit(fuse(columns, weights, recipe.fusion, recipe.exponent))

    def _compute_ranked(
        self, name: str, method: str, scope: str, power: float, centred: bool, smooth: str, width: float
    ) -> Scores:
        return normalise.rank(self._smoothed(name, method, scope, power, centred, smooth, width))

    def _compute_smoothed(
        self, name: str, method: str, scope: str, power: float, centred: bool, smooth: str, width: float
    ) -> Scores:
        column = self._column(name, method, scope, power, centred)
        return self._smoother.smooth(column[:, None], smooth, width)[:, 0]

    def _compute_column(self, name: str, method: str, scope: str, power: float, centred: bool) -> Scores:
        """Return one channel, normalised and raised to its power."""
        if name not in self.table.channels:
            raise RecipeError(f"the scores have no channel {name!r}{did_you_mean(name, self.table.channels)}")
        if scope == "heldout":
            values = self._calibrated(name, method, centred)
        else:
            mine = _channel(self.table, name, centred)
            values = normalise.normalise(mine, method, scope, videos=self.videos.values())
        raised: Scores = np.sign(values) * np.abs(values) ** power
        return raised

    def _calibrated(self, name: str, method: str, centred: bool) -> Scores:
        heldout = self._heldout
        if heldout is None or name not in heldout.channels:
            raise RecipeError(
                f"channel {name!r} is to be calibrated (scope 'heldout'), but there are no scores of left-out "
                f"training videos for it: score with a holdout above 0 and two or more training videos, or choose "
                f"scope 'global'"
            )
        normal, values = (_channel(table, name, centred) for table in (heldout, self.table))
        calibrated = np.empty(len(values))
        for source in {self._sources.get(video) for video in self.videos}:
            others = heldout.video != source if source else np.ones(len(heldout), bool)
            rows = np.concatenate(
                [
                    np.arange(part.start, part.stop)
                    for video, part in self.videos.items()
                    if self._sources.get(video) == source
                ]
            )
            calibrated[rows] = normalise.normalise(
                values[rows], method, "heldout", videos=(), heldout=normal[others] if others.any() else normal
            )
        return calibrated


def _key(name: str, channel: ChannelRecipe) -> tuple[str, str, str, float, bool]:
    return name, channel.normalise, channel.scope, channel.power, channel.centred


def _channel(table: ScoreTable, name: str, centred: bool) -> Scores:
    """Return one channel as it is, or less the median of each video."""
    values = table.channel(name).astype(np.float64)
    if centred:
        for rows in table.videos().values():
            values[rows] -= np.median(values[rows])
    return values


def _side_by_side(columns: Iterable[Scores]) -> Scores:
    """Return (rows, channels), each channel in one piece: a maximum over channels then takes half of the time."""
    return np.stack(list(columns)).T


def _unit(scores: Scores) -> Scores:
    """Map the smallest score to 0 and the largest to 1; the order, and with it AP and AUC, stays."""
    low, high = (scores.min(), scores.max()) if len(scores) else (0.0, 0.0)
    unit: Scores = (scores - low) / (high - low) if high > low else np.zeros(len(scores))
    return unit
