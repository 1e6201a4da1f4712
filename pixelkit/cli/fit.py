"""``pixelkit fit``: fit scorers and stop there."""

from __future__ import annotations

from typing import Any

import click

from pixelkit.cli.job import job_options, make_job


@click.command()
@job_options
def fit(**options: Any) -> None:
    """Fit scorers on the training videos of DATA; prints the folder of each. A later 'run' finds them there."""
    job = make_job(**options)
    from pixelkit import pipeline

    for folder in pipeline.fit(job):
        click.echo(folder)
