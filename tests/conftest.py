"""What many tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from loaded_plugins import forgotten_after
from street import PLUGIN, write_frames

# No deadline: a machine that is busy with something else is no bug.
settings.register_profile("pixelkit", deadline=None, max_examples=50)
settings.load_profile("pixelkit")

# What a shell starts with '&', CI often, ignores Ctrl-C, and so do its children: those that tests stop must hear it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A small data set in the PixelPlay layout: three training videos, two test videos, one of them with a gap."""
    root = tmp_path / "street"
    for video in (1, 2, 3):
        write_frames(root / "training_videos" / f"{video:02d}", range(24), seed=video)
    write_frames(root / "testing_videos" / "01", [*range(7, 20), *range(40, 50)], seed=4)
    write_frames(root / "testing_videos" / "02", range(12), seed=5)
    return root


@pytest.fixture
def offset_plugin(tmp_path: Path) -> Path:
    """A plugin folder with one quick scorer that needs no torch, named offset."""
    folder = tmp_path / "my_plugins"
    folder.mkdir()
    (folder / "offset.py").write_text(PLUGIN.replace("NAME", "offset"), encoding="utf-8")
    return folder


@pytest.fixture
def plugin_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty plugin folder; what is loaded from it is forgotten after the test."""
    folder = tmp_path / "my_plugins"
    folder.mkdir(exist_ok=True)
    with forgotten_after(tmp_path):
        yield folder
