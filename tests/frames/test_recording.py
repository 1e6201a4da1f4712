"""Which frame stands in for one that does not decode, and that frames in a group are as they are alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.frames.recording import GROUP, nearest_good, render_together
from pixelkit.frames.video import View, render

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


sides = st.integers(1, 90)


@given(sides, sides, sides, sides, st.integers(0, 9))
def test_frames_rendered_together_are_those_rendered_alone(
    height: int, width: int, rows: int, columns: int, seed: int
) -> None:
    frames = list(np.random.default_rng(seed).integers(0, 256, (GROUP, height, width), dtype=np.uint8))
    view = View((rows, columns), "gray")
    for together, frame in zip(render_together(frames, view), frames, strict=True):
        assert np.array_equal(together, render(frame, view))
