"""The wheels that a machine without internet lacks: found by their own words, fetched by pip for its Python."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from pixelkit.errors import PackError, StorageError, examples
from pixelkit.files import make_folder
from pixelkit.pack.image import Image

log = logging.getLogger("pixelkit")
# Kaggle's image is an Ubuntu 22.04, glibc 2.35. pip knows by itself only that manylinux2014 takes older ones.
_PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(35, 16, -1)] + ["manylinux2014_x86_64"]
_CUT_OFF = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|Connection ?Error|"
    r"name resolution|Network is unreachable",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(r"No matching distribution found for ([^\s;(]+)")


@dataclass
class _Wanted:
    """A package that somebody needs: in all versions that everybody agrees to, and the wheel, once it is fetched."""

    requirement: Requirement
    needed_by: list[str] = field(default_factory=list)
    wheel: Path | None = None

    def is_fetched(self) -> bool:
        """Tell whether the wheel fits all that was asked for up to now."""
        if self.wheel is None:
            return False
        version = parse_wheel_filename(self.wheel.name)[1]
        return self.requirement.specifier.contains(version, prereleases=True)

    def __str__(self) -> str:
        return f"{self.requirement} (needed by {examples(self.needed_by)})"


def fetch_wheels(folder: Path, needed: Mapping[str, Iterable[str]], image: Image, python: str) -> list[Path]:
    """Fetch every wheel that ``image`` lacks for ``needed``, and what these wheels need in turn.

    Each is the newest that fits all that is known when it is fetched; a later wheel that wants less has it fetched
    again.

    Parameters
    ----------
    folder
        Where they are put.
    needed
        By who needs them, requirements as in ``optuna>=5``.
    image
        What is there already.
    python
        Of the machine, as in ``3.12``; its platform is Linux on x86-64.

    Raises
    ------
    PackError
        If a wheel cannot be had: names it, who needs it, and why.
    StorageError
        If the disk is full.
    """
    make_folder(folder)
    known: dict[str, _Wanted] = {}
    while needed:
        for who, texts in needed.items():
            for requirement in _that_apply(texts, python):
                _join(known, requirement, who)
        lacking = [one for one in known.values() if not image.has(one.requirement) and not one.is_fetched()]
        for one in lacking:
            if one.wheel is not None:
                one.wheel.unlink()
        fetched = _fetch(folder, lacking, python) if lacking else []
        for wheel in fetched:
            known[_name(wheel)].wheel = wheel
        needed = {_name(wheel): _requirements(wheel, known, python) for wheel in fetched}
    return sorted(one.wheel for one in known.values() if one.wheel is not None)


def _join(known: dict[str, _Wanted], requirement: Requirement, who: str) -> None:
    """Add a requirement to what is known of its package."""
    wanted = known.setdefault(canonicalize_name(requirement.name), _Wanted(Requirement(requirement.name)))
    wanted.requirement.specifier &= requirement.specifier
    if not requirement.extras <= wanted.requirement.extras:
        wanted.requirement.extras |= requirement.extras
        wanted.wheel = None
    if who not in wanted.needed_by:
        wanted.needed_by.append(who)


def _that_apply(texts: Iterable[str], python: str, extras: Iterable[str] = ("",)) -> list[Requirement]:
    """Return the requirements whose marker holds on the machine, for one of the extras."""
    found = []
    for requirement in map(Requirement, texts):
        marker = requirement.marker
        if marker is None or any(
            marker.evaluate({**_environment(python), "extra": extra}) for extra in extras
        ):
            requirement.marker = None
            found.append(requirement)
    return found


def _environment(python: str) -> dict[str, str]:
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }


def _requirements(wheel: Path, known: Mapping[str, _Wanted], python: str) -> list[str]:
    """Return what a wheel needs, as it says itself, with the extras that are wanted of it."""
    (found,) = metadata.distributions(path=[str(wheel)])
    extras = ("", *sorted(known[_name(wheel)].requirement.extras))
    return [str(one) for one in _that_apply(found.requires or (), python, extras)]


def _name(wheel: Path) -> str:
    return parse_wheel_filename(wheel.name)[0]


def _fetch(folder: Path, wanted: list[_Wanted], python: str) -> list[Path]:
    """Let pip fetch these wheels, without what they need; return them."""
    log.info("wheels: %s", ", ".join(str(one.requirement) for one in wanted))
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--progress-bar", "off", "--no-deps"]
        command += ["--dest", inside, "--only-binary", ":all:", "--implementation", "cp", "--retries", "2"]
        command += ["--disable-pip-version-check", "--python-version", python]
        command += [word for platform in _PLATFORMS for word in ("--platform", platform)]
        command += [str(one.requirement) for one in wanted]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise _why(done.stderr, wanted, python)
        return [path.rename(folder / path.name) for path in sorted(Path(inside).iterdir())]


def _why(said: str, wanted: list[_Wanted], python: str) -> PackError | StorageError:
    """Return what is wrong, from what pip said."""
    if "No space left on device" in said:
        return StorageError("cannot fetch the wheels: the disk is full: free some space and pack again")
    if "No module named pip" in said:
        return PackError(
            f"wheels are fetched by pip, which is not there: run '{sys.executable} -m ensurepip'"
        )
    missing = _NOT_FOUND.search(said)
    name = canonicalize_name(Requirement(missing[1]).name) if missing else ""
    named = [one for one in wanted if canonicalize_name(one.requirement.name) == name] or wanted
    what = f"no wheel of {examples(named)} for Python {python} on Linux x86-64"
    remedy = "or put the wheel into a folder and name that in PIP_FIND_LINKS"
    if _CUT_OFF.search(said):
        return PackError(f"{what}: the package index cannot be reached: connect to the internet, {remedy}")
    if missing:
        return PackError(f"{what}: the package index has none that fits: choose another --python, {remedy}")
    last = [line for line in said.splitlines() if line.strip()][-1:]
    return PackError(f"{what}: pip says: {' '.join(last)}")
