"""What each video's anomalies say of a recipe, one by one: the witnesses that a verdict hears."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pixelkit.tuning.objectives import Objective, Part, Scores

RESAMPLES = 500


class Witnesses:
    """An objective taken apart: each value is of the anomalies of one video, beside all normal frames of their part.

    A recipe can so be judged on the anomalies that it has not seen, and these by the order that the same recipe gives
    them among the others: scores of different recipes are never compared. And a mean over the videos is the same
    whether few or many of them were drawn, which the value of all frames of some videos together is not: with fewer
    videos, fewer anomalous frames stand beside the normal ones of another video.

    Parameters
    ----------
    objective
        What was searched by. Each of its parts becomes as many as there are videos with anomalies in it.
    visible
        (videos,) 0 for videos that nobody may speak of, whose normal frames are left out as well; None for all.

    Attributes
    ----------
    whole
        The objective.
    figure
        What their mean is called. That of areas under the ROC curve is the objective's figure; an average precision is
        lower where fewer anomalous frames are sought at a time.
    video
        (witnesses,) position of the video whose anomalies each one is about.
    """

    def __init__(self, objective: Objective, visible: Scores | None = None) -> None:
        videos = list(objective.fuser.videos.values())
        self.whole = objective
        self._visible = np.ones(len(videos), bool) if visible is None else visible > 0
        parts, owners = [], []
        for place, part in enumerate(objective.parts):
            prevalence = part.labels.mean() if part.prevalence is None else part.prevalence
            of = np.searchsorted([rows.stop for rows in videos], part.rows, side="right")
            seen = self._visible[of]
            for video in np.unique(of[part.labels & seen]):
                rows = seen & (~part.labels | (of == video))
                parts.append(Part(part.name, part.rows[rows], part.labels[rows], prevalence))
                owners.append((place, int(video), int(part.labels[of == video].sum())))
        apart = objective.metric == "ap" and len(parts) > len(objective.parts)
        name = objective.figure
        self.figure = f"{name.removeprefix('micro ')}, video by video" if apart else name
        self._each = Objective(self.figure, objective.fuser, parts, objective.metric)
        self._part, self.video, self._frames = np.array(owners, np.intp).reshape(-1, 3).T

    def hear(self, scores: Scores) -> Scores:
        """Return what each says of some scores, one for each row of the table: (witnesses,)."""
        return self._each.values(self._each.curves(scores))

    def together(self, values: Scores, drawn: NDArray[np.intp] | None = None) -> Scores:
        """Return the value of each part of the whole objective, (parts,), NaN where no witness of it was drawn.

        Parameters
        ----------
        values
            (witnesses,) from :meth:`hear`. Each counts as often as it has anomalous frames.
        drawn
            (videos,) how often each video was drawn; None for once each.
        """
        weights = self._frames * (1 if drawn is None else drawn[self.video])
        count = len(self.whole.parts)
        total = np.bincount(self._part, weights, count)
        with np.errstate(invalid="ignore"):
            mean: Scores = np.bincount(self._part, weights * values, count) / total
        return mean

    def wins(
        self,
        values: Scores,
        others: Scores,
        *,
        seed: int,
        sources: Mapping[str, str] | None = None,
    ) -> float:
        """Return in which part of the resamples of videos ``values`` are better than ``others``.

        Videos are drawn with replacement: frames of one video, and of one event, are no independent witnesses. Nor are
        takes that were made from one video: so what they were made from is drawn, if that is more than one.

        Parameters
        ----------
        values, others
            (witnesses,) each, from :meth:`hear`.
        seed
            Decides what is drawn.
        sources
            By video, what it was made from; None where each stands for itself.
        """
        names = np.array(list(self.whole.fuser.videos))[self._visible]
        made = [(sources or {}).get(name, name) for name in names]
        _, group = np.unique(made if len(set(made)) > 1 else names, return_inverse=True)
        rng = np.random.default_rng((seed, 7))
        groups = group.max() + 1
        won = []
        drawn = np.zeros(len(self._visible), np.intp)
        for _ in range(RESAMPLES):
            drawn[self._visible] = np.bincount(rng.integers(0, groups, groups), minlength=groups)[group]
            mine, theirs = self.together(values, drawn), self.together(others, drawn)
            if not np.isnan(mine).all():
                won.append(self.whole.figure_of(mine) > self.whole.figure_of(theirs))
        return float(np.mean(won)) if won else 0.0
