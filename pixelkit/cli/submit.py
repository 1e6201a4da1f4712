"""``pixelkit submit``: the CSV of a run, from its stored scores."""

from __future__ import annotations

from pathlib import Path

import click

from pixelkit.cli.job import FILE, FOLDER


@click.command()
@click.argument("run", type=FOLDER, required=False)
@click.option(
    "--recipe", type=FILE, help="Another recipe than the one in the run; edit a copy of recipe.json."
)
@click.option("--sample", type=FILE, help="The sample submission, if the run was made without one.")
@click.option(
    "--check", "csv", type=FILE, help="Only check this CSV against the sample submission or the run's frames."
)
def submit(run: Path | None, recipe: Path | None, sample: Path | None, csv: Path | None) -> None:
    """Write and check the leaderboard CSV of RUN (the newest run when not given) from its stored scores.

    Nothing is fitted or scored; the path of the CSV is the last line on stdout. A CSV that the leaderboard would
    reject is refused, and every difference is named.
    """
    from pixelkit import pipeline
    from pixelkit.artifacts import RunFolder, newest_run
    from pixelkit.cli.messages import log_to

    folder = RunFolder(run) if run else newest_run(Path("submissions"))
    folder.read_record()
    log_to(folder.log)
    click.echo(pipeline.check(folder, csv, sample) if csv else pipeline.submit(folder, recipe, sample))
