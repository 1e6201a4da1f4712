"""The main job, end to end, on files: checked ids, resumed after any kill, the same bytes each time."""

from __future__ import annotations

import csv
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from street import PLUGIN, STREET_IDS, pixelkit

from pixelkit.artifacts import RunFolder
from pixelkit.frames.ids import parse_id
from pixelkit.scores.recipe import Recipe
from pixelkit.scores.table import ScoreTable

QUICK = ("--set", "repair.flips=false", "--set", "tuning.objective=none")


def ids(file: Path) -> list[str]:
    with file.open(newline="", encoding="utf-8") as lines:
        return [row["Id"] for row in csv.DictReader(lines)]


def run(street: Path, plugins: Path, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ("run", street, "--plugins", plugins, "--scorers", "offset", *QUICK, *words)
    return pixelkit(*command, cwd=street.parent, **environment)


def csv_of(done: subprocess.CompletedProcess[str], street: Path) -> Path:
    assert done.returncode == 0, done.stderr
    return street.parent / done.stdout.splitlines()[-1]


def test_every_frame_on_disk_gets_one_row_in_order(street: Path, offset_plugin: Path) -> None:
    assert ids(csv_of(run(street, offset_plugin), street)) == STREET_IDS


def test_the_same_command_gives_the_same_bytes_also_from_scratch(street: Path, offset_plugin: Path) -> None:
    first = csv_of(run(street, offset_plugin), street)
    again = csv_of(run(street, offset_plugin), street)
    fresh = csv_of(run(street, offset_plugin, "--out", "elsewhere", "--cache", "other"), street)
    assert again == first
    assert fresh.read_bytes() == first.read_bytes()


def test_a_sample_submission_beside_the_data_decides_ids_and_order(street: Path, offset_plugin: Path) -> None:
    order = [*reversed(STREET_IDS)]
    (street / "sample_submission.csv").write_text("Id,Predicted\n" + "".join(f"{i},0\n" for i in order))
    assert ids(csv_of(run(street, offset_plugin), street)) == order


@pytest.mark.parametrize("stage", ["fit", "save", "score-01", "score-02"])
def test_a_run_killed_in_any_stage_goes_on_and_ends_with_the_same_bytes(
    street: Path, offset_plugin: Path, stage: str
) -> None:
    expected = csv_of(run(street, offset_plugin, "--out", "whole"), street).read_bytes()
    marks = street.parent / "marks"
    marks.mkdir()
    (marks / stage).touch()
    killed = run(street, offset_plugin, KILL_MARKS=str(marks))
    assert killed.returncode == -signal.SIGKILL
    assert csv_of(run(street, offset_plugin, KILL_MARKS=str(marks)), street).read_bytes() == expected


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_stopped_at_any_time_goes_on(street: Path, offset_plugin: Path, signal_number: int) -> None:
    """Stopped from outside, later and later, until it gets through: decoding, fitting, writing are all met."""
    expected = csv_of(run(street, offset_plugin, "--out", "whole", "--cache", "other"), street).read_bytes()
    command = [sys.executable, "-m", "pixelkit", "run", str(street), "--plugins", str(offset_plugin)]
    command += ["--scorers", "offset", *QUICK]
    environment = {**os.environ, "PIXELKIT_CACHE": str(street.parent / "cache")}
    for step in range(100):
        with subprocess.Popen(
            command,
            cwd=street.parent,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            time.sleep(0.3 + 0.15 * step)
            process.send_signal(signal_number)
            out, complaint = process.communicate()
        if process.returncode == 0:
            break
        starting = "import" in complaint  # a C extension that is stopped while it loads fails in its own way
        assert process.returncode in (-signal_number, 130) or starting, complaint
        assert "Traceback" not in complaint or starting, complaint
    assert (street.parent / out.splitlines()[-1]).read_bytes() == expected


def test_two_runs_at_once_on_one_cache_and_folder_agree(street: Path, offset_plugin: Path) -> None:
    command = [sys.executable, "-m", "pixelkit", "run", str(street), "--plugins", str(offset_plugin)]
    command += ["--scorers", "offset", *QUICK]
    environment = {**os.environ, "PIXELKIT_CACHE": str(street.parent / "cache")}
    both = [
        subprocess.Popen(command, cwd=street.parent, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert printed[0] == printed[1]


def test_a_deleted_and_a_changed_frame_are_noticed(street: Path, offset_plugin: Path) -> None:
    before = csv_of(run(street, offset_plugin), street).read_text()
    (street / "testing_videos" / "02" / "frame_00011.jpg").unlink()
    after = csv_of(run(street, offset_plugin), street)
    assert ids(after) == STREET_IDS[:-1]
    other = street / "training_videos" / "01"
    (street / "testing_videos" / "02" / "frame_00005.jpg").write_bytes(
        (other / "frame_00005.jpg").read_bytes()
    )
    changed = csv_of(run(street, offset_plugin), street)
    assert changed.read_text() not in (before, after.read_text())


def test_a_frame_that_does_not_decode_is_scored_and_named(street: Path, offset_plugin: Path) -> None:
    broken = street / "testing_videos" / "02" / "frame_00003.jpg"
    broken.write_bytes(b"")
    done = run(street, offset_plugin)
    assert ids(csv_of(done, street)) == STREET_IDS
    assert f"1 of 12 files do not decode and show the nearest good frame: {broken.name}" in done.stderr


def test_a_default_run_leaves_a_failing_scorer_out_and_a_named_one_is_an_error(
    street: Path, offset_plugin: Path
) -> None:
    broken = PLUGIN.replace("NAME", "broken").replace("return self.gain", "return float('nan') * self.gain")
    (offset_plugin / "broken.py").write_text(broken, encoding="utf-8")
    (offset_plugin / "rude.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    skip = [word for name in ("convae", "dae", "stae", "ffp") for word in ("--set", f"{name}.epochs=1")]
    command = ("run", street, "--plugins", offset_plugin, "--offline", *QUICK, *skip)
    done = pixelkit(*command, cwd=street.parent)
    assert done.returncode == 0, done.stderr
    assert "broken is left out" in done.stderr
    assert "rude.py" in done.stderr
    named = pixelkit(*command, "--scorers", "offset,broken", cwd=street.parent)
    assert named.returncode == 1
    assert "not finite" in named.stderr.splitlines()[-1]
    assert named.stdout == ""


def test_submit_writes_the_same_csv_again_without_the_data(street: Path, offset_plugin: Path) -> None:
    made = csv_of(run(street, offset_plugin), street)
    content = made.read_bytes()
    made.unlink()
    street.rename(street.parent / "gone")
    done = pixelkit("submit", cwd=street.parent)
    assert (street.parent / done.stdout.strip()).read_bytes() == content


def test_submit_follows_an_edited_recipe_and_refuses_a_bad_csv(street: Path, offset_plugin: Path) -> None:
    made = csv_of(run(street, offset_plugin), street)
    recipe = made.parent / "recipe.json"
    recipe.write_text(recipe.read_text().replace('"gaussian"', '"none"'))
    other = pixelkit("submit", made.parent, cwd=street.parent)
    assert (street.parent / other.stdout.strip()).read_bytes() != made.read_bytes()
    bad = street.parent / "bad.csv"
    bad.write_text(made.read_text().replace("1_7,", "01_00007,"))
    refused = pixelkit("submit", made.parent, "--check", bad, cwd=street.parent)
    assert refused.returncode == 1
    assert "01_00007" in refused.stderr


def test_a_recipe_that_names_no_channel_of_the_scorers_is_refused_before_anything_is_fitted(
    street: Path, offset_plugin: Path
) -> None:
    recipe = street.parent / "x.json"
    Recipe.untuned(["offset.socre"]).write(recipe)
    done = run(street, offset_plugin, "--recipe", recipe)
    assert done.returncode == 1
    assert (
        "x.json: the choice of scorers has no channel 'offset.socre' (did you mean"
        in done.stderr.splitlines()[-1]
    )
    assert not (street.parent / "submissions" / "street" / "fitted").exists()
    Recipe.untuned(["offset.score"]).write(recipe)
    made = csv_of(run(street, offset_plugin, "--recipe", recipe), street)
    assert Recipe.read(made.parent / "recipe.json") == Recipe.read(recipe)


def test_score_then_submit_gives_what_run_gives(street: Path, offset_plugin: Path) -> None:
    expected = csv_of(run(street, offset_plugin, "--out", "whole"), street)
    command = ("score", street, "--plugins", offset_plugin, "--scorers", "offset", *QUICK)
    assert pixelkit(*command, cwd=street.parent).returncode == 0
    assert csv_of(pixelkit("submit", cwd=street.parent), street).read_bytes() == expected.read_bytes()


def test_an_edited_recipe_is_kept_when_the_run_is_made_again(street: Path, offset_plugin: Path) -> None:
    made = csv_of(run(street, offset_plugin), street)
    recipe = made.parent / "recipe.json"
    edited = recipe.read_text().replace('"gaussian"', '"none"')
    recipe.write_text(edited)
    assert csv_of(run(street, offset_plugin), street) == made
    assert edited in [file.read_text() for file in made.parent.glob("recipe-*.json")]


def test_a_disk_that_fills_up_is_one_clear_line_and_loses_nothing(street: Path, offset_plugin: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))

    command = [sys.executable, "-m", "pixelkit", "run", str(street), "--plugins", str(offset_plugin)]
    command += ["--scorers", "offset", *QUICK]
    environment = {**os.environ, "PIXELKIT_CACHE": str(street.parent / "cache")}
    done = subprocess.run(
        command,
        cwd=street.parent,
        env=environment,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot write" in done.stderr.splitlines()[-1]
    assert ids(csv_of(run(street, offset_plugin), street)) == STREET_IDS


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run"], 2, "name the data set"),
        (["run", "nowhere"], 1, "nowhere"),
        (["run", "street", "--scorers", "ofset", "--plugins", "my_plugins"], 1, "did you mean 'offset'"),
        (["run", "street", "--set", "repair.flip=false"], 1, "did you mean 'flips'"),
        (["run", "street", "--out", "/proc/none/run"], 1, "cannot write"),
        (["run", "street", "--sample", "nowhere.csv"], 1, "nowhere.csv"),
        (["submit", "nowhere"], 1, "holds no scored run"),
        (["submit"], 1, "no run in"),
        (["runn"], 2, "No such command"),
    ],
)
def test_a_mistake_is_one_line_without_a_traceback(
    street: Path, offset_plugin: Path, words: list[str], code: int, said: str
) -> None:
    done = pixelkit(*words, cwd=street.parent)
    assert offset_plugin.is_dir()
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_run_on_frames_numbered_as_those_of_pixelplay_gives_its_11706_ids(
    pixelplay_sample: Path, street: Path, offset_plugin: Path
) -> None:
    expected = ids(pixelplay_sample)
    frame = next((street / "training_videos" / "01").iterdir())
    root = street.parent / "pixelplay"
    shutil.copytree(street / "training_videos", root / "Dataset" / "training_videos")
    for video, number in map(parse_id, expected):
        place = root / "Dataset" / "testing_videos" / f"{int(video):02d}" / f"frame_{number:05d}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.hardlink_to(frame)
    assert len(expected) == 11_706
    assert ids(csv_of(run(root, offset_plugin), root)) == expected
    shutil.copy(pixelplay_sample, root / "sample_submission.csv")
    assert ids(csv_of(run(root, offset_plugin), root)) == expected


TUNED = ("--set", "tuning.objective=synthetic", "--set", "tuning.trials=20", "--set", "tuning.takes=2")


def test_a_run_tunes_on_anomalies_in_left_out_training_video(street: Path, offset_plugin: Path) -> None:
    done = run(street, offset_plugin, *TUNED)
    made = csv_of(done, street)
    assert ids(made) == STREET_IDS
    assert "tuning: AP on synthetic anomalies" in done.stderr
    takes = next((made.parent / "tuning").glob("takes-*/truth.csv")).read_text(encoding="utf-8")
    assert ",patch,03," in takes or ",patch,02," in takes or ",patch,01," in takes
    again = run(street, offset_plugin, *TUNED)
    assert csv_of(again, street) == made
    assert "tuned before" in again.stderr
    tuned = pixelkit("tune", made.parent, "--trials", 20, cwd=street.parent)
    assert tuned.returncode == 0, tuned.stderr


@pytest.mark.parametrize("stage", ["score-patch-1", "score-normal-2"])
def test_a_run_killed_while_it_scores_takes_goes_on(street: Path, offset_plugin: Path, stage: str) -> None:
    expected = csv_of(run(street, offset_plugin, *TUNED, "--out", "whole"), street).read_bytes()
    marks = street.parent / "marks"
    marks.mkdir()
    (marks / stage).touch()
    killed = run(street, offset_plugin, *TUNED, KILL_MARKS=str(marks))
    assert killed.returncode == -signal.SIGKILL
    assert csv_of(run(street, offset_plugin, *TUNED, KILL_MARKS=str(marks)), street).read_bytes() == expected


def test_the_record_says_what_the_run_was_made_from(street: Path, offset_plugin: Path) -> None:
    folder = RunFolder(csv_of(run(street, offset_plugin), street).parent)
    record = folder.read_record()
    assert record.layout == "PixelPlay '26"
    assert record.videos == {name: str(street / "testing_videos" / name) for name in ("01", "02")}
    assert record.train == ["01", "02", "03"]
    assert record.repair is not None
    assert (folder.path / record.repair).is_file()
    assert list((folder.path / record.fitted["offset"]).glob("*.safetensors"))


def test_what_judges_a_recipe_has_not_seen_the_left_out_videos_and_what_scores_the_test_has(
    street: Path, offset_plugin: Path
) -> None:
    def scores(*words: object) -> tuple[ScoreTable, ScoreTable]:
        folder = RunFolder(csv_of(run(street, offset_plugin, *words), street).parent)
        record = folder.read_record()
        return folder.stored(record.scores), folder.stored(record.heldout)

    test, heldout = scores()
    of_all, _ = scores("--set", "holdout=0", "--out", "all")
    of_some, left_out = scores("--set", "refit=false", "--out", "once")
    assert np.array_equal(test.values, of_all.values)
    assert not np.array_equal(test.values, of_some.values)
    assert len(heldout) and np.array_equal(heldout.values, left_out.values)


def test_without_left_out_video_nothing_is_tuned_and_the_run_says_so(
    street: Path, offset_plugin: Path
) -> None:
    done = run(street, offset_plugin, *TUNED, "--set", "holdout=0")
    assert ids(csv_of(done, street)) == STREET_IDS
    assert "so nothing is tuned" in done.stderr
