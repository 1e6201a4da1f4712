"""Crops: the right place of the right frames, at the border and around gaps."""

from __future__ import annotations

import numpy as np
from drawn import draw, straight

from pixelkit.models.objects.crops import SIDE, cut_crops
from pixelkit.models.objects.seen import Objects, observe


def one(position: int, *corners: float) -> Objects:
    return Objects(
        np.array([position]),
        np.float32([corners]),
        np.float32([100]),
        np.float32([0]),
        np.float32([[0, 0]]),
        np.float32([0]),
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
