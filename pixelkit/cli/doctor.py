"""``pixelkit doctor``: what is installed, which device and precision would be used, what is broken."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from pixelkit.registry import Registry

# Enough for the decoded views of a data set like PixelPlay '26 (343 MB a gray view of 128x128) and a run.
_LOW_DISK = 2 << 30


@dataclass
class Diagnosis:
    """What was found: facts to print, problems that stop pixelkit, advice on what does not."""

    facts: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Tell what is installed, which device and precision would be used, and what to mend (exit code 1)."""
    from pixelkit.errors import PixelkitError

    found = Diagnosis(
        {"python": f"{platform.python_version()} ({sys.executable})", "system": platform.platform()}
    )
    for look in (_packages, _torch, _video, _storage, _plugins, _kaggle):
        look(found)
        if look is _packages and found.problems:
            break  # the others need these packages
    if as_json:
        click.echo(json.dumps(vars(found), indent=1))
    else:
        _print(found)
    if found.problems:
        raise PixelkitError(f"{len(found.problems)} problem(s) to mend: {'; '.join(found.problems)}")


def _print(found: Diagnosis) -> None:
    width = max(map(len, found.facts))
    for name, value in found.facts.items():
        click.echo(f"{name:<{width}}  {value}")
    for line in found.advice:
        click.echo(f"note: {line}")
    if not found.problems:
        click.echo("everything that pixelkit needs is there")


def needed_packages() -> list[Requirement]:
    """Return the packages that pixelkit needs, without those of its extras."""
    needed = map(Requirement, metadata.requires("pixelkit") or [])
    return [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]


def _packages(found: Diagnosis) -> None:
    for needed in needed_packages():
        try:
            version = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            found.facts[needed.name] = "missing"
            found.problems.append(f"{needed.name} is not installed: pip install '{needed}'")
            continue
        found.facts[needed.name] = version
        if not needed.specifier.contains(version, prereleases=True):
            found.problems.append(f"{needed.name} {version} is too old: pip install '{needed}'")


def _torch(found: Diagnosis) -> None:
    """Import torch and torchvision: builds that do not fit each other fail only then."""
    try:
        import torch
        import torchvision

        if not hasattr(torch.ops.torchvision, "nms"):
            raise RuntimeError(f"torchvision {torchvision.__version__} has no compiled operators")
    except Exception as error:
        found.problems.append(
            f"torch and torchvision do not work together ({' '.join(str(error).split())}): install both in one "
            f"command, pip install --force-reinstall torch torchvision"
        )
        return
    from pixelkit.models.device import pick_device, pick_precision

    device = pick_device()
    name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or platform.machine()
    )
    found.facts["device"] = f"{device} ({name}), {torch.get_num_threads()} threads"
    found.facts["precision"] = str(pick_precision(device)).removeprefix("torch.")


def _video(found: Diagnosis) -> None:
    """Write a small video and read it back: a build of OpenCV without FFmpeg imports well and opens nothing."""
    try:
        import cv2
        import numpy as np

        ffmpeg = cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG)
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "video.avi")
            writer = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
            writer.write(np.full((48, 64, 3), 128, np.uint8))
            writer.release()
            reader = cv2.VideoCapture(file)
            works, _ = reader.read()
            reader.release()
    except Exception as error:
        found.problems.append(
            f"opencv-python is broken ({error}): pip install --force-reinstall opencv-python"
        )
        return
    found.facts["video files"] = ("avi, mp4, mkv" if ffmpeg else "avi") if works else "none"
    if not (works and ffmpeg):
        found.advice.append("this OpenCV reads no mp4 and mkv: pip install --force-reinstall opencv-python")


def _storage(found: Diagnosis) -> None:
    from pixelkit.errors import SettingsError
    from pixelkit.frames.cache import cache_folder
    from pixelkit.frames.room import VARIABLE, limit

    try:
        most = f"of {limit() / 1e9:g} GB, {VARIABLE}"
    except SettingsError as error:
        most = f"{VARIABLE} is no number"
        found.problems.append(str(error))
    folder = cache_folder()
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0
    there = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(there).free
    found.facts["cache"] = f"{folder} ({size / 1e9:.2f} GB {most}; can be deleted at any time)"
    found.facts["disk"] = f"{free / 1e9:.1f} GB free"
    if free < _LOW_DISK:
        found.advice.append(
            f"only {free / 1e9:.1f} GB are free for {folder}: set PIXELKIT_CACHE to a larger disk"
        )


def _plugins(found: Diagnosis) -> None:
    from pixelkit.cli.messages import show_messages
    from pixelkit.registry import discover

    show_messages()
    registry = discover()
    found.facts["scorers"] = ", ".join(registry.scorers) or "none"
    found.facts["weights"] = "; ".join(_weights(registry, found)) or "none needed"
    found.advice += [f"plugin left out: {failure}" for failure in registry.failures]


def _kaggle(found: Diagnosis) -> None:
    """Say whether CSVs can be sent and where credentials lie, never what they are; Kaggle is not asked."""
    from pixelkit.leaderboard.kaggle import credentials
    from pixelkit.leaderboard.kaggle.explain import INSTALL

    try:
        said = metadata.version("kaggle")
    except metadata.PackageNotFoundError:
        said = f"not installed, needed for upload and download only ({INSTALL})"
    places = credentials.found()
    where = f"credentials in {places[0]}" if places else f"no credentials (a token: {credentials.PAGE})"
    found.facts["kaggle"] = f"{said}; {where}"
    broken = [place for place in credentials.places() if place.problem]
    found.advice += [f"no Kaggle credentials in {place}" for place in broken]


def _weights(registry: Registry, found: Diagnosis) -> Iterator[str]:
    """Yield a line on each file of pretrained weights; what is missing stops only the scorers that need it."""
    from pixelkit.cli.weights import look_for, needed_files
    from pixelkit.config import Settings

    for file, needed_by in needed_files(registry.scorers.values(), Settings()).items():
        state = look_for(file, needed_by)
        yield f"{file.name}: {state.path or 'missing'}"
        if state.path is None:
            found.advice.append(
                f"{', '.join(needed_by)}: {state.problem or f'{file.name} is missing'}: see 'pixelkit weights'"
            )
