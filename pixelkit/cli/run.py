"""``pixelkit run``: the main job."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixelkit.cli.job import FILE, job_options, make_job

if TYPE_CHECKING:
    from pixelkit.artifacts import RunFolder

log = logging.getLogger("pixelkit")


@click.command()
@job_options
@click.option(
    "--sample", type=FILE, help="The sample submission; default: the one that lies with the data, if any."
)
@click.option(
    "--recipe", type=FILE, help="Normalise, smooth and fuse by this recipe, instead of a tuned one."
)
@click.option(
    "--objective",
    type=click.Choice(["synthetic", "none"]),
    help="Tune on synthetic anomalies in left-out training video (the default), or weigh all scorers alike.",
)
def run(
    sample: Path | None,
    recipe: Path | None,
    objective: str | None,
    overrides: tuple[str, ...],
    **options: Any,
) -> None:
    """Repair, fit, score, tune, fuse, and write the checked CSV of DATA; its path is the last line on stdout.

    A run that was stopped goes on where it was when the same command is given again.
    """
    if objective is not None:
        overrides = (*overrides, f"tuning.objective={objective}")
    job = make_job(**options, overrides=overrides, sample=sample, recipe=recipe)
    from pixelkit import pipeline

    csv = pipeline.run(job)
    _show(job.folder)
    click.echo(csv)


def _show(folder: RunFolder) -> None:
    """Print what was found in each video, on stderr: stdout is for the path."""
    from pixelkit.cli.run_table import run_table
    from pixelkit.errors import PixelkitError

    try:
        click.echo(f"\n{run_table(folder)}\n", err=True)
    except PixelkitError as error:  # the CSV is written: a table that cannot be shown takes nothing from it
        log.warning("the table of videos cannot be shown: %s", error)
    log.info("to look at it: pixelkit report %s, or pixelkit view %s", *[shlex.quote(str(folder.path))] * 2)
