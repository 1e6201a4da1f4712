"""``pixelkit submit``: what does not fit a run is refused, and the run stays as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scored import CHANNELS, write_run
from street import pixelkit

from pixelkit import shipping
from pixelkit.artifacts import RunFolder
from pixelkit.errors import PixelkitError, RecipeError, StorageError, SubmissionError
from pixelkit.leaderboard.history import FILE_NAME, History
from pixelkit.scores.recipe import Recipe, RecipeSettings
from pixelkit.scores.table import ScoreTable


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that was submitted once."""
    run = write_run(tmp_path / "run")
    shipping.submit(run)
    return run


def content(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_recipe_with_a_missing_channel_is_refused_and_the_run_keeps_its_own(
    run: RunFolder, tmp_path: Path
) -> None:
    before, other = content(tmp_path), tmp_path / "x.json"
    Recipe.untuned(["good.scor", "weak.score", "none.x"]).write(other)
    with pytest.raises(RecipeError) as caught:
        shipping.submit(run, recipe=other)
    said = str(caught.value)
    assert said.startswith(
        f"{other}: the run {run.path} has no channel 'good.scor', 'none.x' (did you mean 'good."
    )
    assert said.endswith("correct the recipe, take the channel out of it, or run its scorer, too")
    other.unlink()
    assert content(tmp_path) == before


def test_a_recipe_that_nothing_calibrates_is_refused_with_its_file(run: RunFolder, tmp_path: Path) -> None:
    record = run.read_record()
    (run.path / "run.json").write_text(json.dumps({**vars(record), "heldout": {}}))
    before, other = content(run.path), tmp_path / "x.json"
    Recipe.untuned(CHANNELS, RecipeSettings(scope="heldout")).write(other)
    with pytest.raises(RecipeError, match=r"x\.json: channel 'good\.score' is to be calibrated"):
        shipping.submit(run, recipe=other)
    assert content(run.path) == before


def test_a_recipe_of_the_run_that_names_a_missing_channel_says_how_to_go_on(run: RunFolder) -> None:
    Recipe.untuned(["none.x"]).write(run.recipe)
    with pytest.raises(RecipeError, match=r"recipe\.json: .*or delete the file for equal weights"):
        shipping.submit(run)
    run.recipe.unlink()
    assert shipping.submit(run).is_file()


def test_a_channel_that_tells_videos_apart_is_centred_unless_a_setting_says_otherwise(
    tmp_path: Path,
) -> None:
    run = write_run(tmp_path / "run")
    file = run.path / run.read_record().heldout["weak"]
    normal = ScoreTable.read_csv(file)
    lifted = normal.values + 20 * (normal.video == "t2")[:, None]
    ScoreTable(normal.video, normal.number, normal.channels, lifted).write_csv(file)
    shipping.submit(run)
    recipe = Recipe.read(run.recipe)
    assert {name: channel.centred for name, channel in recipe.channels.items()} == {
        "good.score": False,
        "weak.score": True,
        "bad.score": False,
    }
    run.recipe.unlink()
    run.settings.write_text("[recipe]\ncentre_above = 1000\n")
    shipping.submit(run)
    assert Recipe.read(run.recipe) == Recipe.untuned(CHANNELS)


def test_another_recipe_takes_the_place_of_the_first_which_is_kept(run: RunFolder, tmp_path: Path) -> None:
    first, other = run.recipe.read_bytes(), tmp_path / "x.json"
    Recipe.untuned(CHANNELS[:2]).write(other)
    shipping.submit(run, recipe=other)
    assert Recipe.read(run.recipe) == Recipe.read(other)
    assert first in [file.read_bytes() for file in run.path.glob("recipe-*.json")]


def test_a_recipe_that_a_person_laid_out_anew_stays_as_it_is(run: RunFolder) -> None:
    run.recipe.write_text(json.dumps(json.loads(run.recipe.read_text())))
    before = run.recipe.read_bytes()
    shipping.submit(run)
    assert run.recipe.read_bytes() == before
    assert not [*run.path.glob("recipe-*.json")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"other\.csv cannot be read \(No such file or directory\): check the path given to --sample"),
        ("Id,Predicted\n99_0,0\n", "asks for video 99"),
        ("Id\n1_0\n", "expected 'Id,Predicted'"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused_and_not_remembered(
    run: RunFolder, tmp_path: Path, text: str | None, said: str
) -> None:
    sample, before = tmp_path / "other.csv", content(run.path)
    if text is not None:
        sample.write_text(text)
    with pytest.raises(SubmissionError, match=said):
        shipping.submit(run, sample=sample)
    assert content(run.path) == before


def test_a_sample_that_has_gone_since_is_named_with_what_to_do(run: RunFolder, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("Id,Predicted\n2_0,0\n1_0,0\n")
    made = shipping.submit(run, sample=sample)
    assert [line.partition(",")[0] for line in made.read_text().splitlines()] == ["Id", "2_0", "1_0"]
    assert shipping.submit(run) == made
    sample.rename(tmp_path / "moved.csv")
    for again in (lambda: shipping.submit(run), lambda: shipping.check(run, made)):
        with pytest.raises(
            SubmissionError, match=r"sample\.csv, .*put it back, or name another.*--sample FILE"
        ):
            again()
    assert shipping.submit(run, sample=tmp_path / "moved.csv") == made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": {"a": 5}}, "scores.a is 5: expected a text"),
        ({"scores": "a"}, "scores is 'a'"),
        ({"max_gap": True}, "max_gap is True: expected a whole number"),
        ({"shares": {"good.score": "1"}}, "shares.good.score is '1': expected a number"),
        ({"train": [1]}, "train is 1: expected a text"),
        ({"sample": 3}, "sample is 3: expected a text"),
    ],
)
def test_a_record_that_no_run_writes_is_one_line(run: RunFolder, change: dict[str, Any], said: str) -> None:
    record = run.path / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | change))
    with pytest.raises(StorageError, match=r"run\.json cannot be read .* give the command") as caught:
        shipping.submit(run)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", "{", '{"data": "street"}'])
def test_a_record_that_does_not_parse_is_one_line(run: RunFolder, text: str) -> None:
    (run.path / "run.json").write_text(text)
    with pytest.raises(StorageError, match=r"run\.json cannot be read"):
        shipping.submit(run)


def test_what_a_newer_version_writes_beside_it_is_passed_over(run: RunFolder) -> None:
    record, before = run.path / "run.json", run.read_record()
    record.write_text(json.dumps(json.loads(record.read_text()) | {"news": [1]}))
    assert run.read_record() == before


def test_a_score_table_that_is_gone_is_named_with_its_run(run: RunFolder) -> None:
    (run.path / "scores" / "test-weak.score.csv").unlink()
    with pytest.raises(
        StorageError, match=r"test-weak\.score\.csv is gone.*run\.json.*'pixelkit run'"
    ) as caught:
        shipping.submit(run)
    assert "Errno" not in str(caught.value)


def test_a_run_without_scores_says_what_to_do(run: RunFolder, tmp_path: Path) -> None:
    made = next(run.path.glob("run-*.csv"))
    record = run.path / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"scores": {}}))
    for again in (lambda: shipping.submit(run), lambda: shipping.check(run, made)):
        with pytest.raises(PixelkitError, match="run holds no scores: make them with 'pixelkit run'"):
            again()
    sample = tmp_path / "sample.csv"
    sample.write_bytes(made.read_bytes())
    assert shipping.check(run, made, sample) == made


def test_the_history_of_a_run_elsewhere_is_pointed_at(run: RunFolder, tmp_path: Path) -> None:
    [made] = History(tmp_path / FILE_NAME).submissions()
    lost = pixelkit("history", "tell", made.id, "0.5", cwd=tmp_path)
    assert lost.returncode == 1
    assert f"there is no submission '{made.id}' in submissions/history.jsonl" in lost.stderr
    assert "name it with 'pixelkit history --file FOLDER/history.jsonl ...'" in lost.stderr
    named = pixelkit("history", "--file", "history.jsonl", "tell", "abcd1234", "0.5", cwd=tmp_path)
    assert named.returncode == 1
    assert "--file" not in named.stderr
    told = pixelkit("history", "--file", "history.jsonl", "tell", made.id, "0.5", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert run.path.is_dir()
