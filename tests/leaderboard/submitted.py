"""A history with submissions in it, as runs and people make them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pixelkit.leaderboard.history import History, Submission
from pixelkit.leaderboard.history.lines import format_line
from pixelkit.scores.recipe import Recipe

SETTINGS = {"seed": 0, "convae": {"epochs": 5}}
RECIPE = Recipe.untuned(["convae.mean", "dae.mean"])


def make_csv(path: Path, *scores: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("Id,Predicted\n" + "".join(f"1_{i},{score}\n" for i, score in enumerate(scores)))
    return path


def write(
    history: History,
    name: str = "ped2",
    *scores: float,
    recipe: Recipe = RECIPE,
    plain: dict[str, object] | None = None,
    figure: float | None = 0.8,
) -> Submission:
    """Write a CSV into a run folder and tell the history."""
    csv = make_csv(history.root / name / f"{name}.csv", *(scores or (0.1, len(name) / 100)))
    return history.written(
        csv,
        run=csv.parent,
        recipe=recipe,
        settings=plain or SETTINGS,
        figure=figure,
        figure_of="synthetic AP",
        rows=2,
    )


def append(history: History, event: str, time: datetime, **fields: object) -> None:
    with history.file.open("ab") as file:
        file.write(format_line(event, fields, time) + b"\n")


def processes(script: str, *arguments: Sequence[object]) -> list[subprocess.CompletedProcess[str]]:
    """Run a script at once with each of several lists of arguments."""
    running = [
        subprocess.Popen([sys.executable, "-c", script, *map(str, words)], stderr=subprocess.PIPE, text=True)
        for words in arguments
    ]
    ended = [(process, process.communicate()[1]) for process in running]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, "", said) for process, said in ended
    ]
