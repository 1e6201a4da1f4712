"""What the machine without internet has already: Kaggle's image, another ``pip freeze``, or torch alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from pixelkit.errors import PackError, reason

PYTHON = "3.12"
"""The Python of Kaggle's image."""


@dataclass(frozen=True)
class Image:
    """The packages of a machine.

    Parameters
    ----------
    name
        What people call it.
    packages
        By canonical name, the version that is there; None for any.
    """

    name: str
    packages: Mapping[str, Version | None]

    def has(self, needed: Requirement) -> bool:
        """Tell whether the machine has what is needed; what an extra brings is taken for missing."""
        name = canonicalize_name(needed.name)
        if needed.extras or name not in self.packages:
            return False
        version = self.packages[name]
        return version is None or needed.specifier.contains(version, prereleases=True)


def kaggle_image() -> Image:
    """Return what Kaggle's notebook image has; the file says where that is from, and of which date."""
    text = files("pixelkit.pack").joinpath("kaggle.txt").read_text(encoding="utf-8")
    return Image("Kaggle's notebook image", parse_freeze(text, "kaggle.txt"))


def bare_image() -> Image:
    """Return a machine that has torch and torchvision, in versions that fit together, and nothing else."""
    return Image("a machine with torch and torchvision", {"torch": None, "torchvision": None})


def read_image(file: Path) -> Image:
    """Return what a machine has by the output of ``pip freeze`` there.

    Raises
    ------
    PackError
        If it cannot be read, or is something else.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{file}: cannot be read as the output of 'pip freeze': {reason(error)}") from None
    return Image(f"the machine of {file}", parse_freeze(text, str(file)))


def parse_freeze(text: str, where: str) -> dict[str, Version | None]:
    """Return the packages in the output of ``pip freeze``; ``where`` is what a message calls it.

    Raises
    ------
    PackError
        If a line is none of it.
    """
    packages: dict[str, Version | None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line or line.startswith("-"):  # "-e git+https://...": installed from a folder
            continue
        try:
            found = Requirement(line)
        except InvalidRequirement:
            raise PackError(
                f"{where}, line {number}: {line!r} is not from 'pip freeze': expected a line as in numpy==2.4.6"
            ) from None
        pinned = [Version(one.version) for one in found.specifier if one.operator == "=="]
        packages[canonicalize_name(found.name)] = pinned[0] if pinned else None
    return packages
