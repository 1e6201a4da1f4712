"""The options that ``run``, ``fit`` and ``score`` share, and the job that they make."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixelkit.errors import PluginError, SettingsError, did_you_mean

if TYPE_CHECKING:
    from pixelkit.frames.layouts import DataSet
    from pixelkit.pipeline import Job
    from pixelkit.registry import RegisteredScorer, Registry

log = logging.getLogger("pixelkit")
Command = Callable[..., Any]
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


def with_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds options to a command, in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


plugins_option = click.option(
    "--plugins", type=FOLDER, multiple=True, help="A folder with scorer plugins of your own."
)
cache_option = click.option(
    "--cache", type=FOLDER, help="Where decoded frames lie; default: $PIXELKIT_CACHE or ~/.cache/pixelkit."
)
job_options = with_options(
    click.argument("data", type=click.Path(path_type=Path), required=False),
    click.option(
        "--train", type=click.Path(path_type=Path), help="The training split: folders of images, or videos."
    ),
    click.option("--test", type=click.Path(path_type=Path), help="The test split, likewise."),
    click.option(
        "--scorers", metavar="NAMES", help="Comma-separated, as in convae,dae; default: all that can run."
    ),
    click.option(
        "--config", type=FILE, help="Settings; default: pixelkit.toml beside the data, if there is one."
    ),
    click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As in --set convae.epochs=5."
    ),
    click.option("--offline", is_flag=True, help="Fetch no pretrained weights."),
    click.option("--weights", type=FOLDER, help="A folder with pretrained weights; it is looked into first."),
    click.option("--out", type=FOLDER, help="The run folder; default: submissions/NAME OF THE DATA SET."),
    plugins_option,
    cache_option,
)
"""Adds the options of a job to a command."""


def make_job(
    data: Path | None,
    train: Path | None,
    test: Path | None,
    scorers: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
    offline: bool,
    weights: Path | None,
    out: Path | None,
    plugins: tuple[Path, ...],
    cache: Path | None,
    *,
    sample: Path | None = None,
    recipe: Path | None = None,
) -> Job:
    """Return the job that the command line asks for; messages go to stderr and the run's log from here on."""
    from pixelkit.artifacts import RunFolder
    from pixelkit.cli.messages import log_to
    from pixelkit.config import FILE_NAME, load_settings
    from pixelkit.frames.layouts import find_dataset
    from pixelkit.pipeline import Job
    from pixelkit.registry import discover

    if data is None and (train is None or test is None):
        raise click.UsageError("name the data set: pixelkit run DATA, or --train FOLDER --test FOLDER")
    found = find_dataset(data, train=train, test=test)
    registry = discover(plugins)
    beside = found.root / FILE_NAME
    settings = load_settings(
        {name: registered.cls for name, registered in registry.scorers.items()},
        file=config or (beside if beside.is_file() else None),
        overrides=overrides,
    )
    settings = dataclasses.replace(
        settings, offline=offline or settings.offline, weights=str(weights or settings.weights)
    )
    folder = RunFolder(out or Path("submissions") / run_name(found))
    log_to(folder.log)
    chosen = choose(registry, scorers, settings.leave_out)
    log.info("data: %s", describe(found))
    log.info("scorers: %s", ", ".join(registered.name for registered in chosen))
    return Job(
        found,
        settings,
        chosen,
        folder,
        named=scorers is not None,
        sample=sample or found.sample,
        recipe=recipe,
        cache=cache,
    )


def choose(registry: Registry, names: str | None, leave_out: Sequence[str] = ()) -> list[RegisteredScorer]:
    """Return the scorers that were asked for, or all but those to leave out; a plugin that failed is told of.

    Raises
    ------
    PluginNotFound
        If a name is unknown or its plugin failed to load.
    SettingsError
        If there is no scorer of a name in ``leave_out``.
    """
    if names is not None:
        wanted = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
        if not wanted:
            raise click.UsageError("--scorers names none: expected a list as in convae,dae")
        return [registry.get(name) for name in wanted]
    for failure in registry.failures:
        log.warning("plugin left out: %s", failure)
    chosen = [one for one in registry.scorers.values() if one.name not in leave_out]
    if not chosen:
        raise PluginError(
            "no scorer can run: 'pixelkit plugins' says why; leave_out in the settings may, too"
        )
    known = {*registry.scorers, *(failure.name for failure in registry.failures)}
    for name in leave_out:
        if name not in known:
            raise SettingsError(f"leave_out: there is no scorer {name!r}{did_you_mean(name, known)}")
        log.info("%s is left out, as the settings say (leave_out): name it in --scorers to run it", name)
    return chosen


def run_name(data: DataSet) -> str:
    """Return what the run of a data set is called: the name of its folder."""
    return data.root.resolve().name or "data"


def describe(data: DataSet) -> str:
    """Return one line on a data set."""
    return f"{data.root} ({data.layout}): training videos {len(data.train)}, test videos {len(data.test)}"
