"""Small pictures: every frame when they fit, otherwise every k-th, never more bytes than allowed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from street import write_frames

from pixelkit.frames.decode import FrameStore
from pixelkit.frames.layouts import read_video
from pixelkit.frames.repaired import Repairs
from pixelkit.report.footage import RunFrames
from pixelkit.report.pictures import Pictures, encode, small_pictures


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFrames]:
    room = tmp_path_factory.mktemp("pictures")
    for name, count in (("01", 30), ("02", 1)):
        write_frames(room / name, range(count), seed=int(name))
    files = [read_video(room / name) for name in ("01", "02")]
    decoded = FrameStore(room / "cache").decode(files, ())
    return {one.name: RunFrames(one, Repairs(frozenset({3}), {})) for one in decoded}


def size(pictures: dict[str, Pictures]) -> int:
    return sum(len(one) for each in pictures.values() for one in each.data)


def pixels(picture: bytes) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[:, :, ::-1].astype(int)


def test_all_frames_that_fit_are_there_in_order(videos: dict[str, RunFrames]) -> None:
    pictures = small_pictures(videos)
    assert {name: (one.every, len(one.data)) for name, one in pictures.items()} == {
        "01": (1, 30),
        "02": (1, 1),
    }
    for position, frame in enumerate(videos["01"].at(range(30))):
        assert np.abs(pixels(pictures["01"].data[position]) - frame).mean() < 8


@pytest.mark.parametrize("part", [2, 3, 5, 10])
def test_the_bytes_allowed_are_kept(videos: dict[str, RunFrames], part: int) -> None:
    whole = size(small_pictures(videos))
    pictures = small_pictures(videos, whole // part)
    assert size(pictures) <= whole // part
    every = {one.every for one in pictures.values()}
    assert len(every) == 1
    assert {name: len(one.data) for name, one in pictures.items()} == {"01": -(-30 // every.pop()), "02": 1}


def test_a_wrong_guess_is_put_right(videos: dict[str, RunFrames], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = size(small_pictures(videos))
    monkeypatch.setattr("pixelkit.report.pictures._guess_every", lambda *_: 1)
    pictures = small_pictures(videos, whole // 3)
    assert size(pictures) <= whole // 3
    assert {one.every for one in pictures.values()} == {4}


def test_a_picture_keeps_its_aspect_and_is_never_enlarged() -> None:
    frame = np.zeros((90, 160, 3), np.uint8)
    assert pixels(encode(frame, 80, 50)).shape == (45, 80, 3)
    assert pixels(encode(frame, 500, 50)).shape == (90, 160, 3)
    assert pixels(encode(np.zeros((1, 400, 3), np.uint8), 100, 50)).shape == (1, 100, 3)
