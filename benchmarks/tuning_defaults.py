"""Which settings of tuning should be the default: recipes judged on kinds of anomaly, and in videos, not seen.

python benchmarks/tuning_defaults.py RUN [RUN ...] default towards_equal=0.3 towards_equal=0.1,prevalence=0.1 ...
python benchmarks/tuning_defaults.py RUN [RUN ...] --verdict --videos 4

A RUN is a folder that 'pixelkit run' made, with many videos left out and a take of each kind in each of them:

pixelkit run DATA --set holdout=0.5 --set tuning.takes=8

Each draw deals the left-out videos and the kinds of synthetic anomaly out: recipes are found on the takes of so many
videos as '--videos' says, with all kinds but three, and judged on takes of the other videos that hold these three or
nothing. What they win there over equal weights is told in points of average precision, video by video, and in how many
draws a scorer's votes were taken away, and how often that was better. Test video and labels are not read.

With '--alike' the kinds that are judged are in turn those that play with time, those that somebody cut out of the video
does, and those that are pasted in: recipes have seen nothing that is made in the same way.

With '--most' recipes are found on only so many takes of each kind from each video: how many takes are worth their time.

With '--verdict' all of tuning is done on the first part, and the table says how good its verdict is: what it believes
that the tuned recipe wins on the unseen, what it does win, how often it ships, and what shipping wins.

With '--spaces' votes are climbed to in smaller and larger spaces than the one that is searched.

With '--levels' nothing is searched: the average precision of equal weights is told for values of recipe.centre_above,
on takes as they are and cut so that a larger part of their frames is anomalous. Any run will do for this.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray

from pixelkit import recipes
from pixelkit.artifacts import RunFolder
from pixelkit.frames.inject import read_takes
from pixelkit.frames.inject.families import OBJECT_FAMILIES, PASTED_FAMILIES, TIME_FAMILIES
from pixelkit.scores import smooth
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.levels import spread_of_levels
from pixelkit.scores.recipe import Recipe, RecipeSettings
from pixelkit.scores.table import ScoreTable
from pixelkit.tuning.objectives import NORMAL, Objective, synthetic_objective
from pixelkit.tuning.rounds import climb, needed_votes, search_in_rounds
from pixelkit.tuning.search import Budget, Judge
from pixelkit.tuning.settings import TuningSettings
from pixelkit.tuning.space import SearchSpace
from pixelkit.tuning.verdict import tune
from pixelkit.tuning.witnesses import Witnesses

KINDS = 3  # to judge on
ALIKE = TIME_FAMILIES, OBJECT_FAMILIES, PASTED_FAMILIES
CENTRE_ABOVE = (1000, 3, 2, 1.5, 1, 0)
PARTS = (1 / 3, 1 / 2, 2 / 3, 4 / 5, 1)


@dataclass(frozen=True)
class Half:
    """Some of the takes of a run: the objective on them, and by take its kind and the video that it was made from."""

    objective: Objective
    family: Mapping[str, str]
    source: Mapping[str, str]

    def value(self, recipe: Recipe) -> float:
        """Return what a recipe finds: AP video by video, in per cent."""
        witnesses = Witnesses(self.objective)
        return 100 * float(np.nanmean(witnesses.together(witnesses.hear(self.objective.fuser.fuse(recipe)))))

    def gain(self, recipe: Recipe, untuned: Recipe) -> float:
        """Return by how many points of AP, video by video, a recipe beats another one."""
        return self.value(recipe) - self.value(untuned)


class Takes:
    """The synthetic anomalies of a run, as some of its scorers score them."""

    def __init__(
        self,
        run: Path,
        scorers: Collection[str],
        settings: TuningSettings,
        *,
        most: int | None = None,
        alike: bool = False,
    ) -> None:
        self._most, self._alike = most, alike
        folder = RunFolder(run)
        record = folder.read_record()
        assert record.takes is not None
        chosen = [
            {name: file for name, file in files.items() if not scorers or name in scorers}
            for files in (record.synthetic, record.heldout)
        ]
        self._table, self._heldout = map(folder.stored, chosen)
        self._takes = read_takes(folder.path / record.takes)
        self._max_gap = record.max_gap
        self._settings = settings
        whole = recipes.untuned(folder)
        mine = {name: each for name, each in whole.channels.items() if name in self._table.channels}
        self.untuned = dataclasses.replace(whole, channels=mine)
        self.votes, self.space = recipes.spaces(folder, self.untuned, per_video=settings.per_video)
        self.sources = sorted(set(self._takes.source.values()))
        self.kinds = sorted(set(self._takes.family.values()) - {NORMAL})

    def half(self, sources: Collection[str], kinds: Collection[str], most: int | None = None) -> Half:
        """Return the takes of some videos with some kinds, and with nothing: so many of each kind from each video."""
        known = {NORMAL, *kinds}
        names, taken = [], Counter[tuple[str, str]]()
        for name in self._table.videos():
            of = self._takes.source[name], self._takes.family[name]
            if of[0] in sources and of[1] in known and (most is None or taken[of] < most):
                names.append(name)
                taken[of] += 1
        family, source = (
            {name: of[name] for name in names} for of in (self._takes.family, self._takes.source)
        )
        labels = {name: self._takes.labels[name] for name in names}
        fuser = Fuser(
            _only(self._table, names), _only(self._heldout, sources), max_gap=self._max_gap, sources=source
        )
        objective = synthetic_objective(fuser, labels, family, prevalence=self._settings.prevalence)
        return Half(objective, family, source)

    def draw(self, number: int, count: int) -> tuple[Half, Half]:
        """Return what recipes are found on, takes of ``count`` videos, and what they are judged on."""
        rng = np.random.default_rng((number, 99))
        videos, kinds = rng.permutation(self.sources), rng.permutation(self.kinds)
        judged = set(ALIKE[number % len(ALIKE)]) if self._alike else set(kinds[-KINDS:])
        known = self.half(videos[:count], set(kinds) - judged, self._most)
        return known, self.half(videos[count:], judged)


def _only(table: ScoreTable, names: Collection[str]) -> ScoreTable:
    rows = np.isin(table.video, list(names))
    return ScoreTable(table.video[rows], table.number[rows], table.channels, table.values[rows])


def search_row(takes: Takes, settings: TuningSettings, count: int, draws: int) -> str:
    """Return what equal weights find on the unseen, and what all votes, those needed, and channels win: mean, worst."""
    found, equal = [], []
    for number in range(draws):
        known, unseen = takes.draw(number, count)
        judge = Judge(known.objective, takes.untuned, settings.towards_equal)
        budget = Budget(settings.trials, seed=number)
        needed, channels = search_in_rounds(
            judge,
            takes.votes,
            takes.space,
            budget,
            towards_votes=settings.towards_votes,
            required=settings.required,
            sources=known.source,
        )
        each = climb(judge, takes.votes), needed, channels
        equal.append(unseen.value(takes.untuned))
        found.append([unseen.gain(one.recipe, takes.untuned) for one in each])
    cells = [
        f"{mean:+.1f}, {worst:+.1f}" for mean, worst in zip(np.mean(found, 0), np.min(found, 0), strict=True)
    ]
    apart = np.array([each[:2] for each in found if each[0] != each[1]]).reshape(-1, 2)
    better = np.sum(apart[:, 1] > apart[:, 0])
    return " | ".join(
        [f"{np.mean(equal):.1f}", *cells, f"{len(apart)} of {draws}", f"{better} of {len(apart)}"]
    )


def spaces(votes: SearchSpace) -> dict[str, SearchSpace]:
    """Return the space of votes that is searched, under ``default``, and others around it."""

    def scaled(more: Callable[[str], list[str]]) -> SearchSpace:
        channels = {
            name: dataclasses.replace(each, scales=tuple(scale for own in each.scales for scale in more(own)))
            for name, each in votes.channels.items()
        }
        return dataclasses.replace(votes, channels=channels)

    summed = dataclasses.replace(votes, fusions=(*votes.fusions, "weighted sum"))
    smoothed = dataclasses.replace(votes, smooths=tuple(smooth.METHODS))
    calibrated = scaled(lambda scale: [scale, scale.replace("global", "heldout")])
    return {
        "default": votes,
        "one scale": scaled(lambda scale: [scale] if scale == "rank, global, 1" else []),
        "no powers": scaled(lambda scale: [scale] if scale.endswith(", 1") else []),
        "or calibrated": calibrated,
        "every smoothing": smoothed,
        "or a sum": summed,
        "all three": dataclasses.replace(calibrated, smooths=smoothed.smooths, fusions=summed.fusions),
    }


def spaces_row(takes: Takes, settings: TuningSettings, count: int, draws: int) -> str:
    """Return what needed votes of each of :func:`spaces` win on the unseen: the mean, and the worst draw."""
    found: dict[str, list[float]] = {name: [] for name in spaces(takes.votes)}
    for number in range(draws):
        known, unseen = takes.draw(number, count)
        judge = Judge(known.objective, takes.untuned, settings.towards_equal)
        for name, space in spaces(takes.votes).items():
            top = climb(judge, space)
            top = needed_votes(top, settings.required, seed=number, sources=known.source)
            found[name].append(unseen.gain(top.recipe, takes.untuned))
    return " | ".join(f"{np.mean(gains):+.1f}, {np.min(gains):+.1f}" for gains in found.values())


def verdict_row(takes: Takes, settings: TuningSettings, count: int, draws: int) -> str:
    """Return what the verdict believes, what is true, how often tuned recipes ship, and what that wins."""
    found = []
    for number in range(draws):
        known, unseen = takes.draw(number, count)
        tuned = tune(
            known.objective,
            takes.untuned,
            takes.votes,
            takes.space,
            settings,
            seed=number,
            strata=known.family,
            sources=known.source,
        )
        verdict = tuned.verdict
        assert verdict.unseen is not None
        believed, true = 100 * (verdict.unseen - verdict.equal), unseen.gain(tuned.tuned, takes.untuned)
        found.append((believed, true, tuned.recipe == tuned.tuned, unseen.gain(tuned.recipe, takes.untuned)))
    believed, true, ships, gains = np.array(found).T
    return (
        f"{believed.mean():+.1f} | {true.mean():+.1f}, {true.min():+.1f} | {ships.mean():.0%} "
        f"| {gains.mean():+.1f}, {gains.min():+.1f}"
    )


SEARCHED = ("all votes, worst", "needed votes, worst", "channels, worst")
SPACES = ("default", "one scale", "no powers", "or calibrated", "every smoothing", "or a sum", "all three")
ROWS: dict[str, tuple[Any, ...]] = {
    "search": (search_row, "equal weights", *SEARCHED, "votes taken away", "better for it"),
    "spaces": (spaces_row, *SPACES),
    "verdict": (verdict_row, "believed", "true, worst", "ships", "wins, worst"),
}


def header(*columns: object) -> str:
    """Return the first two lines of a table."""
    return f"\n| {' | '.join(map(str, columns))} |\n{'|---' * len(columns)}|"


def level_rows(run: Path, settings: TuningSettings) -> Iterator[str]:
    """Yield what equal weights find, centred or not, in takes of which more and more is anomalous."""
    folder = RunFolder(run)
    record = folder.read_record()
    assert record.takes is not None
    table, heldout, takes = (
        folder.stored(record.synthetic),
        folder.stored(record.heldout),
        read_takes(folder.path / record.takes),
    )
    levels = spread_of_levels(heldout)
    for part in (None, *PARTS):
        kept = {
            name: slice(0, len(labels)) if part is None or not labels.any() else _around(labels, part)
            for name, labels in takes.labels.items()
        }
        rows = np.concatenate(
            [np.arange(at.start, at.stop)[kept[name]] for name, at in table.videos().items()]
        )
        cut = ScoreTable(table.video[rows], table.number[rows], table.channels, table.values[rows])
        fuser = Fuser(cut, heldout, max_gap=record.max_gap, sources=takes.source)
        labels = {name: takes.labels[name][at] for name, at in kept.items()}
        objective = synthetic_objective(fuser, labels, takes.family, prevalence=settings.prevalence)
        witnesses = Witnesses(objective)
        cells = []
        for above in CENTRE_ABOVE:
            recipe = Recipe.untuned(record.shares, RecipeSettings(centre_above=above), record.kin, levels)
            values = witnesses.together(witnesses.hear(fuser.fuse(recipe)))
            cells.append(f"{100 * objective.figure_of(values):.1f}")
        shown = np.mean([mine.mean() for mine in labels.values() if mine.any()])
        yield f"| {run.name} | {shown:.0%} | {' | '.join(cells)} |"


def _around(labels: NDArray[np.bool_], part: float) -> slice:
    """Return where the anomaly of a take is such a part of the frames, with as many normal ones before it as after."""
    known = np.flatnonzero(labels)
    first, last = int(known[0]), int(known[-1]) + 1
    length = min(round((last - first) / part), len(labels))
    start = min(max((first + last - length) // 2, 0), len(labels) - length)
    return slice(start, start + length)


def main() -> None:
    """Print a row for each candidate, run, and number of videos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("words", nargs="+", metavar="RUN or SETTING=VALUE")
    told = parser.add_mutually_exclusive_group()
    for name in ("verdict", "spaces", "levels"):
        told.add_argument(f"--{name}", dest="tell", action="store_const", const=name, default="search")
    parser.add_argument("--draws", type=int, default=24)
    parser.add_argument("--videos", type=int, nargs="+", default=[4, 2], help="to find recipes on")
    parser.add_argument(
        "--most", type=int, help="takes of a kind from a video to find recipes on, and no more"
    )
    parser.add_argument(
        "--alike", action="store_true", help="leave out all kinds that are made in the same way"
    )
    parser.add_argument("--scorers", default="", help="only these, separated by commas")
    arguments = parser.parse_args()
    runs = [Path(word) for word in arguments.words if "=" not in word and word != "default"]
    candidates = [word for word in arguments.words if "=" in word or word == "default"] or ["default"]
    print(describe_machine())
    if arguments.tell == "levels":
        print(header("run", "anomalous", *CENTRE_ABOVE))
        for run in runs:
            print(*level_rows(run, TuningSettings()), sep="\n", flush=True)
        return
    row, *columns = ROWS[arguments.tell]
    print(header("settings", "run", "videos", *columns))
    for text in candidates:
        changes = {} if text == "default" else tomllib.loads(text.replace(",", "\n"))
        settings = dataclasses.replace(TuningSettings(), **changes)
        for run in runs:
            scorers = set(filter(None, arguments.scorers.split(",")))
            takes = Takes(run, scorers, settings, most=arguments.most, alike=arguments.alike)
            for count in arguments.videos:
                with contextlib.redirect_stderr(io.StringIO()):
                    cells = row(takes, settings, count, arguments.draws)
                print(f"| {text} | {run.name} | {count} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
