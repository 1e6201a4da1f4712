"""Repaired frames: the right pixels in every view, made once, streamed."""

from __future__ import annotations

import multiprocessing
import pickle
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from street import write_frames

from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.repair import apply_repairs
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair
from pixelkit.frames.repaired import RepairedFrames, Repairs
from pixelkit.frames.video import Video, View

GRAY, RGB = View((48, 64)), View((30, 40), "rgb")


@pytest.fixture
def decoded(street: Path, tmp_path: Path) -> DecodedVideo:
    """Test video 01: frames 7 to 19 and 40 to 49."""
    store = FrameStore(tmp_path / "cache")
    return store.decode([find_dataset(street).test[0]], [GRAY, RGB])[0]


def repaired(decoded: DecodedVideo, noise: str = "median", **lists: tuple[int, ...]) -> Video:
    return apply_repairs([decoded], RepairPlan({"01": VideoRepair(**lists)}, noise), max_gap=4)[0]


@pytest.mark.parametrize("view", [GRAY, RGB])
def test_flipped_frames_are_turned_and_others_stay(decoded: DecodedVideo, view: View) -> None:
    raw, frames = decoded.view(view), repaired(decoded, flipped=(7, 40)).frames(view)
    turned = np.isin(decoded.numbers, (7, 40))
    assert np.array_equal(frames[turned], raw[turned, ::-1])
    assert np.array_equal(frames[~turned], raw[~turned])
    assert not frames.flags.writeable


def test_noisy_frame_is_the_median_with_upright_neighbours(decoded: DecodedVideo) -> None:
    raw = decoded.view(GRAY)
    frames = repaired(decoded, flipped=(10,), noisy=(11,)).frames(GRAY)
    assert np.array_equal(frames[4], np.median([raw[3, ::-1], raw[4], raw[5]], axis=0))


def test_noisy_frame_beside_a_gap_gets_help_from_its_own_side(decoded: DecodedVideo) -> None:
    raw = decoded.view(GRAY)
    frames = repaired(decoded, noisy=(19, 40)).frames(GRAY)
    assert np.array_equal(frames[12], np.median(raw[10:13], axis=0))
    assert np.array_equal(frames[13], np.median(raw[13:16], axis=0))


def test_noise_off_leaves_noisy_frames_alone(decoded: DecodedVideo) -> None:
    assert np.array_equal(repaired(decoded, "off", noisy=(11,)).frames(GRAY), decoded.view(GRAY))


def test_nothing_to_repair_gives_the_raw_map(decoded: DecodedVideo) -> None:
    before = set(decoded.folder.iterdir())
    for plan in (
        None,
        RepairPlan({}),
        RepairPlan({"02": VideoRepair((1,))}),
        RepairPlan({"01": VideoRepair()}),
    ):
        (video,) = apply_repairs([decoded], plan, max_gap=4)
        assert np.array_equal(video.frames(GRAY), decoded.view(GRAY))
    assert set(decoded.folder.iterdir()) == before


def test_stream_is_repaired_at_full_size(decoded: DecodedVideo) -> None:
    raw = list(decoded.stream())
    frames = list(repaired(decoded, flipped=(8, 10), noisy=(8, 11)).stream())
    assert len(frames) == len(raw) == 23
    assert np.array_equal(frames[3], raw[3][::-1]) and np.array_equal(frames[0], raw[0])
    assert np.array_equal(frames[1], np.median([raw[0], raw[1][::-1], raw[2]], axis=0))
    assert np.array_equal(frames[4], np.median([raw[3][::-1], raw[4], raw[5]], axis=0))


def test_map_is_made_once_and_an_edited_plan_makes_another(decoded: DecodedVideo) -> None:
    repaired(decoded, flipped=(7,)).frames(GRAY)
    (first,) = decoded.folder.glob("*-repaired-*.npy")
    made = first.stat().st_mtime_ns, first.stat().st_ino
    repaired(decoded, flipped=(7,)).frames(GRAY)
    assert (first.stat().st_mtime_ns, first.stat().st_ino) == made
    assert np.array_equal(repaired(decoded, flipped=(8,)).frames(GRAY)[0], decoded.view(GRAY)[0])


def test_damaged_map_is_made_again(decoded: DecodedVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    good = np.array(repaired(decoded, flipped=(7,)).frames(GRAY))
    (file,) = decoded.folder.glob("*-repaired-*.npy")
    file.write_bytes(file.read_bytes()[:-100])
    monkeypatch.setattr("pixelkit.frames.cache._verified", set())
    assert np.array_equal(repaired(decoded, flipped=(7,)).frames(GRAY), good)


def test_view_that_was_not_decoded_is_a_key_error(decoded: DecodedVideo) -> None:
    with pytest.raises(KeyError, match="8x8"):
        repaired(decoded, flipped=(7,)).frames(View((8, 8)))


def sum_of(video: Video) -> int:
    return int(video.frames(GRAY).sum())


def test_two_processes_may_make_the_same_map(decoded: DecodedVideo) -> None:
    video = repaired(decoded, flipped=(7, 9), noisy=(9, 12))
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        sums = list(pool.map(sum_of, [video] * 4))
    assert sums == [sum_of(pickle.loads(pickle.dumps(video)))] * 4
    assert not list(decoded.folder.glob(".*.tmp"))


def test_memory_stays_flat_in_a_long_video() -> None:
    def frames(count: int) -> Iterator[np.ndarray]:
        for level in range(count):
            yield np.full((100, 100, 3), level % 256, np.uint8)

    repairs = Repairs(
        frozenset(range(0, 2000, 7)), {place: (place - 1, place + 1) for place in range(3, 1990, 5)}
    )
    tracemalloc.start()
    assert sum(1 for _ in repairs.apply(frames(2000))) == 2000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 30_000


def test_video_of_one_noisy_frame_is_smoothed(tmp_path: Path) -> None:
    write_frames(tmp_path / "data" / "training_videos" / "01", range(3))
    write_frames(tmp_path / "data" / "testing_videos" / "01", [5])
    store = FrameStore(tmp_path / "cache")
    (video,) = store.decode(find_dataset(tmp_path / "data").test, [GRAY])
    assert repaired(video, noisy=(5,)).frames(GRAY).shape == (1, 48, 64)
    assert isinstance(repaired(video, noisy=(5,))._source, RepairedFrames)
