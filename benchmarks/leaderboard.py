"""How many uploads ask and tell takes to come near the best recipe, on leaderboards that hidden labels play.

python benchmarks/leaderboard.py submissions/ped2 /path/to/ped2.mat     # a scored run, and its labels
python benchmarks/leaderboard.py --drawn                                # drawn score tables of PixelPlay's size

The same number of uploads goes to a random recipe each time, and to two samplers of Optuna that are told the same
scores. All begin with equal weights. The oracle is the best recipe that 4,000 tries find with the labels in hand. Each
seed has a leaderboard of its own: of a run, it leaves out a quarter of the videos; a drawn table is drawn anew. With
--public .4 only so large a part of the videos counts for the score that is told; the rest shows what the recipes are
worth that were best there, and that the Ladder accepted.

Settings of ask and tell were chosen on the drawn seeds 0 to 7; the tables are of seeds from 100 on.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import optuna
from machine import describe_machine
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pixelkit.artifacts import RunFolder
from pixelkit.frames.labels import read_labels
from pixelkit.recipes import untuned
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.metrics import average_precision
from pixelkit.scores.recipe import Recipe
from pixelkit.scores.table import ScoreTable
from pixelkit.tuning import ask_ladder
from pixelkit.tuning.ask_candidates import draw, vary
from pixelkit.tuning.ask_outlook import Upload
from pixelkit.tuning.leaderboard import LeaderboardSearch
from pixelkit.tuning.objectives import label_objective
from pixelkit.tuning.search import Budget, Judge, search
from pixelkit.tuning.space import SearchSpace

NEAR = 0.005
SHOWN = (1, 5, 10, 20, 30, 50, 100)
STEPS = (0.5, 1.0, 2.0)
# Frames of PixelPlay's test videos, roughly: 11,706 in all.
LENGTHS = (
    500,
    1246,
    735,
    929,
    987,
    637,
    593,
    36,
    1152,
    736,
    463,
    725,
    538,
    497,
    725,
    490,
    418,
    288,
    243,
    268,
    74,
)
KINDS = 4  # of events, each of which some channels see better than others

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(eq=False)
class Board:
    """A leaderboard: the scores of a run, and labels that are told to nobody."""

    fuser: Fuser
    space: SearchSpace
    equal: Recipe
    labels: Bools
    public: Bools
    """(rows,) those that count for the score that is told."""
    seed: int
    first: tuple[Recipe, ...] = ()
    """What is uploaded before anything is asked."""
    known: dict[str, tuple[float, float]] = field(default_factory=dict)

    def scores(self, recipe: Recipe) -> tuple[float, float]:
        """Return the public and the private score of a recipe; where all is public, both are the same."""
        key = recipe.to_json()
        if key not in self.known:
            fused = self.fuser.fuse(recipe)
            hidden = ~self.public if not self.public.all() else self.public
            found = [
                average_precision(self.labels[rows], fused[rows]) or 0.0 for rows in (self.public, hidden)
            ]
            self.known[key] = found[0], found[1]
        return self.known[key]


Method = Callable[[Board, int], Iterator[Recipe]]


def ask_and_tell(board: Board, asks: int) -> Iterator[Recipe]:
    """Yield the recipes that pixelkit asks for."""
    asked = LeaderboardSearch(board.fuser, board.space, board.first, seed=board.seed)
    uploads: list[Upload] = []
    for number in range(asks):
        recipe = board.first[number] if number < len(board.first) else next(asked.ask(uploads)).recipe
        uploads.append(Upload(str(number), board.fuser.fuse(recipe), recipe, board.scores(recipe)[0]))
        yield recipe


def random_search(board: Board, asks: int) -> Iterator[Recipe]:
    """Yield recipes drawn from the whole space."""
    yield from board.first
    yield from draw(board.space, 2 * asks, np.random.default_rng((board.seed, 1)))[: asks - len(board.first)]


def optuna_search(name: str) -> Method:
    """Return a search by one of Optuna's samplers."""

    def recipes(board: Board, asks: int) -> Iterator[Recipe]:
        sampler: optuna.samplers.BaseSampler = (
            optuna.samplers.TPESampler(seed=board.seed, multivariate=True)
            if name == "TPE"
            else optuna.samplers.GPSampler(seed=board.seed, deterministic_objective=True)
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for early in board.first:
            study.enqueue_trial(board.space.parameters(early))
        while asks:
            trial = study.ask()
            recipe = board.space.suggest(trial)
            if recipe is None:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                continue
            study.tell(trial, board.scores(recipe)[0])
            asks -= 1
            yield recipe

    return recipes


METHODS: dict[str, Method] = {
    "ask and tell": ask_and_tell,
    "random recipes": random_search,
    "Optuna's TPE": optuna_search("TPE"),
    "Optuna's GP": optuna_search("GP"),
}


def boards_of_run(
    folder: RunFolder, labels: Path, seeds: Sequence[int], public: float, *, tuned: bool
) -> Iterator[Board]:
    """Yield a leaderboard for each seed: the run without a quarter of its videos."""
    record = folder.read_record()
    table, heldout = folder.stored(record.scores), folder.stored(record.heldout)
    truth = read_labels(labels, {name: table.number[part] for name, part in table.videos().items()})
    names = list(truth)
    for seed in seeds:
        rng = np.random.default_rng((seed, 8))
        kept = sorted(rng.permutation(len(names))[: round(0.75 * len(names))])
        rows = np.isin(table.video, [names[place] for place in kept])
        part = ScoreTable(table.video[rows], table.number[rows], table.channels, table.values[rows])
        every = np.concatenate([truth[names[place]] for place in kept])
        board = make_board(part, heldout, untuned(folder), every, seed, public)
        yield replace(board, first=(*board.first, Recipe.read(folder.recipe))) if tuned else board


def drawn_boards(seeds: Sequence[int], public: float) -> Iterator[Board]:
    """Yield a drawn leaderboard for each seed."""
    for seed in seeds:
        table, heldout, labels = draw_table(seed)
        yield make_board(table, heldout, Recipe.untuned(table.channels), labels, seed, public)


def make_board(
    table: ScoreTable, heldout: ScoreTable, equal: Recipe, labels: Bools, seed: int, public: float
) -> Board:
    """Return a leaderboard; ``public`` is the part of its videos that the score is told of."""
    space = SearchSpace.around(equal, calibrated=heldout.channels)
    videos = table.videos()
    rng = np.random.default_rng((seed, 9))
    shown = rng.permutation(list(videos))[: max(1, round(public * len(videos)))]
    return Board(Fuser(table, heldout), space, equal, labels, np.isin(table.video, shown), seed, (equal,))


def draw_table(seed: int) -> tuple[ScoreTable, ScoreTable, Bools]:
    """Return scores of test videos and of left-out ones, and labels: events of several kinds, seen by some channels.

    Drawn are: how many scorers and channels there are; how well they see on average, and how much they differ; how
    noisy, spiky, skewed and shifted by video each is, and what errors those of one scorer and all have in common.
    """
    rng = np.random.default_rng((seed, 99))
    lengths = [*LENGTHS, *[300] * 4]
    tests = sum(LENGTHS)
    events = np.zeros((KINDS, sum(lengths)))
    events[:, :tests] = draw_events(rng, rng.uniform(0.12, 0.4))
    common, by_video = wave(rng, lengths, 30), per_video(rng, lengths)
    level, spread, each = rng.uniform(0.7, 2), rng.uniform(0.1, 1), int(rng.integers(1, 4))
    columns = {}
    for scorer in range(int(rng.integers(2, 6))):
        shape = rng.dirichlet(np.full(KINDS, 3 / spread)) * KINDS * 0.8
        sight = level * (1 + spread * rng.uniform(-1, 1)) * shape
        own = 0.5 * wave(rng, lengths, rng.uniform(5, 60)) + 0.3 * wave(rng, lengths, 1.5)
        own += rng.uniform(0, 0.5) * per_video(rng, lengths)
        for channel in range(each):
            blind = spread if rng.random() < 0.1 else 0.0
            seen = np.maximum(sight * rng.lognormal(0, 0.4, KINDS) - blind, -0.5) @ events
            errors = own + rng.uniform(0.2, 0.8) * common + rng.uniform(0, 0.7) * by_video
            errors += rng.uniform(0.1, 0.8) * rng.standard_t(4, len(seen))
            spikes = rng.random(len(seen)) < rng.choice([0, 0.02, 0.1])
            score = seen + errors + spikes * rng.exponential(2, len(seen))
            skewed = rng.random() < 0.5
            columns[f"s{scorer}.c{channel}"] = np.exp(score * rng.uniform(0.3, 1)) if skewed else score
    video = np.repeat([f"{number:02d}" for number in range(1, len(lengths) + 1)], lengths)
    number = np.concatenate([np.arange(length) for length in lengths])
    values = np.stack(list(columns.values()), axis=1)
    tables = [
        ScoreTable(video[part], number[part], columns, values[part])
        for part in (slice(tests), slice(tests, None))
    ]
    return tables[0], tables[1], events[:, :tests].max(axis=0) > 0


def draw_events(rng: np.random.Generator, prevalence: float, count: int = 77) -> Floats:
    """Return how visible an event of each kind is in each frame: (kinds, frames); they rise and fall."""
    strength = []
    for length in LENGTHS:
        video = np.zeros((KINDS, length))
        for _ in range(rng.poisson(count * length / sum(LENGTHS))):
            mean = 0.8 * sum(LENGTHS) * prevalence / count
            frames = int(np.clip(rng.lognormal(np.log(mean), 0.8), 5, length))
            start, ramp = rng.integers(length - frames + 1), int(rng.integers(1, 8))
            edge = np.minimum(np.arange(frames), np.arange(frames)[::-1])
            shape = np.clip(0.3 + 0.7 * edge / ramp, 0, 1) * rng.lognormal(0, 0.5)
            row = video[rng.integers(KINDS), start : start + frames]
            np.maximum(row, shape, out=row)
        strength.append(video)
    return np.concatenate(strength, axis=1)


def wave(rng: np.random.Generator, lengths: Sequence[int], scale: float) -> Floats:
    """Return noise that is alike in frames that are ``scale`` apart, with standard deviation 1."""
    smooth: Floats = gaussian_filter1d(rng.normal(size=sum(lengths)), scale)
    unit: Floats = smooth / smooth.std()
    return unit


def per_video(rng: np.random.Generator, lengths: Sequence[int]) -> Floats:
    return np.repeat(rng.normal(size=len(lengths)), lengths)


def oracle(board: Board, known: Sequence[Recipe], trials: int) -> float:
    """Return the score of the best recipe that a long search with the labels in hand finds.

    Half of the search is TPE's, as in ``pixelkit tune --objective labels``; the other half varies the best recipes of
    that and of all that was sent, generation after generation.
    """
    labels = {name: board.labels[part] for name, part in board.fuser.videos.items()}
    judge = Judge(label_objective(board.fuser, labels, "ap"), board.equal)
    tried = [*known, search(judge, board.space, Budget(trials // 2, board.seed)).recipe]
    rng = np.random.default_rng((board.seed, 2))
    for _ in range(trials // 2 // 100):
        tried = list({recipe.to_json(): recipe for recipe in tried}.values())
        best = sorted(tried, key=lambda recipe: -board.scores(recipe)[0])[:10]
        tried = [*best, *vary(board.space, best, 100, rng)]
    return max(board.scores(recipe)[0] for recipe in tried)


def ladder(board: Board, recipes: Sequence[Recipe]) -> dict[str, float]:
    """Return the private score of equal weights, of the best that was told, and of what the Ladder accepts."""
    uploads = [
        Upload(str(n), board.fuser.fuse(one), one, board.scores(one)[0]) for n, one in enumerate(recipes)
    ]
    asked = LeaderboardSearch(board.fuser, board.space, [board.equal], seed=board.seed)
    guesses = asked.guesses(uploads)
    best = max(recipes, key=lambda recipe: board.scores(recipe)[0])
    found = {"equal weights": board.scores(board.equal)[1], "best told": board.scores(best)[1]}
    for step in STEPS:
        ask_ladder.STEP = step
        last = [rung.id for rung in ask_ladder.climb(uploads, guesses, seed=board.seed) if rung.accepted][-1]
        found[f"Ladder, step {step:g}"] = board.scores(recipes[int(last)])[1]
    return found


def main() -> None:
    """Play all leaderboards and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--drawn", action="store_true")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--asks", type=int, default=30)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--public", type=float, default=1.0)
    parser.add_argument("--tuned", action="store_true", help="the run's own recipe is uploaded second")
    options = parser.parse_args()
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seeds = range(options.first, options.first + options.seeds)
    if options.drawn:
        boards = drawn_boards(seeds, options.public)
    else:
        folder = RunFolder(options.run)
        boards = boards_of_run(folder, options.labels, seeds, options.public, tuned=options.tuned)
    print(describe_machine(), "\n")
    if options.public < 1:
        print_ladder([ladder(board, list(ask_and_tell(board, options.asks))) for board in boards])
        return
    played: dict[str, list[Floats]] = {name: [] for name in METHODS}
    seconds: dict[str, float] = dict.fromkeys(METHODS, 0.0)
    for board in boards:
        sent: dict[str, list[Recipe]] = {}
        for name, method in METHODS.items():
            start = time.perf_counter()
            sent[name] = list(method(board, options.asks))
            seconds[name] += time.perf_counter() - start
        best = oracle(board, [recipe for recipes in sent.values() for recipe in recipes], options.trials)
        print(
            f"seed {board.seed}: oracle {best:.4f}, equal weights {board.scores(board.equal)[0]:.4f}  ",
            flush=True,
        )
        for name, recipes in sent.items():
            told = [board.scores(recipe)[0] for recipe in recipes]
            played[name].append(best - np.maximum.accumulate(told))
    print_tables(played, seconds)


def print_tables(played: dict[str, list[Floats]], seconds: dict[str, float]) -> None:
    """Print what is missing to the oracle after some uploads, and when it was nearly reached."""
    asks = len(played["ask and tell"][0])
    shown = [ask for ask in SHOWN if ask <= asks]
    print(f"\n| | within {NEAR} of the oracle | median uploads | seconds an ask |", end="")
    print("".join(f" missing after {ask} |" for ask in shown))
    print("|---" * (4 + len(shown)) + "|")
    for name, missing in played.items():
        near = [int(np.argmax(row <= NEAR)) + 1 if (row <= NEAR).any() else np.inf for row in missing]
        median = np.median(near)
        reached = f"{np.isfinite(near).sum()} of {len(near)}"
        middle = f"{median:.0f}" if np.isfinite(median) else f"over {asks}"
        cost = seconds[name] / len(near) / asks
        gaps = "".join(f" {np.mean([row[ask - 1] for row in missing]):.4f} |" for ask in shown)
        print(f"| {name} | {reached} | {middle} | {cost:.2f} |{gaps}")


def print_ladder(private: Sequence[dict[str, float]]) -> None:
    """Print what is worth how much on the videos that the told score is not of."""
    print("| shipped in the end | mean private score | gain over the best told, and its standard error |")
    print("|---|---|---|")
    for name in private[0]:
        scores = np.array([each[name] for each in private])
        gains = scores - np.array([each["best told"] for each in private])
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        print(f"| {name} | {scores.mean():.4f} | {gains.mean():+.4f} ± {error:.4f} |")


if __name__ == "__main__":
    main()
