"""The order of scores, exactly and in a third of the time: tuning sorts thousands of columns a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEW = 2000  # scores, of which NumPy's own sort is as fast
LARGEST = 2**32 - 2  # so that rounding up does not leave 32 bits


def rising(values: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the positions of finite ``values`` (n,) in the order of the values; ties come in any order.

    Places among 2^32 between the lowest and the highest are sorted digit by digit, which takes no comparisons. Where
    values that share a place come out in the wrong order, all of them are compared.
    """
    low, high = (float(values.min()), float(values.max())) if len(values) > FEW else (0.0, 0.0)
    scale = LARGEST / (high - low) if high > low else np.inf
    if not 0 < scale < np.inf:
        return np.argsort(values)
    places = ((values.astype(np.float64) - low) * scale).astype(np.uint32)
    fine = np.argsort(places.astype(np.uint16), kind="stable")
    order = fine[np.argsort((places >> 16).astype(np.uint16)[fine], kind="stable")]
    ordered = values[order]
    return np.argsort(values) if (ordered[1:] < ordered[:-1]).any() else order
