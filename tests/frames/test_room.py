"""The cache does not fill the disk: what goes first, and what stays whatever happens."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
from street import write_frames

from pixelkit.errors import SettingsError
from pixelkit.frames import room
from pixelkit.frames.decode import FrameStore
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.room import make_room
from pixelkit.frames.video import View

GRAY = View((16, 16), "gray")
DAY = 24 * 3600.0


def entry(folder: Path, days: float, **sizes: int) -> Path:
    """Make a folder of the cache that was used so many days ago."""
    folder.mkdir(parents=True)
    for name, size in sizes.items():
        (folder / name.replace("_", ".")).write_bytes(bytes(size))
    used = time.time() - days * DAY
    os.utime(folder, (used, used))
    return folder


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Two videos and takes that nobody used for long, and a video of today."""
    entry(tmp_path / "frames" / "01-a", 3, view_npy=1000, kept_safetensors=100)
    entry(tmp_path / "frames" / "02-b", 5, view_npy=1000, kept_safetensors=100)
    entry(tmp_path / "takes-c", 4, frame_jpg=1000)
    entry(tmp_path / "frames" / "03-d", 0.5, view_npy=1000, kept_safetensors=100)
    return tmp_path


def test_what_was_used_longest_ago_goes_first_and_no_more_than_needed(cache: Path) -> None:
    assert make_room(cache, 10_000) == 0
    assert make_room(cache, 4000) == 1000
    assert "frames/02-b/view.npy" not in files(cache) and len(files(cache)) == 6
    assert make_room(cache, 2400) == 1000
    assert not (cache / "takes-c").exists() and "frames/01-a/view.npy" in files(cache)


def test_what_scorers_computed_goes_last(cache: Path) -> None:
    assert make_room(cache, 1300) == 3000
    assert "frames/02-b/kept.safetensors" in files(cache), "all frames go before it"
    assert make_room(cache, 1200) == 100
    assert "frames/02-b/kept.safetensors" not in files(cache), (
        "unused for longest, though its frames went before"
    )
    assert "frames/01-a/kept.safetensors" in files(cache)


def test_what_was_used_today_stays(cache: Path) -> None:
    make_room(cache, 0)
    assert files(cache) == {"frames/03-d/view.npy", "frames/03-d/kept.safetensors"}


def test_a_kill_while_takes_are_removed_leaves_none_that_pass_for_whole(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "remove", killed)
    with pytest.raises(KeyboardInterrupt):
        make_room(entry(cache / "takes-f", 9, frame_jpg=1000).parent, 5000)
    assert not (cache / "takes-f").exists()
    monkeypatch.undo()
    assert make_room(cache, 4400) == 1000
    assert not list(cache.glob(".takes-f*"))


def test_what_cannot_be_removed_is_not_counted(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "remove", lambda _: None)
    assert make_room(cache, 0) == 0


def test_half_made_takes_of_a_killed_process_go_too(cache: Path) -> None:
    entry(cache / ".takes-e.7-01234567.tmp", 9, frame_jpg=1000)
    assert make_room(cache, 4400) == 1000
    assert not (cache / ".takes-e.7-01234567.tmp").exists()


@pytest.mark.parametrize("text", ["lots", "-1", "nan"])
def test_a_limit_that_is_no_number_is_an_error(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELKIT_CACHE_GB", text)
    with pytest.raises(SettingsError, match=f"PIXELKIT_CACHE_GB='{text}': expected how many GB"):
        room.limit()


def test_the_limit_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIXELKIT_CACHE_GB", raising=False)
    assert room.limit() == 20e9
    monkeypatch.setenv("PIXELKIT_CACHE_GB", "0.5")
    assert room.limit() == 0.5e9
    monkeypatch.setenv("PIXELKIT_CACHE_GB", "inf")
    assert room.limit() == np.inf


def test_decoding_makes_room_and_spares_what_it_needs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("training_videos/01", "training_videos/02", "testing_videos/03"):
        write_frames(tmp_path / "data" / name, range(8))
    data, store = find_dataset(tmp_path / "data"), FrameStore(tmp_path / "cache")
    first = store.decode(data.train, [GRAY])
    long_ago = time.time() - 2 * DAY
    for video in first:
        os.utime(video.folder, (long_ago, long_ago))
    monkeypatch.setenv("PIXELKIT_CACHE_GB", "0")
    with caplog.at_level(logging.INFO, "pixelkit"):
        store.decode([data.train[0], *data.test], [GRAY])
    assert (first[0].folder / f"{GRAY}.npy").is_file(), "it is in use"
    assert not first[1].folder.exists()
    assert "PIXELKIT_CACHE_GB" in caplog.text
    (again,) = store.decode(data.train[1:], [GRAY])
    assert again.view(GRAY).shape == (8, 16, 16)
