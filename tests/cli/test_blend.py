"""``pixelkit blend``: submissions made elsewhere, alone or beside a run of our own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from scored import scored, write_labels, write_run
from street import pixelkit

from pixelkit.artifacts import RunFolder
from pixelkit.blend import blend as make
from pixelkit.errors import DataError, StorageError, SubmissionError
from pixelkit.leaderboard.csv import read_submission, write_submission
from pixelkit.scores.recipe import Recipe

VIDEOS = [f"{n:02d}" for n in range(1, 9)]


def write(path: Path, channel: str) -> Path:
    table, _ = scored(VIDEOS, seed=1)
    write_submission(path, table, table.channel(channel).astype(float))
    return path


@pytest.fixture
def csvs(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / f"{name} (0.79).csv", f"{name}.score") for name in ("good", "weak", "bad")]


def blend(tmp_path: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return pixelkit("blend", *words, cwd=tmp_path, OMP_NUM_THREADS="1")


def test_equal_weights_fuse_csvs_of_any_name(tmp_path: Path, csvs: list[Path]) -> None:
    done = blend(tmp_path, *csvs)
    assert done.returncode == 0, done.stderr
    made = read_submission(tmp_path / done.stdout.splitlines()[-1])
    assert made.frames() == read_submission(csvs[0]).frames()
    recipe = Recipe.read(tmp_path / "submissions" / "blend" / "recipe.json")
    assert [*recipe.channels] == ["good-0-79.predicted", "weak-0-79.predicted", "bad-0-79.predicted"]
    assert {channel.weight for channel in recipe.channels.values()} == {1.0}


def test_labels_tune_a_blend(tmp_path: Path, csvs: list[Path]) -> None:
    labels = write_labels(tmp_path / "labels.csv")
    done = blend(tmp_path, *csvs, "--objective", "labels", "--labels", labels, "--trials", 30)
    assert done.returncode == 0, done.stderr
    recipe = Recipe.read(tmp_path / "submissions" / "blend" / "recipe.json")
    assert recipe.channels["good-0-79.predicted"].weight > recipe.channels["bad-0-79.predicted"].weight


def test_beside_a_run_its_channels_are_tuned_and_the_csv_keeps_its_share(
    tmp_path: Path, csvs: list[Path]
) -> None:
    run = write_run(tmp_path / "run")
    done = blend(tmp_path, csvs[0], "--run", run.path, "--objective", "synthetic", "--trials", 30)
    assert done.returncode == 0, done.stderr
    assert "good-0-79.predicted: made elsewhere" in done.stderr
    weights = {
        name: channel.weight
        for name, channel in Recipe.read(tmp_path / "submissions" / "blend" / "recipe.json").channels.items()
    }
    own = sum(weight for name, weight in weights.items() if name.endswith(".score"))
    assert weights["good-0-79.predicted"] == pytest.approx(own / 3)


def test_the_run_that_is_blended_is_left_as_it_was(tmp_path: Path, csvs: list[Path]) -> None:
    run = write_run(tmp_path / "run")
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}
    assert blend(tmp_path, csvs[0], "--run", run.path).returncode == 0
    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before


def test_two_files_of_one_name_are_two_channels(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    pair = [write(tmp_path / "a" / "sub.csv", "good.score"), write(tmp_path / "b" / "sub.csv", "weak.score")]
    done = blend(tmp_path, *pair)
    assert done.returncode == 0, done.stderr
    recipe = Recipe.read(tmp_path / "submissions" / "blend" / "recipe.json")
    assert [*recipe.channels] == ["sub.predicted", "sub-2.predicted"]


def test_ids_that_differ_are_named(tmp_path: Path, csvs: list[Path]) -> None:
    lines = csvs[1].read_text().splitlines()
    csvs[1].write_text("\n".join(lines[:-2]) + "\n")
    done = blend(tmp_path, *csvs)
    assert done.returncode == 1
    assert "lacks 2 ids" in done.stderr
    assert "8_58, 8_59" in done.stderr
    other = blend(tmp_path, csvs[1], "--run", write_run(tmp_path / "run").path)
    assert other.returncode == 0, other.stderr
    assert "2 frames that the CSVs do not ask for are left out" in other.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["good (0.79).csv"], "nothing to blend"),
        (["good (0.79).csv", "nowhere.csv"], "nowhere.csv"),
        (
            ["good (0.79).csv", "weak (0.79).csv", "--objective", "synthetic"],
            "no scores of synthetic anomalies: add a run that does with --run RUN",
        ),
        (["good (0.79).csv", "nan.csv"], "not finite"),
        (["good (0.79).csv", "weak (0.79).csv", "--sample", "none.csv"], "check the path given to --sample"),
        (["good (0.79).csv", "weak (0.79).csv", "--sample", "other.csv"], "asks for video 99"),
    ],
)
@pytest.mark.usefixtures("csvs")
def test_a_mistake_is_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "nan.csv").write_text("Id,Predicted\n1_0,nan\n")
    (tmp_path / "other.csv").write_text("Id,Predicted\n99_0,0\n")
    done = blend(tmp_path, *words)
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not [*tmp_path.rglob("run.json")]


def content(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_run_is_not_replaced_and_a_blend_may_be(tmp_path: Path, csvs: list[Path]) -> None:
    run = write_run(tmp_path / "run")
    before = content(run.path)
    with pytest.raises(StorageError, match="run that was not made by 'pixelkit blend': name another folder"):
        make(csvs, run)
    with pytest.raises(DataError, match="--run and --out are the same folder"):
        make(csvs[:1], run, RunFolder(tmp_path / "x" / ".." / "run"))
    assert content(run.path) == before
    out = RunFolder(tmp_path / "blend")
    for some, own in ((csvs, None), (csvs, None), (csvs[:1], run), (csvs[:1], run), (csvs[:2], None)):
        make(some, out, own)
        assert len(out.read_record().scores) == len(some) + (3 if own else 0)


def test_what_does_not_fit_leaves_an_earlier_blend_as_it_was(tmp_path: Path, csvs: list[Path]) -> None:
    out = RunFolder(tmp_path / "blend")
    make(csvs, out)
    before = content(out.path)
    (tmp_path / "other.csv").write_text("Id,Predicted\n99_0,0\n")
    for sample in ("other.csv", "none.csv"):
        with pytest.raises(SubmissionError, match=sample):
            make(csvs[:2], out, write_run(tmp_path / "run"), tmp_path / sample)
    assert content(out.path) == before


@pytest.mark.parametrize("gone", ["tuning/takes-x", "scores/takes-bad.score.csv"])
def test_without_its_takes_a_run_is_blended_unless_they_are_asked_for(
    tmp_path: Path, csvs: list[Path], gone: str, caplog: pytest.LogCaptureFixture
) -> None:
    run, out = write_run(tmp_path / "run"), RunFolder(tmp_path / "out")
    (run.path / gone).rename(tmp_path / "gone")
    done = blend(tmp_path, csvs[0], "--run", run.path, "--objective", "synthetic", "--out", out.path)
    assert done.returncode == 1
    assert f"{gone} is gone): give its 'pixelkit run' again" in done.stderr
    assert not out.path.exists()
    make(csvs[:1], out, run)
    assert f"{gone} is gone: the blend cannot be tuned on synthetic anomalies" in caplog.text
    assert (out.read_record().takes, out.read_record().synthetic) == (None, {})
    assert len(out.read_record().heldout) == 3


def test_without_scores_of_left_out_video_nothing_is_calibrated(
    tmp_path: Path, csvs: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    run, out = write_run(tmp_path / "run"), RunFolder(tmp_path / "out")
    (run.path / "scores" / "heldout-bad.score.csv").unlink()
    make(csvs[:1], out, run)
    assert "heldout-bad.score.csv is gone: nothing is calibrated" in caplog.text
    assert out.read_record().heldout == {}
    (run.path / "scores" / "test-bad.score.csv").unlink()
    with pytest.raises(StorageError, match=r"test-bad\.score\.csv is gone.*'pixelkit run'"):
        make(csvs[:1], out, run)
