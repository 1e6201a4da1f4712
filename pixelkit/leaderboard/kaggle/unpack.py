"""Unpacks a foreign ZIP file: nothing outside its folder, nothing over what is there, no half files."""

from __future__ import annotations

import logging
import shutil
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from pixelkit.errors import DataError, StorageError, examples
from pixelkit.files import atomic, make_folder
from pixelkit.progress import bar

log = logging.getLogger("pixelkit")


@dataclass
class Unpacked:
    """What was done.

    Parameters
    ----------
    written
        Files that are new.
    kept
        How many were there already, with the same size.
    other
        Files that were there with another size, and stay as they are.
    archives
        ZIP files among the first two kinds; an .npz is one as well, and stays one.
    """

    written: list[Path] = field(default_factory=list)
    kept: int = 0
    other: list[Path] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)

    def add(self, more: Unpacked) -> None:
        """Add what was done elsewhere."""
        self.written += more.written
        self.kept += more.kept
        self.other += more.other


def unpack(archive: Path, folder: Path) -> Unpacked:
    """Unpack a ZIP file, and those that lie in it, which are then removed; every name is checked before any is written.

    One in it that is damaged, encrypted or hostile stays packed, with a warning.

    Parameters
    ----------
    archive
        The ZIP file.
    folder
        Where to; made when there is none.

    Raises
    ------
    DataError
        If it is damaged or encrypted, or a name in it leads out of ``folder``.
    StorageError
        If the disk is too small for what it holds, or cannot be written.
    """
    done = _unpack_one(archive, folder)
    for inner in done.archives:
        try:
            done.add(_unpack_one(inner, _folder_of(inner)))
        except DataError as error:
            log.warning("%s stays packed: %s", inner, error)
            continue
        inner.unlink()
        done.written = [file for file in done.written if file != inner]
    return done


def check_space(folder: Path, needed: int, what: str) -> None:
    """Raise a StorageError if the disk of ``folder`` has not so many bytes left."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise StorageError(
            f"{folder}: {what} needs {needed / 1e9:,.2f} GB, and {free / 1e9:,.2f} GB are free: name a folder on a "
            f"larger disk, or free some space; nothing was written"
        )


def _unpack_one(archive: Path, folder: Path) -> Unpacked:
    done = Unpacked()
    try:
        with zipfile.ZipFile(archive) as opened:
            targets = {
                info: _target(archive, folder, info) for info in opened.infolist() if not info.is_dir()
            }
            new = {info: target for info, target in targets.items() if not target.exists()}
            for info, target in targets.items():
                if info not in new and target.stat().st_size != info.file_size:
                    done.other.append(target)
            done.kept = len(targets) - len(new) - len(done.other)
            packed = dict.fromkeys(one for one in targets.values() if one.suffix.lower() == ".zip")
            done.archives = [one for one in packed if one not in done.other]
            check_space(folder, sum(info.file_size for info in new), f"unpacking {archive.name}")
            done.written += _write(opened, new)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(
            f"{archive} is damaged or encrypted ({error}): delete it and fetch it again"
        ) from None
    return done


def _write(opened: zipfile.ZipFile, new: dict[zipfile.ZipInfo, Path]) -> Iterator[Path]:
    with bar(sum(info.file_size for info in new), "unpack", "byte") as shown:
        for info, target in new.items():
            if target.exists():  # the name is there twice: the first one counts
                continue
            make_folder(target.parent)
            with atomic(target) as temporary, opened.open(info) as source, temporary.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            shown.update(info.file_size)
            yield target


def _target(archive: Path, folder: Path, info: zipfile.ZipInfo) -> Path:
    """Return where a file of the archive goes, which is inside ``folder``; links are never made."""
    name = PurePosixPath(info.filename)
    plain = not name.is_absolute() and ".." not in name.parts and name.parts
    windows = PureWindowsPath(info.filename)
    if not plain or "\\" in info.filename or windows.drive or stat.S_ISLNK(info.external_attr >> 16):
        raise DataError(
            f"{archive} holds {examples([ascii(info.filename)])}, which is a link or leads out of {folder}: nothing "
            f"was unpacked"
        )
    return folder.joinpath(*name.parts)


def _folder_of(inner: Path) -> Path:
    """Return where a ZIP file that lay in another one is unpacked: ``train.zip`` in ``train``.

    If all of it lies in a folder of that name already, that is not made twice. The stem of ``...zip`` is ``..``, which
    would lead out of the folder: it is unpacked beside itself.
    """
    if not zipfile.is_zipfile(inner):
        raise DataError(f"{inner} is no ZIP file")
    with zipfile.ZipFile(inner) as opened:
        tops = {PurePosixPath(name).parts[0] for name in opened.namelist() if PurePosixPath(name).parts}
    named = inner.stem.strip(".")
    return inner.parent if tops == {inner.stem} or not named else inner.parent / inner.stem
