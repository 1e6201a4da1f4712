"""Which settings of tuning should be the default: each family of anomalies judged by recipes that never saw it.

python benchmarks/tuning_defaults.py RUN [RUN ...] towards_equal=0.02 downside=1.0,trials=600
python benchmarks/tuning_defaults.py --channels-only RUN [RUN ...] towards_equal=1.0

A RUN is a folder that 'pixelkit run' made. For each family of synthetic anomalies a recipe is searched on all others,
and on half of the normal takes; it is judged on the family and the other half. Then one is searched on all families,
and judged on the takes of the other runs: 'elsewhere'. Each is done with as many seeds as '--seeds' says, and the mean
is told. Test video and labels are not read. With '--channels-only' every channel is searched at once, without the climb
to the best votes before.
"""

from __future__ import annotations

import argparse
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray

from pixelkit import recipes
from pixelkit.artifacts import RunFolder
from pixelkit.frames.inject import read_takes
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.objectives import NORMAL, synthetic_objective
from pixelkit.tuning.search import Budget, Judge, search, search_in_rounds
from pixelkit.tuning.settings import TuningSettings


class Takes:
    """The synthetic anomalies of a run, scored."""

    def __init__(self, run: Path, settings: TuningSettings, *, channels_only: bool) -> None:
        self._settings = settings
        self._channels_only = channels_only
        folder = RunFolder(run)
        record = folder.read_record()
        assert record.takes is not None
        takes = read_takes(folder.path / record.takes)
        heldout = folder.stored(record.heldout)
        fuser = Fuser(folder.stored(record.synthetic), heldout, max_gap=record.max_gap, sources=takes.source)
        self._family = takes.family
        self._objective = synthetic_objective(
            fuser, takes.labels, takes.family, downside=settings.downside, prevalence=settings.prevalence
        )
        self._equal = recipes.untuned(folder)
        self._votes, self._space = recipes.spaces(folder, self._equal, per_video=settings.per_video)

    def find(self, seed: int, videos: NDArray[np.float64] | None = None) -> Recipe:
        """Return the recipe that is found on some of the takes, (videos,) 1 or 0; None for all."""
        judge = Judge(self._objective, self._equal, self._settings.towards_equal, videos)
        budget = Budget(self._settings.trials, seed=seed)
        if self._channels_only:
            return search(judge, self._space, budget).recipe
        return search_in_rounds(judge, self._votes, self._space, budget)[1].recipe

    def gains(self, recipe: Recipe, videos: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return by how many points of AP the recipe beats equal weights on each family, on some of the takes."""
        before, after = (
            self._objective.values(self._objective.curves(self._objective.fuser.fuse(each)), videos)
            for each in (self._equal, recipe)
        )
        return 100 * (after - before)

    def unseen_gains(self, seed: int) -> dict[str, float]:
        """Return the gain on each family, by a recipe that was found without it."""
        names = list(self._objective.fuser.videos)
        normal = [name for name in names if self._family[name] == NORMAL]
        found: dict[str, float] = {}
        for number, part in enumerate(self._objective.parts):
            mine = {name for name in names if self._family[name] == part.name} | set(normal[::2])
            others = np.array([0.0 if name in mine else 1.0 for name in names])
            recipe = self.find(seed + number, others)
            found[part.name] = float(self.gains(recipe, 1 - others)[number])
        return found


def main() -> None:
    """Print a row for each candidate and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="RUN or SETTING=VALUE")
    parser.add_argument("--channels-only", action="store_true")
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    runs = [Path(word) for word in arguments.words if "=" not in word]
    candidates = [word for word in arguments.words if "=" in word] or ["default"]
    print(describe_machine())
    print("\n| settings | run | mean gain | worst | elsewhere | each family |\n|---|---|---|---|---|---|")
    for text in candidates:
        changes = {} if text == "default" else tomllib.loads(text.replace(",", "\n"))
        settings = replace(TuningSettings(), **changes)
        takes = {run: Takes(run, settings, channels_only=arguments.channels_only) for run in runs}
        for run, mine in takes.items():
            each = [mine.unseen_gains(1000 * seed) for seed in range(arguments.seeds)]
            found = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
            carried = [mine.find(1000 * seed + 100) for seed in range(arguments.seeds)]
            others = [other for other in takes.values() if other is not mine]
            elsewhere = [float(np.nanmean(other.gains(recipe))) for other in others for recipe in carried]
            told = f"{np.mean(elsewhere):+.1f}" if elsewhere else "–"
            listed = ", ".join(f"{name} {gain:+.1f}" for name, gain in found.items())
            mean, worst = np.mean(list(found.values())), min(found.values())
            row = f"| {text} | {run.name} | {mean:+.1f} | {worst:+.1f} | {told} | {listed} |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
