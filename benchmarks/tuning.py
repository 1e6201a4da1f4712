"""What tuning gives, with labels that it never sees, and what a trial costs.

python benchmarks/tuning.py ../shared/data/ped2            # both tables
python benchmarks/tuning.py ../shared/data/ped2 --speed    # only what a trial costs

Equal weights, the recipe that synthetic tuning ships, and the oracle: the best that a search of 1,500 trials
finds on the test labels themselves. Beside them what can be learnt from labels of other videos: 'pixelkit tune
--objective labels', each video by a recipe that was found on others, in average precision video by video, and what
ships in the same. Labels are read here, after every recipe is chosen, and nowhere else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray

from pixelkit import recipes
from pixelkit.artifacts import RunFolder
from pixelkit.frames.labels import read_labels
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.metrics import average_precision, roc_auc
from pixelkit.scores.recipe import Recipe
from pixelkit.scores.table import ScoreTable
from pixelkit.tuning.objectives import label_objective
from pixelkit.tuning.search import Budget, Judge, search
from pixelkit.tuning.settings import TuningSettings
from pixelkit.tuning.space import SearchSpace
from pixelkit.tuning.verdict import tune
from pixelkit.tuning.witnesses import Witnesses

ORACLE_TRIALS = 1500
SPEED_TRIALS = 1000


def pixelkit(*words: object) -> None:
    """Run the command line."""
    command = [sys.executable, "-m", "pixelkit", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def figures(fuser: Fuser, recipe: Recipe, truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return micro AP and micro AUC of a recipe, in per cent."""
    scores = fuser.fuse(recipe)
    return 100 * np.array([average_precision(truth, scores), roc_auc(truth, scores)], np.float64)


def row(title: str, folder: RunFolder, labels: Path) -> str:
    """Return the row of one finished run."""
    record = folder.read_record()
    fuser = Fuser(folder.stored(record.scores), folder.stored(record.heldout), max_gap=record.max_gap)
    truth = read_labels(labels, {name: fuser.table.number[part] for name, part in fuser.videos.items()})
    every = np.concatenate([truth[name] for name in fuser.videos])
    begin = recipes.untuned(folder)
    votes, space = recipes.spaces(folder, begin, per_video=False)
    objective = label_objective(fuser, truth, "ap")
    others = tune(objective, begin, votes, space, TuningSettings(), seed=record.seed).verdict.unseen
    judge = Judge(objective, begin)
    oracle = search(judge, space, Budget(ORACLE_TRIALS), label=f"oracle of {title}").recipe
    tuned, shipped = Recipe.read(folder.tuned), Recipe.read(folder.recipe)
    cells = [figures(fuser, recipe, every) for recipe in (begin, tuned, shipped, oracle)]
    closed = (cells[2][0] - cells[0][0]) / (cells[3][0] - cells[0][0])
    newest = max(folder.tuned.parent.glob("found-*.json"), key=lambda file: file.stat().st_mtime)
    verdict = json.loads(newest.read_text(encoding="utf-8"))["verdict"]
    seen = f"{100 * verdict['equal']:.1f} → {100 * verdict['unseen']:.1f}, {verdict['wins']:.0%}"
    texts = [" / ".join(f"{figure:.1f}" for figure in cell) for cell in cells]
    witnesses = Witnesses(objective)
    alone = objective.figure_of(witnesses.together(witnesses.hear(fuser.fuse(shipped))))
    by_others = "-" if others is None else f"{100 * others:.1f} (ships: {100 * alone:.1f})"
    return f"| {title} | {' | '.join(texts)} | {closed:.0%} | {by_others} | {seen} |"


def quality(data: Path, room: Path) -> None:
    """Print what tuning gives on clean Ped2, on two corrupted copies of it, and on the demo."""
    print(
        "Each cell: micro AP / micro AUC. Labels of other videos: AP video by video, and that of what ships. "
        "Synthetic: AP video by video on what was not seen, equal weights → tuned, and resamples won.\n"
    )
    print(
        "| data | equal weights | tuned | shipped | oracle | of the way | labels of other videos | synthetic |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for title, seed in (("Ped2", None), ("Ped2, corrupted", 0), ("Ped2, corrupted otherwise", 1)):
        test = data
        if seed is not None:
            test = room / f"corrupted-{seed}"
            if not test.exists():
                pixelkit("corrupt", data, test, "--seed", seed)
        run = room / "run"
        split = ("--train", data / "training", "--test", test / "testing")
        pixelkit("run", *split, "--scorers", "convae,dae,stae,ffp,motion", "--out", run)
        print(row(title, RunFolder(run), data / "ped2.mat"), flush=True)
    demo = room / "demo-data"
    pixelkit("demo", demo)
    pixelkit("run", demo, "--out", room / "demo-run")
    print(row("the demo", RunFolder(room / "demo-run"), room / "demo-data-labels.csv"), flush=True)


def pixelplay_sized() -> tuple[ScoreTable, dict[str, NDArray[np.bool_]]]:
    """Return scores of 11,706 frames of 21 videos in 8 channels, a quarter of the frames anomalous in events."""
    rng = np.random.default_rng(0)
    frames, channels = 11_706, 8
    lengths = np.diff(np.sort(np.append(rng.choice(np.arange(1, frames), 20, replace=False), [0, frames])))
    every = np.zeros(frames, bool)
    for start in rng.integers(0, frames - 45, 77):
        every[start : start + 45] = True
    values = rng.gamma(2, 1, (frames, channels)) + np.outer(every, rng.uniform(0, 1.5, channels))
    names = [f"{video + 1:02d}" for video, length in enumerate(lengths) for _ in range(length)]
    numbers = np.concatenate([np.arange(length) for length in lengths])
    table = ScoreTable(names, numbers, [f"scorer{n}.score" for n in range(channels)], values)
    return table, {name: every[part] for name, part in table.videos().items()}


def speed() -> None:
    """Print what 1,000 trials cost, and how far AP and AUC are from scikit-learn's."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    table, labels = pixelplay_sized()
    for cost in (0.0, TuningSettings().towards_equal):
        speed_of_search(table, labels, cost)
    fuser = Fuser(table)
    every = np.concatenate([labels[name] for name in fuser.videos])
    scores = fuser.fuse(Recipe.untuned(table.channels))
    off = [
        abs(ours(every, scores) - theirs(every, scores))
        for ours, theirs in ((average_precision, average_precision_score), (roc_auc, roc_auc_score))
    ]
    print(f"| AP and AUC, off scikit-learn's | {off[0]:.1e}, {off[1]:.1e} |")


def speed_of_search(table: ScoreTable, labels: dict[str, NDArray[np.bool_]], cost: float) -> None:
    """Print what 1,000 trials cost that stay near equal weights for ``cost``."""
    fuser = Fuser(table, ScoreTable(table.video, table.number, table.channels, table.values))
    begin = Recipe.untuned(table.channels)
    judge, spent = Judge(label_objective(fuser, labels, "ap"), begin, cost), [0.0]
    value = judge.value

    def timed(recipe: Recipe) -> float:
        start = time.process_time()
        found = value(recipe)
        spent[0] += time.process_time() - start
        return found

    judge.value = timed  # type: ignore[method-assign]
    start, cpu = time.perf_counter(), time.process_time()
    search(judge, SearchSpace.around(begin, calibrated=begin.channels), Budget(SPEED_TRIALS))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"| {SPEED_TRIALS:,} trials of TPE, 11,706 rows, 8 channels, towards_equal = {cost:g} "
        f"| {wall:.1f} s, {cpu:.1f} s of one core |"
    )
    print(f"| of which the objective | {1000 * spent[0] / SPEED_TRIALS:.2f} ms a trial |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="Ped2 in the common re-pack")
    parser.add_argument(
        "--room", type=Path, default=Path("tuning-room"), help="where runs lie; a second call goes on"
    )
    parser.add_argument("--speed", action="store_true", help="only what a trial costs")
    arguments = parser.parse_args()
    print(describe_machine(), f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}\n")
    print("| what | figure |\n|---|---|")
    speed()
    if not arguments.speed:
        print()
        quality(arguments.data, arguments.room)


if __name__ == "__main__":
    main()
