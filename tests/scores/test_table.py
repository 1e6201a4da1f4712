"""The score table: rows are keyed by (video, frame number), and the CSV gives back the same bits."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelkit import Video
from pixelkit.errors import DataError, StorageError
from pixelkit.frames.video import ArraySource
from pixelkit.scores.table import ScoreTable, fill

finite32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def table(values: object = None, channels: tuple[str, ...] = ("a.x", "a.y")) -> ScoreTable:
    """Two videos of two frames; the numbers have gaps."""
    scores = [[1, 2], [3, 4], [5, 6], [7, 8]] if values is None else values
    return ScoreTable(["01", "01", "02", "02"], [7, 9, 0, 1], channels, scores)


def test_rows_are_in_natural_order_whatever_order_they_come_in() -> None:
    mixed = ScoreTable(["10", "2", "10", "2"], [5, 1, 3, 0], ["c"], [[0], [1], [2], [3]])
    assert mixed.video.tolist() == ["2", "2", "10", "10"]
    assert mixed.number.tolist() == [0, 1, 3, 5]
    assert mixed.values[:, 0].tolist() == [3, 1, 2, 0]
    assert mixed.videos() == {"2": slice(0, 2), "10": slice(2, 4)}


@given(hnp.arrays(np.float32, (4, 2), elements=finite32))
def test_csv_gives_back_every_float32_bit_for_bit(values: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.csv"
        table(values).write_csv(path)
        again = ScoreTable.read_csv(path)
    assert again.values.tobytes() == values.tobytes()


def test_the_one_float32_that_rounding_twice_would_change_survives(tmp_path: Path) -> None:
    odd = np.array([0x15AE43FD, 0x95AE43FD, 0, 1], np.uint32).view(np.float32)
    values = np.stack([odd, odd], axis=1)
    table(values).write_csv(tmp_path / "t.csv")
    assert ScoreTable.read_csv(tmp_path / "t.csv").values.tobytes() == values.tobytes()


def test_csv_is_short_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    scores = table(np.array([[0.1, 1 / 3], [1e-8, 2], [0, -1], [5, 6]], np.float32))
    scores.write_csv(tmp_path / "a.csv")
    ScoreTable.read_csv(tmp_path / "a.csv").write_csv(tmp_path / "b.csv")
    text = (tmp_path / "a.csv").read_bytes()
    assert text.splitlines()[:2] == [b"video,number,a.x,a.y", b"01,7,0.1,0.33333334"]
    assert text == (tmp_path / "b.csv").read_bytes()


def test_names_with_commas_quotes_and_letters_survive(tmp_path: Path) -> None:
    names = ["NA", 'a "b", c', "01_0014", "Zürich"]
    scores = ScoreTable(names, [1, 2, 3, 4], ["c"], [[1], [2], [3], [4]])
    scores.write_csv(tmp_path / "t.csv")
    assert sorted(ScoreTable.read_csv(tmp_path / "t.csv").video.tolist()) == sorted(names)


def test_a_table_without_rows_survives(tmp_path: Path) -> None:
    empty = ScoreTable.from_videos(["a.x"], [], [])
    empty.write_csv(tmp_path / "t.csv")
    again = ScoreTable.read_csv(tmp_path / "t.csv")
    assert (len(again), again.channels, again.videos()) == (0, ("a.x",), {})
    assert ScoreTable.join([again, ScoreTable.from_videos(["b.x"], [], [])]).channels == ("a.x", "b.x")


def test_competition_size_is_read_and_written_fast(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"{i // 600:02d}" for i in range(12_000)]
    channels = [f"s.{i}" for i in range(12)]
    scores = ScoreTable(names, [i % 600 for i in range(12_000)], channels, rng.random((12_000, 12)))
    started = time.process_time()
    scores.write_csv(tmp_path / "t.csv")
    again = ScoreTable.read_csv(tmp_path / "t.csv")
    # 0.14 s on an idle core; a loop over cells with csv.DictReader and float32 texts takes 2 s.
    assert time.process_time() - started < 1
    assert np.array_equal(again.values, scores.values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("video,number\n01,1\n", "expected video,number and at least one channel"),
        ("frame,a\n1,2\n", "columns are frame,a"),
        ("video,number,a\n01,1,0.5\n01,1,0.6\n", "frame 1 of video '01' comes twice"),
        ("video,number,a\n01,1,0.5\n1,1,0.6\n", "two videos are called '1'"),
        ("video,number,a,a\n01,1,0.5,1\n", "channel 'a' comes twice"),
        ("video,number,a\n01,1,nan\n", "frame 1 of video '01' in channel 'a': every frame needs a finite"),
        ("video,number,a\n01,1,1e39\n", "not finite: 1 of 1 scores, the first at frame 1"),
        ("video,number,a\n01,1,\n", "line 2: score is '', expected a number"),
        ("video,number,a\n01,1,x\n", "line 2: score is 'x'"),
        ("video,number,a\n01,1.5,1\n", "line 2: frame number is '1.5'"),
        ("video,number,a\n01,99999999999999999999,1\n", "line 2: frame number is '99999999999999999999'"),
        ("video,number,a\n01,1,0.5\n01,2\n", "line 3: 2 columns, expected 3: was the file cut off"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"scores\.csv") as caught:
        ScoreTable.read_csv(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text_or_not_there_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("t.csv", "missing.csv"):
        with pytest.raises(DataError, match="cannot be read as a score table"):
            ScoreTable.read_csv(tmp_path / name)


def test_a_table_that_cannot_be_written_leaves_the_older_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        table().write_csv(tmp_path / "file" / "t.csv")


def test_join_matches_by_video_and_number_never_by_position() -> None:
    other = ScoreTable(["2", "1", "2", "1"], [1, 9, 0, 7], ["b.x"], [[80], [40], [60], [20]])
    joined = ScoreTable.join([table(), other])
    assert joined.channels == ("a.x", "a.y", "b.x")
    assert joined.video.tolist() == ["01", "01", "02", "02"]
    assert joined.channel("b.x").tolist() == [20, 40, 60, 80]


def test_join_refuses_other_frames_and_repeated_channels() -> None:
    other = ScoreTable(["01", "01", "02", "02"], [7, 8, 0, 1], ["b.x"], [[1], [2], [3], [4]])
    with pytest.raises(DataError, match="only one of them has 1_8, 1_9"):
        ScoreTable.join([table(), other])
    with pytest.raises(DataError, match=r"two score tables have a channel 'a\.x'"):
        ScoreTable.join([table(), table()])
    with pytest.raises(DataError, match="no score table"):
        ScoreTable.join([])


def test_shapes_that_do_not_agree_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes do not agree"):
        table([[1], [2], [3], [4]])


def test_from_videos_takes_the_numbers_of_the_videos() -> None:
    source = ArraySource(np.zeros((2, 4, 4, 3), np.uint8))
    videos = [Video("10", [5, 9], source), Video("9", [0, 1], source)]
    made = ScoreTable.from_videos(["a.x"], videos, [[[1], [2]], [[3], [4]]])
    assert list(zip(made.frames(), made.channel("a.x").tolist(), strict=True)) == [
        (("9", 0), 3),
        (("9", 1), 4),
        (("10", 5), 1),
        (("10", 9), 2),
    ]


def test_the_arrays_of_a_table_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        table().values[0, 0] = 1


def test_frames_that_did_not_decode_get_their_neighbours_scores() -> None:
    values = np.array([[9, 0], [1, 10], [9, 0], [3, 30], [9, 0]], np.float32)
    filled = fill(values, [0, 2, 4])
    assert filled.tolist() == [[1, 10], [1, 10], [2, 20], [3, 30], [3, 30]]
    assert values[0, 0] == 9  # the scores that were given stay as they are


@given(st.data())
def test_filling_touches_bad_frames_only_and_stays_within_the_good_ones(data: st.DataObject) -> None:
    values = data.draw(hnp.arrays(np.float32, (6, 2), elements=st.floats(-1e6, 1e6, width=32)))
    bad = data.draw(st.lists(st.integers(0, 5), unique=True, max_size=5))
    good = [position for position in range(6) if position not in bad]
    filled = fill(values, bad)
    assert np.array_equal(filled[good], values[good])
    assert np.all(filled >= values[good].min(axis=0))
    assert np.all(filled <= values[good].max(axis=0))


def test_a_video_without_a_good_frame_keeps_its_scores() -> None:
    values = np.ones((3, 1), np.float32)
    assert np.array_equal(fill(values, [0, 1, 2]), values)
