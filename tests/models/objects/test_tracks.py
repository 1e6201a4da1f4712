"""Links between the objects of neighbouring frames, and means along them."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import draw, straight
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.models.objects.seen import Objects, observe
from pixelkit.models.objects.tracks import Tracks, link, mean_along, overlaps


def objects(*boxes: tuple[int, float, float], velocity: tuple[float, float] = (0, 0)) -> Objects:
    """Objects of 10×20 pixels: position, left, top."""
    rows = np.array(boxes, np.float32).reshape(-1, 3)
    corners = np.concatenate([rows[:, 1:], rows[:, 1:] + (10, 20)], 1).astype(np.float32)
    count = len(rows)
    return Objects(
        rows[:, 0].astype(np.int64),
        corners,
        np.full(count, 200, np.float32),
        np.full(count, np.hypot(*velocity), np.float32),
        np.tile(np.float32(velocity), (count, 1)),
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
    )


def test_object_is_followed_where_its_velocity_takes_it() -> None:
    # 12 pixels a frame are more than its width: without the velocity nothing overlaps
    seen = objects((0, 10, 50), (1, 22, 50), (2, 34, 50), velocity=(12, 0))
    assert link(seen, draw(frames=3)).after.tolist() == [1, 2, -1]
    still = objects((0, 10, 50), (1, 22, 50), (2, 34, 50))
    assert link(still, draw(frames=3)).after.tolist() == [-1, -1, -1]


def test_link_is_mutual() -> None:
    # Two walkers of frame 0 overlap the one box of frame 1: only the nearer one goes on in it
    seen = objects((0, 10, 50), (0, 14, 50), (1, 13, 50))
    tracks = link(seen, draw(frames=2))
    assert tracks.after.tolist() == [-1, 2, -1]
    assert tracks.before.tolist() == [-1, -1, 1]


def test_missing_frame_counts_in_the_way_that_was_gone() -> None:
    seen = objects((0, 10, 50), (1, 40, 50), velocity=(10, 0))
    assert link(seen, draw(frames=2, numbers=[0, 3])).after.tolist() == [1, -1]


def test_nothing_is_linked_across_a_long_gap() -> None:
    seen = objects((0, 10, 50), (1, 10, 50))
    assert link(seen, draw(frames=2, numbers=[0, 100])).after.tolist() == [-1, -1]


def test_walkers_of_a_drawn_video_keep_their_tracks() -> None:
    video = draw(straight(20, 60, 3, 0, 60), straight(280, 150, -2, 0, 60), frames=60)
    seen = observe(video)
    lengths = (link(seen, video).around(4) >= 0).sum(1)
    assert np.median(lengths) == 9


def test_around_ends_where_the_track_does() -> None:
    tracks = Tracks(np.array([-1, 0, 1]), np.array([1, 2, -1]))
    assert tracks.around(2).tolist() == [[-1, -1, 0, 1, 2], [-1, 0, 1, 2, -1], [0, 1, 2, -1, -1]]
    assert Tracks(np.empty(0, np.int64), np.empty(0, np.int64)).around(2).shape == (0, 5)


def test_mean_along_weighs_and_leaves_out_what_is_not_there() -> None:
    rows = np.array([[-1, 0, 1], [0, 1, -1], [-1, -1, -1]])
    said = mean_along(rows, np.float32([2, 8, 5]), np.float32([1, 2, 1]))
    assert said.tolist() == [6, 6, 0]
    both = mean_along(rows, np.float32([[2, 0], [8, 3], [5, 5]]), np.float32([1, 1, 1]))
    assert both.tolist() == [[5, 1.5], [5, 1.5], [0, 0]]


box = st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(1, 30)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(box, box)
def test_overlap_is_that_of_whole_pixels(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    drawn = np.zeros((2, 90, 90), np.bool_)
    for layer, (left, top, right, bottom) in zip(drawn, (first, second), strict=True):
        layer[top:bottom, left:right] = True
    wanted = (drawn[0] & drawn[1]).sum() / (drawn[0] | drawn[1]).sum()
    found = overlaps(np.float32([first]), np.float32([second]))
    assert found[0, 0] == pytest.approx(wanted)
