"""A run ends with a table of its videos; stdout stays the path of the CSV alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scored import write_run
from street import pixelkit

from pixelkit.cli.run_table import run_table
from pixelkit.cli.tables import BARS, aligned, sparkline


def test_a_line_for_each_video_with_its_peak(tmp_path: Path) -> None:
    head, *lines = run_table(write_run(tmp_path / "run")).splitlines()
    assert head.split() == ["video", "frames", "mean", "highest", "at", "highest", "tenth", "fused", "score"]
    assert [line.split()[0] for line in lines] == [f"{n:02d}" for n in range(1, 9)]
    assert {line.split()[1] for line in lines} == {"60"}
    assert all(len(line.split()[-1]) == 40 for line in lines)


def test_a_run_shows_it_on_stderr(street: Path, offset_plugin: Path) -> None:
    words = ("--scorers", "offset", "--plugins", offset_plugin, "--objective", "none")
    done = pixelkit("run", street, *words, cwd=street.parent)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    table = done.stderr[done.stderr.index("video  frames") :].splitlines()
    assert [line.split()[:2] for line in table[1:3]] == [["01", "23"], ["02", "12"]]
    assert "pixelkit report submissions/street" in done.stderr


def test_a_name_cannot_steer_the_terminal() -> None:
    assert aligned([["\x1b[2J", "1"], ["01\udcff\n", "22"]]) == " [2J   1\n01    22"


@given(st.lists(st.floats(0, 1), max_size=200), st.integers(1, 60))
def test_a_sparkline_has_a_bar_for_each_part_and_shows_the_highest(values: list[float], width: int) -> None:
    line = sparkline(np.array(values), width)
    assert len(line) == min(width, len(values))
    if values:
        assert max(map(BARS.index, line)) == min(7, int(8 * max(values)))
