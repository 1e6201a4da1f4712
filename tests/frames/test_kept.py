"""What is kept for a video: found again for exactly its pixels, never half, never of other repairs."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from street import write_frames

from pixelkit.errors import StorageError
from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.repair import apply_repairs
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair
from pixelkit.frames.video import ArraySource, Video

ARRAYS = {"corners": np.arange(8, dtype=np.float32).reshape(2, 4), "counts": np.array([2, 0], np.int64)}


@pytest.fixture
def decoded(street: Path, tmp_path: Path) -> DecodedVideo:
    return FrameStore(tmp_path / "cache").decode([find_dataset(street).test[0]], [])[0]


def video(decoded: DecodedVideo, *flipped: int) -> Video:
    return apply_repairs([decoded], RepairPlan({"01": VideoRepair(flipped)}, "median"), max_gap=4)[0]


def holds(video: Video, name: str) -> bool:
    arrays = video.recall(name)
    if arrays is None:
        return False
    assert arrays.keys() == ARRAYS.keys()
    for key, array in ARRAYS.items():
        assert arrays[key].dtype == array.dtype and np.array_equal(arrays[key], array)
    return True


def test_what_is_kept_is_found_again_under_its_name_only(decoded: DecodedVideo) -> None:
    for each in (
        video(decoded),
        video(decoded, 7),
        Video("a", [1], ArraySource(np.zeros((1, 2, 2, 3), np.uint8))),
    ):
        assert not holds(each, "boxes of yolo")
        each.keep("boxes of yolo", ARRAYS)
        assert holds(each, "boxes of yolo") and not holds(each, "boxes of yolo 2")
        assert holds(pickle.loads(pickle.dumps(each)), "boxes of yolo")


def test_other_repairs_are_other_pixels(decoded: DecodedVideo) -> None:
    video(decoded, 7).keep("boxes", ARRAYS)
    assert holds(video(decoded, 7), "boxes")
    assert not holds(video(decoded), "boxes") and not holds(video(decoded, 8), "boxes")


def test_changed_file_is_other_pixels(street: Path, tmp_path: Path) -> None:
    def now() -> Video:
        return video(FrameStore(tmp_path / "cache").decode([find_dataset(street).test[0]], [])[0])

    now().keep("boxes", ARRAYS)
    assert holds(now(), "boxes")
    write_frames(tmp_path / "other", [7], seed=9)
    (tmp_path / "other" / "frame_00007.jpg").replace(street / "testing_videos" / "01" / "frame_00007.jpg")
    assert not holds(now(), "boxes")


@pytest.mark.parametrize("damage", [lambda whole: whole[:-3], lambda whole: b"x" + whole[1:], lambda _: b""])
def test_damaged_file_counts_as_not_there(
    decoded: DecodedVideo, damage: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    video(decoded).keep("boxes", ARRAYS)
    (file,) = decoded.folder.glob("kept-*.safetensors")
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    monkeypatch.setattr("pixelkit.frames.cache._verified", set())
    assert not holds(video(decoded), "boxes")
    assert "damaged" in caplog.text
    video(decoded).keep("boxes", ARRAYS)
    assert holds(video(decoded), "boxes")


def test_empty_and_strided_arrays_come_back_as_they_were(decoded: DecodedVideo) -> None:
    strided = np.arange(24, dtype=np.int16).reshape(4, 6)[::2, ::3]
    video(decoded).keep(
        "boxes", {"none": np.empty((0, 4), np.float32), "strided": strided, "turned": strided.T}
    )
    arrays = video(decoded).recall("boxes")
    assert arrays is not None and arrays["none"].shape == (0, 4)
    assert np.array_equal(arrays["strided"], strided) and np.array_equal(arrays["turned"], strided.T)


def test_what_cannot_be_written_is_a_storage_error(decoded: DecodedVideo, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = DecodedVideo(
        decoded.files, decoded.key, tmp_path / "file", decoded.numbers, decoded.noise, decoded.sizes
    )
    with pytest.raises(StorageError, match="in the way"):
        blocked.keep("boxes", ARRAYS)
    assert blocked.recall("boxes") is None


def test_arrays_kept_in_memory_are_copies() -> None:
    each = Video("a", [1], ArraySource(np.zeros((1, 2, 2, 3), np.uint8)))
    mine = np.zeros(3)
    each.keep("it", {"values": mine})
    mine[:] = 1
    found = each.recall("it")
    assert found is not None and not found["values"].any()
    found["values"][:] = 2
    again = each.recall("it")
    assert again is not None and not again["values"].any()
