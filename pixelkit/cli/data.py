"""``pixelkit data``: what is there, as a table for people or as JSON."""

from __future__ import annotations

import contextlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pixelkit.cli.job import FILE, cache_option

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pixelkit.frames.inventory import Inventory, VideoInventory
    from pixelkit.frames.video import View

log = logging.getLogger("pixelkit")
PATH = click.Path(path_type=Path)
# Wide enough for every column when stdout is a file or a pipe, whose width nobody knows.
_PIPE_WIDTH = 120


@click.command()
@click.argument("data", type=PATH, required=False)
@click.option("--train", type=PATH, help="The training split: folders of images, or videos.")
@click.option("--test", type=PATH, help="The test split, likewise.")
@cache_option
@click.option(
    "--sheet",
    type=FILE,
    metavar="FILE.png",
    help="Also write a contact sheet of suspected frames: upside down, noisy, undecodable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def data(
    data: Path | None,
    train: Path | None,
    test: Path | None,
    cache: Path | None,
    sheet: Path | None,
    as_json: bool,
) -> None:
    """Tell what DATA holds: videos, frames, gaps, sizes, undecodable files, suspected flips and noise.

    Every frame is decoded, in the views of all scorers, into the cache that 'pixelkit run' uses too.
    """
    if data is None and (train is None or test is None):
        raise click.UsageError("name the data set: pixelkit data DATA, or --train FOLDER --test FOLDER")
    from pixelkit.cli.messages import show_messages

    show_messages()
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise click.UsageError(f"--sheet {sheet}: expected the name of a PNG, as in suspects.png")
    found = _look(data, train, test, cache, sheet)
    if as_json:
        import dataclasses
        import json

        click.echo(json.dumps(dataclasses.asdict(found), indent=1))
    else:
        _print(found)


def _look(
    root: Path | None, train: Path | None, test: Path | None, cache: Path | None, sheet: Path | None
) -> Inventory:
    from pixelkit.config import Settings
    from pixelkit.frames.cache import cache_folder
    from pixelkit.frames.decode import FrameStore
    from pixelkit.frames.inventory import take_inventory
    from pixelkit.frames.layouts import find_dataset
    from pixelkit.frames.repair import FLIP_VIEW, plan_repairs

    found = find_dataset(root, train=train, test=test)
    views = sorted({FLIP_VIEW, *_views_of_scorers()})
    videos = FrameStore(cache or cache_folder()).decode([*found.train, *found.test], views)
    trained, tested = videos[: len(found.train)], videos[len(found.train) :]
    settings = Settings()
    plan = plan_repairs(trained, tested, settings.repair, seed=settings.seed)
    if sheet is not None:
        from pixelkit.report.contact_sheet import suspects, write_sheet

        log.info("%s shows %s", sheet, write_sheet(suspects(trained, tested, plan), sheet))
    return take_inventory(found, trained, tested, plan)


def _views_of_scorers() -> set[View]:
    """Return what all scorers want to see by default, so that a run after this decodes nothing."""
    from pixelkit.registry import discover

    views: set[View] = set()
    for registered in discover().scorers.values():
        with contextlib.suppress(
            Exception
        ):  # a broken plugin is told of by 'pixelkit plugins' and left out here
            views.update(registered.cls().views())
    return views


def _print(found: Inventory) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, markup=False)
    console.print(f"{found.root}: {found.layout}", style="bold")
    for split, word in (("train", "training"), ("test", "test")):
        videos = found.split(split)
        console.print(f"{len(videos)} {word} videos, {sum(video.frames for video in videos):,} frames")
    console.print(f"sample submission: {found.sample or 'none'}")
    console.print(_table(found))
    _print_details(console, found)


def _table(found: Inventory) -> Table:
    from rich.table import Table

    table = Table()
    table.add_column("split")
    table.add_column("video", overflow="fold")
    for column in ("frames", "numbers", "missing", "size", "undecodable", "flipped", "noisy", "noise"):
        table.add_column(column, justify="right")
    for video in found.videos:
        table.add_row(video.split, video.name, *_cells(video))
    return table


def _cells(video: VideoInventory) -> list[str]:
    return [
        f"{video.frames:,}",
        f"{video.first}-{video.last}",
        _count(video.missing),
        " ".join(video.sizes),
        _count(len(video.undecodable)),
        *("" if numbers is None else _count(len(numbers)) for numbers in (video.flipped, video.noisy)),
        f"{video.noise:.1f}",
    ]


def _count(number: int) -> str:
    return f"{number:,}" if number else "-"


def _print_details(console: Console, found: Inventory) -> None:
    """Say where the gaps are and which files are bad: the table only counts them."""
    from pixelkit.errors import examples

    for video in found.videos:
        if video.gaps:
            where = examples((str(a) if a == b else f"{a}-{b}" for a, b in video.gaps), most=8)
            console.print(f"{video.split} {video.name}: missing {where}")
        if video.undecodable:
            bad = (f"{name} ({reason})" for name, reason in video.undecodable.items())
            console.print(f"{video.split} {video.name}: undecodable {examples(bad)}")
        if video.promised is not None and video.promised > video.frames:
            console.print(f"{video.split} {video.name}: promises {video.promised:,} frames")
    if found.skipped:
        console.print(f"skipped: {examples(found.skipped)}")
    for what, told in found.repair.items():
        console.print(f"{what}: {told}")
