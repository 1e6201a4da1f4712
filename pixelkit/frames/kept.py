"""What is computed once from a video's pixels, boxes for one, and kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.files import atomic
from pixelkit.frames.cache import is_whole, seal

Arrays = dict[str, NDArray[Any]]


def recall(folder: Path, name: str) -> Arrays | None:
    """Return what :func:`keep` wrote to ``folder`` under this name; None when it is not there, or damaged."""
    from safetensors.numpy import load_file

    path = _path(folder, name)
    return load_file(path) if is_whole(path) else None


def keep(folder: Path, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays`` to ``folder``, whole or not at all; what had this name before is replaced.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    from safetensors.numpy import save_file

    path = _path(folder, name)
    # safetensors writes the memory of an array as it lies there, whatever its strides say
    whole = {key: np.asarray(array, order="C") for key, array in arrays.items()}
    with atomic(path) as temporary:
        save_file(whole, temporary)
    seal(path)


def _path(folder: Path, name: str) -> Path:
    return folder / f"kept-{blake2b(name.encode(), digest_size=12).hexdigest()}.safetensors"
