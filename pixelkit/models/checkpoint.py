"""Checkpoints: how far a training has come, so that a kill costs a minute at most and changes nothing."""

from __future__ import annotations

import logging
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from pixelkit.files import atomic

log = logging.getLogger("pixelkit")


def save(path: Path, key: str, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, text, and lists and dictionaries of these), whole or not at all.

    Parameters
    ----------
    path
        Where; an older checkpoint of that name is replaced.
    key
        Everything that the training depends on, as text.
    state
        What :func:`load` gives back.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    with atomic(path) as temporary, temporary.open("wb") as file:
        torch.save({"key": key, "state": state}, file)


def load(path: Path, key: str, device: torch.device) -> dict[str, Any] | None:
    """Return what was saved under the same key, tensors on ``device``; None when there is nothing of use.

    A checkpoint that is damaged, or of another training, is named in a warning and ignored: starting again is slower
    but right. Loading runs no code from the file.
    """
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:  # torch itself does not compare the checksums
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"checksum of {damaged}")
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # torch warns about formats that only a damaged file seems to have
            saved = torch.load(path, map_location=device, weights_only=True)
        if saved["key"] == key:
            state: dict[str, Any] = saved["state"]
            return state
        log.warning("%s: checkpoint of other settings or data: training starts again", path)
    except Exception as error:  # a damaged file fails in any of a dozen ways, by its bytes
        log.warning("%s: damaged checkpoint (%s): training starts again", path, type(error).__name__)
    return None
