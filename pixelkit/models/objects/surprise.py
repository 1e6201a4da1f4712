"""From measures of objects to surprise in one unit for all attributes, calibrated on videos that were left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelkit.models.mixture import ConditionalMixture
from pixelkit.models.objects.attributes import Attribute, Measures, columns

FOLDS = 4
SAMPLE = 8000  # rows that a mixture is fitted to, at most: an object looks much the same ten frames later
USUAL, RARE = 0.5, 0.999  # quantiles of left-out objects that become 0 and 1, the second as in AI-VAD


@dataclass(frozen=True, eq=False)
class Surprise:
    """How unusual an attribute of an object is: 0 like the median of normal objects, 1 like one in a thousand.

    Parameters
    ----------
    attribute
        What is measured, given what.
    mixture
        Its density in normal video; None where there was next to nothing to learn from, and nothing surprises.
    usual, rare
        Nats that become 0 and 1.
    """

    attribute: Attribute
    mixture: ConditionalMixture | None
    usual: float
    rare: float

    @classmethod
    def fit(cls, attribute: Attribute, videos: Sequence[Measures], seed: int) -> Surprise:
        """Learn the density from all videos, and its scale from each by the density of the others.

        Reiss and Hoshen, AI-VAD: An Attribute-based Approach (2022), for calibration on left-out training videos.
        """
        folds = min(FOLDS, len(videos))
        left_out = []
        for fold in range(folds if len(videos) > 1 else 0):
            learnt = _density(attribute, [v for i, v in enumerate(videos) if i % folds != fold], seed)
            left_out += [_nats(attribute, learnt, video) for video in videos[fold::folds]]
        mixture = _density(attribute, videos, seed)
        if (
            len(videos) == 1
        ):  # nothing can be left out; a mixture of few parts hardly learns its rows by heart
            left_out = [_nats(attribute, mixture, videos[0])]
        nats = np.concatenate([np.empty(0), *left_out])
        usual, rare = np.quantile(nats, (USUAL, RARE)).tolist() if len(nats) else (0.0, 1.0)
        return cls(attribute, mixture, usual, max(rare, usual + 1e-3))

    def __call__(self, measures: Measures) -> NDArray[np.float64]:
        """Return the surprise of each object: float64 (k,) from 0 up, finite; 10 is the tenfold of a rare one."""
        return np.maximum(
            (_nats(self.attribute, self.mixture, measures) - self.usual) / (self.rare - self.usual), 0
        )

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return all that :meth:`of_arrays` needs, for a file."""
        arrays = {"scale": np.array([self.usual, self.rare])}
        if self.mixture is not None:
            arrays |= {f"mixture.{name}": array for name, array in self.mixture.arrays().items()}
        return arrays

    @classmethod
    def of_arrays(cls, attribute: Attribute, arrays: Mapping[str, NDArray[np.float64]]) -> Surprise:
        """Return what :meth:`arrays` gave."""
        parts = {
            name.removeprefix("mixture."): array
            for name, array in arrays.items()
            if name.startswith("mixture.")
        }
        mixture = ConditionalMixture.of_arrays(parts) if parts else None
        return cls(attribute, mixture, *arrays["scale"].tolist())


def together(surprises: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the sum of the surprises (k,) of several attributes, of what is above 1 only 1 and its logarithm.

    Up to 1 they are calibrated. Above, what a density says of where nothing was seen is in no common unit, and one
    attribute would drown the others.
    """
    every = np.stack(list(surprises))
    tempered = np.minimum(every, 1 + np.log(np.maximum(every, 1)))
    return np.asarray(tempered.sum(0), np.float64)


def _density(attribute: Attribute, videos: Sequence[Measures], seed: int) -> ConditionalMixture | None:
    """Fit the mixture to evenly spaced rows of the videos."""
    values, given = (
        np.concatenate([columns(video, names) for video in videos])
        for names in (attribute.values, attribute.given)
    )
    chosen = np.unique(np.linspace(0, max(0, len(values) - 1), min(SAMPLE, len(values))).round().astype(int))
    return ConditionalMixture.fit(values[chosen], given[chosen], attribute.components, seed)


def _nats(
    attribute: Attribute, mixture: ConditionalMixture | None, measures: Measures
) -> NDArray[np.float64]:
    values, given = columns(measures, attribute.values), columns(measures, attribute.given)
    if mixture is None:
        return np.zeros(len(values))
    return mixture.surprise(values, given, above=attribute.above)
