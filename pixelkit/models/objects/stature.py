"""How tall people are at each height of the picture, from the blobs of one video: perspective, roughly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UPRIGHT = 1.5  # height to width: wider blobs are groups, shadows and cars
LEAST = 10  # blobs, from which a line can be drawn
MOST = 400  # blobs: between every two of them there is a slope
SMALLEST = 0.1  # quantile of the heights that are seen: far up, the line would end in nothing


def stature(blobs: NDArray[np.int64], rows: int) -> NDArray[np.float32]:
    """Return the usual height of somebody whose feet are in each row of the picture: float32 (rows,), in pixels.

    On level ground it grows linearly with the row of the feet. The line goes through upright blobs by repeated
    medians (Siegel, Robust Regression Using Repeated Medians, Biometrika 1982), which groups, fragments and people cut
    off by the edge hardly bend. With few blobs it is the median everywhere, and without any
    infinite: nobody is known to be small.

    Parameters
    ----------
    blobs
        int64 (k, 4) left, top, right, bottom of blobs all over the video, exclusive at the end.
    rows
        Height of the picture.
    """
    from scipy.stats import siegelslopes  # half a second, for which listing plugins must not wait

    width, height, foot = blobs[:, 2] - blobs[:, 0], blobs[:, 3] - blobs[:, 1], blobs[:, 3]
    whole = (height >= UPRIGHT * width) & (blobs[:, 1] > 0) & (foot < rows)
    height, foot = height[whole], foot[whole]
    if len(height) < LEAST or foot.min() == foot.max():
        return np.full(rows, np.median(height) if len(height) else np.inf, np.float32)
    some = slice(None, None, -(-len(height) // MOST))
    slope = max(0.0, float(siegelslopes(height[some], foot[some]).slope))
    line = np.median(height - slope * foot) + slope * np.arange(1, rows + 1)
    return np.asarray(np.maximum(line, np.quantile(height, SMALLEST)), np.float32)
