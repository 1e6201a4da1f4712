"""Which settings of tuning should be the default: each family of anomalies judged by recipes that never saw it.

python benchmarks/tuning_defaults.py RUN [RUN ...] -- towards_equal=0.02 spread=1.0,trials=600
python benchmarks/tuning_defaults.py --channels-only RUN [RUN ...] -- towards_equal=1.0

A RUN is a folder that 'pixelkit run' made. For each family of synthetic anomalies a recipe is searched on all others,
and on half of the normal takes; it is judged on the family and the other half. Test video and labels are not read. With
'--channels-only' every channel is searched at once, without the climb to the best votes before.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import describe_machine

from pixelkit import recipes
from pixelkit.artifacts import RunFolder
from pixelkit.frames.inject import read_takes
from pixelkit.scores.fuser import Fuser
from pixelkit.tuning.objectives import NORMAL, synthetic_objective
from pixelkit.tuning.search import Budget, Judge, search, search_in_rounds
from pixelkit.tuning.settings import TuningSettings


def gains(folder: RunFolder, settings: TuningSettings, *, channels_only: bool) -> dict[str, float]:
    """Return for each family by how many points of AP the recipe that never saw it beats equal weights."""
    record = folder.read_record()
    assert record.takes is not None
    takes = read_takes(folder.path / record.takes)
    table = folder.stored(record.synthetic)
    fuser = Fuser(table, folder.stored(record.heldout), max_gap=record.max_gap, sources=takes.source)
    objective = synthetic_objective(
        fuser, takes.labels, takes.family, spread=settings.spread, prevalence=settings.prevalence
    )
    begin = recipes.untuned(folder)
    votes, space = recipes.spaces(folder, begin, per_video=settings.per_video)
    normal = [name for name in fuser.videos if takes.family[name] == NORMAL]
    found: dict[str, float] = {}
    for number, part in enumerate(objective.parts):
        mine = {name for name in fuser.videos if takes.family[name] == part.name} | set(normal[::2])
        others = np.array([0.0 if name in mine else 1.0 for name in fuser.videos])
        judge = Judge(objective, begin, settings.towards_equal, others)
        budget = Budget(settings.trials, seed=number)
        found_here = (
            search(judge, space, budget, label=part.name)
            if channels_only
            else search_in_rounds(judge, votes, space, budget, label=part.name)
        )
        before, after = (
            objective.values(objective.curves(fuser.fuse(each)), 1 - others)[number]
            for each in (begin, found_here.recipe)
        )
        found[part.name] = 100 * float(after - before)
    return found


def main() -> None:
    """Print a row for each candidate and run."""
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    runs, candidates = sys.argv[1:split], sys.argv[split + 1 :] or [""]
    if channels_only := "--channels-only" in runs:
        runs.remove("--channels-only")
    if not runs:
        sys.exit(__doc__)
    print(describe_machine())
    print("\n| settings | run | mean gain | worst | each family |\n|---|---|---|---|---|")
    for text in candidates:
        settings = replace(TuningSettings(), **tomllib.loads(text.replace(",", "\n")))
        for run in runs:
            found = gains(RunFolder(Path(run)), settings, channels_only=channels_only)
            each = ", ".join(f"{name} {gain:+.1f}" for name, gain in found.items())
            mean, worst = np.mean(list(found.values())), min(found.values())
            print(
                f"| {text or 'default'} | {Path(run).name} | {mean:+.1f} | {worst:+.1f} | {each} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
