"""Boxes: stored and found again, cut out as VideoPatchCore's authors do, and read from a CSV line by line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.errors import DataError
from pixelkit.models.boxes import (
    FOREGROUND,
    Boxes,
    cut_outs,
    from_arrays,
    read_boxes_csv,
    to_arrays,
    uncovered,
)

side = st.floats(-60, 160, width=32)
corners = st.lists(st.tuples(side, side, side, side), max_size=12)


def authors_rule(box: list[np.float32], size: tuple[int, int], fx: float, fy: float) -> list[int]:
    """The same step in plain Python, one box at a time, in the order in which the paper's code does it."""
    x1, y1, x2, y2 = box
    dx, dy = (fx - 1) * (x2 - x1), (fy - 1) * (y2 - y1)
    x1, y1, x2, y2 = x1 - dx, y1 - dy, x2 + dx, y2 + dy
    w, h = x2 - x1, y2 - y1
    if h > w:
        x1, x2 = x1 - (h - w) / 2, x2 + (h - w) / 2
    elif h < w:
        y1, y2 = y1 - (w - h) / 2, y2 + (w - h) / 2
    return [int(max(x1, 0)), int(max(y1, 0)), int(min(x2, size[1])), int(min(y2, size[0]))]


@given(corners, st.sampled_from([1.0, 1.2, 1.5]), st.sampled_from([1.0, 1.2]))
def test_cut_outs_are_those_of_the_authors(boxes: list[tuple[float, ...]], fx: float, fy: float) -> None:
    ordered = np.sort(np.array(boxes, np.float32).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
    made, kept = cut_outs(Boxes.of(ordered), (80, 100), grow=(fx, fy))
    wanted = [authors_rule(list(box), (80, 100), fx, fy) for box in ordered]
    whole = [row for row, (x1, y1, x2, y2) in enumerate(wanted) if x1 < x2 and y1 < y2]
    assert kept.tolist() == whole
    assert made.tolist() == [wanted[row] for row in whole]


def test_factor_moves_each_side_and_the_short_side_becomes_the_long_one() -> None:
    box = Boxes.of([[40, 30, 50, 50]])
    assert cut_outs(box, (200, 200), square=False)[0].tolist() == [[40, 30, 50, 50]]
    assert cut_outs(box, (200, 200))[0].tolist() == [[35, 30, 55, 50]]
    assert cut_outs(box, (200, 200), grow=(1.5, 1.2), square=False)[0].tolist() == [[35, 26, 55, 54]]
    assert cut_outs(box, (200, 52))[0].tolist() == [[35, 30, 52, 50]]


def test_boxes_outside_empty_or_not_finite_are_dropped_and_named() -> None:
    odd = [
        [-30, 5, -10, 20],
        [5, 5, 5, 20],
        [2, 2, 9, 9],
        [120, 5, 140, 20],
        [np.nan, 0, 4, 4],
        [0.2, 0.2, 0.9, 0.9],
    ]
    made, kept = cut_outs(Boxes.of(odd), (80, 100), square=False)
    assert kept.tolist() == [2] and made.tolist() == [[2, 2, 9, 9]]
    assert made.dtype == np.int32


def test_no_boxes_give_no_cut_outs() -> None:
    made, kept = cut_outs(Boxes.none(), (80, 100))
    assert made.shape == (0, 4) and kept.shape == (0,)


@given(st.lists(corners, max_size=6))
def test_stored_boxes_come_back_frame_by_frame(frames: list[list[tuple[float, ...]]]) -> None:
    boxes = [Boxes.of(frame, 0.5, number) for number, frame in enumerate(frames)]
    again = from_arrays(to_arrays(boxes))
    assert len(again) == len(boxes)
    for one, other in zip(boxes, again, strict=True):
        assert np.array_equal(one.corners, other.corners) and np.array_equal(one.label, other.label)
        assert np.array_equal(one.confidence, other.confidence)


def test_boxes_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="corners"):
        Boxes(np.zeros((2, 4), np.float32), np.zeros(1, np.float32), np.zeros(2, np.int16))


def test_take_and_join_keep_the_order() -> None:
    boxes = Boxes.of([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]], [0.1, 0.2, 0.3], [0, 1, 2])
    assert boxes.take(np.array([2, 0])).label.tolist() == [2, 0]
    assert boxes.take(boxes.confidence > 0.15).label.tolist() == [1, 2]
    assert Boxes.join([boxes, Boxes.none(), boxes.take(np.array([1]))]).label.tolist() == [0, 1, 2, 1]


def test_blob_that_boxes_cover_by_half_is_theirs() -> None:
    blobs = Boxes.of([[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 60, 60]])
    boxes = Boxes.of([[0, 0, 5, 10], [20, 0, 24, 10], [20, 0, 24, 10], [-5, -5, 1, 1]], 1, 0)
    assert uncovered(blobs, boxes).corners[:, 0].tolist() == [20, 50]
    assert len(uncovered(blobs, Boxes.none())) == 3
    assert len(uncovered(Boxes.none(), boxes)) == 0


def test_two_boxes_cover_a_blob_together() -> None:
    halves = Boxes.of([[0, 0, 3, 10], [7, 0, 99, 10]], 1, 0)
    assert len(uncovered(Boxes.of([[0, 0, 10, 10]]), halves)) == 0


def write(folder: Path, text: str) -> Path:
    file = folder / "boxes.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_csv_gives_the_boxes_of_each_frame(tmp_path: Path) -> None:
    text = (
        "frame,video,left,top,right,bottom,label,note\n"
        "7,01,1.5,2,30,40,0,a\n7,1,-3,2,30,999,,b\n12,shop,1,2,3,4,56,\n"
    )
    found = read_boxes_csv(write(tmp_path, text))
    assert sorted(found) == ["1", "shop"] and list(found["1"]) == [7]
    assert found["1"][7].corners.tolist() == [[1.5, 2, 30, 40], [-3, 2, 30, 999]]
    assert found["1"][7].label.tolist() == [0, FOREGROUND]
    assert found["shop"][12].confidence.tolist() == [1]


def test_csv_without_lines_holds_no_boxes(tmp_path: Path) -> None:
    assert read_boxes_csv(write(tmp_path, "video,frame,left,top,right,bottom\n")) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,frame,x,y,w,h\n1,2,3,4,5,6\n", "no column left, top, right, bottom"),
        ("", "no column video"),
        ("H\n1,2,3,4,x,6\n", "line 2: right is 'x'"),
        ("H\n1,2,3,4,5,6\n1,2,3\n", "line 3: top is ''"),
        ("H\n1,2,30,4,5,6\n", "line 2: .* width and a height"),
        ("H\n1,2.5,3,4,5,6\n", "line 2: frame is '2.5'"),
        ("H\n1,1_2,3,4,5,6\n", "line 2: frame is '1_2'"),
        ("H\n,2,3,4,5,6\n", "line 2: the video's name"),
        ("H\n1,2,3,4,nan,6\n", "line 2: right is 'nan'"),
        ("H,confidence\n1,2,3,4,5,6,70\n", "line 2: confidence is 70"),
        ("H,label\n1,2,3,4,5,6,person\n", "line 2: label is 'person'"),
    ],
)
def test_mistake_in_a_csv_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text.replace("H", "video,frame,left,top,right,bottom", 1))
    with pytest.raises(DataError, match=message):
        read_boxes_csv(file)


def test_missing_or_binary_csv_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_boxes_csv(tmp_path / "none.csv")
    (tmp_path / "boxes.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="cannot be read"):
        read_boxes_csv(tmp_path / "boxes.csv")
