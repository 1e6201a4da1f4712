"""What is seen of objects: their place, velocity and stay, through gaps and from memory."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import GraySource, draw, straight

from pixelkit import Video
from pixelkit.models.foreground import VIEW
from pixelkit.models.objects.seen import observe


def test_walker_is_seen_where_it_is_at_its_speed() -> None:
    video = draw(straight(20, 100, 3, 0, 60), frames=60)
    objects = observe(video)
    middle = objects.take((objects.position > 5) & (objects.position < 55))
    assert len(middle) == 49
    assert np.abs(middle.corners[:, 0] - (20 + 3 * middle.position)).max() <= 3
    # Less than 3, as the flow is smooth: at the edges it is between that of the object and that of the ground
    assert np.median(middle.velocity, axis=0) == pytest.approx([2.7, 0], abs=0.4)
    assert np.median(middle.speed) == pytest.approx(2.7, abs=0.4)


def test_missing_frames_do_not_make_a_walker_faster() -> None:
    numbers = [each for each in range(90) if each % 3 != 2]  # every third frame is missing
    way = [(20 + 2 * number, 100) for number in numbers]
    objects = observe(draw(way, frames=len(numbers), numbers=numbers))
    assert np.median(objects.speed) == pytest.approx(2, abs=0.2)
    assert np.quantile(objects.speed, 0.9) < 2.6


def test_flow_does_not_cross_a_long_gap() -> None:
    numbers = [*range(30), *range(130, 160)]
    way = straight(20, 100, 2, 0, 30) + straight(200, 60, 2, 0, 30)
    objects = observe(draw(way, frames=60, numbers=numbers))
    edge = objects.take((objects.position >= 29) & (objects.position <= 30))
    assert len(edge)
    assert edge.speed.max() < 3


def test_stay_grows_with_time_and_is_lost_when_left() -> None:
    # Half of the video elsewhere, so that who stands does not become background
    way = [(150.0, 100.0)] * 40 + [None] * 80
    objects = observe(draw(way, frames=120))
    dwell = objects.dwell[np.argsort(objects.position, kind="stable")]
    assert (np.diff(dwell[:40]) > 0).all()
    assert dwell[0] < 0.1 < 0.4 < dwell[39] < 1


def test_stay_counts_frame_numbers_not_positions() -> None:
    way = [(150.0, 100.0)] * 20 + [None] * 60
    every = observe(draw(way, frames=80))
    numbers = [*range(0, 40, 2), *range(40, 160, 2)]
    thinned = observe(draw(way, frames=80, numbers=numbers))
    assert thinned.dwell[19] > every.dwell[19] + 0.1


def test_stature_is_how_tall_walkers_are_and_0_where_there_are_none() -> None:
    walkers = observe(draw(straight(20, 100, 3, 0, 60), frames=60))
    assert np.median(walkers.stature) == pytest.approx(34, abs=4)
    carts = observe(draw(straight(20, 100, 3, 0, 60), frames=60, size=(40, 16)))
    assert len(carts)
    assert (carts.stature == 0).all()


def test_empty_street_and_single_frame_have_no_objects() -> None:
    assert len(observe(draw(frames=30))) == 0
    assert len(observe(draw([(50, 50)], frames=1))) == 0


def test_what_was_seen_is_remembered() -> None:
    video = draw(straight(20, 100, 3, 0, 30), frames=30)
    source = video._source
    assert isinstance(source, GraySource)
    first = observe(video)
    asked = source.asked
    again = observe(Video("another name", range(30), source))
    assert source.asked == asked
    assert (again.corners == first.corners).all()
    assert (again.velocity == first.velocity).all()


def test_boxes_lie_in_the_view() -> None:
    objects = observe(draw(straight(-5, 100, 3, 0, 40), straight(300, 210, 1, -1, 40), frames=40))
    assert objects.corners.min() >= 0
    assert (objects.corners[:, 2] <= VIEW.size[1]).all()
    assert (objects.corners[:, 3] <= VIEW.size[0]).all()
    assert (objects.area >= 1).all()
