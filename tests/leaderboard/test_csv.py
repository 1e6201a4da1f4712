"""The leaderboard CSV: exactly the ids that are expected, and every difference named."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.errors import StorageError, SubmissionError
from pixelkit.frames.ids import parse_id
from pixelkit.leaderboard.csv import check_submission, read_ids, read_submission, write_submission
from pixelkit.scores.table import ScoreTable

SAMPLE = "Id,Predicted\n1_939,0\n1_940,0\n2_0,0\n"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample_submission.csv"
    path.write_text(SAMPLE)
    return path


def frames(*ids: str) -> ScoreTable:
    """A table of these frames in folders called 01, 02, ..."""
    keys = [parse_id(text) for text in ids]
    return ScoreTable(
        [video.zfill(2) for video, _ in keys], [number for _, number in keys], ["a.x"], [[0]] * len(keys)
    )


def scores(table: ScoreTable) -> np.ndarray:
    return np.linspace(0, 1, len(table))


def test_the_ids_of_pixelplay_are_reproduced_exactly(tmp_path: Path, pixelplay_sample: Path) -> None:
    """From a data set with those frame numbers, met in any order, in folders that are called 01 to 21."""
    lines = pixelplay_sample.read_text().splitlines()
    ids = [line.split(",")[0] for line in lines[1:]]
    shuffled = np.random.default_rng(0).permutation(ids).tolist()
    table = frames(*shuffled)
    for name, given_sample in (("with.csv", pixelplay_sample), ("without.csv", None)):
        write_submission(tmp_path / name, table, scores(table), given_sample)
        check_submission(tmp_path / name, pixelplay_sample)
        written = (tmp_path / name).read_text().splitlines()
        assert [line.split(",")[0] for line in written] == [line.split(",")[0] for line in lines]
    assert len(written) == 11_707


def test_the_order_of_the_sample_is_kept_whatever_it_is(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("Id,Predicted\n2_0,0\n1_1000,0\n1_939,0\n")
    table = frames("1_939", "1_1000", "2_0")
    write_submission(tmp_path / "out.csv", table, np.array([0.1, 0.2, 0.3]), sample)
    assert (tmp_path / "out.csv").read_text() == "Id,Predicted\n2_0,0.3\n1_1000,0.2\n1_939,0.1\n"


def test_without_a_sample_the_frames_on_disk_come_in_natural_order(tmp_path: Path) -> None:
    table = frames("10_1", "2_1000", "2_939")
    write_submission(tmp_path / "out.csv", table, np.array([0.5, 1, 0]))
    assert (tmp_path / "out.csv").read_bytes() == b"Id,Predicted\n2_939,0.5\n2_1000,1\n10_1,0\n"


def test_numbers_are_never_scientific_and_never_minus_zero(tmp_path: Path) -> None:
    table = frames("1_0", "1_1", "1_2", "1_3")
    write_submission(tmp_path / "out.csv", table, np.array([1e-12, -0.0, 1 / 3, 12345678.9]))
    texts = [line.split(",")[1] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    assert texts == ["0.000000000001", "0", "0.333333333", "12345678.9"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_rounding_never_swaps_two_frames(values: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.csv"
        table = frames(*(f"1_{number}" for number in range(len(values))))
        write_submission(path, table, np.array(values))
        again = read_submission(path).channel("Predicted")
    assert np.all(np.diff(again[np.argsort(values)]) >= 0)
    assert np.allclose(again, values, rtol=1e-6, atol=1e-44)


def test_an_id_without_a_frame_gets_its_nearest_frames_score(
    tmp_path: Path, sample: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = frames("1_930", "1_941", "2_0")
    write_submission(tmp_path / "out.csv", table, np.array([0.1, 0.2, 0.3]), sample)
    assert (tmp_path / "out.csv").read_text() == "Id,Predicted\n1_939,0.2\n1_940,0.2\n2_0,0.3\n"
    assert "2 ids have no frame on disk and get the score of the nearest one: 1_939, 1_940" in caplog.text
    assert "does not ask for 2 frames that are on disk; they are left out: 1_930, 1_941" in caplog.text


def test_a_video_that_is_not_on_disk_is_an_error(tmp_path: Path, sample: Path) -> None:
    table = frames("1_939", "1_940")
    with pytest.raises(
        SubmissionError, match=r"asks for video 2, which is not among the videos scored \(1\)"
    ):
        write_submission(tmp_path / "out.csv", table, scores(table), sample)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_never_written(tmp_path: Path, bad: float) -> None:
    with pytest.raises(SubmissionError, match="expected 2 finite scores"):
        write_submission(tmp_path / "out.csv", frames("1_0", "1_1"), np.array([0, bad]))
    with pytest.raises(SubmissionError, match="expected 2 finite scores"):
        write_submission(tmp_path / "out.csv", frames("1_0", "1_1"), np.zeros(3))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write_submission(tmp_path / "file" / "out.csv", frames("1_0"), np.zeros(1))


HEAD = "Id,Predicted\n"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["the first line is nothing, expected 'Id,Predicted'"]),
        ("Predicted,Id\n0,1_939\n", ["the first line is 'Predicted,Id', expected 'Id,Predicted'"]),
        ("Id,Predicted,x\n1_939,0,1\n", ["the first line is 'Id,Predicted,x'"]),
        ("id,predicted\n1_939,0\n", ["the first line is 'id,predicted'"]),
        (HEAD, ["3 missing ids (1_939, 1_940, 2_0)", "0 rows, expected 3"]),
        (HEAD + "1_939,.1\n2_0,.2\n", ["1 missing id (1_940)", "2 rows, expected 3"]),
        (HEAD + "1_939,.1\n1_940,.2\n2_0,.3\n7_7,1\n", ["1 unknown id (7_7)", "4 rows, expected 3"]),
        (HEAD + "1_939,.1\n1_940,.2\n2_0,.3\n2_0,.3\n", ["1 id there more than once (2_0)"]),
        (HEAD + "01_00939,.1\n1_940,.2\n2_0,.3\n", ["1 malformed id (01_00939)", "expected '1_939'"]),
        (HEAD + "1939,.1\n1_940,.2\n2_0,.3\n", ["1 malformed id (1939)", "is not of the form VIDEO_NUMBER"]),
        (HEAD + "1_939 ,.1\n1_940,.2\n2_0,.3\n", ["1 malformed id (1_939 )"]),
        (HEAD + "1_940,.1\n1_939,.2\n2_0,.3\n", ["the order differs from line 2 on: 1_940, expected 1_939"]),
        (HEAD + "1_939,\n1_940,.2\n2_0,.3\n", ["1 empty prediction (1_939,)"]),
        (HEAD + "1_939,a\n1_940,1_5\n2_0,.3\n", ["2 predictions that are not a number (1_939,a, 1_940,1_5)"]),
        (
            HEAD + "1_939,nan\n1_940,-inf\n2_0,.3\n",
            ["2 predictions that are not finite (1_939,nan, 1_940,-inf)"],
        ),
        (HEAD + "1_939,.1,9\n1_940,.2\n2_0,.3\n", ["1 line without exactly two cells (line 2)"]),
        ("\ufeff" + HEAD + "1_939,.1\n1_940,.2\n2_0,.3\n", ["begins with a byte-order mark"]),
    ],
)
def test_every_difference_is_named_on_one_line(
    tmp_path: Path, sample: Path, text: str, messages: list[str]
) -> None:
    path = tmp_path / "submission.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SubmissionError, match=r"submission\.csv") as caught:
        check_submission(path, sample)
    for message in messages:
        assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_problems_are_told_at_once(tmp_path: Path, sample: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_text(HEAD + "1_939,nan\n7_7,x\n7_8,0\n7_9,0\n7_10,0\n")
    with pytest.raises(SubmissionError, match="missing") as caught:
        check_submission(path, sample)
    assert "4 unknown ids (7_7, 7_8, 7_9 and 1 more)" in str(caught.value)
    assert "not finite" in str(caught.value)


def test_without_a_sample_the_frames_on_disk_are_expected(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_text(HEAD + "1_939,.1\n1_941,.2\n")
    check_submission(path, table=frames("1_939", "1_941"))
    check_submission(path)
    with pytest.raises(SubmissionError, match=r"1 missing id \(1_940\)"):
        check_submission(path, table=frames("1_939", "1_940", "1_941"))


def test_a_constant_column_is_a_warning(sample: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pixelkit"):
        check_submission(sample, sample)
    assert "every prediction is 0, which ranks nothing" in caplog.text


def test_a_file_that_is_not_text_or_not_there_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    for name in ("binary.csv", "missing.csv"):
        with pytest.raises(SubmissionError, match="cannot be read as a CSV"):
            check_submission(tmp_path / name)


@pytest.mark.parametrize("row", ["01_00939,0", "1_939,0\n1_939,0", "frame,0", ""])
def test_a_malformed_sample_is_one_clear_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "sample.csv"
    path.write_text(f"{HEAD}{row}\n")
    with pytest.raises(SubmissionError, match=r"sample\.csv: is not a sample submission"):
        read_ids(path)


def test_a_submission_is_read_back_as_a_score_table(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_text(HEAD + "10_1,.5\n2_7,.25\n")
    table = read_submission(path)
    assert table.frames() == [("2", 7), ("10", 1)]
    assert (table.channels, table.values.ravel().tolist()) == (("Predicted",), [0.25, 0.5])
    path.write_text(HEAD + "10_1,nan\n")
    with pytest.raises(SubmissionError, match="not finite"):
        read_submission(path)
