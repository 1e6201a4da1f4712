"""``pixelkit weights``: which pretrained weights the scorers need, and what is there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pixelkit.cli.job import FILE, FOLDER, plugins_option

if TYPE_CHECKING:
    from pixelkit.config import Settings
    from pixelkit.registry import RegisteredScorer
    from pixelkit.weights import PretrainedFile, WeightStore

# Wide enough for every column when stdout is a file or a pipe, whose width nobody knows.
_PIPE_WIDTH = 120


@dataclass(frozen=True)
class Found:
    """A file of pretrained weights, the scorers that need it, and where it lies, if anywhere."""

    file: PretrainedFile
    needed_by: tuple[str, ...]
    path: Path | None
    problem: str = ""
    """Why what lies there cannot be used."""


@click.command()
@click.argument("action", type=click.Choice(["list", "fetch", "pack"]), default="list")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--scorers", metavar="NAMES", help="Only what these need, as in videopatchcore; default: all.")
@click.option(
    "--weights", "place", type=FOLDER, help="A folder with pretrained weights; it is looked into first."
)
@click.option("--config", type=FILE, help="Settings, which may decide what a scorer needs.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As for 'pixelkit run'.")
@plugins_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def weights(
    action: str,
    folder: Path | None,
    scorers: str | None,
    place: Path | None,
    config: Path | None,
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """List the pretrained weights that scorers need: where they lie, or where to get them and where to put them.

    'fetch' fetches what is missing. 'pack FOLDER' copies all of them, fetching what is missing, into a folder for a
    machine without internet: hand it to --weights there, or attach it to a Kaggle notebook as a data set.
    """
    import dataclasses

    from pixelkit.cli.job import choose
    from pixelkit.cli.messages import show_messages
    from pixelkit.config import load_settings
    from pixelkit.files import make_folder
    from pixelkit.registry import discover
    from pixelkit.weights import WeightStore

    if (action == "pack") != (folder is not None):
        raise click.UsageError(
            "name a folder to pack into: pixelkit weights pack FOLDER; no other action takes one"
        )
    show_messages()
    registry = discover(plugins)
    classes = {name: registered.cls for name, registered in registry.scorers.items()}
    settings = load_settings(classes, file=config, overrides=overrides)
    settings = dataclasses.replace(settings, weights=str(place or settings.weights))
    needed = needed_files(choose(registry, scorers), settings)
    store = WeightStore(settings.weights, offline=settings.offline)
    if action != "list":
        for file in needed:
            path = store.find(file)
            if folder is not None:
                pack(path, file, folder)
    if folder is not None:
        store = WeightStore(str(make_folder(folder)))  # so that the list shows what was packed
    rows = [look_for(file, needed_by, store) for file, needed_by in needed.items()]
    if as_json:
        click.echo(json.dumps(_as_json(rows, store), indent=1))
    else:
        _print(rows, store)


def needed_files(
    scorers: Iterable[RegisteredScorer], settings: Settings
) -> dict[PretrainedFile, tuple[str, ...]]:
    """Return the files of pretrained weights that ``scorers`` need with ``settings``, and which scorers need each."""
    from pixelkit.config import make_scorer

    needed: dict[PretrainedFile, tuple[str, ...]] = {}
    for registered in scorers:
        try:
            files = make_scorer(registered.cls, settings).pretrained()
        except Exception:  # a plugin that cannot be made must not hide the others; 'pixelkit check' says why
            continue
        for file in files:
            needed[file] = (*needed.get(file, ()), registered.name)
    return needed


def look_for(file: PretrainedFile, needed_by: tuple[str, ...], store: WeightStore | None = None) -> Found:
    """Look for a file in every place where a run would look for it; nothing is fetched."""
    from pixelkit.errors import WeightsError
    from pixelkit.weights import WeightStore

    try:
        return Found(file, needed_by, (store or WeightStore()).look(file))
    except WeightsError as error:
        return Found(file, needed_by, None, str(error))


def pack(path: Path, file: PretrainedFile, folder: Path) -> None:
    """Copy a file of pretrained weights into ``folder``, where ``--weights`` finds it."""
    import shutil

    from pixelkit.files import atomic

    with atomic(folder / file.folder / path.name) as temporary:
        shutil.copyfile(path, temporary)


def _as_json(rows: list[Found], store: WeightStore) -> dict[str, object]:
    return {
        "files": [
            {
                "name": row.file.name,
                "needed_by": list(row.needed_by),
                "files": list(row.file.files),
                "path": None if row.path is None else str(row.path),
                "bytes": None if row.path is None else row.path.stat().st_size,
                "problem": row.problem,
                "page": row.file.page,
                "licence": row.file.licence,
            }
            for row in rows
        ],
        "looked_in": [{"why": place.why, "folder": str(place.folder)} for place in store.places()],
    }


def _print(rows: list[Found], store: WeightStore) -> None:
    from rich.console import Console
    from rich.table import Table

    if not rows:
        click.echo("no scorer needs pretrained weights")
        return
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, markup=False)
    table = Table("weights", "needed by", "licence", "size", "where", show_lines=True)
    for row in rows:
        size = "" if row.path is None else f"{row.path.stat().st_size / 1e6:.0f} MB"
        missing = row.problem or f"missing: {row.file.files[0]} from {row.file.page}"
        table.add_row(
            row.file.name, ", ".join(row.needed_by), row.file.licence, size, str(row.path or missing)
        )
    console.print(table)
    for place in store.places():
        there = "" if place.folder.is_dir() else " (not there)"
        click.echo(f"looked in {place.folder}{there}: {place.why}")
    click.echo("looked in the cache of the Hugging Face hub, where open_clip puts what it fetches")
