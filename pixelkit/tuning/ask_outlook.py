"""What to expect of a CSV that was never sent, and how far to trust that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.ask_labels import GUESSES, LabelGuesses, Scores

# The same CSV gets the same score each time. What the guesses cannot explain is taken for a difference of this size.
UNEXPLAINED = 0.003
# Two CSVs whose AP differ by less than this under every guess are one to the leaderboard.
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Upload:
    """A CSV that was sent, told, or proposed for that.

    Parameters
    ----------
    id
        As the history calls it.
    scores
        (rows,) what it gives each row of the run's table.
    recipe
        What makes it of this run's scores; None when it was made elsewhere.
    score
        Of the public leaderboard, 0 to 1; None when it was not told.
    waits
        Its score may yet be told. Without that, and without a score, it is only not to be proposed again.
    """

    id: str
    scores: Scores
    recipe: Recipe | None = None
    score: float | None = None
    waits: bool = False


@dataclass(frozen=True, eq=False)
class Prospect:
    """What is expected of some CSVs.

    Parameters
    ----------
    expected
        (n,) leaderboard scores.
    deviation
        (n,) their standard deviations.
    improvement
        (n,) by how much each is expected to beat the best that is known, counted 0 where it does not.
    """

    expected: Scores
    deviation: Scores
    improvement: Scores


class Outlook:
    """Expected scores, by guesses at the labels and by what was told.

    The guesses come near what was told, and not quite there. What is left is taken off by regression on the told
    scores: a Gaussian process whose mean and covariance are those of the AP under the guesses. What waits to be told
    counts as if it had been told what is expected of it ("kriging believer"; Ginsbourger, Le Riche and Carraro, 2010),
    so that several asks in a row differ.

    Parameters
    ----------
    guesses
        Fitted to what was told.
    uploads
        All that is known.
    """

    def __init__(self, guesses: LabelGuesses, uploads: Sequence[Upload]) -> None:
        self._uploads = [
            (upload, guesses.average_precision(guesses.order(upload.scores))) for upload in uploads
        ]
        told = [(upload.score, aps) for upload, aps in self._uploads if upload.score is not None]
        waiting = [aps for upload, aps in self._uploads if upload.score is None and upload.waits]
        self._told = _stack([aps for _, aps in told])
        self._known = _stack([*(aps for _, aps in told), *waiting])
        self._errors = np.array([score for score, _ in told]) - self._told.mean(axis=1)
        known = [*(score for score, _ in told), *self._expected(_stack(waiting)).tolist()]
        self._best = max(known, default=-np.inf)

    def of(self, aps: Scores) -> Prospect:
        """Return what is expected of CSVs with the AP (n, guesses) under each guess."""
        from scipy.special import ndtr

        expected = self._expected(aps)
        deviation = np.sqrt(self._variance(aps))
        if not np.isfinite(self._best):
            return Prospect(expected, deviation, expected)
        gain = expected - self._best
        scaled = gain / deviation
        density = np.exp(-0.5 * scaled**2) / np.sqrt(2 * np.pi)
        return Prospect(expected, deviation, gain * ndtr(scaled) + deviation * density)

    def is_news(self, aps: Scores) -> bool:
        """Return whether the leaderboard could tell a CSV with the AP (guesses,) from every upload."""
        return all(np.abs(aps - others).max() > SAME for _, others in self._uploads)

    def _expected(self, aps: Scores) -> Scores:
        means: Scores = aps.mean(axis=1)
        if not len(self._told) or not len(aps):
            return means
        expected: Scores = means + _covariance(aps, self._told) @ np.linalg.solve(
            _noisy(self._told), self._errors
        )
        return expected

    def _variance(self, aps: Scores) -> Scores:
        prior = aps.var(axis=1, ddof=1)
        if len(self._known):
            shared = _covariance(aps, self._known)
            prior -= np.einsum("nk,kn->n", shared, np.linalg.solve(_noisy(self._known), shared.T))
        variance: Scores = np.maximum(prior, 1e-12)
        return variance


def _stack(rows: Sequence[Scores]) -> Scores:
    return np.array(rows) if rows else np.empty((0, GUESSES))


def _covariance(a: Scores, b: Scores) -> Scores:
    """Return the covariances (n, k) of rows of ``a`` (n, guesses) and of ``b`` (k, guesses)."""
    apart = b - b.mean(axis=1, keepdims=True)
    shared: Scores = (a - a.mean(axis=1, keepdims=True)) @ apart.T / (b.shape[1] - 1)
    return shared


def _noisy(known: Scores) -> Scores:
    noisy: Scores = _covariance(known, known) + UNEXPLAINED**2 * np.eye(len(known))
    return noisy
