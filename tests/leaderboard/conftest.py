"""What the tests of the history share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
