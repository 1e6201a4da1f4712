"""A run is read as far as it is there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pages import HOSTILE
from scored import write_run

from pixelkit.artifacts import RunFolder
from pixelkit.errors import StorageError
from pixelkit.leaderboard.history import History
from pixelkit.report import figures, payload
from pixelkit.report.footage import Footage, find_footage
from pixelkit.report.heatmaps import heat_maps
from pixelkit.report.moments import highest_moments
from pixelkit.report.report import Options, make_report
from pixelkit.report.scored_run import read_run
from pixelkit.report.summary import recipe_in_words
from pixelkit.scores.recipe import ChannelRecipe, Recipe


def test_the_page_shows_the_scores_of_the_csv(run: Path) -> None:
    scored = read_run(RunFolder(run))
    assert scored.submission is not None
    rows = [line.rpartition(",") for line in scored.submission.csv.read_text().splitlines()[1:]]
    assert [float(score) for _, _, score in rows] == pytest.approx(scored.fused.tolist(), abs=1e-6)


def test_repairs_are_those_of_the_plan_on_record(run: Path) -> None:
    scored = read_run(RunFolder(run))
    assert scored.repair_of(scored.videos[0]).flipped == (9, 10)
    assert scored.repair_of(scored.videos[0]).noisy == (44,)
    assert scored.missing == ()


def test_the_verdict_is_about_the_recipe_of_the_csv(run: Path) -> None:
    verdict = read_run(RunFolder(run)).verdict
    assert verdict is not None
    assert verdict.figure == "AP on synthetic anomalies, video by video"


def test_the_recipe_is_told_in_words() -> None:
    def told(*weights: float, centred: tuple[int, ...] = ()) -> str:
        channels = {
            f"s{place}.score": ChannelRecipe(weight=each, centred=place in centred)
            for place, each in enumerate(weights)
        }
        return recipe_in_words(Recipe(channels, "median", 5.0, "weighted sum"))

    smoothed = "smoothed (median, 5 frames)"
    assert told(1, 1) == f"2 channels, each normalised, {smoothed}, and fused by weighted sum."
    assert told(1, 0, 2) == f"2 of 3 channels, each normalised, {smoothed}, and fused by weighted sum."
    assert told(0, 1) == f"s1.score alone of 2 channels, normalised, {smoothed}."
    assert told(1, 1, 0, centred=(1, 2)) == (
        "2 of 3 channels, 1 of them less the median of each video, each normalised, "
        f"{smoothed}, and fused by weighted sum."
    )
    assert told(0, 1, centred=(1,)) == (
        f"s1.score alone of 2 channels, less the median of each video, normalised, {smoothed}."
    )


def test_what_the_leaderboard_said_is_beside_our_own_figure(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / run.name)
    shutil.copy(run.parent / "history.jsonl", tmp_path)
    submission = read_run(RunFolder(copy)).submission
    assert submission is not None
    assert submission.public is None
    History(tmp_path / "history.jsonl").tell(submission.id, 0.66881)
    html, _ = make_report(read_run(RunFolder(copy)), Footage({}, ()), Options(heat=False))
    assert "<strong>0.66881</strong>" in html
    assert html.count("0.66881") == 2  # the tile, and the line of the submission


def test_figures_of_several_kinds_are_told_apart(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / run.name)
    shutil.copy(run.parent / "history.jsonl", tmp_path)
    history = History(tmp_path / "history.jsonl")
    read = read_run(RunFolder(copy))
    (mine,) = history.submissions()
    assert "cannot all be compared" not in make_report(read, Footage({}, ()), Options(heat=False))[0]
    csv = copy / "other.csv"
    csv.write_text("Id,Predicted\n1_7,0.5\n", encoding="utf-8")
    kind = "micro AP by labels"
    other = history.written(csv, run=copy, recipe=read.recipe, settings={}, figure=0.25, figure_of=kind)
    html, _ = make_report(read_run(RunFolder(copy)), Footage({}, ()), Options(heat=False))
    for one in (mine, other):
        assert f"{one.figure_of} (<code>{one.id[:8]}</code>)" in html


def test_warnings_of_the_log_count_once_and_come_newest_first(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    lines = [
        "2026-01-02 03:04:05,678 WARNING the cat is on the roof",
        "2026-01-02 03:04:06,000 INFO nothing",
        "2026-01-02 03:05:00,000 ERROR it fell",
        "2026-01-03 00:00:00,000 WARNING the cat is on the roof",
        "not a line of ours",
    ]
    folder.log.write_text("\n".join(lines), encoding="utf-8")
    found = [(one.text, one.times, one.last) for one in read_run(folder).warnings]
    assert found == [
        ("the cat is on the roof", 2, "2026-01-03 00:00:00"),
        ("it fell", 1, "2026-01-02 03:05:00"),
    ]


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="holds no scored run"):
        read_run(RunFolder(tmp_path))


def test_a_data_set_that_is_gone_leaves_the_scores(room: Path, run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "street")
    record = json.loads((copy / "run.json").read_text())
    record["videos"] = {name: str(tmp_path / "gone" / name) for name in record["videos"]}
    (copy / "run.json").write_text(json.dumps(record))
    scored = read_run(RunFolder(copy))
    footage = find_footage(scored, room / "cache")
    assert footage.videos == {}
    (told,) = footage.missing
    assert told.startswith(
        f"Frames are not shown: the data set is no longer in {room / 'street'}. If it lies"
    )


def test_a_video_whose_frames_changed_is_not_shown(room: Path, run: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(room / "street" / "testing_videos" / "01", tmp_path / "01")
    (moved / "frame_00013.jpg").unlink()
    copy = shutil.copytree(run, tmp_path / "street")
    record = json.loads((copy / "run.json").read_text())
    record["videos"]["01"] = str(moved)
    (copy / "run.json").write_text(json.dumps(record))
    footage = find_footage(read_run(RunFolder(copy)), room / "cache")
    assert set(footage.videos) == {HOSTILE, "alone"}
    assert footage.missing == ("Frames of video 01 are not shown: it holds others than were scored.",)


def test_a_scorer_that_cannot_be_loaded_has_no_heat_maps(room: Path, run: Path) -> None:
    scored = read_run(RunFolder(run))
    footage = find_footage(scored, room / "cache")
    moments = highest_moments(scored.videos, scored.fused)
    found = heat_maps(scored, moments, footage, cache=room / "cache")
    assert found.pictures == [{}] * len(moments)
    assert len(found.missing) == 1
    assert found.missing[0].startswith("offset has no heat maps: there is no scorer 'offset'")


def test_gaps_and_undecodable_frames_reach_the_timeline(room: Path, run: Path) -> None:
    scored = read_run(RunFolder(run))
    footage = find_footage(scored, room / "cache")
    plain = payload.video_data(scored, scored.videos[0], figures.ranks(scored), footage, None)
    assert plain["gaps"] == [(20, 39)]
    assert [plain["numbers"][at] for at in plain["undecodable"]] == [47]
    assert [plain["numbers"][at] for at in plain["flipped"]] == [9, 10]
    assert len(plain["ranks"][0]) == len(plain["raw"][0]) == len(plain["lines"][0]) == 23


def test_the_correlation_on_the_page_is_spearmans(tmp_path: Path) -> None:
    scored = read_run(write_run(tmp_path / "run"))
    found = payload.page_data(scored, served=False)["correlation"]
    columns = pd.DataFrame(np.column_stack([scored.table.values, scored.fused]))
    assert found["names"][-1] == "fused"
    assert np.allclose(found["values"], columns.corr("spearman"), atol=1e-3)


def test_labelled_stretches_are_by_frame_number() -> None:
    numbers = np.array([3, 4, 5, 9, 10, 11], np.int64)
    labels = np.array([True, False, True, True, False, True])
    assert payload.labelled_stretches(numbers, labels) == [(3, 3), (5, 9), (11, 11)]
    assert payload.labelled_stretches(numbers, ~labels & False) == []


def test_a_constant_channel_correlates_with_nothing() -> None:
    rising = np.arange(10.0)
    found = figures.correlation(np.stack([rising, np.ones(10), -rising], 1))
    assert found == [[1, None, -1], [None, None, None], [-1, None, 1]]


def test_a_histogram_holds_every_frame(run: Path) -> None:
    scored = read_run(RunFolder(run))
    for one in figures.histograms(scored).values():
        assert sum(one.counts) == len(scored.table)
        assert len(one.edges) == len(one.counts) + 1
        assert one.anomalous is None
