"""``pixelkit blend``: fuses submissions that were made elsewhere, alone or beside a run of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixelkit.cli.job import FILE, FOLDER
from pixelkit.cli.tune import ask, check_options, daily_option, tune_run, tuning_options


@click.command()
@click.argument("csvs", type=FILE, nargs=-1, required=True, metavar="A.csv B.csv ...")
@click.option("--run", "own", type=FOLDER, help="A run whose channels are taken in, too.")
@click.option(
    "--objective",
    type=click.Choice(["none", "synthetic", "labels", "leaderboard"]),
    default="none",
    show_default=True,
    help="How to weigh them: alike, or tuned as 'pixelkit tune' does.",
)
@tuning_options
@daily_option
@click.option(
    "--out",
    type=FOLDER,
    default=Path("submissions/blend"),
    show_default=True,
    help="The run folder to write.",
)
@click.option("--sample", type=FILE, help="The sample submission; default: that of --run, if it has one.")
def blend(
    csvs: tuple[Path, ...],
    own: Path | None,
    objective: str,
    daily: int,
    out: Path,
    sample: Path | None,
    **options: Any,
) -> None:
    """Fuse leaderboard CSVs made elsewhere; the path of the new CSV is the last line on stdout.

    Each CSV counts as a scorer with one channel. The result is a run like any other: 'pixelkit tune' and 'pixelkit
    submit' work on it. Synthetic anomalies tell nothing about scores made elsewhere: with that objective the channels
    of --run are tuned, and the CSVs keep equal weights.
    """
    check_options(objective, **options)
    from pixelkit import recipes, shipping
    from pixelkit.artifacts import RunFolder
    from pixelkit.blend import blend as make
    from pixelkit.blend import check_synthetic
    from pixelkit.cli.messages import log_to

    folder, run = RunFolder(out), RunFolder(own) if own else None
    if objective == "synthetic":
        check_synthetic(run)
    log_to(folder.log)
    make(csvs, folder, run, sample)
    if objective == "leaderboard":
        ask(folder, daily, as_json=False, seed=options["seed"])
        return
    if objective == "none":
        folder.keep_recipe(recipes.untuned(folder))
    else:
        tune_run(folder, **options)
    click.echo(shipping.submit(folder))
