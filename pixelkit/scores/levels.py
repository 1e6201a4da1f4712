"""What a channel says about whole videos: in some, normal videos differ more from one another than their frames do."""

from __future__ import annotations

import numpy as np

from pixelkit.scores.table import ScoreTable


def spread_of_levels(normal: ScoreTable) -> dict[str, float]:
    """Return how far apart normal videos lie in each channel, in units of how far the frames of one lie apart.

    A channel's figure is the standard deviation of the videos' medians, over that of all frames around the median of
    their video: the reconstruction error of a crowded scene is high from beginning to end, and has a large one. At 2,
    four fifths of the variance of normal frames say which video it is.

    Parameters
    ----------
    normal
        Scores of normal video, such as that left out of training.

    Returns
    -------
    dict
        By channel, 0 or more: 0 with fewer than two videos, which cannot tell; infinite where only videos differ.
    """
    videos = [normal.values[rows].astype(np.float64) for rows in normal.videos().values()]
    if len(videos) < 2:
        return dict.fromkeys(normal.channels, 0.0)
    medians = [np.median(frames, axis=0) for frames in videos]
    between = np.std(medians, axis=0, ddof=1)
    within = np.concatenate([frames - level for frames, level in zip(videos, medians, strict=True)]).std(0)
    with np.errstate(divide="ignore"):
        spread = np.divide(between, within, where=between > 0, out=np.zeros(len(between)))
    return dict(zip(normal.channels, spread.tolist(), strict=True))
