"""Measures and surprise: what each attribute notices, and that left-out videos give its unit."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import draw, straight

from pixelkit.models.objects.attributes import ATTRIBUTES, Measures, columns, measure
from pixelkit.models.objects.seen import observe
from pixelkit.models.objects.surprise import Surprise, together
from pixelkit.models.objects.tracks import link


def measures(*ways: object, frames: int = 60, size: tuple[int, int] = (14, 34)) -> dict[str, np.ndarray]:
    video = draw(*ways, frames=frames, size=size)  # type: ignore[arg-type]
    objects = observe(video)
    return {**measure(objects, link(objects, video).around(4)), "strange": np.zeros(len(objects), np.float32)}


@pytest.fixture(scope="module")
def normal() -> list[Measures]:
    """Walkers at two to three pixels a frame, in both directions, at several heights; none meets another."""
    return [
        measures(
            straight(20, 60 + 20 * each, 2 + 0.1 * each, 0, 60), straight(280, 190, -2 - 0.1 * each, 0, 60)
        )
        for each in range(5)
    ]


def test_every_attribute_is_made_of_measures(normal: list[Measures]) -> None:
    for attribute in ATTRIBUTES.values():
        table = columns(normal[0], (*attribute.values, *attribute.given))
        assert table.shape == (len(normal[0]["x"]), len(attribute.values) + len(attribute.given))
        assert np.isfinite(table).all()


@pytest.mark.parametrize(
    ("attribute", "way", "size"),
    [
        ("speed", straight(20, 100, 5.5, 0, 50), (14, 34)),
        ("velocity", straight(150, 10, 0, 3.5, 50), (14, 34)),
        ("size", straight(20, 90, 2, 0, 60), (60, 60)),
    ],
)
def test_attribute_is_surprised_by_what_it_is_about(
    normal: list[Measures], attribute: str, way: object, size: tuple[int, int]
) -> None:
    surprise = Surprise.fit(ATTRIBUTES[attribute], normal, seed=0)
    odd = surprise(measures(way, size=size))
    usual = surprise(measures(straight(20, 90, 2.2, 0, 60)))
    assert np.median(odd) > 1.5 > np.median(usual)


def test_slow_is_not_surprising_for_speed(normal: list[Measures]) -> None:
    surprise = Surprise.fit(ATTRIBUTES["speed"], normal, seed=0)
    assert surprise(measures(straight(20, 100, 1, 0, 60))).max() < 0.5


def test_one_left_out_object_in_a_thousand_exceeds_one() -> None:
    rng = np.random.default_rng(0)
    videos = [
        {name: rng.normal(size=2000).astype(np.float32) for name in ("log_speed", "log_area", "y")}
        for _ in range(4)
    ]
    surprise = Surprise.fit(ATTRIBUTES["speed"], videos, seed=0)
    fresh = {name: rng.normal(size=50_000).astype(np.float32) for name in ("log_speed", "log_area", "y")}
    assert 0.0003 < (surprise(fresh) > 1).mean() < 0.005
    assert (surprise(fresh) > 0).mean() == pytest.approx(0.5, abs=0.03)


def test_videos_without_objects_and_a_single_video_are_learnt_from() -> None:
    empty = measures(frames=20)
    nothing = Surprise.fit(ATTRIBUTES["speed"], [empty, empty], seed=0)
    some = measures(straight(20, 100, 2, 0, 60))
    assert (nothing(some) == 0).all()
    single = Surprise.fit(ATTRIBUTES["speed"], [some], seed=0)
    assert np.isfinite(single(some)).all()
    mostly_empty = Surprise.fit(ATTRIBUTES["speed"], [empty, some, empty], seed=0)
    assert np.isfinite(mostly_empty(some)).all()


def test_arrays_bring_it_back(normal: list[Measures]) -> None:
    for name in ("speed", "velocity"):
        surprise = Surprise.fit(ATTRIBUTES[name], normal, seed=0)
        again = Surprise.of_arrays(ATTRIBUTES[name], surprise.arrays())
        assert (again(normal[0]) == surprise(normal[0])).all()


def test_together_no_attribute_drowns_the_others_and_one_alone_keeps_its_order() -> None:
    rare, usual = np.array([0.0, 0.5, 1.0, np.e, 100.0]), np.array([0.3, 0.3, 0.3, 0.3, 0.3])
    assert together([rare, usual])[:4] == pytest.approx([0.3, 0.8, 1.3, 2.3])
    assert together([rare, usual])[4] < 1 + 5 + 0.3
    assert (np.diff(together([rare])) > 0).all()
