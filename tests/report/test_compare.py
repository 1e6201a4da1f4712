"""What is said of two runs: their settings, without a list of everything that only one of them has."""

from __future__ import annotations

from pathlib import Path

import pytest
from scored import write_run

from pixelkit.report.compare import settings_that_differ
from pixelkit.report.scored_run import ScoredRun, read_run


@pytest.fixture
def runs(tmp_path: Path) -> tuple[ScoredRun, ScoredRun]:
    """Two runs: the first has two scorers, the second one of them, with another setting."""
    first = write_run(tmp_path / "a", channels=("good.score", "weak.score"))
    second = write_run(tmp_path / "b", channels=("good.score",))
    first.settings.write_text(
        "seed = 0\n[good]\nepochs = 12\n[weak]\nepochs = 12\nwidth = 8\n", encoding="utf-8"
    )
    second.settings.write_text("seed = 1\n[good]\nepochs = 3\n", encoding="utf-8")
    return read_run(first), read_run(second)


def test_scorer_of_one_run_is_one_line(runs: tuple[ScoredRun, ScoredRun]) -> None:
    assert sorted(settings_that_differ(*runs)) == [
        ("good.epochs", "12", "3"),
        ("seed", "0", "1"),
        ("weak", "yes", "–"),
    ]
