"""Crops: the right place of the right frames, at the border and around gaps."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import draw, straight

from pixelkit.models.objects.crops import MOST, SIDE, cut_crops, person_squares
from pixelkit.models.objects.seen import Objects, observe


def one(position: int, *corners: float, stature: float = 0) -> Objects:
    return Objects(
        np.array([position]),
        np.float32([corners]),
        np.float32([100]),
        np.float32([0]),
        np.float32([[0, 0]]),
        np.float32([0]),
        np.float32([stature]),
    )


def test_crop_shows_the_object_and_ground_around_it() -> None:
    video = draw(straight(20, 100, 3, 0, 30), frames=30)
    objects = observe(video)
    crops = cut_crops(video, objects, range(1))[:, 0]
    assert crops.shape == (len(objects), SIDE, SIDE)
    middle, edge = crops[:, 12:20, 14:18], crops[:, :, :3]
    assert (middle.mean((1, 2)) > 170).all()
    assert (edge.mean((1, 2)) < 110).all()


def test_place_stays_while_frames_go_on() -> None:
    video = draw(straight(20, 100, 6, 0, 30), frames=30)
    (crop,) = cut_crops(video, one(10, 80, 100, 94, 134), range(-3, 4))
    bright = crop[:, 8:24].mean(1) > 140
    middles = [float(np.flatnonzero(columns).mean()) for columns in bright]
    assert middles == sorted(middles)
    assert middles[-1] - middles[0] > 12


def test_frames_are_found_by_number_and_never_across_a_long_gap() -> None:
    numbers = [0, 1, 2, 4, 5, 100, 101]
    video = draw(frames=7, numbers=numbers)
    frames = video._source.frames.copy()  # type: ignore[attr-defined]
    frames[:] = np.arange(7, dtype=np.uint8)[:, None, None] * 10
    video._source.frames = frames  # type: ignore[attr-defined]
    (crop,) = cut_crops(video, one(2, 50, 50, 80, 80), range(-4, 5))
    # Numbers -2 to 6: what is missing shows its nearest neighbour, and 100 is another scene
    assert (crop[:, 5, 5] // 10).tolist() == [0, 0, 0, 1, 2, 2, 3, 4, 4]
    (late,) = cut_crops(video, one(5, 50, 50, 80, 80), range(-2, 3))
    assert (late[:, 5, 5] // 10).tolist() == [5, 5, 5, 6, 6]


def test_single_frame_and_boxes_at_the_border() -> None:
    video = draw(frames=1)
    for corners in ((0, 0, 3, 3), (300, 200, 320, 240), (0, 0, 320, 240), (-5, -5, 400, 300)):
        (crop,) = cut_crops(video, one(0, *corners), range(-2, 3))
        assert (crop == crop[0]).all()
        assert crop.std() > 0


def test_nothing_is_cut_for_no_objects() -> None:
    assert cut_crops(draw(frames=3), one(0, 1, 1, 2, 2).take(np.arange(0)), range(3)).shape == (
        0,
        3,
        SIDE,
        SIDE,
    )


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        ((100, 60, 117, 100), [(88.5, 60, 128.5, 100)]),  # a walker
        ((100, 60, 110, 70), [(85, 45, 125, 85)]),  # a head
        ((100, 60, 150, 100), [(100, 55, 150, 105)]),  # hardly more than one square
        (
            (100, 60, 200, 100),
            [(100, 60, 140, 100), (130, 60, 170, 100), (160, 60, 200, 100)],
        ),  # a row of walkers
        ((100, 20, 140, 100), [(100, 20, 140, 60), (100, 60, 140, 100)]),  # one behind the other
    ],
)
def test_squares_are_as_high_as_people_and_cover_the_object(
    corners: tuple[float, ...], expected: list[tuple[float, ...]]
) -> None:
    parts, owner = person_squares(one(3, *corners, stature=40))
    assert parts.corners.tolist() == [list(each) for each in expected]
    assert owner.tolist() == [0] * len(expected)
    assert parts.position.tolist() == [3] * len(expected)


def test_square_is_as_high_as_the_object_where_nobody_was_seen() -> None:
    assert person_squares(one(0, 100, 60, 200, 100))[0].corners.tolist() == [[100, 30, 200, 130]]


def test_squares_of_several_objects_and_of_none() -> None:
    row, head = one(0, 100, 60, 180, 100, stature=40), one(1, 10, 10, 20, 20, stature=12)
    parts, owner = person_squares(Objects.join([row, head]))
    assert owner.tolist() == [0, 0, 1]
    assert parts.corners[2].tolist() == [9, 9, 21, 21]
    assert len(person_squares(row.take(np.arange(0)))[0]) == 0


def test_object_as_large_as_the_frame_has_few_squares() -> None:
    parts, _ = person_squares(one(0, 0, 0, 320, 240, stature=5))
    assert len(parts) <= MOST**2
    low, high = parts.corners[:, :2].min(0), parts.corners[:, 2:].max(0)
    assert low.tolist() == pytest.approx([0, 0], abs=1e-4)
    assert high.tolist() == pytest.approx([320, 240])
