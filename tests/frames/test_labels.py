"""Every label format gives the same answer, by frame number; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import savemat

from pixelkit.errors import LabelsError
from pixelkit.frames.labels import read_labels
from pixelkit.frames.layouts import DataSet, VideoFiles, find_dataset

Truth = Mapping[str, NDArray[np.bool_]]
Videos = dict[str, NDArray[np.int64]]

# Video 2 has two events and one of them ends with the video; video 10 has none.
TRUTH = {
    "01": np.repeat([False, True, False], [60, 120, 20]),
    "2": np.repeat([False, True, False, True], [4, 86, 49, 61]),
    "10": np.zeros(30, bool),
}
NUMBERS: Videos = {name: np.arange(len(labels)) for name, labels in TRUTH.items()}


def ranges(labels: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return [start; end], 1-based and inclusive, int64 (2, k)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels, [0]])))
    return np.array([edges[::2] + 1, edges[1::2]])


def cell(entries: list[Any]) -> NDArray[np.object_]:
    box = np.empty((1, len(entries)), object)
    for position, entry in enumerate(entries):
        box[0, position] = entry
    return box


def mask(anomalous: bool) -> NDArray[np.uint8]:
    image = np.zeros((6, 8), np.uint8)
    image[5, 7] = anomalous
    return image


def repack(folder: Path, truth: Truth) -> Path:
    savemat(folder / "ped2.mat", {"gt": cell([ranges(labels) for labels in truth.values()])})
    return folder / "ped2.mat"


def squeezed_repack(folder: Path, truth: Truth) -> Path:
    small = [ranges(labels).astype(np.uint8).squeeze() for labels in truth.values()]
    savemat(folder / "ped2.mat", {"gt": cell(small)})
    return folder / "ped2.mat"


def avenue(folder: Path, truth: Truth) -> Path:
    for name, labels in truth.items():
        savemat(folder / f"{int(name)}_label.mat", {"volLabel": cell([mask(label) for label in labels])})
    return folder


def ucsd(folder: Path, truth: Truth) -> Path:
    lines = ["TestVideoFile = {};", "% TestVideoFile{end+1}.gt_frame = [1:2];"]
    for labels in truth.values():
        text = ", ".join(f"{start}:{end}" for start, end in ranges(labels).T)
        lines.append(f"TestVideoFile{{end+1}}.gt_frame = [{text}];")
    (folder / "UCSDped2.m").write_text("\n".join(lines), encoding="utf-8")
    return folder / "UCSDped2.m"


def ucsd_masks(folder: Path, truth: Truth) -> Path:
    for name, labels in truth.items():
        (folder / f"{name}_gt").mkdir()
        for number, label in enumerate(labels):
            cv2.imwrite(str(folder / f"{name}_gt" / f"{number + 1}.bmp"), mask(label))
        (folder / f"{name}_gt" / "._1.bmp").touch()
    return folder


def shanghaitech(folder: Path, truth: Truth) -> Path:
    for name, labels in truth.items():
        np.save(folder / f"{name}.npy", labels.astype(np.int8))
    return folder


def table(folder: Path, truth: Truth) -> Path:
    rows = [
        f"{int(name)}_{n},{int(label)}" for name, labels in truth.items() for n, label in enumerate(labels)
    ]
    (folder / "labels.csv").write_text("\n".join(["Id,Label", *rows]), encoding="utf-8-sig")
    return folder / "labels.csv"


FORMATS = [repack, squeezed_repack, avenue, ucsd, ucsd_masks, shanghaitech, table]
COUNTED = [writer for writer in FORMATS if writer is not table]  # those that count from the start of a video
Writer = Callable[[Path, Truth], Path]


@pytest.fixture(params=FORMATS, ids=lambda writer: writer.__name__)
def labels_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    written: Path = request.param(tmp_path, TRUTH)
    return written


def test_every_format_gives_the_same_labels(labels_file: Path) -> None:
    labels = read_labels(labels_file, NUMBERS)
    assert list(labels) == list(NUMBERS)
    for name, truth in TRUTH.items():
        assert labels[name].dtype == bool
        np.testing.assert_array_equal(labels[name], truth)


def test_videos_in_any_order_get_their_own_labels(labels_file: Path) -> None:
    labels = read_labels(labels_file, {name: NUMBERS[name] for name in ("10", "01", "2")})
    assert list(labels) == ["10", "01", "2"]
    np.testing.assert_array_equal(labels["2"], TRUTH["2"])


# Masks take 50 ms to read, and share the code that picks frames with ShanghaiTech's files.
@pytest.mark.parametrize("writer", [repack, squeezed_repack, ucsd, shanghaitech, table])
def test_missing_frames_do_not_shift_labels(writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = writer(tmp_path_factory.mktemp("labels"), TRUTH)

    @given(st.fixed_dictionaries({"01": kept("01"), "2": kept("2")}))
    def law(numbers: dict[str, list[int]]) -> None:
        corrupted = {name: np.array(sorted(those), np.int64) for name, those in numbers.items()}
        labels = read_labels(file, corrupted | {"10": NUMBERS["10"]})
        for name, those in corrupted.items():
            np.testing.assert_array_equal(labels[name], TRUTH[name][those])

    law()


def kept(name: str) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, len(TRUTH[name]) - 1), unique=True)


@pytest.mark.parametrize("writer", COUNTED)
def test_files_counted_from_one_are_noticed(writer: Writer, tmp_path: Path) -> None:
    labels = read_labels(writer(tmp_path, TRUTH), {name: numbers + 1 for name, numbers in NUMBERS.items()})
    for name, truth in TRUTH.items():
        np.testing.assert_array_equal(labels[name], truth)


@pytest.mark.parametrize("writer", COUNTED)
def test_videos_that_lost_their_first_frames_still_count_from_zero(writer: Writer, tmp_path: Path) -> None:
    lost = {"01": NUMBERS["01"][1:], "2": NUMBERS["2"][1:], "10": NUMBERS["10"]}
    labels = read_labels(writer(tmp_path, TRUTH), lost)
    np.testing.assert_array_equal(labels["01"], TRUTH["01"][1:])


def test_the_folder_of_ucsd_is_as_good_as_its_file(tmp_path: Path) -> None:
    ucsd_masks(tmp_path, {"01": TRUTH["01"]})  # Ped1 has masks for some of its videos only
    ucsd(tmp_path, TRUTH)
    np.testing.assert_array_equal(read_labels(tmp_path, NUMBERS)["2"], TRUTH["2"])


def test_small_integers_do_not_overflow(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"gt": cell([np.array([[250], [255]], np.uint8)])})
    labels = read_labels(tmp_path / "x.mat", {"1": np.arange(300)})
    assert np.flatnonzero(labels["1"]).tolist() == list(range(249, 255))


def test_files_for_more_videos_than_asked_are_fine(tmp_path: Path) -> None:
    for writer in (avenue, shanghaitech, ucsd_masks, table):
        folder = tmp_path / writer.__name__
        folder.mkdir()
        np.testing.assert_array_equal(
            read_labels(writer(folder, TRUTH), {"2": NUMBERS["2"]})["2"], TRUTH["2"]
        )


@pytest.mark.parametrize("writer", [repack, ucsd])
def test_another_number_of_videos_is_refused(writer: Writer, tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"labels for 3 videos, the data set has 1 .*other videos"):
        read_labels(writer(tmp_path, TRUTH), {"01": NUMBERS["01"]})


@pytest.mark.parametrize("writer", [avenue, shanghaitech, ucsd_masks])
def test_videos_without_labels_are_named(writer: Writer, tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"no labels for 2 videos \(04, 05\); it has those of"):
        read_labels(writer(tmp_path, TRUTH), NUMBERS | {"04": np.arange(3), "05": np.arange(3)})


@pytest.mark.parametrize("writer", [avenue, shanghaitech, ucsd_masks])
def test_too_few_labels_for_a_video_are_refused(writer: Writer, tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="has 30 labels, but video 10 has at least 31 frames"):
        read_labels(writer(tmp_path, TRUTH), NUMBERS | {"10": np.arange(31)})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns Id,Label, got an empty file"),
        ("Id,Predicted\n1_0,0", "expected the columns Id,Label, got Id,Predicted"),
        ("Id,Label\n1_0,0\n1_1,1", r"no label for 2 frames \(1_2, 1_3\) on disk: add a line for each"),
        (
            "Id,Label\n2_0,0\n2_1,1",
            r"no label for 4 frames .* on disk: are these the labels of another data set\?",
        ),
        ("Id,Label\n1_0,0\n1_0,1", "line 3: a second label for 1_0"),
        ("Id,Label\n01_000,0", "line 2: id '01_000' is padded"),
        ("Id,Label\nfirst,0", "line 2: id 'first' is not of the form"),
        ("Id,Label\n1_0,0.5", "line 2: labels must be 0 or 1, got '0.5'"),
        ("Id,Label\n1_0", "line 2: labels must be 0 or 1, got ''"),
    ],
)
def test_a_bad_csv_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    with pytest.raises(LabelsError, match=message):
        read_labels(tmp_path / "labels.csv", {"01": np.arange(4)})


@pytest.mark.parametrize(
    "entry",
    [[[0], [5]], [[9], [5]], [[1.5], [5]], [[np.nan], [5]], [[1], [2], [3]], [1, 2, 3], "61:180"],
    ids=repr,
)
def test_ranges_that_are_none_are_refused(tmp_path: Path, entry: Any) -> None:
    savemat(tmp_path / "x.mat", {"gt": cell([np.array(entry)])})
    with pytest.raises(LabelsError, match=r"video 01: expected 2 rows of whole numbers"):
        read_labels(tmp_path / "x.mat", {"01": np.arange(4)})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([0, 1, 2, 0]), "must be 0 or 1, got 2"),
        (np.array([0, np.nan]), "must be 0 or 1, got nan"),
        (np.array(["a", "b"]), "must be 0 or 1, got a, b"),
        (np.zeros((4, 4)), r"one label a frame, got an array of \(4, 4\)"),
    ],
)
def test_npy_files_hold_zeros_and_ones(tmp_path: Path, values: NDArray[Any], message: str) -> None:
    np.save(tmp_path / "01.npy", values)
    with pytest.raises(LabelsError, match=message):
        read_labels(tmp_path, {"01": np.arange(4)})


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    np.save(tmp_path / "01.npy", np.array([print], object), allow_pickle=True)
    with pytest.raises(LabelsError, match=r"cannot read the labels .*01\.npy"):
        read_labels(tmp_path, {"01": np.arange(1)})


@pytest.mark.parametrize("cut", [0, 1, 20, 130, 150, 200])
def test_a_mat_file_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    file = repack(tmp_path, TRUTH)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(LabelsError, match=r"ped2\.mat"):
        read_labels(file, NUMBERS)


def test_matlab_73_is_refused_with_the_way_out(tmp_path: Path) -> None:
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (tmp_path / "x.mat").write_bytes(header.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(LabelsError, match=r"v7\.3 file.*'-v7'"):
        read_labels(tmp_path / "x.mat", NUMBERS)


def test_what_is_no_label_file_is_refused(tmp_path: Path) -> None:
    for file in ("a.txt", "b.m", "c.mat", "d.csv"):
        (tmp_path / file).write_bytes(b"\xff\xfe nothing")
        with pytest.raises(LabelsError, match=file):
            read_labels(tmp_path / file, NUMBERS)
    savemat(tmp_path / "c.mat", {"truth": np.zeros(3)})
    with pytest.raises(LabelsError, match="holds no 'gt': expected a"):
        read_labels(tmp_path / "c.mat", NUMBERS)
    (tmp_path / "b.m").write_text("disp('hello')", encoding="utf-8")
    with pytest.raises(LabelsError, match="holds no line like"):
        read_labels(tmp_path / "b.m", NUMBERS)
    (tmp_path / "b.m").write_text("x.gt_frame = [a:b];", encoding="utf-8")
    with pytest.raises(LabelsError, match=r"expected frame ranges as in \[5:90, 140:200\], got \[a:b\]"):
        read_labels(tmp_path / "b.m", {"01": np.arange(4)})
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabelsError, match="no labels in the folder"):
        read_labels(tmp_path / "empty", NUMBERS)
    with pytest.raises(LabelsError, match="do not exist"):
        read_labels(tmp_path / "nowhere", NUMBERS)


def test_a_broken_mask_is_named(tmp_path: Path) -> None:
    ucsd_masks(tmp_path, {"01": TRUTH["01"][:3]})
    (tmp_path / "01_gt" / "2.bmp").write_bytes(b"")
    with pytest.raises(LabelsError, match=r"cannot read the mask .*2\.bmp"):
        read_labels(tmp_path, {"01": np.arange(3)})


def test_labels_of_another_kind_of_avenue_are_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "1_label.mat", {"volLabel": np.zeros((6, 8, 4), np.uint8)})
    with pytest.raises(LabelsError, match="a cell of one mask a frame, got uint8"):
        read_labels(tmp_path, {"01": np.arange(4)})


def test_a_data_set_has_no_way_to_labels() -> None:
    assert {field.name for field in fields(DataSet)} == {
        "root",
        "layout",
        "train",
        "test",
        "sample",
        "skipped",
    }
    assert {field.name for field in fields(VideoFiles)} == {"name", "path", "files", "numbers"}


def test_ped2_labels(ped2: Path) -> None:
    videos = {video.name: np.array(video.numbers) for video in find_dataset(ped2).test}
    labels = read_labels(ped2 / "ped2.mat", videos)
    assert sum(map(len, labels.values())) == 2010
    assert round(float(np.mean(np.concatenate(list(labels.values())))), 2) == 0.82
    assert np.flatnonzero(labels["01"])[[0, -1]].tolist() == [60, 179]
