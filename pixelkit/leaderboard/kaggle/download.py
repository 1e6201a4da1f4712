"""Fetches the files of a competition and unpacks them; what was fetched before a kill is not fetched again."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import zipfile
from pathlib import Path

from pixelkit.config import FILE_NAME
from pixelkit.errors import KaggleError, examples
from pixelkit.files import atomic, make_folder, storage_errors, write_text
from pixelkit.leaderboard.kaggle.client import Archive, Kaggle
from pixelkit.leaderboard.kaggle.unpack import Unpacked, check_space, unpack
from pixelkit.progress import bar

log = logging.getLogger("pixelkit")

# In the folder: where the archive lies until it is unpacked, and what was fetched.
_UNFINISHED = ".unfinished-download"
_RECORD = ".downloaded.json"


def download(kaggle: Kaggle, folder: Path) -> None:
    """Fetch the files of a competition into ``folder``; files that are there stay as they are.

    Raises
    ------
    KaggleError
        If there is no such competition, or its rules are not accepted.
    KaggleUnreachable
        If the connection breaks off; the same command goes on from there.
    DataError
        If the archive is damaged, or holds a name that leads out of the folder.
    StorageError
        If the disk is too small, or cannot be written.
    """
    archive = kaggle.archive()
    record = {"competition": kaggle.competition, "version": archive.version, "bytes": archive.size}
    if archive.version and _read(folder / _RECORD) == record:
        archive.close()
        log.info("%s was fetched before, and has not changed: delete %s to fetch it again", folder, _RECORD)
        return
    file = _fetch(kaggle, archive, folder)
    _report(_unpack(file, archive, folder), folder)
    write_text(folder / _RECORD, json.dumps(record) + "\n")
    shutil.rmtree(file.parent, ignore_errors=True)


def remember(data: Path, competition: str) -> None:
    """Write the competition into the settings beside a data set, so that uploads need not name it."""
    file = data / FILE_NAME
    if not file.exists():
        write_text(file, f'competition = "{competition}"\n')
    elif "competition" not in file.read_text(encoding="utf-8", errors="replace"):
        log.info(
            '%s stays as it is: competition = "%s" in it would spare you --competition', file, competition
        )


def _fetch(kaggle: Kaggle, archive: Archive, folder: Path) -> Path:
    """Return the archive, fetched as far as it was not there: its name stands for what is in it."""
    key = hashlib.sha256(f"{archive.version} {archive.size}".encode()).hexdigest()[:12]
    file = folder / _UNFINISHED / f"{kaggle.competition}-{key}.zip"
    if file.is_file() and file.stat().st_size == archive.size:
        archive.close()
        log.info("%s is there already", file)
        return file
    part = file.with_suffix(".part")
    have = part.stat().st_size if part.is_file() else 0
    # Images and videos do not get smaller in a ZIP file: unpacked they need as much again.
    check_space(folder, 2 * archive.size - have, f"fetching and unpacking {archive.name}")
    make_folder(file.parent)
    log.info("%s (%s) is fetched to %s", archive.name, _size(archive.size), folder)
    with bar(archive.size or None, archive.name, "byte") as shown:

        def moved() -> int:
            now = part.stat().st_size if part.is_file() else 0
            shown.update(now - shown.n)
            return now

        kaggle.fetch(archive, part, moved)
        moved()
    with storage_errors(file):
        part.replace(file)
    return file


def _unpack(file: Path, archive: Archive, folder: Path) -> Unpacked:
    """Unpack the archive; a single file that is none is put where it belongs."""
    if archive.name.lower().endswith(".zip"):
        if zipfile.is_zipfile(file):
            return unpack(file, folder)
        with storage_errors(file):
            file.unlink()
        raise KaggleError("what came is no ZIP file, and was removed: give the same command again")
    target = folder / Path(archive.name).name
    if target.exists():
        same = target.stat().st_size == file.stat().st_size
        return Unpacked(kept=1) if same else Unpacked(other=[target])
    with atomic(target) as temporary, storage_errors(target):
        file.replace(temporary)
    return Unpacked(written=[target])


def _report(done: Unpacked, folder: Path) -> None:
    log.info("%s: files written %s, there already %s", folder, f"{len(done.written):,}", f"{done.kept:,}")
    if done.other:
        log.warning(
            "%s files were there with another size, and stay as they are: %s; move them away to get Kaggle's",
            f"{len(done.other):,}",
            examples(done.other),
        )


def _read(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _size(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size else "size unknown"
