"""The families of synthetic anomalies: each does what it says, relative to the frame's size, from its seed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from filmed_walks import Frame, scenery, walk, walker
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.frames.inject import families as anomalies
from pixelkit.frames.inject.families import FAMILIES, OBJECT_FAMILIES, TIME_FAMILIES, Event, source_positions
from pixelkit.frames.inject.objects import Blob, Track
from pixelkit.frames.inject.pasted import EXPOSURES, PATCH_SPEED, Overlay, Surroundings, patch, thrown
from pixelkit.frames.inject.reel import Reel, record
from pixelkit.frames.inject.replays import Cast, Replay, faster, replay
from pixelkit.frames.video import ArraySource, Video

EVENT = Event(5, 35, 0.5)


def reel_of(frames: Frame, folder: Path) -> Reel:
    source = Video("walk", range(len(frames)), ArraySource(frames))
    return record(source, range(len(frames)), folder / "walk.frames")


def one_by_one(calls: Iterable[Callable[[], list[Blob]]]) -> list[list[Blob]]:
    return [call() for call in calls]


def cast_of(frames: Frame, folder: Path) -> Cast:
    return Cast.find(reel_of(frames, folder), one_by_one)


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    return cast_of(walk(), tmp_path)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_described(family: str) -> None:
    assert f"\n{family} " in (anomalies.__doc__ or "")


@given(
    st.sampled_from(FAMILIES), st.integers(1, 60), st.integers(1, 40), st.integers(1, 30), st.integers(0, 9)
)
def test_time_goes_on_as_ever_outside_events(
    family: str, start: int, length: int, after: int, seed: int
) -> None:
    event = Event(start, start + length, 0.7)
    positions = source_positions(family, start + length + after, [event], rng(seed))
    steps = np.diff(positions)
    assert positions.min() == 0
    assert len(positions) == start + length + after
    assert (steps[: start - 1] == 1).all()
    assert (steps[start + length :] == 1).all()
    if family not in TIME_FAMILIES:
        assert (steps == 1).all()


@pytest.mark.parametrize(("strength", "speed"), [(0.0, 2.0), (0.5, 3.5), (1.0, 5.0)])
def test_skipping_is_two_to_five_times_as_fast(strength: float, speed: float) -> None:
    positions = source_positions("skip", 60, [Event(10, 50, strength)], rng())
    assert (positions[49] - positions[9]) / 40 == pytest.approx(speed)


def test_reversed_time_has_no_jump() -> None:
    positions = source_positions("reverse", 60, [Event(10, 50, 0.5)], rng())
    assert set(np.abs(np.diff(positions))) == {1}
    assert (np.diff(positions)[9:49] == -1).all()


def test_a_frozen_picture_shows_only_what_was_just_seen() -> None:
    ends = set()
    for seed in range(20):
        positions = source_positions("freeze", 60, [Event(20, 50, 0.5)], rng(seed))
        assert set(positions[20:50]) <= set(positions[12:20])
        ends.add(int(positions[50] - positions[19]))
    assert ends == {1, 31}  # time went on meanwhile, or did not


@pytest.mark.parametrize("height", [90, 240, 1080])
def test_a_patch_is_small_and_slow_for_the_frame_it_is_in(height: int) -> None:
    frame = scenery(height, height * 16 // 9)
    around = Surroundings(frame, [scenery(180, 320, seed=3)], gray=False)
    for seed in range(12):
        made = patch(Event(3, 43, seed / 11), around, rng(seed))
        assert max(made.alpha.shape[0] / height, made.alpha.shape[1] / frame.shape[1]) <= 0.5
        assert made.alpha.shape[0] >= 0.05 * height
        assert np.hypot(*np.diff(made.centres, axis=0).T).max() <= PATCH_SPEED * height * 1.001
        assert max(made.alpha[[0, -1]].max(), made.alpha[:, [0, -1]].max()) == 0  # no hard border


def test_a_patch_changes_nothing_beside_it_and_is_foreign() -> None:
    frame = scenery()
    made = patch(EVENT, Surroundings(frame, [scenery(seed=3)], gray=False), rng())
    drawn = made.draw(frame, 15)
    changed = np.abs(drawn.astype(int) - frame).max(2)
    rows, columns = np.nonzero(changed)
    assert np.ptp(rows) <= made.alpha.shape[0] + 1
    assert np.ptp(columns) <= made.alpha.shape[1] + 1
    assert np.count_nonzero(changed > 12) > 20


def test_gray_video_stays_gray() -> None:
    gray = np.repeat(scenery()[..., :1], 3, axis=2)
    around = Surroundings(gray, [scenery(seed=3)], gray=True)
    for family in (patch, thrown):
        drawn = family(EVENT, around, rng(4)).draw(gray, 15)
        assert (drawn != gray).any()
        assert (drawn[..., :1] == drawn[..., 1:]).all()


def test_what_is_thrown_flies_in_parabolas_inside_the_picture() -> None:
    frame = scenery(240, 320)
    around = Surroundings(frame, [scenery(seed=3)], gray=False)
    for seed in range(10):
        made = thrown(Event(2, 82, 0.5), around, rng(seed))
        x, y, _ = made.path[::EXPOSURES].T
        assert ((x > 0) & (x < 320) & (y > -50) & (y < 240)).all()
        falling = np.diff(y, 2)
        turns = np.count_nonzero(falling < -1e-9)  # only where it is caught and thrown back
        assert turns <= 2 * 80 / 12
        usual = np.median(falling)
        assert usual > 0
        assert np.mean(np.abs(falling - usual) < 1e-6) > 0.7


@pytest.mark.parametrize("family", [patch, thrown])
def test_the_same_seed_draws_the_same(family: Callable[..., Overlay]) -> None:
    frame = scenery()
    around = Surroundings(frame, [scenery(seed=3)], gray=False)
    first, again, other = (family(EVENT, around, rng(seed)).draw(frame, 9) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_walkers_are_followed_from_edge_to_edge(cast: Cast) -> None:
    assert len(cast.tracks) == 2
    for track in cast.tracks:
        speeds = np.diff(track.feet, axis=0)
        assert np.abs(speeds[5:-5].mean(0) - (1.5, 0)).max() < 0.1
        assert (track.boxes[:, [0, 1]] > 0).all()
        assert len(track) >= 30
        assert 16 <= np.median(track.boxes[:, 3] - track.boxes[:, 1]) <= 24


def test_where_nothing_moves_nobody_is_found(tmp_path: Path) -> None:
    still = np.repeat(walk(1), 30, axis=0)
    assert not cast_of(still, tmp_path).tracks
    flicker = (still * np.linspace(0.8, 1, 30)[:, None, None, None]).astype(np.uint8)  # a cloud is nobody
    assert not cast_of(flicker, tmp_path).tracks


@pytest.mark.parametrize("zoom", [1, 5])
def test_who_is_pasted_at_their_own_place_looks_as_they_did(tmp_path: Path, zoom: int) -> None:
    """At the size at which objects are looked for, and at 1.5 times that."""
    size = (128 * zoom, 72 * zoom)
    cast = cast_of(np.stack([cv2.resize(frame, size) for frame in walk(40)]), tmp_path)
    track = max(cast.tracks, key=len)
    at = len(track) // 2
    ground = np.asarray(cv2.resize(scenery(), size), np.uint8)
    drawn = Replay(cast, track, np.arange(len(track)), track.feet, np.ones(len(track))).draw(ground, at, ())
    truth = cast.reel.frame(track.first + at)
    left, top, right, bottom = (track.boxes[at] * cast.reel.scale).round().astype(int)
    edge = 2 + round(2 * cast.reel.scale)
    region = (slice(top - edge, bottom + edge), slice(left - edge, right + edge))
    before, after = (np.abs(truth[region].astype(int) - each[region]).mean() for each in (ground, drawn))
    assert after < 0.1 * before
    outside = np.ones(ground.shape[:2], bool)
    outside[region] = False
    assert np.array_equal(drawn[outside], ground[outside])


def test_who_stands_nearer_stays_in_front(cast: Cast) -> None:
    track = min(cast.tracks, key=lambda one: one.feet[0, 1])  # on the upper lane
    at = len(track) // 2
    x, y = track.feet[at]
    front = walker(scenery(), float(x), int(y) + 8, (0, 200, 0))
    there = Replay(cast, track, np.arange(len(track)), track.feet, np.ones(len(track)))
    drawn = there.draw(front, at, cast.scene.blobs(front))
    head = (int(y) - 6, int(x))
    assert np.abs(drawn[head].astype(int) - front[head]).max() < 12
    behind = (int(y) - 17, int(x))
    assert np.abs(drawn[behind].astype(int) - front[behind]).max() > 40


@pytest.mark.parametrize("family", sorted(OBJECT_FAMILIES))
def test_an_extra_behaves_in_the_manner_of_the_family_during_events(family: str, cast: Cast) -> None:
    during = slice(25, 45)
    made = replay(family, [Event(25, 45, 0.5)], cast, np.arange(60), rng())
    own = np.median(np.diff(made.track.feet, axis=0), axis=0)
    pace = np.median(np.diff(made.feet[during], axis=0), axis=0)
    expected = {"faster": 3.0, "larger": 1.0, "backwards": -1.0, "loiter": 0.0}[family]
    assert np.abs(pace - expected * own).max() < 0.4
    size = 2.0 if family == "larger" else 1.0
    assert np.median(made.sizes[during]) == size
    assert (len(set(made.shown[during])) == 1) == (family == "loiter")
    heights = made.boxes[during, 3] - made.boxes[during, 1]
    assert np.median(heights) == pytest.approx(20 * size, rel=0.2)
    # At its own height in the picture, where it has the size that things have there
    assert np.abs(made.feet[:, 1] - np.median(made.track.feet[:, 1])).max() < 4


@pytest.mark.parametrize("family", ["normal", *FAMILIES])
def test_outside_events_an_extra_walks_on_from_where_it_is(family: str, cast: Cast) -> None:
    events = [Event(12, 20, 0.5), Event(30, 45, 0.9)]
    made = replay(family, events, cast, np.arange(60), rng())
    usual = np.ones(60, bool)
    for event in events if family in OBJECT_FAMILIES else ():
        usual[event.start : event.stop] = False
    own = np.median(np.diff(made.track.feet, axis=0), axis=0)
    steps = np.diff(made.feet, axis=0)
    assert np.abs(steps[usual[1:]] - own).max() < 0.4  # also out of an event: it does not jump back
    assert (made.sizes[usual] == 1).all()
    assert np.abs(steps).max() < 4.5 * np.abs(own).max()


def test_an_extra_is_in_the_picture_when_it_counts(cast: Cast) -> None:
    for family in ("normal", *sorted(OBJECT_FAMILIES)):
        shares = []
        for seed in range(8):
            made = replay(family, [Event(40, 60, 0.5)], cast, np.arange(100), rng(seed))
            middle = (made.boxes[:, :2] + made.boxes[:, 2:]) / 2
            inside = ((middle > 0) & (middle < (128, 72))).all(1)
            shares.append(inside if family == "normal" else inside[40:60])
        assert np.mean(shares) > (0.75 if family == "normal" else 0.9)


def test_a_gait_is_repeated_where_it_begins_anew(cast: Cast) -> None:
    """Forwards: legs that went forth and back would walk backwards half of the time."""
    blobs = []
    for number in range(40):
        width = 4 + number % 12  # grows, and is small again at once
        alpha = np.zeros((24, width + 4), np.uint8)
        alpha[2:-2, 2:-2] = 255
        blobs.append(Blob((30, 20, 30 + width, 40), alpha, 20 * width, 1.0))
    track = Track(0, tuple(blobs), np.column_stack([np.arange(40.0) + 30, np.full(40, 40.0)]))
    first, last = track.stride
    assert last - first in (24, 36)
    made = replay("normal", [], replace(cast, tracks=[track]), np.arange(100), rng())
    assert set(np.diff(made.shown)) == {1, 1 - (last - first)}
    assert made.shown.min() >= first
    assert made.shown.max() < last


def test_faster_means_running_for_some_and_gliding_for_others() -> None:
    manners = [faster(Event(1, 9, seed / 19), rng(seed)) for seed in range(20)]
    assert {manner.gait == manner.pace for manner in manners} == {True, False}
    assert all(2 <= manner.pace <= 4 for manner in manners)
