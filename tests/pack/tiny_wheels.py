"""Wheels for tests: tiny ones made up, and those of packages that are installed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path


def tiny_wheel(
    folder: Path, name: str, version: str, needs: Iterable[str] = (), *, tag: str = "py3-none-any"
) -> Path:
    """Write the wheel of a package that holds one empty module."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    extras = {word.split("'")[1] for need in needs for word in [need.partition("extra == ")[2]] if word}
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    about += "".join(f"Requires-Dist: {need}\n" for need in needs)
    about += "".join(f"Provides-Extra: {extra}\n" for extra in extras)
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", about)
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def installed_wheel(folder: Path, name: str) -> Path:
    """Write the wheel of an installed package of pure Python, as it was before it was installed."""
    folder.mkdir(exist_ok=True)
    found = metadata.distribution(name)
    path = folder / f"{name.replace('-', '_')}-{found.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in found.files or ():
            if (
                ".." not in file.parts
                and file.suffix != ".pyc"
                and file.name not in ("INSTALLER", "REQUESTED")
            ):
                archive.write(str(found.locate_file(file)), str(file))
    return path
