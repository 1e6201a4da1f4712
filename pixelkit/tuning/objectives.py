"""What a recipe is judged by: labels that a user hands over, or anomalies that were injected into normal video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import LabelsError, TuningError, examples
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.metrics import Curve
from pixelkit.scores.order import rising as order_of

Metric = Literal["ap", "auc", "macro auc"]
CurveMetric = Literal["ap", "auc"]
Scores = NDArray[np.float64]
NORMAL = "normal"
"""The family of takes without an anomaly."""


@dataclass(frozen=True, eq=False)
class Part:
    """Frames that are judged together: all, those of one video, or those of one family of anomalies.

    Parameters
    ----------
    name
        As reports call it.
    rows
        int (k,) rows of the table.
    labels
        bool (k,) true where a frame is anomalous.
    prevalence
        As if this part of the frames were anomalous, 0 to 1: it decides how much the very top counts in an average
        precision. None for as many as are.
    """

    name: str
    rows: NDArray[np.intp]
    labels: NDArray[np.bool_]
    prevalence: float | None = None

    @cached_property
    def weights(self) -> NDArray[np.float64] | None:
        """How much each frame counts: float64 (k,); None where all count once."""
        if self.prevalence is None:
            return None
        normal, anomalous = np.sum(~self.labels), np.sum(self.labels)
        factor = self.prevalence / (1 - self.prevalence) * normal / anomalous
        return np.where(self.labels, factor, 1.0)


class Objective:
    """The figure that a search makes as large as it can.

    Parameters
    ----------
    figure
        What it is called in reports: ``AP on synthetic anomalies``.
    fuser
        The scores, and the videos that they are of.
    parts
        Each gives one value; the figure is their mean.
    metric
        ``ap`` or ``auc``.
    """

    def __init__(
        self,
        figure: str,
        fuser: Fuser,
        parts: Sequence[Part],
        metric: CurveMetric,
    ) -> None:
        self.figure = figure
        self.fuser = fuser
        self.parts = parts
        self.metric: CurveMetric = metric
        names = list(fuser.videos)
        self._video_of = np.repeat(
            np.arange(len(names)), [part.stop - part.start for part in fuser.videos.values()]
        )
        self._places = [_places(part.rows, len(self._video_of)) for part in parts]

    def curves(self, scores: Scores, rising: NDArray[np.intp] | None = None) -> list[Curve]:
        """Return what :meth:`values` needs of some scores, one for each row: sorted once for all parts and weights.

        ``rising`` are the rows in the order of their scores, where that is known.
        """
        rising = order_of(scores) if rising is None else rising
        curves = []
        for part, place in zip(self.parts, self._places, strict=True):
            mine = place[rising]
            curves.append(Curve(part.labels, scores[part.rows], mine[mine >= 0]))
        return curves

    def values(self, curves: Sequence[Curve], videos: NDArray[np.floating] | None = None) -> Scores:
        """Return the value of each part: float64 (parts,), NaN where it has no value.

        Parameters
        ----------
        curves
            From :meth:`curves`.
        videos
            (videos,) how often each video counts; None for once each.
        """
        rows = None if videos is None else np.asarray(videos, np.float64)[self._video_of]
        found = []
        for part, curve in zip(self.parts, curves, strict=True):
            weights = part.weights
            if rows is not None:
                weights = rows[part.rows] if weights is None else weights * rows[part.rows]
            value = curve.average_precision(weights) if self.metric == "ap" else curve.roc_auc(weights)
            found.append(np.nan if value is None else value)
        return np.array(found)

    def figure_of(self, values: Scores) -> float:
        """Return the mean over the parts that have a value."""
        return float(values[~np.isnan(values)].mean())


def _places(chosen: NDArray[np.intp], rows: int) -> NDArray[np.intp]:
    """Return for each row where it stands among those chosen: int (rows,), -1 for the others."""
    places = np.full(rows, -1)
    places[chosen] = np.arange(len(chosen))
    return places


def label_objective(fuser: Fuser, labels: Mapping[str, NDArray[np.bool_]], metric: Metric) -> Objective:
    """Return the objective that reads labels.

    Parameters
    ----------
    fuser
        The scores of the test videos.
    labels
        For each video bool (n,), true where a frame is anomalous.
    metric
        ``ap`` or ``auc`` over all frames together, or ``macro auc``: the mean over videos with both classes.

    Raises
    ------
    LabelsError
        If the frames are all of one class; for ``macro auc`` if no video has both.
    TuningError
        If there are no scores.
    """
    if not fuser.videos:
        raise TuningError(
            "the run holds no scores of test videos: make them with 'pixelkit run' or 'pixelkit score'"
        )
    every = np.concatenate([np.asarray(labels[name], bool) for name in fuser.videos])
    if every.all() or not every.any():
        what = "anomalous" if every.all() else "normal"
        raise LabelsError(
            f"the labels call every frame {what}: expected both classes, there is nothing to tune by"
        )
    if metric != "macro auc":
        parts = [Part("all videos", np.arange(len(every)), every)]
        return Objective(f"micro {metric.upper()} by labels", fuser, parts, metric)
    parts = [Part(name, np.arange(rows.start, rows.stop), every[rows]) for name, rows in fuser.videos.items()]
    both = [part for part in parts if part.labels.any() and not part.labels.all()]
    if not both:
        raise LabelsError(
            "macro AUC needs a video with normal and anomalous frames, and there is none: tune by ap or auc"
        )
    return Objective("macro AUC by labels", fuser, both, "auc")


def synthetic_objective(
    fuser: Fuser,
    labels: Mapping[str, NDArray[np.bool_]],
    family: Mapping[str, str],
    *,
    prevalence: float | None = None,
) -> Objective:
    """Return the objective that knows injected anomalies only: average precision, family by family.

    Each family is judged beside all takes without an anomaly, so that a recipe that raises every video's own peak
    does not look good.

    Parameters
    ----------
    fuser
        The scores of the takes.
    labels
        For each take bool (n,), true where a frame holds what was injected.
    family
        For each take its kind of anomaly, or :data:`NORMAL`.
    prevalence
        See :class:`Part`.

    Raises
    ------
    TuningError
        If no take holds an anomaly.
    """
    every = np.concatenate([np.asarray(labels[name], bool) for name in fuser.videos])
    parts = []
    for kind in dict.fromkeys(family.values()):
        if kind == NORMAL:
            continue
        mine = [rows for name, rows in fuser.videos.items() if family[name] in (kind, NORMAL)]
        rows = np.concatenate([np.arange(each.start, each.stop) for each in mine])
        if every[rows].any() and not every[rows].all():
            parts.append(Part(kind, rows, every[rows], prevalence))
    if not parts:
        raise TuningError(
            f"no synthetic anomaly was injected into {examples(family)}: expected longer left-out training videos"
        )
    return Objective("AP on synthetic anomalies", fuser, parts, "ap")
