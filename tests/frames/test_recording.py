"""Which frame stands in for one that does not decode."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.frames.recording import nearest_good

numbers_and_bad = st.sets(st.integers(0, 200), min_size=2, max_size=40).flatmap(
    lambda numbers: st.tuples(
        st.just(sorted(numbers)), st.sets(st.integers(0, len(numbers) - 1), max_size=len(numbers) - 1)
    )
)


@given(numbers_and_bad)
def test_stand_in_is_the_nearest_frame_that_decoded(case: tuple[list[int], set[int]]) -> None:
    numbers, bad = np.array(case[0]), case[1]
    nearest = nearest_good(numbers, bad)
    for position, source in enumerate(nearest):
        distances = [
            abs(numbers[position] - numbers[good]) for good in range(len(numbers)) if good not in bad
        ]
        assert source not in bad
        assert abs(numbers[position] - numbers[source]) == min(distances)


def test_near_is_counted_in_frame_numbers() -> None:
    assert nearest_good(np.array([0, 90, 100]), {1}).tolist() == [0, 2, 2]
