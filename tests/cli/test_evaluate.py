"""``pixelkit evaluate``: figures on stdout, one clear line for a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pixelkit.cli import main
from pixelkit.scores.table import ScoreTable

IDS = ["1_5", "1_6", "1_8", "2_0", "2_1"]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text("Id,Label\n" + "".join(f"{frame},{int(frame in ('1_6', '2_1'))}\n" for frame in IDS))
    return path


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    path = tmp_path / "submission.csv"
    path.write_text("Id,Predicted\n" + "".join(f"{frame},0.{i}\n" for i, frame in enumerate(IDS)))
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", *map(str, words)])
    return int(stop.value.code or 0)


def ok(*words: object) -> None:
    try:
        main(["evaluate", *map(str, words)])
    except SystemExit as stop:
        assert not stop.code


def test_a_submission_is_measured(submission: Path, labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ok(submission, "--labels", labels, "--json")
    found = json.loads(capsys.readouterr().out)["Predicted"]
    assert found["micro"] == {
        "ap": pytest.approx(0.75),
        "auc": pytest.approx(2 / 3),
        "frames": 5,
        "anomalous": 2,
        "prevalence": 0.4,
    }
    assert found["macro"] == {"ap": pytest.approx(0.75), "auc": pytest.approx(0.75), "videos": 2}
    assert found["videos"]["1"]["auc"] == 0.5


def test_a_table_for_people_says_what_a_coin_gets(
    submission: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ok(submission, "--labels", labels, "--per-video")
    out = capsys.readouterr().out
    assert out.startswith("channel    micro AP  micro AUC  macro AP  macro AUC\n")
    assert "40.0% of them anomalous: a coin gets a micro AP of 0.400" in out
    assert "mean of the 2 videos that hold both classes" in out
    assert ["2", "2", "1", "1.0000", "1.0000"] in [line.split() for line in out.splitlines()]


def test_every_channel_of_a_score_table_is_one_row_and_padded_names_agree(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["01", "01", "01", "02", "02"]
    values = np.stack([np.arange(5), -np.arange(5)], axis=1)
    ScoreTable(names, [5, 6, 8, 0, 1], ["a.x", "a.y"], values).write_csv(tmp_path / "a.csv")
    ok(tmp_path / "a.csv", "--labels", labels)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1] == ["a.x", "0.7500", "0.6667", "0.7500", "0.7500"]
    assert rows[2][0] == "a.y"


def test_ped2_labels_are_found_by_video_and_number(
    tmp_path: Path, ped2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = sorted((ped2 / "testing" / "frames").iterdir())
    ids = [
        f"{int(folder.name)}_{int(file.stem)}" for folder in folders for file in sorted(folder.glob("*.jpg"))
    ]
    path = tmp_path / "submission.csv"
    path.write_text("Id,Predicted\n" + "".join(f"{frame},{i}\n" for i, frame in enumerate(ids)))
    ok(path, "--labels", ped2 / "ped2.mat", "--json")
    found = json.loads(capsys.readouterr().out)["Predicted"]
    assert (found["micro"]["frames"], found["micro"]["anomalous"]) == (2010, 1648)
    assert found["macro"]["videos"] == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "expected 'Id,Predicted' (a leaderboard CSV) or 'video,number,...' (a score table)"),
        ("", "the first line is ''"),
        ("Id,Predicted\n1_5,nan\n", "not finite"),
        ("Id,Predicted\n1_5,1\n1_6,0\n3_1,0\n", "no label for 1 frame"),
        ("video,number,a\n1,5,x\n", "score is 'x'"),
        ("video,number,a\n", "holds no scores"),
    ],
)
def test_a_bad_csv_is_one_clear_line(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert run(path, "--labels", labels) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_files_that_are_not_there_are_one_clear_line(
    tmp_path: Path, submission: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none.csv", "--labels", submission) == 1
    assert "none.csv: cannot be read: No such file or directory" in capsys.readouterr().err
    assert run(submission, "--labels", tmp_path / "none.mat") == 1
    assert "none.mat" in capsys.readouterr().err


def test_labels_are_asked_for(submission: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(submission) == 2
    assert "--labels" in capsys.readouterr().err
