"""What many tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings

# No deadline: a machine that is busy with something else is no bug.
settings.register_profile("pixelkit", deadline=None, max_examples=50)
settings.load_profile("pixelkit")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def ped2() -> Path:
    """UCSD Ped2 in the common re-pack; a test that wants it is skipped where it does not lie."""
    folder = SHARED / "ped2"
    if not folder.is_dir():
        pytest.skip("needs UCSD Ped2 in ../shared/data/ped2, which is distributed for research only")
    return folder


@pytest.fixture(scope="session")
def pixelplay_sample() -> Path:
    """The 11,706 ids that the PixelPlay '26 leaderboard expects."""
    file = SHARED / "pixelplay26" / "sample_submission.csv"
    if not file.is_file():
        pytest.skip("needs the PixelPlay '26 sample submission in ../shared/data/pixelplay26")
    return file


def write_frames(folder: Path, numbers: Iterable[int], *, seed: int = 0, suffix: str = "jpg") -> None:
    """Write a small video: a bright blob that walks over a textured floor under a light sky (96 × 128 pixels)."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    floor = np.linspace(210, 60, 96)[:, None, None] + rng.normal(0, 6, (96, 128, 3))
    for number in numbers:
        frame = floor.copy()
        x = (5 * number + 30 * seed) % 110
        frame[50:80, x : x + 12] = (200, 180, 90)
        cv2.imwrite(str(folder / f"frame_{number:05d}.{suffix}"), frame.clip(0, 255).astype(np.uint8))


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A small data set in the PixelPlay layout: three training videos, two test videos, one of them with a gap."""
    root = tmp_path / "street"
    for video in (1, 2, 3):
        write_frames(root / "training_videos" / f"{video:02d}", range(24), seed=video)
    write_frames(root / "testing_videos" / "01", [*range(7, 20), *range(40, 50)], seed=4)
    write_frames(root / "testing_videos" / "02", range(12), seed=5)
    return root


STREET_IDS = [f"1_{n}" for n in [*range(7, 20), *range(40, 50)]] + [f"2_{n}" for n in range(12)]

PLUGIN = '''
"""Mean absolute difference to the mean training frame."""

import os
import signal
from pathlib import Path

import numpy as np

from pixelkit import Scorer, View, hookimpl

VIEW = View((24, 32))


def kill_once(stage):
    """Die as from ``kill -9`` when this stage is reached for the first time."""
    mark = Path(os.environ.get("KILL_MARKS", "/nonexistent")) / stage
    if mark.is_file():
        mark.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


class Offset(Scorer):
    name = "NAME"

    def __init__(self, *, gain: float = 1.0):
        self.gain = gain

    def views(self):
        return (VIEW,)

    def fit(self, videos):
        kill_once("fit")
        self.mean_ = np.mean([v.frames(VIEW).mean(0) for v in videos], 0, dtype=np.float32)

    def score(self, video):
        kill_once("score-" + video.name)
        return self.gain * np.abs(video.frames(VIEW) - self.mean_).mean((1, 2), dtype=np.float32)

    def save(self, folder):
        super().save(folder)
        kill_once("save")


@hookimpl
def pixelkit_scorers():
    return [Offset]
'''


@pytest.fixture
def offset_plugin(tmp_path: Path) -> Path:
    """A plugin folder with one quick scorer that needs no torch, named offset."""
    folder = tmp_path / "my_plugins"
    folder.mkdir()
    (folder / "offset.py").write_text(PLUGIN.replace("NAME", "offset"), encoding="utf-8")
    return folder


def pixelkit(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with a cache and submissions folder under ``cwd``."""
    variables = {**os.environ, "PIXELKIT_CACHE": str(cwd / "cache"), **environment}
    command = [sys.executable, "-m", "pixelkit", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def plugin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty plugin folder; what is loaded from it is forgotten after the test."""
    import pixelkit.plugins

    folder = tmp_path / "my_plugins"
    folder.mkdir(exist_ok=True)
    # setenv first: monkeypatch then puts back what registry.discover writes to the environment
    monkeypatch.setenv("PIXELKIT_PLUGINS", os.environ.get("PIXELKIT_PLUGINS", ""))
    monkeypatch.setattr(pixelkit.plugins, "__path__", list(pixelkit.plugins.__path__))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        module_file = getattr(sys.modules[name], "__file__", None) or ""
        if module_file.startswith(str(tmp_path)):
            del sys.modules[name]
            vars(pixelkit.plugins).pop(name.rpartition(".")[2], None)
