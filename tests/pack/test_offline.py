"""A pack is tried where it is used: in a fresh environment, on copied data, with the network cut off."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

import pytest
from street import STREET_IDS, pixelkit
from tiny_wheels import installed_wheel

LACKED = ("pixelkit", "tomli-w")
CELLS = """
import json, socket, sys
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except TimeoutError:
    sys.exit("there is a network")
except OSError:
    pass
names = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1], encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
import pixelkit, tomli_w
print("from", pixelkit.__file__, tomli_w.__file__)
"""


def cut_off() -> list[str]:
    """Return the words that start a program without a network, or skip the test."""
    words = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("cutting off the network needs unshare, and the right to use it")
    return words


def freeze(file: Path) -> Path:
    """Write what the test environment has, but for what the machine is said to lack."""
    there = {one.name: one.version for one in metadata.distributions()}
    file.write_text(
        "".join(f"{name}=={there[name]}\n" for name in there if name.lower().replace("_", "-") not in LACKED)
    )
    return file


def fresh_environment(folder: Path) -> Path:
    """Make a virtual environment that sees the packages of this one but for those; return its interpreter.

    Installing torch again would take 6 GB. The links stand for the image of the machine.
    """
    venv.create(folder / "venv", with_pip=False)
    image = folder / "image"
    image.mkdir()
    hidden = ("pixelkit", "tomli_w", "__editable__")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(hidden):
            (image / entry.name).symlink_to(entry)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "image.pth").write_text(f"{image}\n")
    return folder / "venv" / "bin" / "python"


@pytest.mark.slow
def test_the_notebook_scores_with_what_was_fitted_elsewhere_in_a_fresh_environment_without_a_network(
    street: Path, offset_plugin: Path, tmp_path: Path
) -> None:
    words = cut_off()
    options = (
        "--scorers",
        "offset",
        "--plugins",
        offset_plugin,
        "--objective",
        "none",
        "--set",
        "offset.gain=2.0",
    )
    run = pixelkit("run", street, *options, "--set", "repair.flips=false", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    installed_wheel(tmp_path / "index", "tomli-w")
    done = pixelkit(
        *("pack", "there/pack", "--run", "submissions/street", "--plugins", offset_plugin, "--json"),
        *("--python", f"3.{sys.version_info.minor}", "--image", freeze(tmp_path / "image.txt")),
        cwd=tmp_path,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path / "index"),
        PIP_CONFIG_FILE="/dev/null",
    )
    assert done.returncode == 0, done.stderr
    packed = json.loads(done.stdout)["files"]
    assert sorted(name.split("-")[0] for name in packed if name.startswith("wheels/")) == [
        "wheels/pixelkit",
        "wheels/tomli_w",
    ]

    there = tmp_path / "there"
    assert (
        "cp -r run ../street; pixelkit run DATA --out ../street"
        in (there / "pack" / "README.txt").read_text()
    )
    shutil.copytree(street, there / "pixel-play", copy_function=shutil.copyfile)
    for gone in (street, offset_plugin, tmp_path / "cache"):
        shutil.rmtree(gone)
    (tmp_path / "cells.py").write_text(CELLS)
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    ended = subprocess.run(
        [
            *words,
            str(fresh_environment(tmp_path)),
            str(tmp_path / "cells.py"),
            str(there / "pack" / "pixelkit.ipynb"),
        ],
        cwd=there,
        env={**environment, "HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "offset: fitted before, loaded" in ended.stdout
    assert f"from {tmp_path / 'venv'}" in ended.stdout
    submission = there / "submission.csv"
    assert [line.split(",")[0] for line in submission.read_text().splitlines()] == ["Id", *STREET_IDS]
    assert submission.read_bytes() == Path(tmp_path, run.stdout.splitlines()[-1]).read_bytes()
    assert f"{len(STREET_IDS)} rows" in ended.stdout
