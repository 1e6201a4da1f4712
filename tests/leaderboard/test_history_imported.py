"""CSVs that were made elsewhere: copied, found again, and refused when the leaderboard would refuse them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from submitted import make_csv, write

from pixelkit.errors import HistoryError, SubmissionError
from pixelkit.leaderboard.history import History
from pixelkit.leaderboard.history.listing import import_list


def test_an_imported_csv_is_copied_and_found_when_the_original_is_gone(
    history: History, tmp_path: Path
) -> None:
    csv = make_csv(tmp_path / "old.csv", 0.5, 0.25)
    content = csv.read_bytes()
    made = history.imported(csv, score=0.79, note="pooled")
    csv.unlink()
    assert (made.public, made.note, made.rows, made.imported, made.run) == (0.79, "pooled", 2, True, None)
    assert made.csv == history.root / "imported" / f"{made.id}.csv"
    assert history.find_csv(made).read_bytes() == content


def test_importing_again_adds_nothing_and_another_score_is_an_error(history: History, tmp_path: Path) -> None:
    csv = make_csv(tmp_path / "old.csv", 0.5)
    history.imported(csv, 0.79, "pooled")
    content = history.file.read_bytes()
    history.imported(csv, 0.79, "pooled")
    history.imported(csv)
    with pytest.raises(HistoryError, match=r"was told a public score of 0\.79"):
        history.imported(csv, 0.8)
    assert history.file.read_bytes() == content


def test_importing_what_a_run_of_ours_wrote_keeps_what_is_known_and_mends_a_lost_csv(
    history: History, tmp_path: Path
) -> None:
    made = write(history)
    copy = shutil.copy(made.csv, tmp_path / "copy.csv")
    history.imported(copy, score=0.5)
    [found] = history.submissions()
    assert (found.run, found.public, found.csv) == (made.run, 0.5, made.csv)
    assert not (history.root / "imported").exists()
    made.csv.unlink()
    with pytest.raises(HistoryError, match=r"is gone: 'pixelkit submit .*ped2' may bring it back"):
        history.find_csv(found)
    history.imported(copy)
    assert history.find_csv(found).parent == history.find(made.id).csv.parent == history.root / "imported"


def test_a_csv_that_was_changed_is_not_taken_for_the_submission(history: History) -> None:
    made = write(history)
    make_csv(made.csv, 0.9)
    with pytest.raises(HistoryError, match="is not what it was"):
        history.find_csv(made)


def test_a_csv_that_the_leaderboard_would_reject_is_not_imported(history: History, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("Id,Predicted\n1_5,nan\n")
    with pytest.raises(SubmissionError, match="not finite"):
        history.imported(bad)
    with pytest.raises(HistoryError, match="is not a score"):
        history.imported(make_csv(tmp_path / "good.csv", 0.5), score=2)
    assert not history.root.exists()


def test_a_list_of_earlier_submissions_is_imported_with_scores_and_notes(
    history: History, tmp_path: Path
) -> None:
    make_csv(tmp_path / "old" / "a.csv", 0.5)
    make_csv(tmp_path / "old" / "b.csv", 0.6)
    listed = tmp_path / "old" / "list.csv"
    listed.write_text('\ufefffile,score,note\na.csv,0.66881,"one, two"\nb.csv,\n\n', encoding="utf-8")
    for _ in range(2):
        found = import_list(history, listed)
        assert [(one.public, one.note) for one in found] == [(0.66881, "one, two"), (None, "")]
    assert len(history.submissions()) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a.csv,0.5\n", "the first line is 'a.csv,0.5': expected file,score"),
        ("file,score\na.csv,0.5\na.csv,x\n", "line 3: 'x' is not a score"),
        ("file,score\na.csv\n", "line 2: 1 cells"),
        ("file,score\na.csv,0.5\nnone.csv,0.5\n", r"line 3: .*none\.csv: cannot be read"),
    ],
)
def test_a_wrong_line_in_a_list_is_named_and_nothing_is_imported(
    history: History, tmp_path: Path, text: str, said: str
) -> None:
    make_csv(tmp_path / "a.csv", 0.5)
    listed = tmp_path / "list.csv"
    listed.write_text(text)
    with pytest.raises(HistoryError, match=said):
        import_list(history, listed)
    assert not history.root.exists()
