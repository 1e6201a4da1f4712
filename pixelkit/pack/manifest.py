"""``MANIFEST.json``: what a pack holds, with the SHA-256 of each file; and whether a folder is a former pack."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixelkit.errors import PackError, examples
from pixelkit.files import write_text

MANIFEST = "MANIFEST.json"


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest of everything that lies in ``folder``; return what it says."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    manifest = {**facts, "files": files}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    return manifest


def check_replaceable(folder: Path) -> None:
    """Make sure that nothing is lost when ``folder`` is replaced: it is new, or empty, or a former pack.

    Raises
    ------
    PackError
        If anything else lies there: names it.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise PackError(f"{folder} is a file: name a folder to pack into")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if not there:
        return
    packed = _packed(folder)
    if packed is None:
        raise PackError(
            f"{folder} holds files ({examples(sorted(there))}) and is no former pack: name a new or an empty folder"
        )
    foreign = sorted(there - packed)
    if foreign:
        raise PackError(
            f"{folder} is a former pack, but {examples(foreign)} came later: move that away, or name another folder"
        )


def _packed(folder: Path) -> set[str] | None:
    """Return the files that the manifest in ``folder`` names, and itself; None where there is none of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {MANIFEST, *manifest["files"]} if "pixelkit" in manifest else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
