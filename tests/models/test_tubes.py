"""Tubes hold the right pixels, frames are decoded once and let go, and boxes are found once."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from fixed_boxes import Counted, FixedBoxes, textured, video_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pixelkit import Video
from pixelkit.frames.video import KeptInMemory
from pixelkit.models import tubes as module
from pixelkit.models.tubes import WHOLE_FRAME, Tube, clip_frames, tubes

FRAMES = textured(23)
BOXES = FixedBoxes({5: [[4, 6, 20, 30]], 15: [[0, 0, 10, 10], [40, 8, 71, 40]]})


def cut(video: Video, length: int = 10, detector: FixedBoxes = BOXES) -> list[Tube]:
    clips = video.clips(length, length)
    return list(tubes(video, clips, detector, crop=16, frame=32, grow=(1.0, 1.0)))


def test_every_clip_has_its_whole_frame_and_then_its_objects() -> None:
    found = [(tube.clip, tube.number) for tube in cut(video_of(FRAMES))]
    assert found == [(0, WHOLE_FRAME), (0, 1), (1, WHOLE_FRAME), (1, 1), (1, 2), (2, WHOLE_FRAME)]


def test_a_tube_is_the_box_of_the_middle_frame_cut_from_all_frames() -> None:
    tube = cut(video_of(FRAMES))[1]
    assert tube.corners.tolist() == [0, 6, 24, 30]  # 16 x 24, made a square
    expected = [
        cv2.resize(frame[6:30, 0:24], (16, 16), interpolation=cv2.INTER_LINEAR) for frame in FRAMES[:10]
    ]
    assert np.array_equal(tube.images, expected)


def test_the_whole_frame_is_resized_by_interpolation() -> None:
    tube = cut(video_of(FRAMES))[-1]
    expected = [cv2.resize(frame, (32, 32), interpolation=cv2.INTER_LINEAR) for frame in FRAMES[13:]]
    assert np.array_equal(tube.images, expected)
    assert tube.corners.tolist() == [0, 0, 72, 48]


def test_each_frame_is_decoded_once_and_boxes_are_found_once() -> None:
    source = Counted(FRAMES)
    video = Video("01", range(23), source)
    detector = FixedBoxes(BOXES.boxes)
    first = cut(video, detector=detector)
    assert source.decoded == 23
    assert detector.asked == [[5, 15, 18]]
    again = cut(video, detector=detector)
    assert detector.asked == [[5, 15, 18]]
    assert all(np.array_equal(one.images, other.images) for one, other in zip(first, again, strict=True))


def test_boxes_at_other_positions_are_found_anew() -> None:
    video, detector = video_of(FRAMES), FixedBoxes(BOXES.boxes)
    cut(video, detector=detector)
    cut(video, length=5, detector=detector)
    assert len(detector.asked) == 2


def test_nothing_is_decoded_after_the_last_clip() -> None:
    source = Counted(FRAMES)
    list(clip_frames(Video("01", range(23), source), np.array([[1, 2], [5, 6]])))
    assert source.decoded == 7


class Watched(KeptInMemory):
    """Frames of which one can see how many are alive."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.most = 0

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        alive: list[weakref.ref[NDArray[np.uint8]]] = []
        for _ in range(self.count):
            frame = np.zeros((8, 8, 3), np.uint8)
            alive = [each for each in alive if each() is not None]
            alive.append(weakref.ref(frame))
            self.most = max(self.most, len(alive))
            yield frame


@pytest.mark.parametrize("frames", [100, 1000])
def test_frames_held_do_not_grow_with_the_video(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_BYTES", 4 * 10 * 192)
    source = Watched(frames)
    video = Video("01", range(frames), source)  # type: ignore[arg-type]
    for _ in tubes(video, video.clips(10, 10), FixedBoxes({}), crop=16, frame=16, grow=(1.0, 1.0)):
        pass
    assert source.most <= 55


def test_detector_sees_several_clips_at_once_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = FixedBoxes({})
    cut(video_of(textured(50)), length=2, detector=detector)
    assert [len(positions) for positions in detector.asked] == [16, 9]
    monkeypatch.setattr(module, "HELD_BYTES", 1)
    cut(video_of(textured(6)), length=2, detector=detector)
    assert [len(positions) for positions in detector.asked[2:]] == [1, 1, 1]


@given(
    frames=st.integers(1, 25),
    gap=st.integers(0, 25),
    length=st.sampled_from([1, 3, 10]),
)
def test_clips_of_any_video_hold_the_frames_at_their_positions(frames: int, gap: int, length: int) -> None:
    pixels = np.arange(frames, dtype=np.uint8)[:, None, None, None].repeat(3, 3)
    video = video_of(pixels, numbers=[at if at < gap else at + 100 for at in range(frames)])
    clips = video.clips(length, length)
    held = [[int(frame[0, 0, 0]) for frame in frames] for frames in clip_frames(video, clips)]
    assert held == clips.tolist()


def test_boxes_outside_the_frame_or_empty_make_no_tube() -> None:
    detector = FixedBoxes({0: [[100, 100, 120, 120], [5, 5, 5, 5], [-50, -50, -10, -10]]})
    assert [tube.number for tube in cut(video_of(FRAMES[:1]), 1, detector)] == [WHOLE_FRAME]


def test_ten_thousand_boxes_are_cut_one_after_another() -> None:
    """The first tube is there before the last is cut: they are never all in memory."""
    detector = FixedBoxes({0: [[0, 0, 16, 16]] * 10_000})
    video = video_of(FRAMES[:1])
    stream = tubes(video, video.clips(1, 1), detector, crop=64, frame=64, grow=(1.0, 1.0))
    alive = [weakref.ref(next(stream).images) for _ in range(100)]
    assert sum(each() is not None for each in alive) <= 1
    assert sum(1 for _ in stream) == 10_001 - 100
