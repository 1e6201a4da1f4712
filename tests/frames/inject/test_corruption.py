"""Takes suffer what the data set's own test videos do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from filmed_walks import NONE, encoded, scenery

from pixelkit.frames.corrupt import Corruption, Damage
from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.inject import measured_corruption
from pixelkit.frames.layouts import VideoFiles
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair


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
