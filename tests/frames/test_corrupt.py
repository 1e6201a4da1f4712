"""The corruption: exactly what was asked for, only in the test split, and the source stays as it is."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pixelkit.errors import DataError, SettingsError, StorageError
from pixelkit.frames.corrupt import CLEAN, Corruption, Damage, corrupt_dataset
from pixelkit.frames.layouts import find_dataset


def smooth_frame(seed: int, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A frame that JPEG keeps nearly as it is, dark above and bright below."""
    ramp = np.linspace(70 + seed % 20, 180, height)[:, None, None]
    return np.broadcast_to(ramp, (height, width, 3)).astype(np.uint8)


def write_dataset(root: Path, suffix: str = ".jpg", frames: int = 60) -> Path:
    for split in ("training_videos", "testing_videos"):
        for video in ("01", "02"):
            folder = root / split / video
            folder.mkdir(parents=True)
            for number in range(frames):
                cv2.imwrite(str(folder / f"frame_{number + 7:05d}{suffix}"), smooth_frame(number))
    ids = [f"{video}_{number + 7},0" for video in (1, 2) for number in range(frames)]
    (root / "sample_submission.csv").write_text("\n".join(["Id,Predicted", *ids]) + "\n")
    return root


def read_record(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as lines:
        return {row["Id"]: row for row in csv.DictReader(lines)}


def snapshot(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def test_shares_match_what_was_asked_for() -> None:
    plan = Corruption(seed=3).plan("01", range(20_000))
    assert abs(np.mean([damage.flipped for damage in plan.values()]) - 0.1) < 0.01
    assert abs(np.mean([damage.noise > 0 for damage in plan.values()]) - 0.2) < 0.01
    assert abs(np.mean([damage.missing for damage in plan.values()]) - 0.02) < 0.004
    both = np.mean([damage.flipped and damage.noise > 0 for damage in plan.values()])
    assert abs(both - 0.02) < 0.004  # drawn independently
    assert {damage.noise for damage in plan.values()} == {0, 35, 36, 37, 38, 39, 40}


@given(st.integers(1, 300), st.integers(0, 5), st.floats(0, 1), st.booleans())
@settings(max_examples=50, deadline=None)
def test_every_video_keeps_a_frame_and_gaps_stay_single(
    count: int, seed: int, missing: float, late: bool
) -> None:
    plan = Corruption(missing=missing, late_starts=late, seed=seed).plan("7", range(count))
    gone = [damage.missing for damage in plan.values()]
    assert not all(gone)
    assert not gone[-1]
    first = gone.index(False)
    assert not any(a and b for a, b in zip(gone[first:], gone[first + 1 :], strict=False))


def test_late_starts_cut_only_beginnings() -> None:
    plans = [Corruption(missing=0, late_starts=True).plan(str(video), range(100)) for video in range(60)]
    starts = [sum(damage.missing for damage in plan.values()) for plan in plans]
    assert 8 <= sum(start > 0 for start in starts) <= 30
    assert all(10 <= start <= 65 for start in starts if start)
    assert all(list(plan.values())[start].missing is False for plan, start in zip(plans, starts, strict=True))


def test_noise_is_uniform_clipped_and_per_channel() -> None:
    gray = np.full((200, 200, 3), 128, np.uint8)
    noisy = Corruption().apply(gray, Damage(noise=35), "1", 4).astype(int) - 128
    assert noisy.min() == -35
    assert noisy.max() == 35
    assert abs(noisy.std() - 70 / 12**0.5) < 0.4
    assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.02
    white = Corruption().apply(np.full((8, 8), 255, np.uint8), Damage(noise=40), "1", 4)
    assert white.shape == (8, 8)
    assert white.min() >= 215


def test_flip_turns_upside_down_and_clean_is_untouched() -> None:
    frame = smooth_frame(1)
    assert np.array_equal(Corruption().apply(frame, Damage(flipped=True), "1", 0), frame[::-1])
    assert Corruption().apply(frame, CLEAN, "1", 0) is frame


def test_record_tells_what_was_done_to_each_file(tmp_path: Path) -> None:
    source, target = write_dataset(tmp_path / "src"), tmp_path / "dst"
    record = read_record(corrupt_dataset(source, target, Corruption(missing=0.1, seed=1)))
    assert len(record) == 120
    for row_id, row in record.items():
        video, number = row_id.split("_")
        file = Path("testing_videos") / f"{int(video):02d}" / f"frame_{int(number):05d}.jpg"
        assert (target / file).exists() == (row["Missing"] == "0")
        if row["Missing"] == "1":
            continue
        image = cv2.imread(str(target / file)).astype(int)
        assert (image[:10].mean() > image[-10:].mean()) == (row["Flipped"] == "1")
        rough = np.abs(np.diff(image, axis=1)).mean()
        assert (rough > 10) == (row["Noise"] != "0")
        if row["Flipped"] == row["Noise"] == "0":
            assert (target / file).read_bytes() == (source / file).read_bytes()


def test_source_training_split_and_layout_stay(tmp_path: Path) -> None:
    source, target = write_dataset(tmp_path / "src", ".png"), tmp_path / "dst"
    before = snapshot(source)
    corrupt_dataset(source, target, Corruption(missing=0.1))
    assert snapshot(source) == before
    assert snapshot(target / "training_videos") == snapshot(source / "training_videos")
    assert not any(path.is_symlink() for path in target.rglob("*"))
    found, original = find_dataset(target), find_dataset(source)
    assert found.layout == original.layout
    for video, other in zip(found.test, original.test, strict=True):
        assert set(video.numbers) < set(other.numbers)
    ids = {f"{int(video.name)}_{number}" for video in found.test for number in video.numbers}
    assert found.sample is not None
    assert {line.split(",")[0] for line in found.sample.read_text().splitlines()[1:]} == ids


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    source = write_dataset(tmp_path / "src", frames=30)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        corrupt_dataset(source, tmp_path / name, Corruption(seed=seed))
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    assert snapshot(tmp_path / "a") != snapshot(tmp_path / "c")


def test_video_file_becomes_a_folder_of_frames(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for split in ("training_videos", "testing_videos"):
        (source / split).mkdir(parents=True)
        film = cv2.VideoWriter(str(source / split / "01.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
        for number in range(20):
            film.write(smooth_frame(number))
        film.release()
    record = read_record(corrupt_dataset(source, tmp_path / "dst", Corruption(flips=0.5, missing=0.2)))
    test = find_dataset(tmp_path / "dst").test
    assert [video.name for video in test] == ["01"]
    assert [row_id for row_id, row in record.items() if row["Missing"] == "0"] == [
        f"1_{n}" for n in test[0].numbers
    ]
    assert (tmp_path / "dst" / "training_videos" / "01.avi").is_file()


def test_frame_that_does_not_decode_is_kept_and_recorded_as_clean(tmp_path: Path) -> None:
    source = write_dataset(tmp_path / "src", frames=10)
    broken = source / "testing_videos" / "01" / "frame_00009.jpg"
    broken.write_bytes(b"no picture")
    record = read_record(corrupt_dataset(source, tmp_path / "dst", Corruption(flips=1, missing=0)))
    assert record["1_9"]["Flipped"] == "0"
    assert (tmp_path / "dst" / "testing_videos" / "01" / "frame_00009.jpg").read_bytes() == b"no picture"


def test_target_inside_source_or_in_the_way_is_refused(tmp_path: Path) -> None:
    source = write_dataset(tmp_path / "src", frames=3)
    with pytest.raises(DataError, match="inside"):
        corrupt_dataset(source, source / "copy", Corruption())
    (tmp_path / "dst").mkdir()
    with pytest.raises(StorageError, match="exists already"):
        corrupt_dataset(source, tmp_path / "dst", Corruption())


def test_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_dataset(tmp_path / "src", frames=10)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pixelkit.frames.corrupt.write_image", full)
    with pytest.raises(StorageError, match="the disk is full"):
        corrupt_dataset(source, tmp_path / "dst", Corruption(flips=1))
    assert [path.name for path in tmp_path.iterdir()] == ["src"]


@pytest.mark.parametrize(
    "wrong", [{"flips": 1.5}, {"noise": -0.1}, {"amplitude": (40, 35)}, {"amplitude": (0, 200)}]
)
def test_wrong_settings_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Corruption(**wrong)  # type: ignore[arg-type]


def test_labels_of_ped2_still_apply_by_frame_number(ped2: Path, tmp_path: Path) -> None:
    record = read_record(corrupt_dataset(ped2, tmp_path / "dst", Corruption()))
    found = find_dataset(tmp_path / "dst")
    kept = {f"{int(video.name)}_{number}" for video in found.test for number in video.numbers}
    assert kept == {row_id for row_id, row in record.items() if row["Missing"] == "0"}
    assert len(record) == 2010
