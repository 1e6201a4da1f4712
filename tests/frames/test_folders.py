"""Natural order, frame numbers, junk: what a folder listing must get right."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.errors import DataError
from pixelkit.frames.folders import frame_number, look, natural, natural_key, number_frames

NUMBERS = st.integers(0, 10**18 - 1)
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.sets(NUMBERS, min_size=1))
def test_natural_order_is_the_order_of_the_numbers(numbers: set[int]) -> None:
    assert natural(f"frame_{n}.jpg" for n in numbers) == [f"frame_{n}.jpg" for n in sorted(numbers)]


@given(st.lists(NAMES, unique=True), st.randoms())
def test_natural_order_does_not_depend_on_the_order_of_the_disk(names: list[str], random: Random) -> None:
    shuffled = sorted(names, key=lambda _: random.random())
    assert natural(shuffled) == natural(names)


@given(st.sets(st.integers(0, 99_999), min_size=1))
def test_natural_order_of_padded_names_is_their_order_as_text(numbers: set[int]) -> None:
    names = [f"{n:05d}.jpg" for n in numbers]
    assert natural(names) == sorted(names)


@given(NAMES, NAMES)
def test_no_two_names_share_a_place_in_natural_order(one: str, other: str) -> None:
    assert (natural_key(one) == natural_key(other)) == (one == other)


@given(
    st.text("abcXYZ_-. 0123456789", max_size=8), NUMBERS, st.integers(0, 8), st.sampled_from(["", "_v", "a-"])
)
def test_frame_number_is_the_last_run_of_digits(prefix: str, number: int, padding: int, tail: str) -> None:
    assert frame_number(f"{prefix}x{'0' * padding}{number}{tail}.jpg") == number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("frame_00939.jpg", 939),
        ("000.jpg", 0),
        ("video2_frame17.PNG", 17),
        ("12.jp2.tif", 2),
        ("cover.jpg", None),
        (f"{10**18}.jpg", None),
        ("٣.jpg", None),
    ],
)
def test_frame_number_of_names_in_the_wild(name: str, number: int | None) -> None:
    assert frame_number(name) == number


@given(st.sets(NUMBERS, min_size=1), st.randoms())
def test_numbering_sorts_by_number(numbers: set[int], random: Random) -> None:
    shuffled = sorted(numbers, key=lambda _: random.random())
    frames = number_frames(Path(f"img{n}.jpg") for n in shuffled)
    assert list(frames) == sorted(numbers)
    assert list(frames.values()) == [Path(f"img{n}.jpg") for n in sorted(numbers)]


@pytest.mark.parametrize("names", [("frame_1.jpg", "frame_01.jpg"), ("1.png", "1.jpg")])
def test_two_files_for_one_frame_are_both_named(names: tuple[str, str]) -> None:
    with pytest.raises(DataError, match="two files for frame 1 in 05") as error:
        number_frames(Path("05", name) for name in names)
    assert all(name in str(error.value) for name in names)


def test_files_without_a_number_are_named() -> None:
    with pytest.raises(DataError, match=r"no frame number in the name of cover\.jpg, back\.jpg in 05"):
        number_frames(Path("05", name) for name in ("cover.jpg", "1.jpg", "back.jpg"))


def test_look_tells_frames_videos_folders_and_junk_apart(tmp_path: Path) -> None:
    for name in ("2.JPG", "10.jpeg", "a.tIf", "clip.MP4", ".DS_Store", "._001.tif", "Thumbs.db", "notes.txt"):
        (tmp_path / name).touch()
    for name in (
        "02",
        "10",
        "1",
        "Test001_gt",
        "training_vol",
        "vol",
        "testing_label_mask",
        "__MACOSX",
        ".cache",
    ):
        (tmp_path / name).mkdir()
    contents = look(tmp_path)
    assert {path.name for path in contents.images} == {"2.JPG", "10.jpeg", "a.tIf"}
    assert [path.name for path in contents.videos] == ["clip.MP4"]
    assert [path.name for path in contents.folders] == ["1", "02", "10"]
    assert len(contents.junk) == 10


def test_a_folder_called_like_a_picture_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "01.jpg").mkdir()
    assert look(tmp_path).folders == (tmp_path / "01.jpg",)


def test_links_count_as_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken_1.jpg").symlink_to("nowhere")
    contents = look(tmp_path)
    assert [path.name for path in contents.folders] == ["link", "real"]
    # A frame that cannot be read is still a frame: the leaderboard wants its id, decoding tells the reason.
    assert [path.name for path in contents.images] == ["broken_1.jpg"]


def test_a_missing_folder_and_a_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        look(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is a file: expected a folder"):
        look(tmp_path / "file")
