"""``pixelkit plugins``: the scorers that there are, and why others are not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pixelkit.cli.job import FOLDER

if TYPE_CHECKING:
    from pixelkit.registry import RegisteredScorer, Registry

# Wide enough for every column when stdout is a file or a pipe, whose width nobody knows.
_PIPE_WIDTH = 120


@click.command()
@click.option(
    "--plugins", "folders", type=FOLDER, multiple=True, help="A folder with scorer plugins of your own."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plugins(folders: tuple[Path, ...], as_json: bool) -> None:
    """List the scorers with channels, origin, settings and defaults, and the reason of each plugin that failed."""
    from pixelkit.cli.messages import show_messages
    from pixelkit.registry import discover

    show_messages()
    registry = discover(folders)
    if as_json:
        click.echo(json.dumps(_as_json(registry), indent=1, default=str))
    else:
        _print(registry)


def _as_json(registry: Registry) -> dict[str, list[dict[str, object]]]:
    return {
        "scorers": [
            {
                "name": scorer.name,
                "channels": list(scorer.cls.channels),
                "about": _about(scorer),
                "origin": scorer.origin,
                "file": str(scorer.file),
                "settings": _settings(scorer),
            }
            for scorer in registry.scorers.values()
        ],
        "failures": [{"place": failure.place, "reason": failure.reason} for failure in registry.failures],
    }


def _about(scorer: RegisteredScorer) -> str:
    return (scorer.cls.__doc__ or "").strip().partition("\n")[0]


def _settings(scorer: RegisteredScorer) -> dict[str, object]:
    try:
        return scorer.cls().resolved_settings()
    except Exception:  # a plugin that cannot be made must not hide the others; 'pixelkit check' says why
        return scorer.cls.default_settings()


def _print(registry: Registry) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, markup=False)
    table = Table("scorer", "channels", "origin", "settings and their defaults", show_lines=True)
    for scorer in registry.scorers.values():
        settings = ", ".join(f"{key}={value!r}" for key, value in _settings(scorer).items())
        table.add_row(scorer.name, ", ".join(scorer.cls.channels), scorer.origin, settings)
    if registry.scorers:
        console.print(table)
    for failure in registry.failures:
        click.echo(f"failed: {failure}")
    if not registry.scorers and not registry.failures:
        click.echo("no plugin was found: 'pixelkit new NAME' writes one")
