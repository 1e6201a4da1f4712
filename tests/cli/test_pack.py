"""``pixelkit pack`` on the command line: what it prints, and what it says when something is missing."""

from __future__ import annotations

import json
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from street import PLUGIN, pixelkit

WEIGHTS = """

from pixelkit.weights import PretrainedFile

Offset.pretrained = lambda self: (PretrainedFile("lamp", ("lamp.pt",), "http://127.0.0.1:9/", url="http://127.0.0.1:9/lamp.pt"),)
"""


def pack(plugins: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Pack for a machine that has what is installed here: nothing need be fetched."""
    cwd = plugins.parent
    freeze = "".join(f"{one.name}=={one.version}\n" for one in metadata.distributions())
    (cwd / "image.txt").write_text(freeze)
    return pixelkit("pack", *words, "--plugins", plugins, "--image", "image.txt", cwd=cwd)


def test_the_parts_are_listed_with_sizes_and_the_folder_is_the_last_line(offset_plugin: Path) -> None:
    done = pack(offset_plugin, "packed", "--scorers", "offset,convae")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["part", "files", "MB"] and lines[-1] == "packed"
    assert [line.split()[:2] for line in lines[1:-1]] == [
        ["README.txt", "1"], ["pixelkit.ipynb", "1"], ["plugins", "1"], ["wheels", "1"], ["all", "4"]
    ]  # fmt: skip
    assert "wheels: 0 that the machine of image.txt lacks" in done.stderr


def test_plugins_settings_and_scorers_are_among_the_options(offset_plugin: Path) -> None:
    (offset_plugin.parent / "my.toml").write_text("[offset]\ngain = 3.0\n")
    done = pack(offset_plugin, "packed", "--scorers", "offset", "--config", "my.toml", "--json")
    assert done.returncode == 0, done.stderr
    packed = json.loads(done.stdout)
    wanted = "--offline --scorers offset --plugins {pack}/plugins/my_plugins --config {pack}/settings.toml"
    assert packed["options"] == wanted.split()
    assert {"plugins/my_plugins/offset.py", "settings.toml"} < packed["files"].keys()
    copy = offset_plugin.parent / "packed" / "settings.toml"
    assert copy.read_text() == (offset_plugin.parent / "my.toml").read_text()


def test_weights_that_cannot_be_had_are_named_with_the_scorer_to_leave_out(offset_plugin: Path) -> None:
    (offset_plugin / "lit.py").write_text(PLUGIN.replace("NAME", "lit") + WEIGHTS)
    done = pack(offset_plugin, "packed", "--scorers", "offset,lit")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "lamp cannot be fetched" in done.stderr and "pack without lit" in done.stderr
    assert not (offset_plugin.parent / "packed").exists()


def test_a_file_that_a_scorer_reads_by_its_path_is_told_of(offset_plugin: Path) -> None:
    boxes = offset_plugin.parent / "boxes.csv"
    boxes.touch()
    reads = f"\n\nOffset.inputs = lambda self: (Path({str(boxes)!r}),)\n"
    (offset_plugin / "boxed.py").write_text(PLUGIN.replace("NAME", "boxed") + reads)
    done = pack(offset_plugin, "packed", "--scorers", "boxed")
    assert done.returncode == 0, done.stderr
    assert f"boxed reads {boxes}, which is not packed: put it at the same place" in done.stderr


def test_settings_that_are_wrong_are_told_before_anything_is_fetched(offset_plugin: Path) -> None:
    (offset_plugin.parent / "my.toml").write_text("[offset]\ngian = 3.0\n")
    done = pack(offset_plugin, "packed", "--config", "my.toml", "--scorers", "offset")
    assert done.returncode == 1
    assert "no setting 'gian' (did you mean 'gain'?)" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--run", "nowhere"], 1, "nowhere holds no scored run: expected run.json"),
        (["--run", "x", "--config", "y"], 2, "--run has settings and scorers of its own"),
        (["--all"], 2, "--all packs for a machine that has torch alone"),
        (["--python", "3.9"], 2, "'3.9' is not one of"),
        (["--scorers", "ofset"], 1, "there is no scorer 'ofset' (did you mean 'offset'?)"),
        (["--config", "none.toml", "--scorers", "offset"], 1, "none.toml: there is no such settings file"),
    ],
)
def test_a_mistake_is_one_clear_line(offset_plugin: Path, words: list[str], code: int, said: str) -> None:
    done = pack(offset_plugin, "packed", *words)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_a_folder_with_other_files_is_left_alone(offset_plugin: Path) -> None:
    done = pack(offset_plugin, offset_plugin)
    assert done.returncode == 1
    assert "holds files (offset.py) and is no former pack" in done.stderr
