"""The wheel of pixelkit as it runs here: from a checkout or an installation, with every plugin in its own folder."""

from __future__ import annotations

import base64
import configparser
import hashlib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from pixelkit.errors import PackError, examples
from pixelkit.registry import own_folder

_PACKAGE = Path(__file__).resolve().parents[1]
_DATE = (1980, 1, 1, 0, 0, 0)  # the same sources give the same bytes


def build_wheel(folder: Path) -> Path:
    """Write the wheel of the running pixelkit into ``folder``; return its path.

    No build tool is asked, since none need be installed, and an installation has no ``setup.cfg``: a wheel of pure
    Python is a zip file of the package and of three files about it (PEP 427).
    """
    installed = _installation()
    info = f"pixelkit-{installed.version}.dist-info"
    contents = {name: file.read_bytes() for name, file in sorted(_sources())}
    contents |= {f"{info}/{name}": data for name, data in sorted(_facts(installed).items())}
    lines = [f"{name},sha256={_hash(data)},{len(data)}\n" for name, data in contents.items()]
    contents[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"]).encode()
    path = folder / f"pixelkit-{installed.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    return path


def requirements(setup: Path = _PACKAGE.parent / "setup.cfg") -> list[str]:
    """Return what pixelkit needs, as its installation says; ``setup`` is that of the checkout that is installed.

    Raises
    ------
    PackError
        If the checkout came by other requirements since it was installed.
    """
    needed = _installation().requires or []
    if setup.is_file():
        parser = configparser.ConfigParser()
        parser.read(setup, encoding="utf-8")
        lines = parser.get("options", "install_requires", fallback="").split("\n")
        asked = {str(Requirement(line)) for line in lines if line}
        new = asked ^ {str(one) for one in map(Requirement, needed) if "extra" not in str(one.marker)}
        if new:
            raise PackError(
                f"pixelkit was installed before {setup} was changed ({examples(sorted(new))}): run "
                f"'pip install -e {setup.parent}', then pack again"
            )
    return needed


def plain_files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder of sources; not what Python, an editor or git left there."""
    for path in sorted(folder.rglob("*")):
        words = path.relative_to(folder).parts
        if path.is_file() and not any(word.startswith(".") or word == "__pycache__" for word in words):
            yield path


def _installation() -> metadata.Distribution:
    """Return what is known of the installed pixelkit.

    In a checkout, an old ``pixelkit.egg-info`` may lie in the way, which comes first where Python starts there.
    """
    every = list(metadata.distributions(name="pixelkit"))
    return next((one for one in every if one.read_text("METADATA")), every[0])


def _sources() -> Iterator[tuple[str, Path]]:
    """Yield each source file with its name in the wheel; plugins lie beside the package in a checkout, in it else."""
    plugins = own_folder()
    for file in plain_files(_PACKAGE):
        if not file.is_relative_to(plugins):
            yield f"pixelkit/{file.relative_to(_PACKAGE).as_posix()}", file
    for file in plain_files(plugins):
        yield f"pixelkit/plugins/{file.relative_to(plugins).as_posix()}", file


def _facts(installed: metadata.Distribution) -> dict[str, bytes]:
    about = installed.read_text("METADATA") or installed.read_text("PKG-INFO") or ""
    wheel = "Wheel-Version: 1.0\nGenerator: pixelkit pack\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    facts = {
        "METADATA": about.encode(),
        "WHEEL": wheel.encode(),
        "entry_points.txt": (installed.read_text("entry_points.txt") or "").encode(),
    }
    beside = [
        Path(str(installed.locate_file(file))) for file in installed.files or () if file.name == "LICENSE"
    ]
    for licence in [_PACKAGE.parent / "LICENSE", *beside]:
        if licence.is_file():
            facts["licenses/LICENSE"] = licence.read_bytes()
    return facts


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
