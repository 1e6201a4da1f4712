"""What scores make of extras: somebody who was pasted into synthetic takes, and does something odd, or nothing.

python benchmarks/extras.py ../shared/data/ped2

An extra walks through every take, and in four kinds it is what it does that is anomalous. The same takes are filmed
twice: as tuning films them, and with extras that walk on as ever, whose frames keep the labels. Told is the AUC of each
kind's takes beside normal ones, and in brackets that of the same takes with nothing odd in them: 50, and chance (which
stretches of video the takes are), if channels find what is odd and not what was pasted. Each channel is centred and
smoothed as in the untuned recipe. No label of test video is read.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import describe_machine

from pixelkit import pipeline, recipes, synthetic
from pixelkit.artifacts import RunFolder
from pixelkit.config import Settings
from pixelkit.frames.inject import Take, plan_takes, read_takes, replays
from pixelkit.frames.inject.families import NORMAL
from pixelkit.frames.layouts import find_dataset
from pixelkit.registry import discover
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.metrics import roc_auc
from pixelkit.scores.recipe import Recipe
from pixelkit.tuning.settings import TuningSettings

SCORERS = ("convae", "dae", "stae", "ffp", "motion")
TAKES = 12  # of each kind
KINDS = ("faster", "larger", "backwards", "loiter")


def plan_some(*words: object, **options: object) -> list[Take]:
    """Plan takes as a run does, and keep the normal ones and those with extras that are odd."""
    return [take for take in plan_takes(*words, **options) if take.family in (NORMAL, *KINDS)]  # type: ignore[arg-type]


def score(data: Path, folder: RunFolder) -> RunFolder:
    """Fit and score as a run does, in a cache of its own: what is filmed here is no take of anybody else."""
    synthetic.plan_takes = plan_some  # type: ignore[attr-defined]
    registry = discover(())
    settings = dataclasses.replace(Settings(), tuning=TuningSettings(takes=TAKES))
    scorers = [registry.get(name) for name in SCORERS]
    cache = folder.path.with_name(f"{folder.path.name}-cache")
    pipeline.score(pipeline.Job(find_dataset(data), settings, scorers, folder, cache=cache))
    return folder


def let_them_walk() -> None:
    """Let extras do nothing odd."""

    def as_ever(manner: Callable[..., replays.Manner]) -> Callable[..., replays.Manner]:
        def walk(*words: object) -> replays.Manner:
            manner(*words)  # draws as many random numbers
            return replays.Manner()

        return walk

    replays.MANNERS = {name: as_ever(manner) for name, manner in replays.MANNERS.items()}


def areas(folder: RunFolder) -> dict[str, list[float]]:
    """Return by channel the AUC of each kind of take beside normal takes, in per cent."""
    record = folder.read_record()
    assert record.takes is not None
    takes = read_takes(folder.path / record.takes)
    heldout, untuned = folder.stored(record.heldout), recipes.untuned(folder)
    fuser = Fuser(folder.stored(record.synthetic), heldout, max_gap=record.max_gap, sources=takes.source)
    found: dict[str, list[float]] = {}
    for name, channel in untuned.channels.items():
        alone = {name: dataclasses.replace(channel, weight=1.0)}
        scores = fuser.fuse(Recipe(alone, untuned.smooth, untuned.width, untuned.fusion))
        title = f"{name}{', centred' if channel.centred else ''}"
        for kind in KINDS:
            mine = [take for take in fuser.videos if takes.family[take] in (NORMAL, kind)]
            labels = np.concatenate([takes.labels[take] for take in mine])
            area = roc_auc(labels, np.concatenate([scores[fuser.videos[take]] for take in mine]))
            found.setdefault(title, []).append(100 * (np.nan if area is None else area))
    return found


def main() -> None:
    """Print machine and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--room", type=Path, default=Path("extras-room"), help="where runs and caches lie")
    arguments = parser.parse_args()
    odd, usual = RunFolder(arguments.room / "odd"), RunFolder(arguments.room / "usual")
    found = areas(score(arguments.data, odd))
    if not (usual.path / "fitted").exists():
        shutil.copytree(odd.path / "fitted", usual.path / "fitted")
    let_them_walk()
    walking = areas(score(arguments.data, usual))
    print(f"{describe_machine()}\n\n| | {' | '.join(KINDS)} |\n|---{'|---:' * len(KINDS)}|")
    for name, each in found.items():
        cells = (f"{one:.1f} ({other:.1f})" for one, other in zip(each, walking[name], strict=True))
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
