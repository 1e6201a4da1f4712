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
    "--recipe", type=FILE, help="Normalise, smooth and fuse by this recipe, instead of the untuned one."
)
def run(sample: Path | None, recipe: Path | None, **options: Any) -> None:
    """Repair, fit, score, fuse, and write the checked CSV of DATA; its path is the last line on stdout.

    A run that was stopped goes on where it was when the same command is given again.
    """
    job = make_job(**options, sample=sample, recipe=recipe)
    from pixelkit import pipeline

    click.echo(pipeline.run(job))
