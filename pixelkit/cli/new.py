"""``pixelkit new``: start a scorer of your own from a template, with its test."""

from __future__ import annotations

import keyword
import os
from pathlib import Path

import click

from pixelkit.cli.job import FOLDER


@click.command()
@click.argument("name")
@click.option(
    "--plugins",
    "folder",
    type=FOLDER,
    help="Where to; default: the first folder of PIXELKIT_PLUGINS, else plugins/ of a checkout.",
)
def new(name: str, folder: Path | None) -> None:
    """Write a working scorer NAME of about ten lines, and its test."""
    from pixelkit.cli import template
    from pixelkit.files import write_text

    folder = _choose_folder(folder)
    _check_name(name, folder)
    scorer, test = _places(name, folder)
    _check_free(scorer, test)
    beside = scorer.parent == test.parent
    words = {
        "NAME": name,
        "CLASS": "".join(part.capitalize() for part in name.split("_")),
        "PATHS": "from pathlib import Path\n\n" if beside else "",
        "FOLDERS": "[Path(__file__).parent]" if beside else "",
    }
    write_text(scorer, template.SCORER.format(**words))
    write_text(test, template.TEST.format(**words))
    _say_what_next(name, scorer, test, option=f" --plugins {folder}" if beside else "")


def _choose_folder(folder: Path | None) -> Path:
    from pixelkit.errors import PluginError
    from pixelkit.registry import VARIABLE, own_folder

    listed = [Path(each) for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]
    if folder is not None or listed:
        return (folder or listed[0]).expanduser().resolve()
    own = own_folder()
    if not _is_checkout(own) or not os.access(own, os.W_OK):
        raise PluginError(
            f"{own} is not a checkout that can be written: name a folder of your own, "
            f"as in 'pixelkit new NAME --plugins my_plugins', or in {VARIABLE}"
        )
    return own


def _is_checkout(plugins: Path) -> bool:
    return (plugins.parent / "setup.cfg").is_file() and (plugins.parent / "tests" / "plugins").is_dir()


def _check_name(name: str, folder: Path) -> None:
    """Refuse a name that cannot be a scorer's and a file's, or that another scorer has."""
    from pixelkit.contract import RESERVED, RULE, is_name
    from pixelkit.errors import PluginError
    from pixelkit.registry import discover

    if not is_name(name):
        raise PluginError(f"{name!r} cannot be a scorer's name: expected {RULE}")
    if name in RESERVED or keyword.iskeyword(name) or name.startswith("test_") or name == "conftest":
        raise PluginError(f"{name!r} has another meaning in pixelkit or Python: choose another name")
    registry = discover([folder] if folder.is_dir() else [])
    if name in registry.scorers:
        raise PluginError(
            f"there is a scorer {name!r} already, in {registry.scorers[name].file}: choose another"
        )


def _places(name: str, folder: Path) -> tuple[Path, Path]:
    from pixelkit.registry import own_folder

    if folder == own_folder() and _is_checkout(folder):
        return folder / f"{name}.py", folder.parent / "tests" / "plugins" / f"test_{name}.py"
    return folder / f"{name}.py", folder / f"test_{name}.py"


def _check_free(scorer: Path, test: Path) -> None:
    from pixelkit.errors import PluginError

    for path in (scorer, scorer.with_suffix(""), test):
        if path.exists():
            raise PluginError(f"{path} is there already: choose another name, or move it away")


def _say_what_next(name: str, scorer: Path, test: Path, *, option: str) -> None:
    click.echo(scorer)
    click.echo(test)
    click.echo(
        f"\nIt works as it is; put your idea in its place, then:\n"
        f"  pixelkit check {name}{option}\n"
        f"  python -m pytest {test}\n"
        f"  pixelkit run DATA --scorers {name}{option}",
        err=True,
    )
