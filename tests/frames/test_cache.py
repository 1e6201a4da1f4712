"""What a cache key depends on, and that a damaged file of the cache is noticed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pixelkit.frames.cache import FrameFacts, cache_folder, fingerprint, is_whole, seal
from pixelkit.frames.layouts import VideoFiles


@pytest.fixture
def video(tmp_path: Path) -> VideoFiles:
    folder = tmp_path / "01"
    folder.mkdir()
    files = tuple(folder / f"{number:03d}.jpg" for number in range(3))
    for file in files:
        file.write_bytes(b"frame")
    return VideoFiles("01", folder, files, (0, 1, 2))


def test_same_files_have_the_same_fingerprint(video: VideoFiles) -> None:
    again = VideoFiles(video.name, video.path, video.files, video.numbers)
    assert fingerprint(again) == fingerprint(video)


def test_changed_file_changes_the_fingerprint(video: VideoFiles) -> None:
    before = fingerprint(video)
    os.utime(video.files[1], ns=(0, 1))
    touched = fingerprint(video)
    video.files[1].write_bytes(b"another frame")
    os.utime(video.files[1], ns=(0, 1))
    assert len({before, touched, fingerprint(video)}) == 3


def test_added_deleted_and_renumbered_files_change_the_fingerprint(video: VideoFiles) -> None:
    fewer = VideoFiles("01", video.path, video.files[:2], (0, 1))
    renumbered = VideoFiles("01", video.path, video.files, (0, 1, 3))
    assert len({fingerprint(video), fingerprint(fewer), fingerprint(renumbered)}) == 3


def test_videos_whose_files_agree_in_all_but_place_have_their_own_fingerprints(tmp_path: Path) -> None:
    videos = []
    for name in ("train", "test"):
        folder = tmp_path / name / "01"
        folder.mkdir(parents=True)
        (folder / "000.bmp").write_bytes(bytes(9))
        os.utime(folder / "000.bmp", ns=(0, 0))
        videos.append(VideoFiles("01", folder, (folder / "000.bmp",), (0,)))
    assert fingerprint(videos[0]) != fingerprint(videos[1])


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIXELKIT_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("PIXELKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pixelkit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "pixelkit"


def test_facts_survive_the_file_exactly() -> None:
    facts = FrameFacts(
        np.array([0.1, np.nan, 1 / 3], np.float32),
        np.array([[240, 360]] * 3, np.int32),
        {1: "zero bytes"},
        None,
        "5f0c",
    )
    again = FrameFacts.from_json(facts.to_json())
    assert np.array_equal(again.noise, facts.noise, equal_nan=True)
    assert again.noise.dtype == np.float32
    assert np.array_equal(again.sizes, facts.sizes)
    assert (again.undecodable, again.promised, again.content) == (facts.undecodable, None, "5f0c")


def damage_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def truncate(file: Path) -> None:
    os.truncate(file, 10)


def forget_seal(file: Path) -> None:
    file.with_name(file.name + ".crc32").write_bytes(b"\xff\xff")


@pytest.mark.parametrize("damage", [damage_byte, truncate, forget_seal])
def test_damage_is_noticed_in_another_process(
    damage: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "128x128-gray.npy"
    file.write_bytes(bytes(1000))
    seal(file)
    assert is_whole(file)
    damage(file)  # type: ignore[operator]
    monkeypatch.setattr("pixelkit.frames.cache._verified", set())
    assert not is_whole(file)
    assert str(file) in caplog.text


def test_file_without_its_checksum_is_not_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.npy").write_bytes(b"killed before it was sealed")
    assert not is_whole(tmp_path / "a.npy")
    assert not caplog.text
