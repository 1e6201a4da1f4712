"""Takes are filmed like test video, and labelled by what was done to them and nothing else."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from filmed_walks import NONE, encoded, pixels, planned, scenery, snapshot, videos, walk
from numpy.typing import NDArray

from pixelkit.frames.corrupt import Corruption
from pixelkit.frames.decode import FrameStore
from pixelkit.frames.inject import Take, read_takes, write_takes
from pixelkit.frames.inject.families import FAMILIES, OBJECT_FAMILIES, PASTED_FAMILIES, TIME_FAMILIES
from pixelkit.frames.repair import apply_repairs
from pixelkit.frames.video import ArraySource, Video, View


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two takes of every family, without corruption."""
    folder = tmp_path_factory.mktemp("clean") / "made"
    write_takes(folder, videos(), planned(videos(), per_family=2), NONE, 0)
    return folder


@pytest.fixture(scope="module")
def uneventful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same takes, with nothing pasted over the picture in two families."""
    folder = tmp_path_factory.mktemp("uneventful") / "made"
    takes = [
        replace(take, family="normal", events=()) if take.family in PASTED_FAMILIES else take
        for take in planned(videos(), per_family=2)
    ]
    write_takes(folder, videos(), takes, NONE, 0)
    return folder


def visible(frame: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether more differs than by compression."""
    return np.count_nonzero(np.abs(frame.astype(int) - other).max(2) > 15) >= 4


def test_labels_of_what_is_pasted_match_where_pixels_really_differ(clean: Path, uneventful: Path) -> None:
    made, without = read_takes(clean), read_takes(uneventful)
    for video in without.videos:
        if made.family[video.name] not in PASTED_FAMILIES:
            continue
        labels = made.labels[video.name]
        files = [clean / file.relative_to(uneventful) for file in video.files]
        pairs = list(zip(files, video.files, strict=True))
        differ = np.array([file.read_bytes() != other.read_bytes() for file, other in pairs])
        assert not (labels & ~differ).any()
        seen = [visible(pixels(file), pixels(other)) for file, other in pairs]
        assert np.mean(np.array(seen)[labels]) >= 0.8  # all but those that are hardly faded in
        assert np.count_nonzero(differ & ~labels) <= 2 * 3


def test_labels_of_extras_match_when_they_misbehave_in_the_picture(clean: Path) -> None:
    frames = {source.name: list(source.stream()) for source in videos()}
    plan = {take.name: take for take in planned(videos(), per_family=2)}
    made = read_takes(clean)
    agree: list[bool] = []
    for video in made.videos:
        take = plan[video.name]
        if take.family not in OBJECT_FAMILIES:
            continue
        there = np.array(
            [
                visible(pixels(file), frames[take.source][position])
                for file, position in zip(video.files, take.positions, strict=True)
            ]
        )
        during = np.zeros(len(take), bool)
        for event in take.events:
            during[event.start : event.stop] = True
        labels = made.labels[video.name]
        assert not (labels & ~during).any()
        agree += list(labels[during] == there[during])
    assert np.mean(agree) > 0.9


def test_an_extra_is_in_every_take_from_beginning_to_end(clean: Path) -> None:
    """Else whoever counts people would find anomalies."""
    frames = {source.name: list(source.stream()) for source in videos()}
    plan = {take.name: take for take in planned(videos(), per_family=2)}
    made = read_takes(clean)
    shares: dict[bool, list[bool]] = {True: [], False: []}
    for video in made.videos:
        take = plan[video.name]
        if take.family in PASTED_FAMILIES:
            continue
        for file, position, label in zip(video.files, take.positions, made.labels[video.name], strict=True):
            shares[bool(label)].append(visible(pixels(file), frames[take.source][position]))
    assert np.mean(shares[False]) > 0.8
    assert np.mean(shares[True]) > 0.8


def test_extras_stand_still_and_turn_back_with_time(clean: Path) -> None:
    plan = {take.name: take for take in planned(videos(), per_family=2)}
    for video in read_takes(clean).videos:
        take = plan[video.name]
        if take.family in ("freeze", "reverse"):
            shown: dict[int, set[bytes]] = {}
            for file, position in zip(video.files, take.positions, strict=True):
                shown.setdefault(position, set()).add(file.read_bytes())
            assert len(shown) < len(take)
            assert all(len(each) == 1 for each in shown.values())


def test_where_nobody_can_be_cut_out_frames_differ_from_their_source_by_compression_only(
    tmp_path: Path,
) -> None:
    source = Video("01", range(60), ArraySource(np.repeat(scenery()[None], 60, axis=0)))
    take = Take("normal-1", "normal", "01", tuple(range(10, 50)))
    (video,) = write_takes(tmp_path / "made", [source], [take], NONE, 0).videos
    assert {file.read_bytes() for file in video.files} == {encoded(scenery())}


def test_every_family_shows_in_some_frames_and_not_in_others(clean: Path) -> None:
    made = read_takes(clean)
    assert set(made.family.values()) == {"normal", *FAMILIES}
    assert not made.dropped
    for name, family in made.family.items():
        assert made.labels[name].any() == (family != "normal")
        assert not made.labels[name].all()


def test_only_takes_and_what_is_known_about_them_is_left(clean: Path) -> None:
    assert sorted(path.name for path in clean.iterdir()) == ["dropped.csv", "takes", "truth.csv"]
    assert [path.name for path in clean.parent.iterdir()] == ["made"]
    first = (clean / "truth.csv").read_text().splitlines()[:2]
    assert first == ["Id,Label,Family,Source,Flipped,Noise", "normal-1_0,0,normal,01,0,0"]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    corruption = Corruption(missing=0.1, seed=3)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_takes(tmp_path / name, videos(), planned(videos()), corruption, seed)
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    assert snapshot(tmp_path / "a") != snapshot(tmp_path / "c")


def test_labels_come_from_the_injection_alone(tmp_path: Path) -> None:
    sources, corruption = videos(), Corruption(flips=0.3, noise=0.3, missing=0.2, seed=5)
    clean = write_takes(tmp_path / "clean", sources, planned(sources), NONE, 0)
    made = write_takes(tmp_path / "made", sources, planned(sources), corruption, 0)
    for name, labels in made.labels.items():
        numbers = list(made.damage[name])
        assert len(numbers) < len(clean.labels[name])
        if made.family[name] in TIME_FAMILIES:  # the first or last frame that shows it may be missing
            assert not (labels & ~clean.labels[name][numbers]).any()
        else:
            assert np.array_equal(labels, clean.labels[name][numbers])


def test_corruption_hits_normal_and_injected_takes_alike_and_is_recorded(tmp_path: Path) -> None:
    sources, corruption = videos(), Corruption(flips=0.3, noise=0.3, missing=0.2, seed=5)
    clean = write_takes(tmp_path / "clean", sources, planned(sources), NONE, 0)
    made = write_takes(tmp_path / "made", sources, planned(sources), corruption, 0)
    hit: dict[bool, list[tuple[bool, bool]]] = {True: [], False: []}
    for video, intact in zip(made.videos, clean.videos, strict=True):
        wanted = corruption.plan(video.name, intact.numbers)
        kept = {number: damage for number, damage in wanted.items() if not damage.missing}
        assert made.damage[video.name] == kept
        assert {file.name for file in video.path.iterdir()} == {f"{number:05d}.jpg" for number in kept}
        for (number, damage), file in zip(kept.items(), video.files, strict=True):
            expected = corruption.apply(pixels(intact.path / file.name), damage, video.name, number)
            off = cv2.absdiff(*(cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (expected, pixels(file))))
            assert off.mean() < 3
            hit[made.family[video.name] == "normal"].append((damage.flipped, damage.noise > 0))
    for damages in hit.values():
        assert np.mean(damages, axis=0) == pytest.approx([0.3, 0.3], abs=0.12)


def test_takes_decode_and_repair_like_test_video(tmp_path: Path) -> None:
    view, sources = View((72, 128), "rgb"), videos()
    corruption = Corruption(flips=0.3, noise=0.2, missing=0.05)
    made = write_takes(tmp_path / "made", sources, planned(sources), corruption, 0)
    plain = write_takes(tmp_path / "plain", sources, planned(sources), NONE, 0)
    store = FrameStore(tmp_path / "cache")
    repaired = apply_repairs(store.decode(made.videos, [view]), made.plan("nearest"), max_gap=4)
    truth = {video.name: video for video in store.decode(plain.videos, [view])}
    for video in repaired:
        assert len(video) == len(made.labels[video.name])
        off = np.abs(video.frames(view).astype(int) - truth[video.name].view(view)[video.numbers])
        assert np.median(off.mean((1, 2, 3))) < 3
        assert off.mean((1, 2, 3)).max() < 12
    report = made.plan("off").summary()
    assert f"{sum(each.flipped for one in made.damage.values() for each in one.values()):,} of" in report[0]


def test_gaps_of_the_source_stay_in_the_numbers(tmp_path: Path) -> None:
    numbers = [*range(100, 120), *range(122, 140), *range(400, 422)]
    source = Video("01", numbers, ArraySource(walk(60)))
    take = Take("normal-1", "normal", "01", tuple(range(10, 50)))
    (video,) = write_takes(tmp_path / "made", [source], [take], NONE, 0).videos
    assert video.numbers == tuple(number - 110 for number in numbers[10:50])
    assert video.files[0].name == "00000.jpg"


@pytest.mark.parametrize("length", [1, 2, 4, 7, 13])
def test_very_short_videos_work(tmp_path: Path, length: int) -> None:
    sources = [Video("01", range(length), ArraySource(walk(length)))]
    made = write_takes(tmp_path / "made", sources, planned(sources), Corruption(), 0)
    assert {"normal-1", "normal-2"} <= set(made.labels)
    assert all(len(labels) <= length for labels in made.labels.values())


@pytest.mark.parametrize("shape", [(5, 7), (16, 16), (300, 40)])
def test_frames_of_any_size_work(tmp_path: Path, shape: tuple[int, int]) -> None:
    frames = np.stack([np.roll(scenery(*shape), number, axis=1) for number in range(30)])
    sources = [Video("01", range(30), ArraySource(frames))]
    made = write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    assert made.labels["patch-1"].any()


def test_a_take_that_finds_nobody_to_cut_out_moves_to_another_video(tmp_path: Path) -> None:
    still = np.repeat(scenery()[None], 60, axis=0)
    for position in range(3):
        sources = videos(3)
        sources[position] = Video(sources[position].name, range(60), ArraySource(still))
        made = write_takes(tmp_path / str(position), sources, planned(sources, per_family=3), NONE, 0)
        moved = {name for name, family in made.family.items() if family in OBJECT_FAMILIES}
        assert len(moved) == 3 * len(OBJECT_FAMILIES)
        assert sources[position].name not in {made.source[name] for name in moved}


def test_where_nothing_moves_takes_are_dropped_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    still = np.repeat(scenery()[None], 60, axis=0)
    sources = [Video("01", range(60), ArraySource(still))]
    with caplog.at_level(logging.WARNING, "pixelkit"):
        made = write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    assert set(made.family.values()) == {"normal", "patch", "thrown"}
    assert {name.split("-")[0] for name in made.dropped} == OBJECT_FAMILIES | set(TIME_FAMILIES)
    assert "loiter-1" in caplog.text
    assert sorted(path.name for path in (tmp_path / "made" / "takes").iterdir()) == sorted(made.labels)
