"""How surprising a measurement is where and when it was made: a conditional density by a mixture of Gaussians."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

Floats = NDArray[np.float64]

FEWEST = 40  # rows a component: of fewer, its covariance is noise
WIDEN = 1e-2  # is added to every variance, in units of the training data's: nothing is narrower than a tenth of that
# Where conditions were never seen, every component is as wrong as the next, and the nearest one would be asked to
# extrapolate. One wide component for all data takes over there, so that a value is held against what is usual anywhere.
# Its weight is less than one row in any training set that there will be, so that where something was seen it changes
# nothing: at 0.01 it would soften the very tails that anomalies lie in.
ANYWHERE, ANYWHERE_WIDER = 1e-6, 4.0  # its weight, and its covariance in units of that of all data
TOO_FEW = 2  # rows; of one, nothing varies


@dataclass(frozen=True, eq=False)
class ConditionalMixture:
    """The density of ``values`` given ``conditions``, from a Gaussian mixture over both together.

    In each component the values are Gaussian around a line in the conditions, and how much a component counts depends
    on the conditions, too: a mixture of regressions (Ghahramani and Jordan, Supervised Learning from Incomplete Data
    via an EM Approach, NIPS 1993). So a fast walker near the camera is nothing special, and far away is.

    Parameters
    ----------
    centre, scale
        float64 (d,) what is subtracted from, and divided out of, each column: values first, then conditions.
    weights
        float64 (K,) of the components, summing to 1.
    means
        float64 (K, d) in units of ``scale``.
    covariances
        float64 (K, d, d) likewise.
    width
        How many of the d columns are values.
    """

    centre: Floats
    scale: Floats
    weights: Floats
    means: Floats
    covariances: Floats
    width: int

    @classmethod
    def fit(
        cls, values: NDArray[Any], conditions: NDArray[Any], components: int, seed: int
    ) -> ConditionalMixture | None:
        """Fit by expectation maximisation; None of fewer than two rows.

        Parameters
        ----------
        values
            Finite (n, q).
        conditions
            Finite (n, c); c may be 0.
        components
            At most; fewer where there are not 40 rows for each.
        seed
            Decides where the search starts.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        rows = np.concatenate([values, conditions], 1).astype(np.float64)
        if len(rows) < TOO_FEW:
            return None
        centre, scale = rows.mean(0), rows.std(0)
        scale = np.where(scale > 1e-9, scale, 1.0)
        model = GaussianMixture(
            min(components, max(1, len(rows) // FEWEST)), reg_covar=WIDEN, random_state=seed % 2**32
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a density is good long before it stops
            model.fit((rows - centre) / scale)
        return cls(centre, scale, *_with_anywhere(model), values.shape[1])

    def surprise(self, values: NDArray[Any], conditions: NDArray[Any], *, above: bool = False) -> Floats:
        """Return how surprising each row is: float64 (n,), in nats, finite.

        Parameters
        ----------
        values, conditions
            Finite (n, q) and (n, c).
        above
            Minus the logarithm of the probability of a value at least as large, for one value a row: only what is
            larger than usual is surprising. Otherwise minus the logarithm of the density.
        """
        from scipy.special import log_ndtr, logsumexp

        rows = (np.concatenate([values, conditions], 1) - self.centre) / self.scale
        mine, given = rows[:, : self.width], rows[:, self.width :]
        share, found = [], []
        for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True):
            of_given = _Gaussian(covariance[self.width :, self.width :])
            apart = given - mean[self.width :]
            slope = of_given.inverse @ covariance[self.width :, : self.width]
            rest = covariance[: self.width, : self.width] - covariance[: self.width, self.width :] @ slope
            error = mine - mean[: self.width] - apart @ slope
            share.append(np.log(weight) + of_given.log_density(apart))
            found.append(
                log_ndtr(-error[:, 0] / np.sqrt(rest[0, 0])) if above else _Gaussian(rest).log_density(error)
            )
        counted = np.array(share)
        return np.asarray(logsumexp(counted, axis=0) - logsumexp(counted + np.array(found), axis=0))

    def arrays(self) -> dict[str, Floats]:
        """Return all that :meth:`of_arrays` needs, for a file."""
        return {
            "centre": self.centre,
            "scale": self.scale,
            "weights": self.weights,
            "means": self.means,
            "covariances": self.covariances,
            "width": np.array([self.width], np.float64),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Floats]) -> ConditionalMixture:
        """Return what :meth:`arrays` gave."""
        return cls(**{**arrays, "width": int(arrays["width"][0])})  # type: ignore[arg-type]


def _with_anywhere(model: GaussianMixture) -> tuple[Floats, Floats, Floats]:
    """Return weights, means and covariances, with those of a wide component for all data: see ``ANYWHERE``."""
    weights, means, covariances = model.weights_, model.means_, model.covariances_
    mean = weights @ means
    apart = means - mean
    spread = np.einsum("k,kij->ij", weights, covariances) + (weights * apart.T) @ apart
    return (
        np.append((1 - ANYWHERE) * weights, ANYWHERE),
        np.concatenate([means, mean[None]]),
        np.concatenate([covariances, ANYWHERE_WIDER * spread[None]]),
    )


class _Gaussian:
    """A Gaussian around 0; of no dimension at all, its density is 1."""

    def __init__(self, covariance: Floats) -> None:
        self.inverse = np.linalg.inv(covariance)
        self.constant = -0.5 * float(np.linalg.slogdet(2 * np.pi * covariance)[1]) if len(covariance) else 0.0

    def log_density(self, apart: Floats) -> Floats:
        """Return the logarithm of the density at each row of ``apart`` (n, d): float64 (n,)."""
        return np.asarray(self.constant - 0.5 * np.einsum("ni,ij,nj->n", apart, self.inverse, apart))
