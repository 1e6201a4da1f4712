"""``pixelkit new`` writes a scorer that works and a test that passes, and overwrites nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from street import pixelkit

ROOT = Path(__file__).resolve().parents[2]


def run_pytest(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)


def test_new_scorer_passes_its_test(tmp_path: Path) -> None:
    result = pixelkit("new", "my_idea", "--plugins", "mine", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    scorer, test = tmp_path / "mine" / "my_idea.py", tmp_path / "mine" / "test_my_idea.py"
    assert result.stdout.split() == [str(scorer), str(test)]
    assert "pixelkit check my_idea" in result.stderr
    tested = run_pytest(test, cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout
    assert "failed" not in tested.stdout


def test_new_scorer_keeps_the_style_and_types_of_the_project(tmp_path: Path) -> None:
    pixelkit("new", "my_idea", "--plugins", "mine", cwd=tmp_path)
    # Which imports are the project's own depends on the folder: hence no I001.
    for command in (["ruff", "check", "--ignore", "I001"], ["ruff", "format", "--check"]):
        words = [sys.executable, "-m", *command, "--config", ROOT / "ruff.toml", tmp_path / "mine"]
        checked = subprocess.run(words, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout


def test_first_folder_of_environment_is_taken(tmp_path: Path) -> None:
    folders = os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")])
    pixelkit("new", "my_idea", cwd=tmp_path, PIXELKIT_PLUGINS=folders)
    assert (tmp_path / "a" / "my_idea.py").is_file()
    assert not (tmp_path / "b").exists()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout, as far as plugins need it."""
    for folder in ("pixelkit", "plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pixelkit" / "plugins").symlink_to(tmp_path / "plugins")
    (tmp_path / "tests" / "plugins").mkdir(parents=True)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    return tmp_path


def test_in_a_checkout_scorer_and_test_go_where_ours_lie(checkout: Path) -> None:
    environment = {"PYTHONPATH": str(checkout), "PIXELKIT_PLUGINS": ""}
    result = pixelkit("new", "my_idea", cwd=checkout, **environment)
    assert result.returncode == 0, result.stderr
    assert (checkout / "plugins" / "my_idea.py").is_file()
    tested = run_pytest("tests/plugins/test_my_idea.py", "-k", "length", cwd=checkout, **environment)
    assert "1 passed" in tested.stdout, tested.stdout


def test_outside_a_checkout_a_folder_must_be_named(checkout: Path) -> None:
    (checkout / "setup.cfg").unlink()
    result = pixelkit("new", "my_idea", cwd=checkout, PYTHONPATH=str(checkout), PIXELKIT_PLUGINS="")
    assert result.returncode == 1
    assert "name a folder of your own, as in 'pixelkit new NAME --plugins my_plugins'" in result.stderr


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("My-Idea", "cannot be a scorer's name: expected lower-case letters, digits and '_'"),
        ("../up", "cannot be a scorer's name"),
        ("lambda", "has another meaning in pixelkit or Python"),
        ("repair", "has another meaning in pixelkit or Python"),
        ("test_me", "has another meaning in pixelkit or Python"),
        ("offset", "there is a scorer 'offset' already"),
        ("taken", "taken.py is there already"),
    ],
)
def test_bad_and_taken_names_are_refused(name: str, reason: str, offset_plugin: Path, tmp_path: Path) -> None:
    (offset_plugin / "taken.py").write_text("# precious\n")
    before = sorted(offset_plugin.glob("*.py"))
    result = pixelkit("new", name, "--plugins", offset_plugin, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(offset_plugin.glob("*.py")) == before
    assert (offset_plugin / "taken.py").read_text() == "# precious\n"
