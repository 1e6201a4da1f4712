"""The decode pass: each file once, right pixels, nothing again, and bad input that costs one frame at most."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import pickle
import shutil
import threading
import weakref
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from street import write_frames

from pixelkit.errors import DataError, StorageError
from pixelkit.frames import cache, decode_pass
from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.layouts import VideoFiles
from pixelkit.frames.noise import noise_level
from pixelkit.frames.reading import decode_image, read_bytes
from pixelkit.frames.video import View, render

GRAY = View((40, 40), "gray")
SMALL = View((16, 24), "gray")
RGB = View((33, 50), "rgb")


@pytest.fixture
def store(tmp_path: Path) -> FrameStore:
    return FrameStore(tmp_path / "cache")


def make_video(folder: Path, numbers: Iterable[int] = range(20), suffix: str = "jpg") -> VideoFiles:
    if not folder.is_dir():
        write_frames(folder, numbers, suffix=suffix)
    files = sorted(folder.iterdir())
    return VideoFiles(
        folder.name, folder, tuple(files), tuple(int(file.stem.rpartition("_")[2]) for file in files)
    )


def write_film(file: Path, frames: int = 60) -> NDArray[np.uint8]:
    """Write a video file and return its frames as written: RGB, frame k of gray level 4 k, under a textured band."""
    pictures = np.empty((frames, 96, 128, 3), np.uint8)
    pictures[:] = (4 * np.arange(frames)[:, None, None, None]).clip(0, 255)
    pictures[:, :30] = np.random.default_rng(0).integers(0, 255, (30, 128, 1))
    film = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 25, (128, 96))
    for picture in pictures:
        film.write(picture)
    film.release()
    return pictures


def broken(*_: object) -> NDArray[np.uint8]:
    raise AssertionError("a file was decoded")


def test_views_are_what_render_makes_of_each_frame(store: FrameStore, tmp_path: Path) -> None:
    video = make_video(tmp_path / "01", [3, 4, 9])
    (decoded,) = store.decode([video], [GRAY, RGB])
    for position, file in enumerate(video.files):
        data = read_bytes(file)
        gray = decode_image(data, "gray")
        assert np.array_equal(decoded.view(GRAY)[position], render(gray, GRAY))
        assert np.array_equal(decoded.view(RGB)[position], render(decode_image(data, "rgb"), RGB))
        assert decoded.noise[position] == np.float32(noise_level(gray))
    assert decoded.numbers.tolist() == [3, 4, 9]
    assert decoded.sizes.tolist() == [[96, 128]] * 3


def test_gray_does_not_depend_on_the_other_views(tmp_path: Path) -> None:
    video = make_video(tmp_path / "01")
    (alone,) = FrameStore(tmp_path / "a").decode([video], [GRAY])
    (beside,) = FrameStore(tmp_path / "b").decode([video], [GRAY, RGB])
    assert np.array_equal(alone.view(GRAY), beside.view(GRAY))
    assert np.array_equal(alone.noise, beside.noise)


def test_second_run_decodes_nothing(
    store: FrameStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_film(tmp_path / "film.avi", 10)
    videos = [make_video(tmp_path / "01"), VideoFiles("film", tmp_path / "film.avi")]
    first = store.decode(videos, [GRAY, SMALL])
    monkeypatch.setattr(decode_pass, "decode_image", broken)
    monkeypatch.setattr(decode_pass, "video_frames", broken)
    for before, after in zip(first, store.decode(videos, [GRAY, SMALL]), strict=True):
        assert np.array_equal(before.view(GRAY), after.view(GRAY))
        assert np.array_equal(before.noise, after.noise)
        assert (before.key, before.folder) == (after.key, after.folder)


def test_missing_view_is_decoded_alone(store: FrameStore, tmp_path: Path) -> None:
    video = make_video(tmp_path / "01")
    (before,) = store.decode([video], [GRAY])
    written = (before.folder / f"{GRAY}.npy").stat().st_mtime_ns
    (after,) = store.decode([video], [GRAY, RGB])
    assert after.view(RGB).shape == (20, 33, 50, 3)
    assert (after.folder / f"{GRAY}.npy").stat().st_mtime_ns == written


def test_each_file_is_read_once_for_all_views(
    store: FrameStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = make_video(tmp_path / "01")
    read: list[Path] = []

    def counted(path: Path) -> bytes:
        read.append(path)
        return read_bytes(path)

    monkeypatch.setattr(decode_pass, "read_bytes", counted)
    store.decode([video, video], [GRAY, SMALL, RGB])
    assert sorted(read) == list(video.files)


def test_a_copy_elsewhere_with_other_times_has_the_same_key_and_another_video_has_not(
    store: FrameStore, tmp_path: Path
) -> None:
    """What is in a run folder goes by this key: it is found again when folder and data come to another machine."""
    video = make_video(tmp_path / "here" / "01", range(5))
    (tmp_path / "here" / "01" / "frame_00009.jpg").write_bytes(b"broken")
    write_film(tmp_path / "here" / "film.avi", 5)
    shutil.copytree(tmp_path / "here", tmp_path / "there", copy_function=shutil.copyfile)
    shutil.copytree(tmp_path / "here" / "01", tmp_path / "renumbered")
    (tmp_path / "renumbered" / "frame_00004.jpg").rename(tmp_path / "renumbered" / "frame_00005.jpg")
    here, there = (
        [make_video(tmp_path / place / "01"), VideoFiles("film", tmp_path / place / "film.avi")]
        for place in ("here", "there")
    )
    assert video.files != there[0].files
    first, second = store.decode(here, [GRAY]), store.decode(there, [GRAY])
    assert [one.key for one in first] == [one.key for one in second]
    assert {one.folder for one in first}.isdisjoint(one.folder for one in second)
    (renumbered,) = store.decode([make_video(tmp_path / "renumbered")], [GRAY])
    assert len({renumbered.key, *(one.key for one in first)}) == 3


@pytest.mark.parametrize("change", ["changed", "added", "deleted"])
def test_changed_files_are_noticed(store: FrameStore, tmp_path: Path, change: str) -> None:
    folder = tmp_path / "01"
    (before,) = store.decode([make_video(folder, range(5))], [GRAY])
    file = folder / "frame_00003.jpg"
    if change == "changed":
        cv2.imwrite(str(file), np.zeros((96, 128, 3), np.uint8))
    elif change == "added":
        (folder / "frame_00007.jpg").write_bytes(file.read_bytes())
    else:
        file.unlink()
    (after,) = store.decode([make_video(folder)], [GRAY])
    assert after.key != before.key
    assert after.numbers.tolist() == {"added": [0, 1, 2, 3, 4, 7], "deleted": [0, 1, 2, 4]}.get(
        change, [*range(5)]
    )
    if change == "changed":
        assert not after.view(GRAY)[3].any()


def test_frame_that_does_not_decode_shows_its_nearest_good_neighbour(
    store: FrameStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    video = make_video(tmp_path / "01", [0, 1, 2, 50, 51, 60])
    video.files[0].write_bytes(b"")
    video.files[2].write_bytes(b"no image")
    video.files[4].write_bytes(video.files[3].read_bytes()[:-900])
    (decoded,) = store.decode([video], [GRAY, RGB])
    assert decoded.undecodable == {
        0: "zero bytes",
        2: "not an image, or a damaged one",
        4: "truncated JPEG",
    }
    for bad, good in ((0, 1), (2, 1), (4, 3)):
        for view in (GRAY, RGB):
            assert np.array_equal(decoded.view(view)[bad], decoded.view(view)[good])
    assert np.isnan(decoded.noise).tolist() == [True, False, True, False, True, False]
    assert decoded.sizes.tolist() == [[96, 128]] * 6
    assert "frame_00000.jpg (zero bytes)" in caplog.text
    frames = list(decoded.stream())
    assert np.array_equal(frames[2], frames[1])


def test_warning_comes_back_when_the_frames_come_from_the_cache(
    store: FrameStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    video = make_video(tmp_path / "01")
    video.files[4].write_bytes(b"")
    store.decode([video], [GRAY])
    caplog.clear()
    store.decode([video], [GRAY])
    assert "frame_00004.jpg" in caplog.text


def test_video_of_which_nothing_decodes_is_an_error_and_the_others_are_kept(
    store: FrameStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = make_video(tmp_path / "01"), make_video(tmp_path / "02", range(3))
    for file in bad.files:
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"02: none of its 3 files decodes \(frame_00000.jpg: zero bytes\)"):
        store.decode([good, bad], [GRAY])
    monkeypatch.setattr(decode_pass, "decode_image", broken)
    assert len(store.decode([good], [GRAY])) == 1


def test_frames_of_two_sizes_are_resized(
    store: FrameStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    video = make_video(tmp_path / "01", range(5))
    cv2.imwrite(str(video.files[2]), np.full((48, 64, 3), 7, np.uint8))
    (decoded,) = store.decode([video], [GRAY])
    assert "frames of 2 sizes (64x48, 128x96)" in caplog.text
    assert decoded.sizes[2].tolist() == [48, 64]
    assert (decoded.view(GRAY)[2] == 7).all()
    assert {frame.shape for frame in decoded.stream()} == {(96, 128, 3)}


def test_film_is_counted_by_decoding(
    store: FrameStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "01.avi"
    pictures = write_film(file)
    os.truncate(file, file.stat().st_size * 6 // 10)
    (decoded,) = store.decode([VideoFiles("01", file)], [GRAY, RGB])
    assert decoded.promised == 60
    assert 30 < len(decoded) < 40
    assert decoded.numbers.tolist() == list(range(len(decoded)))
    assert f"promises 60 frames and holds {len(decoded)}" in caplog.text
    for position, frame in enumerate(decoded.stream()):
        if position < len(decoded) - 1:  # the last one was cut, and shows what FFmpeg makes of it
            assert np.abs(frame[60:].astype(int) - pictures[position, 60:]).max() <= 3
        assert np.array_equal(decoded.view(RGB)[position], render(frame, RGB))
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        assert np.array_equal(decoded.view(GRAY)[position], render(gray, GRAY))
    assert position == len(decoded) - 1


def test_several_films_are_decoded_side_by_side(store: FrameStore, tmp_path: Path) -> None:
    for name in "abcd":
        write_film(tmp_path / f"{name}.avi", 12)
    videos = [VideoFiles(name, tmp_path / f"{name}.avi") for name in "abcd"]
    decoded = store.decode(videos, [GRAY])
    assert [(video.name, len(video)) for video in decoded] == [(name, 12) for name in "abcd"]


def test_film_without_frames_is_an_error(store: FrameStore, tmp_path: Path) -> None:
    file = tmp_path / "01.avi"
    file.write_bytes(b"")
    with pytest.raises(DataError, match=r"01.avi holds no frame that decodes"):
        store.decode([VideoFiles("01", file)], [GRAY])


def test_stream_gives_the_full_frames_in_order(store: FrameStore, tmp_path: Path) -> None:
    video = make_video(tmp_path / "01", range(30))
    (decoded,) = store.decode([video], [])
    for file, frame in zip(video.files, decoded.stream(), strict=True):
        assert np.array_equal(frame, decode_image(read_bytes(file), "rgb"))


def test_abandoned_stream_leaves_no_thread(store: FrameStore, tmp_path: Path) -> None:
    (decoded,) = store.decode([make_video(tmp_path / "01")], [])
    frames = decoded.stream()
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pixelkit")]


def test_stream_says_when_a_file_has_gone(store: FrameStore, tmp_path: Path) -> None:
    video = make_video(tmp_path / "01")
    (decoded,) = store.decode([video], [])
    video.files[5].unlink()
    with pytest.raises(DataError, match=r"frame_00005\.jpg was changed while it was in use"):
        list(decoded.stream())


def mean_of(video: DecodedVideo) -> float:
    return float(video.view(GRAY).mean())


def test_decoded_video_works_in_a_spawned_process(store: FrameStore, tmp_path: Path) -> None:
    (decoded,) = store.decode([make_video(tmp_path / "01")], [GRAY])
    assert len(pickle.dumps(decoded)) < 20_000
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(mean_of, decoded).result() == mean_of(decoded)


def test_view_is_read_only_and_nobody_keeps_it(store: FrameStore, tmp_path: Path) -> None:
    (decoded,) = store.decode([make_video(tmp_path / "01")], [GRAY])
    frames = decoded.view(GRAY)
    assert (frames.dtype, frames.shape, frames.flags.writeable) == (np.uint8, (20, 40, 40), False)
    mapped = weakref.ref(frames.base)
    del frames
    gc.collect()
    assert mapped() is None


def test_view_that_was_not_decoded_is_a_key_error(store: FrameStore, tmp_path: Path) -> None:
    (decoded,) = store.decode([make_video(tmp_path / "01")], [GRAY])
    with pytest.raises(KeyError, match="33x50-rgb"):
        decoded.view(RGB)


@pytest.mark.parametrize("name", [f"{GRAY}.npy", "facts.json"])
def test_damaged_cache_is_decoded_again(
    store: FrameStore, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    video = make_video(tmp_path / "01")
    (before,) = store.decode([video], [GRAY])
    pixels = before.view(GRAY).copy()
    file = before.folder / name
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    (after,) = store.decode([video], [GRAY])
    assert f"cache file {file} is damaged" in caplog.text
    assert file.read_bytes() == whole
    assert np.array_equal(after.view(GRAY), pixels)


def test_leftovers_of_a_killed_process_are_removed_when_they_are_old(
    store: FrameStore, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "01")
    folder = cache.VideoCache(store.folder, video).folder
    folder.mkdir(parents=True)
    old, fresh = folder / ".a.npy.1-00.tmp", folder / ".a.npy.2-00.tmp"
    for file in (old, fresh):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    store.decode([video], [GRAY])
    assert not old.exists()
    assert fresh.exists()


def test_full_disk_is_one_line_and_leaves_nothing_half_written(store: FrameStore, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    video = make_video(tmp_path / "01", range(100))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(StorageError, match="cannot write"):
            store.decode([video], [GRAY])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [path for path in store.folder.rglob("*") if path.is_file()]
    assert len(store.decode([video], [GRAY])[0]) == 100


def test_file_in_the_way_of_the_cache_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder", encoding="utf-8")
    with pytest.raises(StorageError, match="in the way"):
        FrameStore(tmp_path / "cache").decode([make_video(tmp_path / "01")], [GRAY])


def test_no_videos_and_no_warning(store: FrameStore, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert store.decode([], [GRAY]) == []
    assert not caplog.records


def test_ped2_is_decoded_whole(store: FrameStore, ped2: Path) -> None:
    from pixelkit.frames.layouts import find_dataset

    found = find_dataset(ped2)
    decoded = store.decode([*found.train, *found.test], [GRAY])
    assert sum(len(video) for video in decoded) == 4560
    assert {video.size for video in decoded} == {(240, 360)}
    assert all(np.isfinite(video.noise).all() for video in decoded)
