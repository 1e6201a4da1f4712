"""Finding what to repair on corrupted data whose corruption is known."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from street import write_frames

from pixelkit.frames.corrupt import Corruption, corrupt_dataset
from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.ids import frame_id
from pixelkit.frames.layouts import DataSet, find_dataset
from pixelkit.frames.repair import FLIP_VIEW, RepairPlan, RepairSettings, plan_repairs
from pixelkit.frames.repair_plan import VideoRepair

Split = tuple[list[DecodedVideo], list[DecodedVideo]]


def decode(data: DataSet, cache: Path) -> Split:
    videos = FrameStore(cache).decode([*data.train, *data.test], [FLIP_VIEW])
    return videos[: len(data.train)], videos[len(data.train) :]


@pytest.fixture(scope="module")
def corrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Split, Path, RepairPlan]:
    """A small data set, corrupted; what was done to it; and the plan that repairs it."""
    root = tmp_path_factory.mktemp("repair")
    for video in (1, 2, 3):
        write_frames(root / "clean" / "training_videos" / f"{video:02d}", range(24), seed=video)
    for video in (4, 5):
        write_frames(root / "clean" / "testing_videos" / f"{video:02d}", range(7, 107), seed=video)
    record = corrupt_dataset(root / "clean", root / "corrupted", Corruption())
    split = decode(find_dataset(root / "corrupted"), root / "cache")
    return split, record, plan_repairs(*split, RepairSettings(), seed=0)


def repaired_ids(plan: RepairPlan, chosen: Callable[[VideoRepair], tuple[int, ...]]) -> set[str]:
    return {frame_id(video, number) for video, repair in plan.videos.items() for number in chosen(repair)}


def corrupted_ids(record: Path, column: str) -> set[str]:
    with record.open(encoding="utf-8", newline="") as lines:
        return {row["Id"] for row in csv.DictReader(lines) if row[column] != "0" and row["Missing"] == "0"}


def test_flipped_and_noisy_frames_are_found_and_no_others(corrupted: tuple[Split, Path, RepairPlan]) -> None:
    _, record, plan = corrupted
    flipped, noisy = corrupted_ids(record, "Flipped"), corrupted_ids(record, "Noise")
    assert len(flipped) > 5 and len(noisy) > 20 and flipped & noisy
    assert repaired_ids(plan, lambda repair: repair.flipped) == flipped
    assert repaired_ids(plan, lambda repair: repair.noisy) == noisy


def test_summary_tells_accuracy_and_threshold(corrupted: tuple[Split, Path, RepairPlan]) -> None:
    flips, noise = corrupted[2].summary()
    assert "100.00% of 24 frames of 1 training video," in flips
    assert "noise above" in noise and "training frames have" in noise


def test_nothing_is_found_in_a_clean_data_set(street: Path, tmp_path: Path) -> None:
    plan = plan_repairs(*decode(find_dataset(street), tmp_path / "cache"), RepairSettings(), seed=0)
    assert set(plan.videos.values()) == {VideoRepair()}


def test_both_repairs_can_be_switched_off(corrupted: tuple[Split, Path, RepairPlan]) -> None:
    plan = plan_repairs(*corrupted[0], RepairSettings(flips=False, noise="off"), seed=0)
    assert set(plan.videos.values()) == {VideoRepair()}
    assert all("switched off" in line for line in plan.summary())


def test_scene_without_up_and_down_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelkit.frames.flips.MOST_STEPS", 40)
    for split in ("training_videos", "testing_videos"):
        for video in ("01", "02"):
            folder = tmp_path / "data" / split / video
            folder.mkdir(parents=True)
            rng = np.random.default_rng(int(video))
            for number in range(12):
                half = rng.integers(0, 256, (48, 128, 3), np.uint8)
                cv2.imwrite(str(folder / f"{number}.png"), np.concatenate([half, half[::-1]]))
    plan = plan_repairs(
        *decode(find_dataset(tmp_path / "data"), tmp_path / "cache"), RepairSettings(), seed=0
    )
    assert not repaired_ids(plan, lambda repair: repair.flipped)
    assert "nothing is flipped: the detector is right on" in plan.summary()[0]


def test_undecodable_file_is_repaired_as_the_frame_that_it_shows(tmp_path: Path) -> None:
    root = tmp_path / "data"
    write_frames(root / "training_videos" / "01", range(12), seed=1)
    write_frames(root / "testing_videos" / "01", range(8), seed=2)
    corrupt_dataset(root, tmp_path / "all", Corruption(flips=1, noise=1, missing=0))
    noisy = tmp_path / "all" / "testing_videos" / "01"
    (noisy / "frame_00003.jpg").write_bytes(b"")
    train, test = decode(find_dataset(tmp_path / "all"), tmp_path / "cache")
    plan = plan_repairs(train, test, RepairSettings(), seed=0)
    assert plan.videos["01"] == VideoRepair(tuple(range(8)), tuple(range(8)))
    assert "most frames of 01 look upside down" in plan.summary()[0]


def test_ped2_is_repaired_as_promised(ped2: Path, tmp_path: Path) -> None:
    """At least 99.5 % of flipped and of upright frames told right, noisy ones included; noise at F1 >= .99."""
    record = corrupt_dataset(ped2, tmp_path / "ped2", Corruption())
    train, test = decode(find_dataset(tmp_path / "ped2"), tmp_path / "cache")
    plan = plan_repairs(train, test, RepairSettings(), seed=0)
    flipped, noisy = corrupted_ids(record, "Flipped"), corrupted_ids(record, "Noise")
    told_flipped = repaired_ids(plan, lambda repair: repair.flipped)
    told_noisy = repaired_ids(plan, lambda repair: repair.noisy)
    upright = plan.frames - len(flipped)
    assert len(told_flipped & flipped) >= 0.995 * len(flipped)
    assert len(told_flipped - flipped) <= 0.005 * upright
    assert 2 * len(told_noisy & noisy) >= 0.99 * (len(told_noisy) + len(noisy))
