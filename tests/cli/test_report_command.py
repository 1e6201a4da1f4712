"""``pixelkit report`` writes one file and says where; a mistake is one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from scored import write_labels, write_run
from street import pixelkit


def test_the_page_lies_in_the_newest_run_and_its_path_is_all_of_stdout(tmp_path: Path) -> None:
    run = write_run(tmp_path / "submissions" / "mine")
    labels = write_labels(tmp_path / "labels.csv")
    done = pixelkit("report", "--labels", labels, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "submissions/mine/report.html\n"
    text = (run.path / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "AP on your labels" in text


def test_json_says_what_is_missing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    done = pixelkit("report", run.path, "--out", tmp_path / "deep" / "page.html", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert Path(found["file"]).stat().st_size == found["bytes"]
    assert found["missing"][0].startswith("Repairs and frames are not shown")


def test_two_runs_are_compared_in_a_file_beside_the_first(tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a"), write_run(tmp_path / "b", channels=("good.score",))
    done = pixelkit("report", "--compare", a.path, b.path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == a.path / "compare-b.html"
    assert "rank correlation of" in (a.path / "compare-b.html").read_text(encoding="utf-8")
    assert "two data sets" not in done.stderr


def test_two_runs_of_two_data_sets_are_compared_with_a_warning(tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    b.write_record(replace(b.read_record(), data="another street"))
    done = pixelkit("report", "--compare", a.path, b.path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The runs name two data sets, street and another street" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere"], 1, "nowhere holds no scored run"),
        (["run", "--labels", "nowhere.csv"], 1, "labels nowhere.csv do not exist"),
        (["run", "--compare", "run", "run"], 2, "name one RUN, or two"),
        (["--compare", "run", "run", "--no-heatmaps"], 2, "--no-heatmaps go with one RUN"),
        (["--compare", "run", "nowhere"], 1, "nowhere holds no scored run"),
        (["run", "--out", "/proc/none/page.html"], 1, "cannot write"),
        ([], 1, "there is no run in"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    write_run(tmp_path / "run")
    done = pixelkit("report", *words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
