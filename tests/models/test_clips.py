"""Clips are numbered over all videos, gathered by pixels, and held out without a frame in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walkers import VIEW, walker, walkers

from pixelkit.frames.video import ArraySource, Video
from pixelkit.models.clips import Clips


def frames_of(clips: Clips) -> set[tuple[int, int]]:
    return {(row[0], position) for row in clips.table.tolist() for position in row[1:]}


def test_gather_gives_the_pixels_of_each_clip_in_its_order() -> None:
    clips = Clips.of(walkers(), VIEW, 16, 4).take(np.array([9, 0, 5, 1]))
    pixels = clips.gather()
    for row, clip in zip(clips.table, pixels, strict=True):
        assert np.array_equal(clip, walkers()[row[0]].frames(VIEW)[row[1:]])
    assert pixels.dtype == np.uint8


def numbered(numbers: list[int]) -> Video:
    return Video("x", numbers, ArraySource(np.zeros((len(numbers), 8, 8, 3), np.uint8)))


@pytest.mark.parametrize(
    ("numbers", "even"),
    [
        ([0, 1, 2, 4, 5, 6, 7], [[0, 1, 2], [3, 4, 5], [4, 5, 6]]),
        ([0, 5, 10, 20, 25, 30], [[0, 1, 2], [3, 4, 5]]),  # every fifth frame was kept
        ([0, 1, 2, 50, 51], [[0, 1, 2]]),  # a stretch shorter than a clip, filled with its last frame
        ([0, 1, 3, 4], [[0, 1, 2], [1, 2, 3]]),  # no clip is even
        ([0, 1], [[0, 1, 1]]),
        ([7], [[0, 0, 0]]),
    ],
)
def test_even_clips_have_frames_as_far_apart_as_is_usual_in_their_video(
    numbers: list[int], even: list[list[int]]
) -> None:
    video = numbered(numbers)
    both = Clips.of([video, numbered(list(range(4))), video], VIEW, 3, 1).even()
    assert both.table.tolist() == [
        *([0, *row] for row in even),
        [1, 0, 1, 2],
        [1, 1, 2, 3],
        *([2, *row] for row in even),
    ]


def test_whole_videos_are_held_out() -> None:
    learn, held_out = Clips.of(walkers(), VIEW, 16, 2).hold_out(0.12, seed=0)
    assert len(np.unique(held_out.table[:, 0])) == 1
    assert not set(learn.table[:, 0]) & set(held_out.table[:, 0])


def test_seed_decides_which_videos_are_held_out() -> None:
    clips = Clips.of([walker(20, seed) for seed in range(12)], VIEW, 16, 2)
    chosen = {tuple(np.unique(clips.hold_out(0.12, seed)[1].table[:, 0])) for seed in range(8)}
    assert len(chosen) > 1


@given(
    frames=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    stride=st.integers(1, 16),
    share=st.floats(0.01, 0.9),
)
def test_held_out_frames_are_never_trained_on(frames: list[int], stride: int, share: float) -> None:
    clips = Clips.of([walker(count, seed) for seed, count in enumerate(frames)], VIEW, 16, stride)
    learn, held_out = clips.hold_out(share, seed=1)
    assert len(learn) > 0
    assert not frames_of(learn) & frames_of(held_out)


def test_end_of_a_single_video_is_held_out() -> None:
    learn, held_out = Clips.of([walker(200, 0)], VIEW, 16, 2).hold_out(0.12, seed=0)
    assert len(learn) > 10 * len(held_out) > 0
    assert learn.table[:, 1:].max() < held_out.table[:, 1:].min()


def test_nothing_is_held_out_of_one_frame() -> None:
    learn, held_out = Clips.of([walker(1, 0)], VIEW, 16, 2).hold_out(0.12, seed=0)
    assert (len(learn), len(held_out)) == (1, 0)


def test_mean_frame_is_the_mean_over_all_clips() -> None:
    clips = Clips.of(walkers(), VIEW, 16, 4)
    assert len(clips) > 16
    np.testing.assert_allclose(clips.mean_frame(), clips.gather().mean((0, 1)) / 255, rtol=1e-12)


def test_spread_is_even_and_bounded() -> None:
    clips = Clips.of([walker(200, 0)], VIEW, 16, 1)
    assert clips.spread(50).table[:, 1].tolist() == list(range(0, 185, 4))
    assert len(clips.spread(1000)) == len(clips)
    assert len(clips.take(np.arange(0)).spread(5)) == 0
