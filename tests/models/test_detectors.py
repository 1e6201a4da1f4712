"""Detectors: two together, boxes from a CSV, and what was found before is not looked for again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pixelkit import Video
from pixelkit.errors import DataError, SettingsError, WeightsError
from pixelkit.frames.video import ArraySource, View
from pixelkit.models.boxes import FOREGROUND, Boxes
from pixelkit.models.detectors import Both, Detector, ImportedBoxes, detect, make_detector, recall_boxes
from pixelkit.models.foreground import Foreground

Find = Callable[[Sequence[int], Sequence[NDArray[np.uint8]]], list[Boxes]]


class Fixed:
    """Finds, in every frame, one box whose left edge is the frame's position."""

    full_size = True

    def __init__(self, label: int = 0, top: float = 0) -> None:
        self.label, self.top = label, top
        self.key = f"fixed {label} {top}"
        self.seen: list[int] = []

    def views(self) -> tuple[View, ...]:
        return (View((8, 8)),)

    def begin(self, _: Video) -> Find:
        def find(positions: Sequence[int], frames: Sequence[NDArray[np.uint8]]) -> list[Boxes]:
            assert len(positions) == len(frames)
            self.seen += positions
            assert all(
                int(frame[0, 0, 0]) == position for position, frame in zip(positions, frames, strict=True)
            )
            return [Boxes.of([[at, self.top, at + 10, self.top + 10]], 0.9, self.label) for at in positions]

        return find


def video(frames: int = 40, first: int = 0) -> Video:
    pixels = np.zeros((frames, 20, 30, 3), np.uint8)
    pixels[:] = np.arange(frames, dtype=np.uint8)[:, None, None, None]
    return Video("01", range(first, first + frames), ArraySource(pixels))


def lefts(found: Sequence[Boxes]) -> list[list[float]]:
    return [boxes.corners[:, 0].tolist() for boxes in found]


def test_boxes_are_found_once_and_then_remembered() -> None:
    detector, one = Fixed(), video()
    assert recall_boxes(one, detector, [3, 20, 39]) is None
    assert lefts(detect(one, detector, [3, 20, 39])) == [[3], [20], [39]]
    assert lefts(detect(one, detector, np.array([3, 20, 39]))) == [[3], [20], [39]]
    assert detector.seen == [3, 20, 39]
    assert recall_boxes(one, detector, [3, 20]) is None, "other positions were not looked at"
    assert recall_boxes(one, Fixed(1), [3, 20, 39]) is None, "another detector finds other boxes"


def test_every_frame_is_looked_at_when_no_positions_are_named() -> None:
    assert lefts(detect(video(), Fixed())) == [[at] for at in range(40)]


def test_nothing_is_streamed_for_a_detector_that_reads_views(monkeypatch: pytest.MonkeyPatch) -> None:
    one = video()
    streamed = []
    stream = one._source.stream
    monkeypatch.setattr(
        one._source, "stream", lambda: (streamed.append(len(frame)) or frame for frame in stream())
    )
    detect(one, Foreground())
    assert len(streamed) == 1, "one frame, for its size"


def test_blobs_that_a_box_covers_are_left_out() -> None:
    both = Both(Fixed(0), Fixed(FOREGROUND, top=2))
    assert [boxes.label.tolist() for boxes in detect(video(2), both)] == [[0], [0]]
    apart = Both(Fixed(0), Fixed(FOREGROUND, top=12))
    assert [boxes.label.tolist() for boxes in detect(video(2), apart)] == [[0, -1], [0, -1]]
    assert both.views() == (View((8, 8)),) and both.key != apart.key and both.full_size


def csv(folder: Path, *lines: str) -> Path:
    file = folder / "boxes.csv"
    file.write_text("video,frame,left,top,right,bottom\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_imported_boxes_go_by_frame_number(tmp_path: Path) -> None:
    detector = make_detector(str(csv(tmp_path, "1,12,1,2,3,4", "1,12,5,6,7,8", "2,0,1,2,3,4")))
    assert lefts(detect(video(5, first=10), detector)) == [[], [], [1, 5], [], []]


def test_imported_boxes_of_another_file_have_another_key(tmp_path: Path) -> None:
    first = ImportedBoxes.read(csv(tmp_path, "1,12,1,2,3,4")).key
    assert first != ImportedBoxes.read(csv(tmp_path, "1,12,1,2,3,5")).key
    assert first == ImportedBoxes.read(csv(tmp_path, "1,12,1,2,3,4")).key


def test_imported_boxes_for_frames_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    detector = ImportedBoxes.read(csv(tmp_path, "01,99,1,2,3,4"))
    with pytest.raises(DataError, match=r"boxes\.csv: has boxes for frame 99 of video '01'"):
        detect(video(5), detector)


def test_video_without_imported_boxes_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert lefts(detect(video(2), ImportedBoxes.read(csv(tmp_path, "7,1,1,2,3,4")))) == [[], []]
    assert "no boxes for video '01'" in caplog.text


def test_detectors_go_by_name(tmp_path: Path) -> None:
    detector: Detector = make_detector("foreground")
    assert isinstance(detector, Foreground) and not detector.full_size
    with pytest.raises(SettingsError, match="did you mean 'foreground'"):
        make_detector("foregroud")
    with pytest.raises(SettingsError, match="needs a weight file"):
        make_detector("yolo")
    with pytest.raises(WeightsError, match="No such file"):
        make_detector("auto", weights=tmp_path / "none.pt")
    with pytest.raises(DataError, match="cannot be read"):
        make_detector(str(tmp_path / "none.csv"))


def test_ten_thousand_boxes_are_no_trouble() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(-50, 400, (10_000, 2))
    many = Boxes.of(np.hstack([corners, corners + rng.uniform(0, 60, (10_000, 2))]), 0.5, 0)

    class Many(Fixed):
        def begin(self, _: Video) -> Find:
            return lambda positions, _: [many for _ in positions]

    (found,) = detect(video(1), Both(Many(), Fixed(FOREGROUND)))
    assert len(found) == 10_000
