"""Every layout that people use is found, and what is wrong with one is said in one line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from pixelkit.errors import DataError
from pixelkit.frames.ids import frame_id, parse_id
from pixelkit.frames.layouts import DataSet, VideoFiles, find_dataset

FRAMES = ("000.jpg", "001.jpg", "002.jpg")


def fill(root: Path, *files: str) -> Path:
    """Make empty files (and folders, for names that end in a slash); layouts never open a frame."""
    for file in files:
        path = root / file
        (path if file.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not file.endswith("/"):
            path.touch()
    return root


def in_each(folders: Iterable[str], names: Iterable[str] = FRAMES) -> list[str]:
    return [f"{folder}/{name}" for folder in folders for name in names]


def names(videos: Iterable[VideoFiles]) -> list[str]:
    return [video.name for video in videos]


def skipped(data: DataSet) -> set[str]:
    return {path.name for path in data.skipped}


def pixelplay(root: Path, inner: str = "") -> Path:
    frames = in_each(("training_videos/01", "training_videos/02", "testing_videos/01", "testing_videos/02"))
    volumes = ["training_vol/vol01.mat", "testing_vol/vol01.mat"]
    fill(root, *(inner + name for name in (*frames, *volumes)))
    return root


@pytest.mark.parametrize(
    "inner", ["", "Dataset/", "Avenue_Corrupted/Dataset/", "pixel-play-26/Avenue_Corrupted/Dataset/"]
)
def test_pixelplay_is_found_below_its_outer_folders(tmp_path: Path, inner: str) -> None:
    data = find_dataset(pixelplay(tmp_path, inner))
    assert data.layout == "PixelPlay '26"
    assert data.root == tmp_path
    assert names(data.train) == names(data.test) == ["01", "02"]
    assert data.test[0].numbers == (0, 1, 2)
    assert data.test[0].path == tmp_path / inner / "testing_videos/01"
    assert data.test[0].files == tuple(tmp_path / inner / "testing_videos/01" / name for name in FRAMES)
    assert skipped(data) == {"training_vol", "testing_vol"}


def test_official_avenue_is_found(tmp_path: Path) -> None:
    fill(
        tmp_path, *in_each(("training_videos", "testing_videos"), ("01.avi", "02.AVI", "10.avi", "Thumbs.db"))
    )
    fill(tmp_path, "training_vol/vol01.mat", "testing_label_mask/1_label.mat")
    data = find_dataset(tmp_path)
    assert data.layout == "Avenue, official"
    assert names(data.test) == ["01", "02", "10"]
    assert all(video.is_video_file and video.path.is_file() for video in data.test)
    assert skipped(data) == {"training_vol", "testing_label_mask", "Thumbs.db"}


def test_official_ucsd_is_found_without_its_masks_and_junk(tmp_path: Path) -> None:
    frames = ("001.tif", "002.tif", ".DS_Store", "._001.tif")
    fill(tmp_path, *in_each(("Train/Train001", "Train/Train002", "Test/Test001", "Test/Test002"), frames))
    fill(tmp_path, "Test/Test001_gt/001.bmp", "Test/UCSDped2.m", "Test/.DS_Store", "Train/.empty/")
    data = find_dataset(tmp_path)
    assert "UCSD" in data.layout
    assert names(data.train) == ["Train001", "Train002"]
    assert names(data.test) == ["Test001", "Test002"]
    assert data.test[1].numbers == (1, 2)
    assert skipped(data) == {"Test001_gt", "UCSDped2.m", ".DS_Store", "._001.tif", ".empty"}


def test_two_data_sets_below_one_folder_have_to_be_told_apart(tmp_path: Path) -> None:
    for ped in ("UCSDped1", "UCSDped2"):
        fill(tmp_path / ped, *in_each(("Train/Train001", "Test/Test001"), ("001.tif",)))
    with pytest.raises(DataError, match=r"2 data sets .*UCSDped1, .*UCSDped2.*name one"):
        find_dataset(tmp_path)
    assert names(find_dataset(tmp_path / "UCSDped2").test) == ["Test001"]


def test_common_repack_is_found(tmp_path: Path) -> None:
    fill(tmp_path, *in_each(("training/frames/01", "testing/frames/01", "testing/frames/02")), "ped2.mat")
    data = find_dataset(tmp_path)
    assert "re-pack" in data.layout
    assert names(data.test) == ["01", "02"]


def test_shanghaitech_trains_on_video_files_and_tests_on_frames(tmp_path: Path) -> None:
    fill(tmp_path, "training/videos/01_001.avi", "training/videos/01_002.avi", "training/frames/")
    fill(tmp_path, *in_each(("testing/frames/01_0014", "testing/frames/01_0015")))
    fill(tmp_path, "testing/test_frame_mask/01_0014.npy", "testing/test_pixel_mask/01_0014.npy")
    data = find_dataset(tmp_path)
    assert data.layout == "ShanghaiTech"
    assert names(data.train) == ["01_001", "01_002"]
    assert names(data.test) == ["01_0014", "01_0015"]


@pytest.mark.parametrize(
    "files",
    [
        ("train_a.mp4", "train_b.mkv", "test_a.mp4"),
        ("Train1.AVI", "train2.avi", "TEST.avi"),
        ("training.avi", "testing.avi"),
    ],
)
def test_bare_video_files_are_found_by_their_names(tmp_path: Path, files: tuple[str, ...]) -> None:
    data = find_dataset(fill(tmp_path, *files))
    assert data.layout == "video files"
    assert len(data.train) + len(data.test) == len(files)


def test_bare_image_folders_are_found_by_their_names(tmp_path: Path) -> None:
    data = find_dataset(fill(tmp_path, *in_each(("train_2", "train_10", "test_1"))))
    assert names(data.train) == ["train_2", "train_10"]
    assert names(data.test) == ["test_1"]


def test_a_single_folder_of_images_is_one_video(tmp_path: Path) -> None:
    data = find_dataset(fill(tmp_path, *in_each(("train", "test"))))
    assert names(data.test) == ["test"]
    assert data.test[0].numbers == (0, 1, 2)


def test_a_folder_packed_twice_is_unwrapped(tmp_path: Path) -> None:
    data = find_dataset(fill(tmp_path, *in_each(("train/train/01", "test/test/01", "test/test/02"))))
    assert names(data.test) == ["01", "02"]


def test_splits_can_be_named_in_every_form(tmp_path: Path) -> None:
    fill(
        tmp_path,
        *in_each(("normal/a", "normal/b")),
        "mixed/x.mp4",
        "mixed/y.avi",
        *in_each(("single",)),
        "one.mkv",
    )
    forms = {"normal": ["a", "b"], "mixed": ["x", "y"], "single": ["single"], "one.mkv": ["one"]}
    for form, expected in forms.items():
        if form != "normal":
            assert names(find_dataset(None, train=tmp_path / "normal", test=tmp_path / form).test) == expected
        if form != "mixed":
            assert names(find_dataset(tmp_path, train=Path(form), test=Path("mixed")).train) == expected


def test_one_split_can_be_named_and_the_other_found(tmp_path: Path) -> None:
    pixelplay(tmp_path)
    fill(tmp_path, *in_each(("own/05",)))
    data = find_dataset(tmp_path, train=tmp_path / "own")
    assert names(data.train) == ["05"]
    assert names(data.test) == ["01", "02"]


def test_the_working_folder_can_be_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, *in_each(("street", "normal/01")))
    monkeypatch.chdir(tmp_path / "street")
    assert names(find_dataset(None, train=Path("../normal"), test=Path()).test) == ["street"]


def test_videos_and_frames_come_in_natural_order_with_their_gaps(tmp_path: Path) -> None:
    fill(tmp_path, "train/1/1.png")
    fill(tmp_path, *in_each(("test/10", "test/9", "test/08"), ("f10.jpg", "f2.png", "F9.bmp", "f700.TIFF")))
    data = find_dataset(tmp_path)
    assert names(data.test) == ["08", "9", "10"]
    assert data.test[0].numbers == (2, 9, 10, 700)
    assert [file.name for file in data.test[0].files] == ["f2.png", "F9.bmp", "f10.jpg", "f700.TIFF"]


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    real = pixelplay(tmp_path / "real")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "training_videos").symlink_to(real / "training_videos")
    (linked / "testing_videos").mkdir()
    for copy in range(3):
        (linked / "testing_videos" / f"{copy}").symlink_to(real / "testing_videos/01")
    data = find_dataset(linked)
    assert names(data.train) == ["01", "02"]
    assert names(data.test) == ["0", "1", "2"]
    assert len(data.test[2].files) == 3


def test_a_link_beside_its_target_counts_once(tmp_path: Path) -> None:
    pixelplay(tmp_path / "v1")
    (tmp_path / "latest").symlink_to("v1")
    (tmp_path / "v1" / "train").symlink_to("training_videos")
    assert names(find_dataset(tmp_path).train) == ["01", "02"]


def test_code_and_results_named_like_splits_are_not_splits(tmp_path: Path) -> None:
    pixelplay(tmp_path)
    fill(tmp_path, "tests/frames/test_x.py", "trained_models/model.pt", "test.csv", "train.py")
    assert names(find_dataset(tmp_path).test) == ["01", "02"]


def test_stray_files_among_videos_are_skipped_and_listed(tmp_path: Path) -> None:
    pixelplay(tmp_path)
    fill(tmp_path, "testing_videos/poster.jpg", "testing_videos/notes.txt", "testing_videos/01/thumbs/1.jpg")
    data = find_dataset(tmp_path)
    assert names(data.test) == ["01", "02"]
    assert {"poster.jpg", "notes.txt", "thumbs"} <= skipped(data)


def test_labels_are_neither_videos_nor_sample_submission(tmp_path: Path) -> None:
    pixelplay(tmp_path)
    fill(
        tmp_path,
        "labels.csv",
        "sample_labels.csv",
        "testing_label_mask/1.png",
        "testing_videos/01_gt/0.png",
        "avenue.mat",
    )
    data = find_dataset(tmp_path)
    assert data.sample is None
    assert names(data.test) == ["01", "02"]


@pytest.mark.parametrize(
    "sample",
    [
        "sample_submission.csv",
        "Avenue_Corrupted/Sample_Submission.csv",
        "Avenue_Corrupted/Dataset/sample.csv",
    ],
)
@pytest.mark.parametrize("root", ["", "Avenue_Corrupted", "Avenue_Corrupted/Dataset"])
def test_sample_submission_is_found_near_the_data(tmp_path: Path, sample: str, root: str) -> None:
    fill(pixelplay(tmp_path, "Avenue_Corrupted/Dataset/"), sample, "._sample_submission.csv")
    assert find_dataset(tmp_path / root).sample == tmp_path / sample


def test_the_usual_name_of_a_sample_submission_comes_first(tmp_path: Path) -> None:
    fill(pixelplay(tmp_path), "a_sample.csv", "sample_submission.csv", "sample_submission (1).csv")
    assert find_dataset(tmp_path).sample == tmp_path / "sample_submission.csv"


def test_a_sample_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    fill(pixelplay(tmp_path / "mine"), "../sample_submission.csv")
    assert find_dataset(tmp_path / "mine").sample is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "is empty"),
        (
            ("testing_videos/01/0.jpg",),
            r"no training split in .* \(the test split is .*testing_videos\).*--train",
        ),
        (("training_videos/01/0.jpg",), "no test split .*--test"),
        (("training_videos/01/0.jpg", "testing_videos/"), "no test split"),
        (("training_videos/01/0.jpg", "testing_videos/01/"), "no test split"),
        (("01/0.jpg", "02/0.jpg"), "no training split and no test split"),
        (("train/1/0.jpg", "test/1/0.jpg", "test/2/"), "video folder .*test.2 has no frames"),
        (("train/1/0.jpg", "test/1/0.jpg", "test/2/a.txt"), "video folder .*test.2 has no frames"),
        (
            ("train/1/0.jpg", "test/1/1.jpg", "test/1/1.png"),
            r"two files for frame 1 in .*: 1\.jpg and 1\.png",
        ),
        (("train/1/0.jpg", "test/1/a.jpg"), r"no frame number in the name of a\.jpg"),
        (("train/1/0.jpg", "test/1/0.jpg", "test/01/0.jpg"), "two videos have the id '1': .*01 and .*1"),
        (("train/1/0.jpg", "test/1.avi", "test/01.mp4"), "two videos have the id '1'"),
        (("train/1/0.jpg", "test/1/0.jpg", "test/1.avi"), "two videos have the id '1'"),
        (
            ("train/1/0.jpg", "training/1/0.jpg", "test/1/0.jpg"),
            "could each be the training split: .*--train",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        find_dataset(fill(tmp_path, *files))
    assert "\n" not in str(error.value)


def test_a_path_that_is_not_there_or_no_folder_is_named(tmp_path: Path) -> None:
    pixelplay(tmp_path)
    fill(tmp_path, "file.txt", "hollow/")
    with pytest.raises(DataError, match="nowhere does not exist"):
        find_dataset(tmp_path / "nowhere")
    with pytest.raises(DataError, match="nowhere does not exist"):
        find_dataset(tmp_path, test=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"file\.txt is a file"):
        find_dataset(tmp_path / "file.txt")
    with pytest.raises(DataError, match=r"no test split: .*hollow holds neither frames nor video files"):
        find_dataset(tmp_path, test=tmp_path / "hollow")
    with pytest.raises(DataError, match="no test split: name it with --test"):
        find_dataset(None, train=tmp_path / "training_videos")


def test_training_and_test_split_must_differ(tmp_path: Path) -> None:
    pixelplay(tmp_path)
    (tmp_path / "link").symlink_to("training_videos")
    for same in ("training_videos", "link", "training_videos/02"):
        with pytest.raises(DataError, match="the training and the test split share"):
            find_dataset(None, train=tmp_path / "training_videos", test=tmp_path / same)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_read_permission_is_named(tmp_path: Path) -> None:
    locked = pixelplay(tmp_path) / "testing_videos" / "02"
    locked.chmod(0)
    try:
        with pytest.raises(DataError, match=r"cannot read the folder .*02"):
            find_dataset(tmp_path)
    finally:
        locked.chmod(0o755)


def test_the_ids_of_pixelplay_come_from_its_file_names(tmp_path: Path, pixelplay_sample: Path) -> None:
    expected = [line.split(",")[0] for line in pixelplay_sample.read_text(encoding="utf-8").splitlines()[1:]]
    for text in expected:
        video, number = parse_id(text)
        fill(tmp_path, f"testing_videos/{int(video):02d}/frame_{number:05d}.jpg")
    fill(tmp_path, "training_videos/01/frame_00000.jpg")
    start = time.perf_counter()
    data = find_dataset(tmp_path)
    seconds = time.perf_counter() - start
    assert [frame_id(video.name, number) for video in data.test for number in video.numbers] == expected
    assert seconds < 2  # measured: .15; two seconds leave room for a busy machine


def test_ped2_is_found(ped2: Path) -> None:
    data = find_dataset(ped2)
    assert sum(len(video.files) for video in data.train) == 2550
    assert sum(len(video.files) for video in data.test) == 2010
