"""What the tests of the history share."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kaggle_server import FOREIGN, kaggle_server
from kaggle_server import Kaggle as Server

from pixelkit.leaderboard.history import FILE_NAME, History


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "submissions" / FILE_NAME)


@pytest.fixture
def warnings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[[], list[str]]]:
    """What was warned of so far; the command line, tested in the same process, keeps messages for itself."""
    monkeypatch.setattr(logging.getLogger("pixelkit"), "propagate", True)
    yield lambda: [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A stand-in for Kaggle that the real package, imported afresh, talks to; its home is a folder of the test."""
    for name in [name for name in os.environ if FOREIGN.match(name)]:
        monkeypatch.delenv(name)
    _forget_package()
    with kaggle_server() as server:
        for name, value in server.environment(tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        yield server
    _forget_package()


def _forget_package() -> None:
    """Let the package be imported anew: it reads the environment only then."""
    for name in [name for name in sys.modules if name.split(".")[0] == "kaggle"]:
        del sys.modules[name]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once for what is waited for."""
    monkeypatch.setattr("pixelkit.leaderboard.kaggle.upload.LOOK", 0.02)
    monkeypatch.setattr("pixelkit.leaderboard.kaggle.upload.APPEARS", 2)
    monkeypatch.setattr("pixelkit.leaderboard.kaggle.scores.EVERY", 0.02)
