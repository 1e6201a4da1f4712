"""Where frame numbers are missing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.frames.inventory import find_gaps


@given(st.sets(st.integers(0, 100), min_size=1))
def test_frames_and_gaps_cover_the_range_once(numbers: set[int]) -> None:
    gaps = find_gaps(np.array(sorted(numbers)))
    missing = [number for first, last in gaps for number in range(first, last + 1)]
    assert sorted([*numbers, *missing]) == list(range(min(numbers), max(numbers) + 1))
