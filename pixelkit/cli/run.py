"""``pixelkit run``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixelkit.cli.job import FILE, job_options, make_job


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

    click.echo(pipeline.run(job))
