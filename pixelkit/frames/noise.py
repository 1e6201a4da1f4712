"""How noisy a frame is, estimated from its full-size pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Blocks of 2×2 pixels that one estimate looks at. The median over 16,000 of them is within 1 % (sampling error), and
# reading more costs time in the decode pass: 0.2 ms a frame at this size, whatever the frame's own size.
BLOCKS = 16_000
# Of a normal distribution, half lies within 0.6745 standard deviations of its middle.
NORMAL_MEDIAN = 0.6745


def noise_level(frame: NDArray[np.uint8]) -> float:
    """Return the standard deviation of a frame's pixel noise in gray levels, robustly: 0 for a clean frame.

    The median of the diagonal Haar details, divided by 0.6745 (Donoho and Johnstone, Ideal spatial adaptation by
    wavelet shrinkage, Biometrika 1994). Edges and texture touch fewer than half of the 2×2 blocks, noise touches all,
    which is why it is a median: the mean (Immerkær 1996) takes sharpened texture for noise. The blocks start at odd
    pixels, so that they straddle JPEG's 8×8 blocks too, whose borders keep some noise when the quality is low.
    On Ped2 clean frames reach 0.9; with uniform noise of ±35 per channel they start at 14 (JPEG quality 95), 12 (75)
    or 4.9 (50).

    Parameters
    ----------
    frame
        uint8 (H, W) or (H, W, 3) at the size of the file: resizing averages the noise away.

    Returns
    -------
    float
        Standard deviation of the luma noise, 0 to 255. Noise that is independent between the channels is a third
        weaker in luma than in each of them: ±35, uniform, per channel is 20.2 there and 13.5 here.
    """
    height, width = frame.shape[:2]
    if height < 3 or width < 3:
        return 0.0
    step = max(2, round(height * (width / 2) / BLOCKS))
    top, below = _luma(frame[1:-1:step]), _luma(frame[2::step])
    rows = top - below
    details = np.abs(rows[:, 1:-1:2] - rows[:, 2::2])
    return _grouped_median(details) / (2 * NORMAL_MEDIAN)


def _grouped_median(levels: NDArray[np.int16]) -> float:
    """Return the median of whole numbers as if each were spread over ±½: without steps of 0.7 gray levels."""
    counts = np.bincount(levels.ravel())
    half = levels.size / 2
    middle = int(np.searchsorted(np.cumsum(counts), half))
    below = counts[:middle].sum()
    return max(0.0, float(middle - 0.5 + (half - below) / counts[middle]))


def _luma(rows: NDArray[np.uint8]) -> NDArray[np.int16]:
    gray = rows if rows.ndim == 2 else cv2.cvtColor(rows, cv2.COLOR_RGB2GRAY)
    return gray.astype(np.int16)


def noise_threshold(levels: NDArray[np.float32]) -> float:
    """Return the noise level above which a frame is noisy, from those of a data set's training frames.

    Six robust standard deviations (median absolute deviation) above the median, at least two gray levels: training
    frames may be noisy themselves, as long as most are not. When most are, noise is normal there, and fitted as such.
    On Ped2 it is 2.8; its clean frames reach 0.9, and noise of ±35 starts at 14.

    Parameters
    ----------
    levels
        float32 (n,), as :func:`noise_level` gives them; NaN, for a frame that did not decode, is passed over.
    """
    known = levels[np.isfinite(levels)]
    if len(known) == 0:
        return float("inf")
    middle = float(np.median(known))
    spread = float(np.median(np.abs(known - middle))) / NORMAL_MEDIAN
    return middle + max(6 * spread, 2.0)
