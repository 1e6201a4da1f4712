"""What changed between two submissions: settings, recipe, and where the scores moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from submitted import RECIPE, make_csv, write

from pixelkit.errors import HistoryError
from pixelkit.leaderboard.history import History
from pixelkit.leaderboard.history.diff import changes_between, compare_scores


def test_what_changed_is_told_by_key(history: History) -> None:
    a = write(history, "a", plain={"seed": 0, "convae": {"epochs": 5}, "gone": True})
    other = replace(RECIPE, width=15.0)
    b = write(history, "bb", plain={"seed": 0, "convae": {"epochs": 9}, "new": [1]}, recipe=other)
    assert changes_between(a, b) == [
        ("convae.epochs", 5, 9),
        ("gone", True, None),
        ("new", None, [1]),
        ("recipe: width", 10.0, 15.0),
    ]
    assert changes_between(a, a) == []


def test_an_imported_csv_has_no_settings_to_compare(history: History, tmp_path: Path) -> None:
    a, b = write(history), history.imported(make_csv(tmp_path / "b.csv", 0.5))
    assert changes_between(a, b) is None


def frames(path: Path, scores: dict[str, float]) -> Path:
    path.write_text("Id,Predicted\n" + "".join(f"{frame},{score}\n" for frame, score in scores.items()))
    return path


def test_where_the_scores_moved_is_told_by_video_and_stretch(tmp_path: Path) -> None:
    """Video 2 stays, frames 4 to 6 of video 1 go from the lowest ranks to the highest."""
    before = {f"1_{n}": n / 100 for n in range(4, 10)} | {f"2_{n}": 0.5 + n / 100 for n in range(4)}
    after = {**before, "1_4": 0.91, "1_5": 0.92, "1_6": 0.93}
    a = frames(tmp_path / "a.csv", before)
    b = frames(tmp_path / "b.csv", dict(reversed(after.items())))  # the order of rows is of no account
    moves = compare_scores(a, b)
    assert (moves.frames, moves.only_a, moves.only_b) == (10, 0, 0)
    ranks = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [8, 9, 10, 1, 2, 3, 4, 5, 6, 7]
    squares = sum((x - y) ** 2 for x, y in zip(*ranks, strict=True))
    assert moves.correlation == pytest.approx(1 - 6 * squares / (10 * 99))
    assert [(one.video, one.frames) for one in moves.videos] == [("1", 6), ("2", 4)]
    assert [one.mean for one in moves.videos] == pytest.approx([(3 * 0.7 - 3 * 0.3) / 6, -0.3])
    assert [one.absolute for one in moves.videos] == pytest.approx([0.5, 0.3])
    [stretch] = moves.stretches
    assert (stretch.video, stretch.first, stretch.last, stretch.frames) == ("1", 4, 6, 3)
    assert stretch.mean == pytest.approx(0.7)


def test_only_frames_in_both_csvs_are_compared(tmp_path: Path) -> None:
    a = frames(tmp_path / "a.csv", {"1_0": 0.1, "1_1": 0.2, "1_2": 0.3})
    b = frames(tmp_path / "b.csv", {"1_1": 0.5, "1_2": 0.6, "1_3": 0.7, "1_4": 0})
    moves = compare_scores(a, b)
    assert (moves.frames, moves.only_a, moves.only_b, moves.correlation) == (2, 1, 2, 1.0)
    assert moves.stretches == ()
    with pytest.raises(HistoryError, match="no frame in common"):
        compare_scores(a, frames(tmp_path / "c.csv", {"7_0": 0.1}))


def test_a_constant_csv_has_no_rank_correlation(tmp_path: Path) -> None:
    a = frames(tmp_path / "a.csv", {"1_0": 0.5, "1_1": 0.5})
    assert compare_scores(a, frames(tmp_path / "b.csv", {"1_0": 0.1, "1_1": 0.2})).correlation is None
