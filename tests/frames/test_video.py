"""Views, clips and gaps: a frame is never lost, and a clip never crosses a long gap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelkit import Video, View
from pixelkit.frames.video import ArraySource, render, split_at_gaps

numbers = st.sets(st.integers(0, 200), min_size=1, max_size=60).map(sorted)


def video(numbers: list[int], max_gap: int = 4) -> Video:
    return Video("01", numbers, ArraySource(np.zeros((len(numbers), 4, 5, 3), np.uint8)), max_gap=max_gap)


@given(numbers, st.integers(1, 20), st.data())
def test_every_frame_is_in_a_clip_and_no_clip_crosses_a_long_gap(
    numbers: list[int], length: int, data: st.DataObject
) -> None:
    stride = data.draw(st.integers(1, length))
    made = video(numbers)
    clips = made.clips(length, stride)
    assert clips.shape[1] == length
    assert set(clips.ravel().tolist()) == set(range(len(numbers)))
    for clip in clips:
        assert np.all(np.diff(made.numbers[clip]) <= made.max_gap + 1)
        assert np.all(np.diff(clip) >= 0)


@given(numbers, st.integers(1, 20))
def test_clips_repeat_a_frame_only_where_the_stretch_is_too_short(numbers: list[int], length: int) -> None:
    made = video(numbers)
    for clip in made.clips(length):
        start, stop = next((a, b) for a, b in made.stretches() if a <= clip[0] < b)
        assert len(set(clip.tolist())) == min(length, stop - start)


def test_last_clip_is_anchored_at_the_end() -> None:
    assert video(list(range(10))).clips(4, 4).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 8, 9]]


def test_short_video_is_padded_with_its_last_frame() -> None:
    assert video([7, 8]).clips(4).tolist() == [[0, 1, 1, 1]]
    assert video([3]).clips(3).tolist() == [[0, 0, 0]]


def test_single_missing_frame_does_not_break_a_clip_but_a_jump_does() -> None:
    assert split_at_gaps(np.array([0, 1, 3, 4])) == [(0, 4)]
    assert split_at_gaps(np.array([0, 1, 6, 7]), 4) == [(0, 4)]
    assert split_at_gaps(np.array([0, 1, 7, 8]), 4) == [(0, 2), (2, 4)]


@pytest.mark.parametrize(("length", "stride"), [(4, 5), (0, 1), (4, 0)])
def test_clips_that_would_leave_frames_out_are_refused(length: int, stride: int) -> None:
    with pytest.raises(ValueError, match="stride"):
        video([1, 2, 3]).clips(length, stride)


@pytest.mark.parametrize("bad", [[2, 1], [1, 1]])
def test_numbers_must_increase(bad: list[int]) -> None:
    with pytest.raises(ValueError, match="increasing"):
        video(bad)


def test_numbers_and_frames_are_read_only() -> None:
    made = video([1, 2])
    with pytest.raises(ValueError, match="read-only"):
        made.numbers[0] = 5
    with pytest.raises(ValueError, match="read-only"):
        made.frames(View((4, 5)))[0] = 1


def test_views_have_the_shape_that_they_say() -> None:
    frame = np.full((8, 12, 3), 77, np.uint8)
    for view in (View((4, 6)), View((4, 6), "rgb"), View((8, 12), "gray")):
        assert render(frame, view).shape == view.shape
        assert np.all(render(frame, view) == 77)


@pytest.mark.parametrize(("size", "colour"), [((0, 4), "gray"), ((4, 4), "bgr")])
def test_impossible_views_are_refused(size: tuple[int, int], colour: str) -> None:
    with pytest.raises(ValueError, match="View"):
        View(size, colour)  # type: ignore[arg-type]
