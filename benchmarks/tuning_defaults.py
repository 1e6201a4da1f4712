"""Which settings of tuning should be the default: each family of anomalies judged by recipes that never saw it.

python benchmarks/tuning_defaults.py RUN [RUN ...] towards_equal=0.02 prevalence=0.1,trials=600
python benchmarks/tuning_defaults.py --channels-only RUN [RUN ...] towards_equal=1.0
python benchmarks/tuning_defaults.py --videos 1 2 4 RUN [RUN ...]

A RUN is a folder that 'pixelkit run' made. For each family of synthetic anomalies a recipe is searched on all others,
and on half of the normal takes; it is judged on the family and the other half. Then one is searched on all families,
and judged on the takes of the other runs: 'elsewhere'. Each is done with as many seeds as '--seeds' says, and the mean
is told. Test video and labels are not read. With '--channels-only' every channel is searched at once, without the climb
to the best votes before.

With '--videos' the question is how many videos to leave out: recipes are found on the takes that were filmed in so many
of the left-out videos, and judged on those from the others. Let a RUN leave out many for this, with a take of each kind
in each: --set holdout=0.5 --set tuning.takes=8.
"""

from __future__ import annotations

import argparse
import itertools
import tomllib
from collections.abc import Sequence
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

DRAWS = 12


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
        self._source = takes.source
        self._objective = synthetic_objective(
            fuser, takes.labels, takes.family, prevalence=settings.prevalence
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

    def gains_on_other_videos(self, count: int, draws: int) -> list[float]:
        """Return the mean gain over families on takes from other videos than the ``count`` that it was found on."""
        names = list(self._objective.fuser.videos)
        choices = list(itertools.combinations(sorted(set(self._source.values())), count))
        found = []
        for number, place in enumerate(np.random.default_rng(0).permutation(len(choices))[:draws]):
            mine = np.array([float(self._source[name] in choices[place]) for name in names])
            found.append(float(np.nanmean(self.gains(self.find(number, mine), 1 - mine))))
        return found

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


def read_takes_of(runs: Sequence[Path], text: str, *, channels_only: bool) -> dict[Path, Takes]:
    """Return the takes of each run, to be searched with the settings that ``text`` changes."""
    changes = {} if text == "default" else tomllib.loads(text.replace(",", "\n"))
    settings = replace(TuningSettings(), **changes)
    return {run: Takes(run, settings, channels_only=channels_only) for run in runs}


def compare_videos(
    runs: Sequence[Path], candidates: Sequence[str], counts: Sequence[int], *, channels_only: bool
) -> None:
    """Print how recipes that were found on takes from so many videos do on takes from the others."""
    print(
        "\n| settings | run | found on videos | mean gain on others | worst | draws |\n|---|---|---|---|---|---|"
    )
    for text in candidates:
        for run, takes in read_takes_of(runs, text, channels_only=channels_only).items():
            for count in counts:
                found = takes.gains_on_other_videos(count, DRAWS)
                row = f"| {text} | {run.name} | {count} | {np.mean(found):+.1f} | {min(found):+.1f} | {len(found)} |"
                print(row, flush=True)


def main() -> None:
    """Print a row for each candidate and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="RUN or SETTING=VALUE")
    parser.add_argument("--channels-only", action="store_true")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--videos", type=int, nargs="+", default=[], help="so many videos to find a recipe on"
    )
    arguments = parser.parse_args()
    runs = [Path(word) for word in arguments.words if "=" not in word]
    candidates = [word for word in arguments.words if "=" in word] or ["default"]
    print(describe_machine())
    if arguments.videos:
        compare_videos(runs, candidates, arguments.videos, channels_only=arguments.channels_only)
        return
    print("\n| settings | run | mean gain | worst | elsewhere | each family |\n|---|---|---|---|---|---|")
    for text in candidates:
        takes = read_takes_of(runs, text, channels_only=arguments.channels_only)
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
