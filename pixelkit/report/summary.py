"""The beginning of the page: what was done, in one sentence, a few numbers, and the facts behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixelkit.errors import examples
from pixelkit.frames.repair_plan import DONE
from pixelkit.report.figures import VideoFigures
from pixelkit.report.footage import Footage
from pixelkit.report.scored_run import ScoredRun, ScoredVideo
from pixelkit.scores.recipe import Recipe


@dataclass(frozen=True)
class Tile:
    """A number that is worth a large type, what it is, and what it is to be held against."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Summary:
    """What the page says before anything else.

    Parameters
    ----------
    sentence
        The run in one sentence.
    tiles
        The figures that are known.
    facts
        Data and repairs: what, and what about it.
    recipe
        The recipe in one sentence.
    """

    sentence: str
    tiles: list[Tile]
    facts: list[tuple[str, str]]
    recipe: str


def summarise(run: ScoredRun, figures: Sequence[VideoFigures], footage: Footage) -> Summary:
    """Return what is known of a run, in short."""
    scorers = list(run.record.scores)
    frames = len(run.table)
    sentence = (
        f"{frames:,} frames of {_counted(len(figures), 'test video')}, scored by {_listed(scorers)} "
        f"in {_counted(len(run.table.channels), 'channel')}; {_shipped(run)}."
    )
    return Summary(sentence, _tiles(run, figures), _facts(run, figures, footage), recipe_in_words(run.recipe))


def recipe_in_words(recipe: Recipe) -> str:
    """Return the recipe as a sentence."""
    used = [name for name, each in recipe.channels.items() if each.weight]
    every = _counted(len(recipe.channels), "channel")
    centred = [name for name in used if recipe.channels[name].centred]
    which = "" if len(centred) == len(used) else f"{len(centred)} of them "
    less = f"{which}less the median of each video, " if centred else ""
    smoothed = (
        "not smoothed" if recipe.smooth == "none" else f"smoothed ({recipe.smooth}, {recipe.width:g} frames)"
    )
    if len(used) == 1:
        return f"{used[0]} alone of {every}, {less}normalised, {smoothed}."
    channels = every if len(used) == len(recipe.channels) else f"{len(used)} of {every}"
    return f"{channels}, {less}each normalised, {smoothed}, and fused by {recipe.fusion}."


def video_in_words(
    run: ScoredRun, video: ScoredVideo, gaps: Sequence[tuple[int, int]], footage: Footage
) -> list[str]:
    """Return what the timeline of a video shows, for those who do not see it."""
    fused, repair = run.fused[video.rows], run.repair_of(video)
    order = fused.argsort()[::-1][:5]
    told = [
        "Highest scores: " + ", ".join(f"{fused[at]:.3f} at frame {video.numbers[at]}" for at in order) + ".",
        f"Numbers {video.numbers[0]} to {video.numbers[-1]}.",
    ]
    if gaps:
        told.append("Missing: " + examples([_range(*gap) for gap in gaps], most=12) + ".")
    if repair.flipped:
        told.append("Upside down, turned: " + examples(repair.flipped, most=12) + ".")
    if repair.noisy:
        told.append("Noisy: " + examples(repair.noisy, most=12) + ".")
    shown = footage.videos.get(video.name)
    if shown and shown.decoded.undecodable:
        bad = [int(video.numbers[at]) for at in sorted(shown.decoded.undecodable)]
        told.append("Not decodable, shown as their nearest frame: " + examples(bad, most=12) + ".")
    return told


def _tiles(run: ScoredRun, figures: Sequence[VideoFigures]) -> list[Tile]:
    flipped, noisy = sum(one.flipped for one in figures), sum(one.noisy for one in figures)
    tiles = [Tile(f"{len(run.table):,}", "test frames", f"in {_counted(len(figures), 'video')}")]
    if run.repairs is not None:
        tiles.append(Tile(f"{flipped:,}", "turned", f"{_part(flipped, len(run.table))} of the frames"))
        tiles.append(Tile(f"{noisy:,}", "noisy", f"{_part(noisy, len(run.table))} of the frames"))
    verdict = run.verdict
    if verdict is not None and verdict.unseen is not None:
        ships = verdict.ships == "tuned"
        shown, other = (verdict.unseen, verdict.equal) if ships else (verdict.equal, verdict.unseen)
        note = f"equal weights: {other:.3f}" if ships else f"tuned: {other:.3f}"
        tiles.append(Tile(f"{shown:.3f}", verdict.figure, note))
    if run.submission is not None and run.submission.public is not None:
        gap = run.submission.gap
        tiles.append(
            Tile(
                f"{run.submission.public:.5f}",
                "leaderboard, public",
                "" if gap is None else f"{gap:+.3f} from our figure",
            )
        )
    measured = run.evaluation
    if measured is not None and measured.micro.ap is not None:
        tiles.append(
            Tile(f"{measured.micro.ap:.3f}", "AP on your labels", f"a coin: {measured.micro.prevalence:.3f}")
        )
        if measured.micro.auc is not None:
            tiles.append(Tile(f"{measured.micro.auc:.3f}", "micro AUC on your labels", "a coin: 0.500"))
    return tiles


def _facts(run: ScoredRun, figures: Sequence[VideoFigures], footage: Footage) -> list[tuple[str, str]]:
    layout = f" ({run.record.layout})" if run.record.layout else ""
    facts = [("data set", f"{run.record.data}{layout}")]
    if run.record.train:
        facts.append(("training", _counted(len(run.record.train), "video")))
    missing = sum(one.missing for one in figures)
    with_gaps = sum(one.missing > 0 for one in figures)
    if missing:
        facts.append(
            ("gaps", f"{_counted(missing, 'frame number')} missing in {_counted(with_gaps, 'video')}")
        )
    bad = sum(len(one.decoded.undecodable) for one in footage.videos.values())
    if bad:
        facts.append(("undecodable", f"{_counted(bad, 'file')}, shown as the nearest good frame"))
    plan = run.repairs
    if plan is not None:
        facts.append(("upside down", str(plan.report.get("flips", "edited by hand"))))
        facts.append(
            ("noise", f"noisy frames {DONE[plan.noise]}; {plan.report.get('noise', 'edited by hand')}")
        )
    facts.append(("seed", str(run.record.seed)))
    return facts


def _shipped(run: ScoredRun) -> str:
    if run.verdict is None:
        return "fused by a recipe that was not tuned"
    return "fused by the tuned recipe" if run.verdict.ships == "tuned" else "fused by equal weights"


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "nothing"


def _part(number: int, of: int) -> str:
    return f"{number / of:.0%}" if of else "0%"


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"
