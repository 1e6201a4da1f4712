"""Tuning by the leaderboard: which CSV of a run is worth the next upload, and which recipe the told scores speak for.

Everything is read from the history of submissions and the run folder, each time anew: a proposal may be told late or
never, and nothing is lost when the program ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pixelkit.artifacts import RunFolder
from pixelkit.errors import RecipeError, TuningError, examples
from pixelkit.leaderboard.history import History, submission_id
from pixelkit.leaderboard_uploads import DAY, RunUploads, is_taken, uploads_left
from pixelkit.recipes import untuned
from pixelkit.scores.fuser import Fuser
from pixelkit.scores.recipe import ChannelRecipe, Recipe
from pixelkit.tuning.ask_ladder import Rung, climb
from pixelkit.tuning.ask_outlook import Upload
from pixelkit.tuning.leaderboard import Ask, LeaderboardSearch
from pixelkit.tuning.settings import TuningSettings
from pixelkit.tuning.space import SearchSpace

log = logging.getLogger("pixelkit")

# Uploads a day that PixelPlay '26 takes from a team.
DAILY = 5
LEFT_OUT = ChannelRecipe(weight=0.0)


@dataclass(frozen=True, eq=False)
class Proposal:
    """A CSV worth an upload.

    Parameters
    ----------
    recipe
        What made it.
    csv
        Where it lies.
    details
        For the history: the ``day``, the ``expected`` score and its standard ``deviation``, the id of the accepted
        ``best`` with its ``score``, and the ``changes`` from its recipe (from the run's when nothing is accepted).
    waiting
        Ids of what was sent or proposed before and is not told.
    left
        How many more may be asked for on the same day.
    """

    recipe: Recipe
    csv: Path
    details: dict[str, Any]
    waiting: tuple[str, ...]
    left: int

    def lines(self) -> list[str]:
        """Return what a user is told."""
        best, score = self.details["best"], self.details["score"]
        against = "the run's recipe" if best is None else f"{best}, the accepted best with {score:.5f}"
        lines = [
            f"expected: {self.details['expected']:.4f} ± {self.details['deviation']:.4f}",
            f"differs from {against}: {examples(self.details['changes'], 8) or 'in nothing'}",
            f"uploads left today after this one: {self.left}",
        ]
        if self.waiting:
            lines.append(f"not told yet: {examples(self.waiting, 8)} ('pixelkit history tell ID SCORE')")
        return lines


@dataclass(frozen=True, eq=False)
class Accepted:
    """The recipe that the told scores speak for.

    Parameters
    ----------
    recipe
        It; None while no score of a CSV of this run was told.
    id, score
        The submission that it made, and what the leaderboard said.
    rungs
        How it came to be the best: every told submission of this run, in the order of time.
    reason
        In words.
    """

    recipe: Recipe | None
    id: str | None
    score: float | None
    rungs: tuple[Rung, ...]
    reason: str


class LeaderboardTuning:
    """Asks what to send of one run, and takes what was told.

    Parameters
    ----------
    folder
        A scored run.
    history
        What was sent and told. CSVs from elsewhere count too, if they have the ids of this run's CSV.
    settings
        Says which recipes there are.
    today
        In UTC: what was proposed today and not sent still waits; of earlier days, it does not.
    seed
        Decides everything that is random; None for that of the run.

    Raises
    ------
    StorageError, TuningError
        If the run has no scores.
    """

    def __init__(
        self,
        folder: RunFolder,
        history: History,
        settings: TuningSettings,
        *,
        today: date,
        seed: int | None = None,
    ) -> None:
        record = folder.read_record()
        if not record.scores:
            raise TuningError(
                f"{folder.path} holds no scores: make them with 'pixelkit run' or 'pixelkit score'"
            )
        self._folder, self._history, self._today = folder, history, today
        self._seed = record.seed if seed is None else seed
        heldout = folder.stored(record.heldout)
        self._fuser = Fuser(folder.stored(record.scores), heldout, max_gap=record.max_gap)
        self._equal = untuned(folder)
        calibrated = heldout.channels if len(heldout) else ()
        space = SearchSpace.around(
            self._equal, narrow=record.choices, calibrated=calibrated, per_video=settings.per_video
        )
        reader = RunUploads(history, record, self._fuser)
        self._uploads: Sequence[Upload] = reader.read(today)
        self._begin = list(self._recipes_to_begin_with())
        self._search = LeaderboardSearch(self._fuser, space, self._begin, rows=reader.rows, seed=self._seed)

    def accept(self) -> Accepted:
        """Return the recipe that the told scores of the run's CSVs speak for: see :mod:`pixelkit.tuning.ask_ladder`."""
        told = [upload for upload in self._uploads if upload.score is not None]
        ours = [upload for upload in told if upload.recipe is not None]
        rungs = climb(ours, self._search.guesses(self._uploads), seed=self._seed)
        best = next((rung for rung in reversed(rungs) if rung.accepted), None)
        if best is None:
            return Accepted(None, None, None, (), "no score of a CSV of this run was told: its recipe stays")
        recipe = next(upload.recipe for upload in ours if upload.id == best.id)
        return Accepted(recipe, best.id, best.score, tuple(rungs), _reason(rungs, best, told))

    def propose(self, write: Callable[[Recipe], Path], *, daily: int = DAILY) -> Proposal:
        """Return the CSV that is most worth an upload: never one that was sent, told or proposed before.

        The caller tells the history that it was written, and proposed with :attr:`Proposal.details`.

        Parameters
        ----------
        write
            Makes the CSV of a recipe and returns its path.
        daily
            Uploads a day.

        Raises
        ------
        TuningError
            If the day's uploads are used up, or nothing is left to propose.
        """
        left = uploads_left(self._history, daily, self._today)
        taken = {one.id: one for one in self._history.submissions() if is_taken(one)}
        accepted = self.accept()
        for ask in self._search.ask(self._uploads):
            csv = write(ask.recipe)
            if submission_id(csv) not in taken:
                waiting = tuple(one.id for one in taken.values() if one.public is None)
                return Proposal(ask.recipe, csv, self._details(ask, accepted), waiting, left - 1)
        raise TuningError(
            f"every CSV that was tried of {self._folder.path} was sent, told or proposed before: add a scorer, or keep "
            f"what was accepted"
        )

    def _details(self, ask: Ask, accepted: Accepted) -> dict[str, Any]:
        before = accepted.recipe or self._begin[0]
        return {
            DAY: self._today.isoformat(),
            "expected": round(ask.expected, 5),
            "deviation": round(ask.deviation, 5),
            "best": accepted.id,
            "score": accepted.score,
            "changes": changes(before, ask.recipe),
        }

    def _recipes_to_begin_with(self) -> Iterator[Recipe]:
        """Yield what the run ships, equal weights, and what tuning on synthetic anomalies found."""
        yield from self._read(self._folder.recipe)
        yield self._equal
        yield from self._read(self._folder.tuned)

    def _read(self, file: Path) -> Iterator[Recipe]:
        """Yield the recipe in a file, if it is there and the run's scores can be fused by it."""
        if not file.is_file():
            return
        try:
            recipe = Recipe.read(file)
            self._fuser.fuse(recipe)
        except RecipeError as error:
            log.warning("%s is left out: %s", file, error)
            return
        yield recipe


def changes(before: Recipe, after: Recipe) -> list[str]:
    """Return in words what differs between two recipes: ``width 10 -> 15``, ``convae.mean weight 0.5 -> 0``."""
    with_power = "power" in (before.fusion, after.fusion)
    shared = ("smooth", "width", "fusion", "exponent") if with_power else ("smooth", "width", "fusion")
    found = [_change(what, before, after) for what in shared]
    for name in dict.fromkeys([*before.channels, *after.channels]):
        old, new = (recipe.channels.get(name, LEFT_OUT) for recipe in (before, after))
        kept = old.weight > 0 and new.weight > 0
        for what in ("weight", "normalise", "scope", "power", "centred") if kept else ("weight",):
            found.append(_change(what, old, new, f"{name} "))
    return [change for change in found if change]


def _change(what: str, before: Recipe | ChannelRecipe, after: Recipe | ChannelRecipe, of: str = "") -> str:
    old, new = (
        f"{value:.3g}" if isinstance(value, float) else str(value)
        for value in (getattr(before, what), getattr(after, what))
    )
    return f"{of}{what} {old} -> {new}" if old != new else ""


def _reason(rungs: Sequence[Rung], best: Rung, told: Sequence[Upload]) -> str:
    """Say why the best is the best, what was better by less than the noise, and what is better and not ours."""
    scores = {upload.id: upload.score or 0.0 for upload in told}
    said = f"{best.id} is accepted with {best.score:.5f}"
    if best.against is None or best.noise is None:
        said += ": the first of this run that was told"
    else:
        gain = best.score - scores[best.against]
        said += f": better than {best.against} by {gain:.5f}, of which {best.noise:.5f} would be noise"
    near = [rung.id for rung in rungs if rung.against == best.id and rung.score > best.score]
    if near:
        said += f"; better by no more than noise: {examples(near, 8)}"
    ahead = [upload.id for upload in told if upload.recipe is None and scores[upload.id] > best.score]
    return f"{said}; better, and made elsewhere: {examples(ahead, 8)}" if ahead else said
