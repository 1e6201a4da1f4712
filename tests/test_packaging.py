"""A scorer counts wherever it lies: dropped into plugins/ of an installation, in a folder, in an installed package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from street import PLUGIN, pixelkit

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = """
[metadata]
name = street-scorer
version = 1.0
[options]
py_modules = street_scorer
[options.entry_points]
pixelkit =
    street = street_scorer
"""


def pip_install(source: Path, site: Path) -> None:
    """Build a wheel of ``source`` and install it into ``site``, without asking any package index."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    command += ["--disable-pip-version-check", "--target", str(site), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """pixelkit, installed from a wheel into a folder of its own, with another package that holds a scorer."""
    pytest.importorskip("setuptools", reason="building a wheel needs setuptools")
    copy = tmp_path / "checkout"
    for folder in ("pixelkit", "plugins"):
        shutil.copytree(
            ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for file in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    other = tmp_path / "street-scorer"
    other.mkdir()
    (other / "setup.cfg").write_text(PACKAGE, encoding="utf-8")
    (other / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(), encoding="utf-8")
    (other / "street_scorer.py").write_text(PLUGIN.replace("NAME", "packaged"), encoding="utf-8")
    for source in (copy, other):
        pip_install(source, tmp_path / "site")
    return tmp_path / "site"


def test_a_scorer_from_each_of_the_three_places_is_scored_in_a_run(
    site: Path, street: Path, offset_plugin: Path
) -> None:
    (site / "pixelkit" / "plugins" / "dropped.py").write_text(
        PLUGIN.replace("NAME", "dropped"), encoding="utf-8"
    )
    done = pixelkit(
        *("run", street, "--scorers", "dropped,offset,packaged", "--set", "repair.flips=false"),
        cwd=street.parent,
        PYTHONPATH=str(site),
        PIXELKIT_PLUGINS=str(offset_plugin),
    )
    assert done.returncode == 0, done.stderr
    scored = {
        file.name.partition("-")[0]
        for file in (street.parent / "submissions" / "street" / "scores").iterdir()
    }
    assert scored == {"dropped", "offset", "packaged"}


def test_the_wheel_holds_everything(site: Path) -> None:
    assert (site / "pixelkit" / "py.typed").is_file()
    for name in ("templates", "static"):
        wanted = {file.name for file in (ROOT / "pixelkit" / "report" / name).iterdir()}
        assert {file.name for file in (site / "pixelkit" / "report" / name).iterdir()} == wanted
    where = [
        sys.executable,
        "-c",
        "import pixelkit, pixelkit.plugins.stae as p; print(pixelkit.__file__, p.__file__)",
    ]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    printed = subprocess.run(
        where, env=environment, cwd=site.parent, capture_output=True, text=True, check=True
    ).stdout
    assert printed.count(str(site)) == 2
