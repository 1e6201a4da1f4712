"""Guesses at the hidden labels: what the score of one CSV says about all the CSVs that were never sent.

A leaderboard's score is the average precision (AP) of a CSV under labels that nobody shows. Some hundred guesses at
these labels are drawn, each a set of events that some mixture of the channels, and chance, would make anomalous. Every
score that is told moves the guesses towards labels under which that CSV has that AP; then the AP of any other CSV
under the guesses, their mean and how far they disagree, is what to expect of it.

The guesses are moved as an ensemble smoother does it, with multiple data assimilation (Emerick and Reynolds, Computers
& Geosciences 2013): by linear regression within the ensemble, in a few steps that each take the scores for less exact
than they are, because AP is not linear in the labels. How many uploads that takes stands in
``benchmarks/leaderboard.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pixelkit.scores.fuser import Fuser
from pixelkit.scores.normalise import rank
from pixelkit.scores.recipe import ChannelRecipe, Recipe

Scores = NDArray[np.float64]
Order = NDArray[np.int32]

# Half as many frames made the errors of 25 told scores a quarter larger, half as many guesses a thirtieth; twice as
# many guesses changed nothing, nor did 2 or 8 steps.
GUESSES = 300
FRAMES = 1500
STEPS = 4
# How far a guess's AP may stay from one that was told: labels that fit exactly would have to be torn to pieces. With
# .005 errors were a tenth larger and 1.4 times what was stated, with .05 as large as with this.
TOLERANCE = 0.02
# Smoothing of the channels when they are evidence, and its width in frames: each guess takes one of these.
SMOOTHS = tuple(
    (method, width) for method in ("gaussian", "median") for width in (2.0, 5.0, 10.0, 22.0, 50.0)
)
# The ranges that guesses are drawn from, each on a logarithmic scale. Prevalence: PixelPlay has .25, Ped2 .82. Chance:
# from channels that are nearly right to channels that know little. Lengths: the scale of chance events, in frames.
PREVALENCE = (0.05, 0.85)
CHANCE = (0.3, 3.0)
LENGTHS = (5.0, 60.0)
# Of the mixture of channels: from a sum, in which they back each other up, to the largest, where each sees what no
# other does. With sums alone, the best recipes of three drawn tables were expected to score .044 too low after 25 told
# scores, and .035 with these.
SHARPNESS = (0.1, 10.0)
TINY = 1e-9
# Of the Dirichlet distribution over channels: below 1, so that many guesses believe one channel or two.
CONCENTRATION = 0.5


class LabelGuesses:
    """An ensemble of label vectors, and the AP of any scores under each of them.

    Parameters
    ----------
    fuser
        The scores of the run.
    others
        (rows,) each: scores from elsewhere, which may know what no channel of the run knows.
    rows
        int (k,) rows of the table that the leaderboard measures, rising; None for all. About 1,500 of them, evenly
        spread, stand for all.
    seed
        Decides what is drawn.
    """

    def __init__(
        self,
        fuser: Fuser,
        others: Sequence[Scores] = (),
        rows: NDArray[np.intp] | None = None,
        *,
        seed: int,
    ) -> None:
        rows = np.arange(len(fuser.table)) if rows is None else rows
        self._step = max(1, len(rows) // FRAMES)
        self.rows = rows[self._step // 2 :: self._step]
        self.videos = np.unique(fuser.table.video[self.rows], return_inverse=True)[1]
        self._edges = _edges(len(self.rows))
        self._seed = seed
        self._fields = self._draw(self._evidence(fuser, others))
        self._labels = (self._fields > 0).astype(np.float32)

    def order(self, scores: Scores) -> Order:
        """Return which of the frames that are looked at come first: all that AP needs of scores (rows of the table,).

        Frames of one score come in the order of time.
        """
        return np.argsort(-scores[self.rows], kind="stable").astype(np.int32)

    def average_precision(
        self, order: Order, weights: Scores | None = None, guesses: int | None = None
    ) -> Scores:
        """Return the AP under each guess: float64 (guesses,), 0 under a guess without an anomalous frame.

        Frames are counted by bins, each a twentieth as long as all that comes before it; within a bin, precision is
        that of its middle. That is a seventh of the work, and off by .0002, at most .0012.

        Parameters
        ----------
        order
            From :meth:`order`.
        weights
            (frames,) how often each frame that is looked at counts; None for once each.
        guesses
            Only for the first so many.
        """
        from scipy.sparse import csr_array

        falling = np.ones(len(order), np.float32) if weights is None else weights[order].astype(np.float32)
        bins = csr_array((falling, order, self._edges), shape=(len(self._edges) - 1, len(order)))
        hits = np.asarray(bins @ self._labels[:, :guesses], np.float64)
        size = np.add.reduceat(falling, self._edges[:-1])[:, None].astype(np.float64)
        found, seen = np.cumsum(hits, axis=0), np.cumsum(size, axis=0)
        own = size / np.diff(self._edges)[:, None]  # a frame counts itself
        precision = (found - (hits - own) / 2) / np.maximum(seen - (size - own) / 2, TINY)
        ap: Scores = (hits * precision).sum(axis=0) / np.maximum(found[-1], TINY)
        return ap

    def fit(self, orders: Sequence[Order], told: Sequence[float]) -> None:
        """Move the guesses to where the scores of ``orders`` have about the AP that was ``told`` of them."""
        if not orders:
            return
        rng = np.random.default_rng((self._seed, 2))
        error = TOLERANCE**2 * STEPS
        for _ in range(STEPS):
            known = np.stack([self.average_precision(order) for order in orders])
            wanted = np.array(told)[:, None] + rng.normal(0, np.sqrt(error), known.shape)
            apart = known - known.mean(axis=1, keepdims=True)
            spread = apart @ apart.T / (len(apart.T) - 1) + error * np.eye(len(apart))
            moves = apart.T @ np.linalg.solve(spread, wanted - known) / (len(apart.T) - 1)
            fields = self._fields - self._fields.mean(axis=1, keepdims=True)
            self._fields = self._fields + (fields @ moves).astype(np.float32)
            self._labels = (self._fields > 0).astype(np.float32)

    def _evidence(self, fuser: Fuser, others: Sequence[Scores]) -> list[Scores]:
        """Return by smoothing (frames, channels and others): ranks as a standard normal distribution has them."""
        from scipy.special import ndtri

        found = []
        for method, width in SMOOTHS:
            columns = [
                fuser.fuse(Recipe({name: ChannelRecipe()}, method, width)) for name in fuser.table.channels
            ]
            ranks = [rank(column[self.rows]) for column in (*columns, *others)]
            found.append(ndtri(np.stack(ranks, axis=1)))
        return found

    def _draw(self, evidence: Sequence[Scores]) -> NDArray[np.float32]:
        """Return float32 (frames, guesses), above 0 where a guess says that a frame is anomalous."""
        rng = np.random.default_rng((self._seed, 1))
        return np.stack([self._draw_one(evidence, rng) for _ in range(GUESSES)], axis=1).astype(np.float32)

    def _draw_one(self, evidence: Sequence[Scores], rng: np.random.Generator) -> Scores:
        from scipy.ndimage import gaussian_filter1d
        from scipy.special import logsumexp

        known = evidence[int(rng.integers(len(evidence)))]
        shares = rng.dirichlet(np.full(known.shape[1], CONCENTRATION))
        sharpness = _between(SHARPNESS, rng)
        mixed = logsumexp(sharpness * known, axis=1, b=np.maximum(shares, 1e-12)) / sharpness
        length = max(_between(LENGTHS, rng) / self._step, 0.3)
        chance = _unit(gaussian_filter1d(rng.normal(size=len(known)), length))
        chance += rng.uniform(0, 0.7) * rng.normal(size=self.videos.max() + 1)[self.videos]
        field = _unit(_unit(mixed) + _between(CHANCE, rng) * chance)
        drawn: Scores = field - np.quantile(field, 1 - _between(PREVALENCE, rng))
        return drawn


def _edges(count: int) -> NDArray[np.int32]:
    """Return where bins of a twentieth of what lies before them begin, and ``count``, where the last one ends."""
    edges = [0]
    while edges[-1] < count:
        edges.append(min(count, edges[-1] + max(1, edges[-1] // 20)))
    return np.array(edges, np.int32)


def _between(ends: tuple[float, float], rng: np.random.Generator) -> float:
    low, high = np.log(ends)
    return float(np.exp(rng.uniform(low, high)))


def _unit(values: Scores) -> Scores:
    """Return values with mean 0 and standard deviation 1; a constant becomes 0."""
    spread = float(values.std())
    unit: Scores = (values - values.mean()) / (spread if spread > 1e-9 else 1.0)
    return unit
