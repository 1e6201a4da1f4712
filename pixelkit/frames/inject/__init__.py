"""Injects synthetic anomalies into held-out normal video, as frames on disk that the rest runs on as on test video.

:func:`plan_takes` decides what happens where, :func:`write_takes` films it, and :func:`read_takes` finds it again::

    <folder>/
      takes/patch-1/00000.jpg …   one take; every frame is encoded anew, touched or not
      truth.csv                   Id, Label, Family, Source, Flipped, Noise: a row for each frame there is
      dropped.csv                 Take, Reason: what was planned and could not be made
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pixelkit.errors import DataError, StorageError, examples
from pixelkit.files import atomic, clear_leftovers
from pixelkit.frames.corrupt import Corruption
from pixelkit.frames.inject.corruption import measured_corruption
from pixelkit.frames.inject.filming import film
from pixelkit.frames.inject.plan import NO_HELDOUT, Take, plan_takes
from pixelkit.frames.inject.reel import Source
from pixelkit.frames.inject.truth import TRUTH, Takes, read_takes, write_truth

__all__ = [
    "Source",
    "Take",
    "Takes",
    "measured_corruption",
    "plan_takes",
    "read_takes",
    "write_takes",
]

log = logging.getLogger("pixelkit")


def write_takes(
    folder: Path,
    sources: Sequence[Source],
    takes: Sequence[Take],
    corruption: Corruption,
    seed: int,
    *,
    brightness: Sequence[float] = (),
) -> Takes:
    """Film the takes on all cores, each source streamed once, and return them.

    What gives an injection away is in every take, normal ones too. Every frame is encoded as JPEG of quality 95.
    Somebody who was cut out of the video walks through from beginning to end, where anybody can be cut out: anomalies
    made of such an extra are what it does, not that it is there. All takes are corrupted alike; take and frame number
    decide the damage, so what is labelled comes from the injection alone.

    Parameters
    ----------
    folder
        Where they go. It appears when all of it is there; one that holds takes already stays as it is.
    sources
        The held-out videos, repaired or not; they are only read.
    takes
        Made by :func:`plan_takes` for these sources.
    corruption
        What every take suffers: the data set's own, as :func:`measured_corruption` tells it.
    seed
        Decides whatever the plan left open: textures, paths, who is cut out.
    brightness
        Mean gray level of each video of the data set, 0 to 255: every take, normal or not, gets that of one of them.
        Empty for the light that its source has.

    Raises
    ------
    DataError
        If there is no take, or a source is missing or gives fewer frames than it has.
    StorageError
        If the folder cannot be written, or holds something else.
    """
    if folder.exists() and not (folder / TRUTH).is_file():
        raise StorageError(f"{folder} exists and holds no synthetic anomalies: choose another folder")
    if not folder.exists():
        _check(sources, takes)
        clear_leftovers(folder)
        with atomic(folder) as temporary:
            temporary.mkdir()
            rows, dropped = film(temporary, sources, takes, corruption, seed, brightness)
            write_truth(temporary, rows, dropped)
    made = read_takes(folder)
    for name, reason in made.dropped.items():
        log.warning("synthetic take %s was left out: %s", name, reason)
    return made


def _check(sources: Sequence[Source], takes: Sequence[Take]) -> None:
    if not takes:
        raise DataError(NO_HELDOUT)
    names = {source.name for source in sources}
    lacking = sorted({take.source for take in takes} - names)
    if lacking:
        raise DataError(
            f"takes are planned from {examples(lacking)}, not among the held-out videos: plan again"
        )
