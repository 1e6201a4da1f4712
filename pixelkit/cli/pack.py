"""``pixelkit pack``: a folder with all that a machine without internet needs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixelkit.cli.job import FILE, FOLDER, plugins_option
from pixelkit.cli.tables import aligned

if TYPE_CHECKING:
    from pixelkit.config import Settings
    from pixelkit.pack.image import Image
    from pixelkit.registry import RegisteredScorer, Registry

log = logging.getLogger("pixelkit")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "--run", type=FOLDER, help="A finished run: there it scores with what was fitted here, and its recipe."
)
@click.option(
    "--python",
    type=click.Choice(["3.11", "3.12", "3.13"]),
    default="3.12",
    help="The Python of the other machine; default: 3.12, Kaggle's.",
)
@click.option(
    "--image", "freeze", type=FILE, help="What the other machine has: the output of 'pip freeze' there."
)
@click.option("--all", "everything", is_flag=True, help="Pack everything but torch and torchvision.")
@click.option("--scorers", metavar="NAMES", help="Only these; default: all that can run; a run has its own.")
@click.option("--config", type=FILE, help="Settings to run with; a run has its own.")
@click.option(
    "--weights", "place", type=FOLDER, help="A folder with pretrained weights; it is looked into first."
)
@plugins_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pack(
    folder: Path,
    run: Path | None,
    python: str,
    freeze: Path | None,
    everything: bool,
    scorers: str | None,
    config: Path | None,
    place: Path | None,
    plugins: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Gather in FOLDER what a machine without internet needs, a Kaggle notebook for one.

    That is pixelkit with its plugins, the wheels that Kaggle's image lacks, pretrained weights, a run's fitted scorers
    and recipe, and pixelkit.ipynb, which installs all this and runs 'pixelkit run' on the data that are attached.
    README.txt in FOLDER says how to upload it. A former pack in FOLDER is replaced.
    """
    if run is not None and (config is not None or scorers is not None):
        raise click.UsageError("--run has settings and scorers of its own: leave out --config and --scorers")
    if everything and freeze is not None:
        raise click.UsageError("--all packs for a machine that has torch alone: leave out --image")
    from pixelkit.artifacts import RunFolder
    from pixelkit.cli.job import choose
    from pixelkit.cli.messages import show_messages
    from pixelkit.pack.finished import scorers_of
    from pixelkit.pack.folder import Contents
    from pixelkit.pack.folder import pack as gather
    from pixelkit.pack.manifest import check_replaceable
    from pixelkit.registry import discover

    show_messages()
    check_replaceable(folder)
    finished = None if run is None else RunFolder(run)
    names = scorers or (",".join(scorers_of(finished)) if finished else None)
    registry = discover(plugins)
    chosen = choose(registry, names)
    settings = _settings(registry, finished.settings if finished else config, place)
    manifest = gather(
        folder,
        Contents(
            image=_image(freeze, everything=everything),
            python=python,
            scorers=[one.name for one in chosen] if names else (),
            plugins=_plugin_folders(chosen),
            packages=_packages(chosen),
            weights=_weights(chosen, settings),
            settings=config,
            run=finished,
        ),
    )
    click.echo(
        json.dumps({"folder": str(folder), **manifest}, indent=1) if as_json else _summary(folder, manifest)
    )


def _image(freeze: Path | None, *, everything: bool) -> Image:
    from pixelkit.pack import image

    if everything:
        return image.bare_image()
    return image.kaggle_image() if freeze is None else image.read_image(freeze)


def _settings(registry: Registry, file: Path | None, place: Path | None) -> Settings:
    from dataclasses import replace

    from pixelkit.config import load_settings

    settings = load_settings({name: found.cls for name, found in registry.scorers.items()}, file=file)
    return replace(settings, weights=str(place or settings.weights), offline=False)


def _plugin_folders(chosen: Sequence[RegisteredScorer]) -> list[Path]:
    """Return the folders of the user's own plugins that are packed; those of pixelkit are in its wheel."""
    origins = dict.fromkeys(one.origin for one in chosen)
    return [Path(origin) for origin in origins if origin != "pixelkit" and not origin.startswith("package ")]


def _packages(chosen: Sequence[RegisteredScorer]) -> list[str]:
    """Return the packages that plugins were installed as, as requirements."""
    words = dict.fromkeys(one.origin for one in chosen if one.origin.startswith("package "))
    return ["{1}=={2}".format(*origin.split()) for origin in words]


def _weights(chosen: Sequence[RegisteredScorer], settings: Settings) -> list[tuple[Path, str]]:
    """Return the files of pretrained weights that are packed, fetched where they are missing, and their places."""
    from pixelkit.cli.weights import needed_files
    from pixelkit.errors import PackError, WeightsError
    from pixelkit.weights import WeightStore

    store = WeightStore(settings.weights)
    found = []
    for file, needed_by in needed_files(chosen, settings).items():
        try:
            path = store.find(file)
        except WeightsError as error:
            raise PackError(
                f"{error}; or pack without {', '.join(needed_by)}: name the others in --scorers"
            ) from error
        found.append((path, f"{file.folder}/{path.name}"))
    _warn_of_others(chosen, settings, {path for path, _ in found})
    return found


def _warn_of_others(chosen: Sequence[RegisteredScorer], settings: Settings, packed: set[Path]) -> None:
    """Warn of files that a scorer reads by a path in its settings, a CSV of boxes for one."""
    from pixelkit.config import make_scorer
    from pixelkit.jobs import blame

    for registered in chosen:
        with blame(registered.cls):
            others = [path for path in make_scorer(registered.cls, settings).inputs() if path not in packed]
        for path in others:
            log.warning(
                "%s reads %s, which is not packed: put it at the same place on the other machine",
                registered.name,
                path,
            )


def _summary(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Return a line for each part of a pack, with its size, and its folder in the last line."""
    sizes: dict[str, list[int]] = {}
    for name, file in manifest["files"].items():
        sizes.setdefault(name.split("/")[0], []).append(file["bytes"])
    rows = [["part", "files", "MB"]]
    rows += [[part, str(len(each)), f"{sum(each) / 1e6:,.1f}"] for part, each in sizes.items()]
    every = [size for each in sizes.values() for size in each]
    rows.append(["all", str(len(every)), f"{sum(every) / 1e6:,.1f}"])
    return f"{aligned(rows)}\n{folder}"
