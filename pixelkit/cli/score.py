"""``pixelkit score``: fit where needed, score every test frame, and stop there."""

from __future__ import annotations

from typing import Any

import click

from pixelkit.cli.job import job_options, make_job


@click.command()
@job_options
def score(**options: Any) -> None:
    """Score every test frame of DATA, fitting what is not fitted; prints the score table of each scorer.

    'pixelkit submit' then makes the CSV from the stored scores.
    """
    job = make_job(**options)
    from pixelkit import pipeline

    for tables in pipeline.score(job).values():
        click.echo(tables.test)
