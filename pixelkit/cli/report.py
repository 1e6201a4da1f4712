"""``pixelkit report``: the page of a run, or of two side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pixelkit.cli.job import FILE, FOLDER, cache_option, plugins_option, with_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pixelkit.artifacts import RunFolder
    from pixelkit.report.report import Options, Written
    from pixelkit.report.scored_run import ScoredRun

page_options = with_options(
    click.option(
        "--labels",
        type=click.Path(path_type=Path),
        help="Shade these labels and measure against them: as 'pixelkit evaluate' reads.",
    ),
    plugins_option,
    cache_option,
    click.option(
        "--heatmaps/--no-heatmaps",
        "heat",
        default=True,
        show_default=True,
        help="Ask the scorers where on a frame its score comes from.",
    ),
)
"""Adds the options of a page to a command."""


@click.command()
@click.argument("run", type=FOLDER, required=False)
@click.option(
    "--compare", type=FOLDER, nargs=2, metavar="A B", help="Two runs side by side, in the place of RUN."
)
@click.option("--out", type=FILE, help="Default: report.html in RUN, or compare-B.html in A.")
@page_options
@click.option("--json", "as_json", is_flag=True, help="Print path, size and what is missing as JSON.")
def report(
    run: Path | None,
    compare: tuple[Path, Path] | None,
    out: Path | None,
    labels: Path | None,
    plugins: tuple[Path, ...],
    cache: Path | None,
    heat: bool,
    as_json: bool,
) -> None:
    """Write one HTML file that shows RUN (the newest run when not given); its path is the last line on stdout.

    It needs no network and no other file. What cannot be shown, because the data set or a plugin is not there any
    more, is left out, and the page says so.
    """
    if run is not None and compare is not None:
        raise click.UsageError("name one RUN, or two with --compare A B")
    if compare is not None and (plugins or not heat):
        raise click.UsageError(
            "--plugins and --no-heatmaps go with one RUN: two are compared without heat maps"
        )
    from pixelkit.cli.messages import show_messages
    from pixelkit.report.report import Options

    show_messages()
    if compare is not None:
        written = _compare(*compare, out, labels, cache)
    else:
        written = _report(run, out, labels, Options(heat=heat, plugins=plugins, cache=cache))
    _print(written, as_json)


def find_run(run: Path | None) -> RunFolder:
    """Return the run that was named, or the newest one."""
    from pixelkit.artifacts import RunFolder, newest_run

    return RunFolder(run) if run else newest_run(Path("submissions"))


def labelled_run(folder: RunFolder, labels: Path | None) -> ScoredRun:
    """Read a run, and the labels that the user named."""
    from pixelkit.report.scored_run import read_run

    run = read_run(folder)
    return run if labels is None else dataclasses.replace(run, labels=_truth(run, labels))


def _report(run: Path | None, out: Path | None, labels: Path | None, options: Options) -> Written:
    from pixelkit.report.report import write_report

    folder = find_run(run)
    return write_report(labelled_run(folder, labels), out or folder.path / "report.html", options)


def _compare(a: Path, b: Path, out: Path | None, labels: Path | None, cache: Path | None) -> Written:
    from pixelkit.artifacts import RunFolder
    from pixelkit.report.compare import write_comparison

    first, second = (labelled_run(RunFolder(path), labels) for path in (a, b))
    return write_comparison(first, second, out or a / f"compare-{second.name}.html", cache)


def _truth(run: ScoredRun, labels: Path) -> Mapping[str, NDArray[np.bool_]]:
    from pixelkit.frames.labels import read_labels

    return read_labels(labels, {video.name: video.numbers for video in run.videos})


def _print(written: Written, as_json: bool) -> None:
    import json
    import logging

    log = logging.getLogger("pixelkit")
    for text in written.missing:
        log.warning("%s", text)
    if as_json:
        found = {"file": str(written.file), "bytes": written.bytes, "missing": list(written.missing)}
        click.echo(json.dumps(found, indent=1))
        return
    log.info("%.1f MB, needs no network: open it in any browser", written.bytes / 1e6)
    click.echo(written.file)
