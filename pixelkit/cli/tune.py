"""``pixelkit tune``: searches the recipe of a run on its stored scores."""

from __future__ import annotations

import dataclasses
import logging
import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from pixelkit.cli.job import FOLDER, with_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pixelkit.artifacts import RunFolder
    from pixelkit.tuning.verdict import Tuned

log = logging.getLogger("pixelkit")
METRICS = ("ap", "auc", "macro-auc")
OF_SEARCHES = ("metric", "trials", "timeout", "storage", "study")
"""Options that say nothing where there is no search."""


def _number(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number of seconds")
    return value


tuning_options = with_options(
    click.option(
        "--labels",
        type=click.Path(path_type=Path),
        help="For the objective labels: as 'pixelkit evaluate' reads.",
    ),
    click.option(
        "--metric",
        type=click.Choice(METRICS),
        default="ap",
        show_default=True,
        help="Of the objective labels.",
    ),
    click.option(
        "--trials", type=click.IntRange(1), help="Recipes to try; default: as the run's settings say."
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        callback=lambda _context, _option, value: _number(value),
        help="Stop after so long; what was found by then counts.",
    ),
    click.option("--seed", type=click.IntRange(0), help="Default: that of the run."),
    click.option(
        "--storage",
        metavar="FILE|URL",
        help="Keep the study in a journal file, or in a database where several machines share it (postgresql://...).",
    ),
    click.option(
        "--study",
        metavar="NAME",
        help="Of the study in the storage; default: one for these scores and settings.",
    ),
)
"""Adds the options of a search to a command."""
daily_option = click.option(
    "--daily",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Uploads a day; for the leaderboard.",
)


@click.command()
@click.argument("run", type=FOLDER, required=False)
@click.option(
    "--objective",
    type=click.Choice(["synthetic", "labels", "leaderboard"]),
    default="synthetic",
    show_default=True,
    help="Anomalies injected into left-out training video, labels that you hand over, or what the leaderboard said.",
)
@tuning_options
@daily_option
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def tune(run: Path | None, objective: str, daily: int, as_json: bool, **options: Any) -> None:
    """Search the recipe of RUN (the newest run when not given): normalisation, weights, smoothing, fusion.

    The recipe that ships is written to RUN/recipe.json, whose path is the last line on stdout; 'pixelkit submit'
    then makes the CSV. It is the tuned one only if tuning beats equal weights on what it has not seen.

    With --objective leaderboard the last line is the CSV that is most worth the next upload. Send it with 'pixelkit
    submit --check CSV --upload --wait', or tell its score with 'pixelkit history tell ID SCORE', and ask again; a
    recipe is accepted when it is better by more than the noise.
    """
    from pixelkit.artifacts import RunFolder, newest_run
    from pixelkit.cli.messages import log_to

    check_options(objective, **options)
    folder = RunFolder(run) if run else newest_run(Path("submissions"))
    folder.read_record()
    log_to(folder.log)
    if objective == "leaderboard":
        ask(folder, daily, as_json, options["seed"])
        return
    tuned = tune_run(folder, **options)
    _report(folder, tuned, as_json)


def ask(folder: RunFolder, daily: int, as_json: bool, seed: int | None) -> None:
    """Accept what the told scores speak for, and print the CSV of a run that is most worth the next upload."""
    import json
    from datetime import UTC, datetime

    from pixelkit import shipping
    from pixelkit.config import read_section
    from pixelkit.leaderboard.history import FILE_NAME, History, submission_id
    from pixelkit.leaderboard_tuning import LeaderboardTuning
    from pixelkit.tuning.settings import TuningSettings

    history = History(folder.path.resolve().parent / FILE_NAME)
    settings = read_section(folder.settings, "tuning", TuningSettings)
    tuning = LeaderboardTuning(folder, history, settings, today=datetime.now(UTC).date(), seed=seed)
    accepted = tuning.accept()
    log.info("leaderboard: %s", accepted.reason)
    if accepted.recipe is not None:
        folder.keep_recipe(accepted.recipe)
    proposal = tuning.propose(lambda recipe: shipping.write_csv(folder, recipe), daily=daily)
    identity = submission_id(proposal.csv)
    history.proposed(identity, proposal.details)
    if as_json:
        found = {
            "csv": str(proposal.csv),
            "id": identity,
            "accepted": accepted.id,
            "waiting": proposal.waiting,
        }
        click.echo(json.dumps({**found, "left": proposal.left, **proposal.details}, indent=1))
        return
    for line in proposal.lines():
        click.echo(line)
    places = [shlex.quote(str(path)) for path in (folder.path, proposal.csv)]
    log.info("send it: pixelkit submit %s --check %s --upload --wait", *places)
    usual = history.file == Path("submissions", FILE_NAME).resolve()
    elsewhere = "" if usual else f"--file {shlex.quote(str(history.file))} "
    log.info("or by hand, and tell what it scored: pixelkit history %stell %s SCORE", elsewhere, identity)
    click.echo(proposal.csv)


def check_options(
    objective: str, *, labels: Path | None, study: str | None, storage: str | None, **_: Any
) -> None:
    """Raise a usage error for options that would do nothing, or unless labels are named where they are to be read."""
    if (objective == "labels") != (labels is not None):
        raise click.UsageError(
            "--objective labels and --labels FILE go together: labels are read only when named"
        )
    if study and not storage:
        raise click.UsageError("--study names a study in --storage FILE|URL: give both")
    given = click.get_current_context().get_parameter_source
    idle = [f"--{name}" for name in OF_SEARCHES if given(name) is ParameterSource.COMMANDLINE]
    if objective in ("leaderboard", "none") and idle:
        raise click.UsageError(f"{', '.join(idle)}: there is no search with --objective {objective}")
    if objective != "labels" and "--metric" in idle:
        raise click.UsageError("--metric is for --objective labels")


def tune_run(
    folder: RunFolder,
    *,
    labels: Path | None,
    metric: str,
    seed: int | None,
    storage: str | None,
    study: str | None,
    **overrides: Any,
) -> Tuned:
    """Tune a run on the labels, or without any on synthetic anomalies; leave recipe and plots in its folder."""
    from pixelkit import recipes
    from pixelkit.config import read_section
    from pixelkit.scores.recipe import Recipe
    from pixelkit.tuning.settings import TuningSettings

    folder.stored(folder.read_record().scores)  # what cannot be read is not tuned: a recipe is for these
    settings = read_section(folder.settings, "tuning", TuningSettings)
    settings = dataclasses.replace(
        settings, **{key: value for key, value in overrides.items() if value is not None}
    )
    where: dict[str, Any] = {"seed": seed, "storage": storage, "study": study}
    truth = None if labels is None else _truth(folder, labels)
    if truth is None:
        tuned = recipes.tune_on_synthetic(folder, settings, **where)
    else:
        figure: Any = metric.replace("-", " ")
        tuned = recipes.tune_on_labels(folder, truth, figure, settings, **where)
    if tuned.verdict.unseen is None and folder.recipe.is_file():
        log.info(
            "%s stays as it was; the best so far lies in %s: 'pixelkit submit --recipe' takes it",
            folder.recipe,
            folder.tuned,
        )
        tuned = dataclasses.replace(tuned, recipe=Recipe.read(folder.recipe))
    else:
        folder.keep_recipe(tuned.recipe)
    recipes.draw(folder, tuned, truth)
    return tuned


def _truth(folder: RunFolder, labels: Path) -> dict[str, NDArray[np.bool_]]:
    from pixelkit.frames.labels import read_labels

    table = folder.stored(folder.read_record().scores)
    return read_labels(labels, {name: table.number[part] for name, part in table.videos().items()})


def _report(folder: RunFolder, tuned: Tuned, as_json: bool) -> None:
    if as_json:
        import json

        told = {key: value for key, value in tuned.to_json().items() if key != "course"}  # thousands of lines
        click.echo(json.dumps({**told, "file": str(folder.recipe)}, indent=1))
        return
    from pixelkit.cli.tables import aligned

    verdict = tuned.verdict
    rows = [
        [name, *(_figure(each[key]) for key in ("equal", "unseen"))] for name, each in verdict.parts.items()
    ]
    rows += [["mean", _figure(verdict.equal), _figure(verdict.unseen)]] if len(rows) > 1 else []
    click.echo(aligned([[verdict.figure, "equal weights", "tuned, unseen"], *rows]))
    click.echo(f"\n{verdict.reason}")
    click.echo(folder.recipe)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
