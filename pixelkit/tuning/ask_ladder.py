"""Which submission is the best: one that beats the best so far by more than chance explains, not merely by a digit.

This is the parameter-free Ladder (Blum and Hardt, ICML 2015): a new best is accepted only if it is better by more than
the standard error of the difference between the two. What makes such a difference a matter of chance is which videos
(and with them, which events) are in the test set, so videos are resampled. That takes labels, which nobody has: guesses
at them that fit what the leaderboard told stand in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixelkit.tuning.ask_labels import LabelGuesses
from pixelkit.tuning.ask_outlook import Upload

# So many guesses and resamples; a standard error out of 100 is right to 7 %.
GUESSES, RESAMPLES = 40, 100
# Standard errors that a gain must be above.
STEP = 1.0


@dataclass(frozen=True)
class Rung:
    """A submission that was held against the best so far.

    Parameters
    ----------
    id
        As the history calls it.
    score
        Of the leaderboard.
    against
        The best so far; None for the first.
    noise
        What it had to beat that one by; None where it was not better at all.
    accepted
        It is the best from now on.
    """

    id: str
    score: float
    against: str | None
    noise: float | None
    accepted: bool


def climb(uploads: Sequence[Upload], guesses: LabelGuesses, *, seed: int) -> list[Rung]:
    """Hold each upload that was told, in the order of time, against the best so far.

    Parameters
    ----------
    uploads
        All that is known; those without a score are passed over.
    guesses
        Fitted to what was told.
    seed
        Decides which videos are drawn.
    """
    rungs: list[Rung] = []
    best: tuple[Upload, float] | None = None
    for upload in uploads:
        if upload.score is None:
            continue
        gain = np.inf if best is None else upload.score - best[1]
        noise = None if best is None or gain <= 0 else STEP * noise_of(guesses, upload, best[0], seed=seed)
        accepted = gain > (noise or 0.0)
        rungs.append(Rung(upload.id, upload.score, best[0].id if best else None, noise, accepted))
        if accepted:
            best = upload, upload.score
    return rungs


def noise_of(guesses: LabelGuesses, upload: Upload, other: Upload, *, seed: int) -> float:
    """Return the standard error of the difference in AP between two uploads: over resamples of videos.

    Videos are drawn with replacement, the same for both; 0 where they rank all frames alike.
    """
    rng = np.random.default_rng((seed, 5))
    mine, theirs = (guesses.order(each.scores) for each in (upload, other))
    videos = guesses.videos
    count = int(videos.max()) + 1
    differences = []
    for _ in range(RESAMPLES):
        weights = np.bincount(rng.integers(0, count, count), minlength=count)[videos].astype(np.float64)
        pair = [guesses.average_precision(order, weights, GUESSES) for order in (mine, theirs)]
        differences.append(pair[0] - pair[1])
    return float(np.sqrt(np.var(differences, axis=0, ddof=1).mean()))
