"""Builds a pack: beside its place under a temporary name, renamed when all of it is there."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pixelkit.artifacts import RunFolder
from pixelkit.errors import StorageError
from pixelkit.files import atomic, clear_leftovers, make_folder, storage_errors, write_text
from pixelkit.pack.finished import run_files
from pixelkit.pack.image import Image
from pixelkit.pack.manifest import check_replaceable, write_manifest
from pixelkit.pack.notebook import NOTEBOOK, write_notebook
from pixelkit.pack.wheel import build_wheel, plain_files, requirements
from pixelkit.pack.wheels import fetch_wheels

log = logging.getLogger("pixelkit")
README = """\
A pack of pixelkit {version}: what a machine without internet needs, for Python {python} on Linux x86-64.
Kaggle: zip this folder and drop it on kaggle.com/datasets ('New Dataset'), or: kaggle datasets init -p {name}; \
kaggle datasets create -p {name} --dir-mode zip
There: open {notebook} as a notebook ('File', 'Import Notebook'), attach this data set and the competition's data \
with 'Add Input', turn the internet off, run all cells.
Any other machine: the notebook does the same, with the data beside this folder; or without a notebook, \
pip install --no-index --no-deps wheels/*.whl
and then, in this folder: {first}pixelkit run DATA --out ../{run} {options}
"""


@dataclass(frozen=True)
class Contents:
    """What a pack is to hold.

    Parameters
    ----------
    image
        What the other machine has.
    python
        Its Python, as in ``3.12``.
    scorers
        The scorers that are to run there; none for all that can.
    plugins
        Folders with plugins of the user's own.
    packages
        Requirements of plugins that were installed as packages, as in ``street-scorer==1.0``.
    weights
        Files of pretrained weights, and where each lies below the pack's folder of weights.
    settings
        A settings file; not with a run, which has its own.
    run
        A finished run, whose fitted scorers and recipe are used there.
    """

    image: Image
    python: str
    scorers: Sequence[str] = ()
    plugins: Sequence[Path] = ()
    packages: Sequence[str] = ()
    weights: Sequence[tuple[Path, str]] = ()
    settings: Path | None = None
    run: RunFolder | None = None

    def copies(self) -> list[tuple[Path, str]]:
        """Return every file that is copied, and where to."""
        copies = [(file, f"weights/{name}") for file, name in self.weights]
        for folder, name in zip(self.plugins, self.plugin_names(), strict=True):
            copies += [
                (file, f"{name}/{file.relative_to(folder).as_posix()}") for file in plain_files(folder)
            ]
        if self.settings is not None:
            copies.append((self.settings, "settings.toml"))
        if self.run is not None:
            inside = self.run.path
            copies += [(file, f"run/{file.relative_to(inside).as_posix()}") for file in run_files(self.run)]
        return copies

    def plugin_names(self) -> list[str]:
        """Return where each plugin folder lies in the pack; two of one name get numbers."""
        names = [folder.resolve().name for folder in self.plugins]
        return [
            f"plugins/{name}" if names.count(name) == 1 else f"plugins/{number}-{name}"
            for number, name in enumerate(names)
        ]

    def options(self) -> list[str]:
        """Return the options of ``pixelkit run`` there; ``{pack}`` stands for the folder of the pack."""
        options = ["--offline"]
        if self.scorers:
            options += ["--scorers", ",".join(self.scorers)]
        if self.weights:
            options += ["--weights", "{pack}/weights"]
        for name in self.plugin_names():
            options += ["--plugins", f"{{pack}}/{name}"]
        if self.settings is not None:
            options += ["--config", "{pack}/settings.toml"]
        if self.run is not None:
            options += ["--config", "{pack}/run/settings.toml", "--recipe", "{pack}/run/recipe.json"]
        return options


def pack(folder: Path, contents: Contents) -> dict[str, Any]:
    """Gather ``contents`` in ``folder`` and return the manifest.

    A former pack there is replaced when the new one is whole; anything else that lies there is left alone.

    Raises
    ------
    PackError
        If something is missing, a wheel cannot be had, or ``folder`` holds what is no former pack.
    StorageError
        If the disk has no room for it.
    """
    check_replaceable(folder)
    clear_leftovers(folder)
    copies = contents.copies()
    _check_room(folder, copies)
    with atomic(folder) as temporary:
        make_folder(temporary)
        _copy(temporary, copies)
        _wheels(temporary / "wheels", contents)
        facts = _facts(contents)
        write_notebook(temporary)
        write_text(temporary / "README.txt", _readme(folder, facts, fitted=contents.run is not None))
        manifest = write_manifest(temporary, facts)
        check_replaceable(folder)  # in the meantime somebody may have put something there
        former = _set_aside(folder)
    if former is not None:
        shutil.rmtree(former, ignore_errors=True)
    return manifest


def _check_room(folder: Path, copies: Iterable[tuple[Path, str]]) -> None:
    """Raise a StorageError where the files that are copied have no room; how large the wheels are, nobody knows yet."""
    needed = sum(file.stat().st_size for file, _ in copies)
    free = shutil.disk_usage(make_folder(folder.absolute().parent)).free
    if needed > free:
        raise StorageError(
            f"cannot write {folder}: {needed / 1e6:,.0f} MB are to be copied, and the disk has room for "
            f"{free / 1e6:,.0f} MB: free some space or choose another folder"
        )


def _copy(folder: Path, copies: Iterable[tuple[Path, str]]) -> None:
    for file, name in copies:
        if file.stat().st_size > 1e6:
            log.info("copied: %s (%.0f MB)", name, file.stat().st_size / 1e6)
        make_folder((folder / name).parent)
        with storage_errors(folder / name):
            shutil.copyfile(file, folder / name)


def _wheels(folder: Path, contents: Contents) -> None:
    make_folder(folder)
    with storage_errors(folder):
        build_wheel(folder)
    needed = {"pixelkit": requirements()}
    needed |= {"a plugin": list(contents.packages)} if contents.packages else {}
    fetched = fetch_wheels(folder, needed, contents.image, contents.python)
    size = sum(wheel.stat().st_size for wheel in fetched) / 1e6
    log.info("wheels: %d that %s lacks (%.1f MB)", len(fetched), contents.image.name, size)


def _facts(contents: Contents) -> dict[str, Any]:
    return {
        "pixelkit": metadata.version("pixelkit"),
        "python": contents.python,
        "image": contents.image.name,
        "run": contents.run.path.resolve().name if contents.run else "run",
        "options": contents.options(),
    }


def _readme(folder: Path, facts: dict[str, Any], *, fitted: bool) -> str:
    return README.format(
        version=facts["pixelkit"],
        python=facts["python"],
        name=folder.name,
        notebook=NOTEBOOK,
        run=facts["run"],
        first=f"cp -r run ../{facts['run']}; " if fitted else "",
        options=" ".join(facts["options"]).replace("{pack}/", ""),
    )


def _set_aside(folder: Path) -> Path | None:
    """Rename a former pack, under a name that ``clear_leftovers`` knows; the new one takes its place in a moment."""
    if not folder.is_dir():
        return None
    with storage_errors(folder):
        return folder.rename(folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"))
