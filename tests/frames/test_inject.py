"""Takes: planned from the seed, filmed like test video, and labelled by what was done to them and nothing else."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_anomalies import scenery, walk

from pixelkit.errors import DataError, SettingsError, StorageError
from pixelkit.frames.corrupt import JPEG_QUALITY, Corruption, Damage
from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.ids import frame_id, parse_id
from pixelkit.frames.inject import Take, measured_corruption, plan_takes, read_takes, write_takes
from pixelkit.frames.inject import plan as inject_plan
from pixelkit.frames.inject.families import FAMILIES, OBJECT_FAMILIES, PASTED_FAMILIES, TIME_FAMILIES
from pixelkit.frames.layouts import VideoFiles
from pixelkit.frames.repair import apply_repairs
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair
from pixelkit.frames.video import ArraySource, Video, View

NONE = Corruption(flips=0, noise=0, missing=0)


def videos(count: int = 2, frames: int = 60) -> list[Video]:
    return [Video(f"{n:02d}", range(frames), ArraySource(walk(frames, seed=n))) for n in range(1, count + 1)]


def planned(sources: Sequence[Video], per_family: int = 1, seed: int = 0, frames: int = 40) -> list[Take]:
    lengths = {source.name: len(source) for source in sources}
    return plan_takes(lengths, per_family=per_family, frames=frames, seed=seed)


def pixels(file: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(file))[..., ::-1])


def encoded(frame: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].data)


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


# The plan


def test_a_plan_has_every_family_and_twice_as_many_normal_takes() -> None:
    takes = plan_takes({"01": 300, "02": 200, "03": 400}, per_family=3, seed=1)
    assert Counter(take.family for take in takes) == {"normal": 6, **dict.fromkeys(FAMILIES, 3)}
    assert all(bool(take.events) == (take.family != "normal") for take in takes)
    for take in takes:
        assert parse_id(frame_id(take.name, 7)) == (take.name, 7)
    assert len({take.name for take in takes}) == len(takes)


def test_sources_are_used_in_turn() -> None:
    takes = plan_takes({"01": 300, "02": 200, "03": 400}, per_family=3, seed=1)
    for family in ("normal", *FAMILIES):
        used = Counter(take.source for take in takes if take.family == family)
        assert set(used.values()) == {2 if family == "normal" else 1}


def test_the_seed_decides_and_a_family_more_changes_no_other_take(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = {"01": 300, "02": 200, "03": 400}
    takes = plan_takes(lengths, per_family=2, seed=1)
    assert takes == plan_takes(lengths, per_family=2, seed=1)
    assert takes != plan_takes(lengths, per_family=2, seed=2)
    monkeypatch.setattr(inject_plan, "FAMILIES", (*FAMILIES, "another"))
    more = plan_takes(lengths, per_family=2, seed=1)
    assert [take for take in more if take.family != "another"] == takes


@given(
    st.dictionaries(
        st.text("0123456789", min_size=1, max_size=3), st.integers(0, 400), min_size=1, max_size=4
    ),
    st.integers(1, 200),
    st.integers(0, 5),
)
def test_a_take_fits_its_source_and_its_events_fit_the_take(
    lengths: dict[str, int], frames: int, seed: int
) -> None:
    if not any(lengths.values()):
        return
    for take in plan_takes(lengths, per_family=1, frames=frames, seed=seed):
        assert 1 <= len(take) <= frames
        assert 0 <= min(take.positions) <= max(take.positions) < lengths[take.source]
        ends = [0, *(end for event in take.events for end in (event.start, event.stop)), len(take) + 1]
        assert all(one < other for one, other in pairwise(ends))


def test_event_lengths_cover_a_wide_prior() -> None:
    takes = plan_takes({"01": 2000}, per_family=60, frames=200, seed=0)
    single = [len(take.events[0]) for take in takes if len(take.events) == 1]
    twice = [len(event) for take in takes if len(take.events) == 2 for event in take.events]
    assert min(single) <= 9
    assert max(single) >= 110
    assert max(single) <= 120
    assert 0.1 < len(twice) / 2 / (9 * 60) < 0.3
    # Log-uniform: as many below the geometric mean as above it
    assert np.mean(np.array(single) < math.sqrt(8 * 120)) == pytest.approx(0.5, abs=0.06)


def test_events_may_lie_anywhere_and_be_of_any_strength() -> None:
    takes = plan_takes({"01": 2000}, per_family=30, frames=200, seed=0)
    events = [event for take in takes for event in take.events]
    assert min(event.start for event in events) < 10
    assert max(event.stop for event in events) > 190
    assert np.histogram([event.strength for event in events], 4, (0, 1))[0].min() > 40


def test_a_video_of_one_frame_can_only_be_normal(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pixelkit"):
        takes = plan_takes({"01": 1}, per_family=1, seed=0)
    assert {take.family for take in takes} == {"normal"}
    assert [len(take) for take in takes] == [1, 1]
    assert "too short" in caplog.text
    mixed = plan_takes({"01": 1, "02": 50}, per_family=2, seed=0)
    assert {take.source for take in mixed if take.family != "normal"} == {"02"}


@pytest.mark.parametrize("lengths", [{}, {"01": 0}])
def test_nothing_held_out_is_an_error_that_says_what_to_do(lengths: dict[str, int]) -> None:
    with pytest.raises(DataError, match="raise holdout, or add training videos"):
        plan_takes(lengths, per_family=1, seed=0)
    with pytest.raises(DataError, match="raise holdout, or add training videos"):
        write_takes(Path("unused"), [], [], NONE, 0)


@pytest.mark.parametrize("name", ["per_family", "frames"])
def test_wrong_settings_are_named(name: str) -> None:
    settings = {"per_family": 1, "frames": 10, name: 0}
    with pytest.raises(SettingsError, match=name):
        plan_takes({"01": 5}, per_family=settings["per_family"], frames=settings["frames"], seed=0)


# The frames


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


# Runs that resume


class Watched(Video):
    """A source that counts how often it is streamed, and can be interrupted."""

    streams = 0
    interrupted = False

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        self.streams += 1
        for number, frame in enumerate(super().stream()):
            if self.interrupted and number == 20:
                raise KeyboardInterrupt
            yield frame


def watched(names: Sequence[str] = ("01", "02")) -> list[Watched]:
    return [Watched(name, range(60), ArraySource(walk(seed=int(name)))) for name in names]


def test_each_source_is_streamed_once_and_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    sources = watched()
    write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    assert [source.streams for source in sources] == [1, 1]
    before = snapshot(tmp_path)
    write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    assert [source.streams for source in sources] == [1, 1]
    assert snapshot(tmp_path) == before


def test_interrupted_in_the_middle_it_is_made_again(tmp_path: Path) -> None:
    sources = watched()
    sources[1].interrupted = True
    with pytest.raises(KeyboardInterrupt):
        write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    assert not list(tmp_path.iterdir())
    sources[1].interrupted = False
    write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    write_takes(tmp_path / "other", sources, planned(sources), NONE, 0)
    assert snapshot(tmp_path / "made") == snapshot(tmp_path / "other")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".made.{dead.pid}-0a1b2c3d.tmp"
    (left / "takes" / "patch-1").mkdir(parents=True)
    (left / "0.frames").write_bytes(b"half")
    write_takes(tmp_path / "made", videos(), planned(videos()), NONE, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pixelkit.frames.inject.filming.write_image", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write_takes(tmp_path / "made", videos(), planned(videos()), NONE, 0)
    assert not list(tmp_path.iterdir())


def test_another_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="choose another folder"):
        write_takes(tmp_path, videos(), planned(videos()), NONE, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_takes_of_a_video_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="02"):
        write_takes(tmp_path / "made", videos(1), planned(videos(2)), NONE, 0)


def test_a_source_that_lost_frames_is_an_error(tmp_path: Path) -> None:
    short = Video("01", range(60), ArraySource(walk(30)))
    with pytest.raises(DataError, match="fewer frames"):
        write_takes(tmp_path / "made", [short], planned([short]), NONE, 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage", ["Id,Label\n", "", "Id,Label,Family,Source,Flipped,Noise\npatch-1_x,1,patch,01,0,0\n"]
)
def test_a_damaged_truth_is_named(tmp_path: Path, damage: str) -> None:
    write_takes(tmp_path / "made", videos(1, 1), planned(videos(1, 1)), NONE, 0)
    (tmp_path / "made" / "truth.csv").write_text(damage)
    with pytest.raises(StorageError, match="delete it and run again"):
        read_takes(tmp_path / "made")


# The data set's own corruption


def written(folder: Path, corruption: Corruption, frames: int = 120) -> tuple[VideoFiles, RepairPlan]:
    """Write a corrupted video and return it with what was done to it."""
    folder.mkdir()
    kept = {}
    for number, damage in corruption.plan(folder.name, range(frames)).items():
        if not damage.missing:
            kept[number] = damage
            damaged = corruption.apply(scenery(seed=number), damage, folder.name, number)
            (folder / f"{number:05d}.jpg").write_bytes(encoded(damaged))
    flipped, noisy = (tuple(n for n, each in kept.items() if chosen(each)) for chosen in (_flipped, _noisy))
    files = VideoFiles(folder.name, folder, tuple(sorted(folder.iterdir())), tuple(kept))
    return files, RepairPlan({folder.name: VideoRepair(flipped, noisy)}, "median")


def _flipped(damage: Damage) -> bool:
    return damage.flipped


def _noisy(damage: Damage) -> bool:
    return damage.noise > 0


def decoded(folder: Path, *corruptions: Corruption) -> tuple[list[DecodedVideo], RepairPlan]:
    made = [written(folder / f"{number:02d}", each) for number, each in enumerate(corruptions)]
    repairs = {name: repair for _, plan in made for name, repair in plan.videos.items()}
    return FrameStore(folder / "cache").decode([files for files, _ in made], []), RepairPlan(
        repairs, "median"
    )


@pytest.mark.parametrize("amplitude", [(10, 14), (35, 40), (60, 80)])
def test_corruption_is_measured_as_it_was_put_there(tmp_path: Path, amplitude: tuple[int, int]) -> None:
    put = Corruption(flips=0.1, noise=0.3, amplitude=amplitude, missing=0.08)
    (train, *test), plan = decoded(tmp_path, NONE, put, put, put)
    found = measured_corruption(plan, test, [train], seed=9)
    assert found.seed == 9
    assert not found.late_starts
    assert found.flips == pytest.approx(0.1, abs=0.05)
    assert found.noise == pytest.approx(0.3, abs=0.08)
    assert found.missing == pytest.approx(0.08, abs=0.03)
    spread = 0.1 * amplitude[1] + 1
    assert amplitude[0] - spread <= found.amplitude[0] <= found.amplitude[1] <= amplitude[1] + spread


def test_where_nothing_was_found_nothing_is_put(tmp_path: Path) -> None:
    (train, *test), _ = decoded(tmp_path, NONE, NONE)
    found = measured_corruption(RepairPlan({}), test, [train], seed=0)
    assert (found.flips, found.noise, found.missing) == (0, 0, 0)


def test_late_starts_and_cuts_are_no_missing_frames(tmp_path: Path) -> None:
    (train,), _ = decoded(tmp_path, NONE)
    cut = DecodedVideo(
        train.files,
        "",
        tmp_path,
        np.array([50, 51, 52, 54, 300, 301]),
        np.zeros(6, np.float32),
        np.ones((6, 2), np.int32),
    )
    assert measured_corruption(RepairPlan({}), [cut], [train], seed=0).missing == pytest.approx(1 / 7)
    every_second = DecodedVideo(
        train.files, "", tmp_path, np.arange(0, 60, 2), np.zeros(30, np.float32), np.ones((30, 2), np.int32)
    )
    assert measured_corruption(RepairPlan({}), [every_second], [train], seed=0).missing == 0
