"""What scores make of somebody who was pasted into the picture and does nothing unusual.

python benchmarks/extras.py ../shared/data/ped2

An extra walks through every synthetic take, and in four kinds of them it is what it does that is anomalous. Here extras
that would walk backwards walk on as ever, and are labelled as if they did not: an AUC of 50 says that a channel does
not find who was pasted for having been pasted. Beside it is what it finds of those who do behave oddly. Each channel
is centred and smoothed as in the untuned recipe. No label of test video is read.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Collection
from pathlib import Path

import numpy as np
from machine import describe_machine

from pixelkit import pipeline, recipes
from pixelkit.artifacts import RunFolder
from pixelkit.config import Settings
from pixelkit.frames.inject import read_takes, replays
from pixelkit.frames.inject.families import NORMAL
from pixelkit.frames.layouts import find_dataset
from pixelkit.registry import discover
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.metrics import roc_auc
from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.settings import TuningSettings

SCORERS = ("convae", "dae", "stae", "ffp", "motion")
TAKES = 12  # of each kind
KINDS = {"backwards": "nothing", "faster": "faster", "larger": "larger", "loiter": "loiter"}


def score(data: Path, room: Path) -> RunFolder:
    """Fit and score as a run does, in a cache of its own: what is filmed here is no take of anybody else."""
    replays.MANNERS = {**replays.MANNERS, "backwards": lambda event, rng: replays.Manner()}  # noqa: ARG005
    registry = discover(())
    settings = dataclasses.replace(Settings(), tuning=TuningSettings(takes=TAKES))
    folder = RunFolder(room / "run")
    scorers = [registry.get(name) for name in SCORERS]
    pipeline.score(pipeline.Job(find_dataset(data), settings, scorers, folder, cache=room / "cache"))
    return folder


def rows(folder: RunFolder, kinds: Collection[str]) -> list[str]:
    """Return a row for each channel: the AUC of each kind of take beside normal takes."""
    record = folder.read_record()
    assert record.takes is not None
    takes = read_takes(folder.path / record.takes)
    heldout, untuned = folder.stored(record.heldout), recipes.untuned(folder)
    fuser = Fuser(folder.stored(record.synthetic), heldout, max_gap=record.max_gap, sources=takes.source)
    found = []
    for name, channel in untuned.channels.items():
        alone = {name: dataclasses.replace(channel, weight=1.0)}
        scores = fuser.fuse(Recipe(alone, untuned.smooth, untuned.width, untuned.fusion))
        areas = []
        for kind in kinds:
            mine = [take for take in fuser.videos if takes.family[take] in (NORMAL, kind)]
            labels = np.concatenate([takes.labels[take] for take in mine])
            areas.append(roc_auc(labels, np.concatenate([scores[fuser.videos[take]] for take in mine])))
        cells = ("–" if area is None else f"{100 * area:.1f}" for area in areas)
        found.append(f"| {name}{', centred' if channel.centred else ''} | {' | '.join(cells)} |")
    return found


def main() -> None:
    """Print machine and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--room", type=Path, default=Path("extras-room"), help="where run and cache lie")
    arguments = parser.parse_args()
    folder = score(arguments.data, arguments.room)
    print(f"{describe_machine()}\n\n| | {' | '.join(KINDS.values())} |\n|---{'|---:' * len(KINDS)}|")
    print(*rows(folder, KINDS), sep="\n")


if __name__ == "__main__":
    main()
