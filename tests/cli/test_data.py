"""``pixelkit data`` tells what is there, with every oddity in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from street import pixelkit


@pytest.fixture
def odd_street(street: Path) -> Path:
    """The street with an empty file, a frame of another size, junk, and flipped and noisy frames in test video 02."""
    test = street / "testing_videos"
    (test / "01" / "frame_00045.jpg").write_bytes(b"")
    small = test / "01" / "frame_00010.jpg"
    cv2.imwrite(str(small), cv2.resize(cv2.imread(str(small)), (64, 48)))
    (test / "01" / "._frame_00010.jpg").write_bytes(b"junk")
    for number in (3, 4):
        file = str(test / "02" / f"frame_{number:05d}.jpg")
        cv2.imwrite(file, cv2.flip(cv2.imread(file), 0), [cv2.IMWRITE_JPEG_QUALITY, 95])
    noise = np.random.default_rng(0).uniform(-35, 35, (96, 128, 3))
    file = str(test / "02" / "frame_00008.jpg")
    cv2.imwrite(file, (cv2.imread(file) + noise).clip(0, 255).astype(np.uint8))
    return street


def videos_by_name(report: dict[str, Any], split: str) -> dict[str, dict[str, Any]]:
    return {video["name"]: video for video in report["videos"] if video["split"] == split}


def test_json_names_every_oddity(odd_street: Path, tmp_path: Path) -> None:
    told = pixelkit("data", odd_street, "--json", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert report["layout"] == "PixelPlay '26"
    assert [Path(path).name for path in report["skipped"]] == ["._frame_00010.jpg"]
    train, test = videos_by_name(report, "train"), videos_by_name(report, "test")
    assert {name: video["frames"] for name, video in train.items()} == {"01": 24, "02": 24, "03": 24}
    assert (test["01"]["frames"], test["01"]["first"], test["01"]["last"]) == (23, 7, 49)
    assert test["01"]["gaps"] == [[20, 39]]
    assert test["01"]["sizes"] == {"128x96": 21, "64x48": 1}
    assert test["01"]["undecodable"] == {"frame_00045.jpg": "zero bytes"}
    assert test["02"]["noisy"] == [8]
    assert set(report["repair"]) == {"flips", "noise"}
    assert train["01"]["flipped"] is None
    assert "frame_00045.jpg (zero bytes)" in told.stderr


def test_table_counts_and_details_follow(odd_street: Path, tmp_path: Path) -> None:
    splits = ("--train", odd_street / "training_videos", "--test", odd_street / "testing_videos")
    told = pixelkit("data", *splits, "--cache", tmp_path / "mine", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "3 training videos, 72 frames" in told.stdout
    assert "2 test videos, 35 frames" in told.stdout
    assert "test 01: missing 20-39" in told.stdout
    assert "test 01: undecodable frame_00045.jpg (zero bytes)" in told.stdout
    assert (tmp_path / "mine" / "frames").is_dir()
    ours = {path.name for path in (tmp_path / "mine").rglob("*.npy")}
    assert "128x128-gray.npy" in ours, "a run after this would decode every frame again for the autoencoders"
    assert not (tmp_path / "cache").exists()


def test_no_data_set_is_a_usage_error(tmp_path: Path) -> None:
    told = pixelkit("data", cwd=tmp_path)
    assert told.returncode == 2
    assert "name the data set" in told.stderr


def test_empty_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = pixelkit("data", tmp_path / "empty", cwd=tmp_path)
    assert told.returncode == 1
    assert told.stderr.startswith("pixelkit: ")
    assert "Traceback" not in told.stderr


def test_sheet_shows_suspected_frames(odd_street: Path, tmp_path: Path) -> None:
    told = pixelkit("data", odd_street, "--sheet", tmp_path / "sheet.png", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "sheet.png shows " in told.stderr
    assert "1 of 1 noisy" in told.stderr
    assert "1 of 1 undecodable" in told.stderr
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape[1] > 1000


def test_sheet_is_a_png(odd_street: Path, tmp_path: Path) -> None:
    told = pixelkit("data", odd_street, "--sheet", "sheet.jpg", cwd=tmp_path)
    assert told.returncode == 2
    assert "expected the name of a PNG" in told.stderr
