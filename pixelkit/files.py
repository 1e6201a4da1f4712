"""Writing files so that a kill, a full disk or a second process never leaves half of one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pixelkit.errors import StorageError

_WHY = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again, what is finished is kept",
    errno.EDQUOT: "your disk quota is used up: free some space and run the same command again",
    errno.EACCES: "no write permission: choose another folder or change its permissions",
    errno.EPERM: "no write permission: choose another folder or change its permissions",
    errno.EFBIG: "the file would be larger than this system allows: raise the limit (ulimit -f) or choose another disk",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENOTDIR: "a file is in the way of a folder of that name: move it or choose another folder",
    errno.EEXIST: "a file is in the way of a folder of that name: move it or choose another folder",
    errno.EISDIR: "a folder is in the way of a file of that name: move it or choose another name",
}


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` raised while writing ``path`` into a one-line ``StorageError``."""
    try:
        yield
    except OSError as error:
        why = _WHY.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(f"cannot write {path}: {why}") from error


def make_folder(folder: Path) -> Path:
    """Make ``folder`` with its parents and return it.

    Raises
    ------
    StorageError
        If it cannot be made: no permission, a file in the way, a full disk.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block ends well.

    The temporary path may become a file or a folder. A file replaces an older one; a folder of that name stays, since
    another process was faster. When the block fails, what it wrote is removed and an older ``path`` stays as it was.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with storage_errors(path):
            yield temporary
            _rename(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def content_digest(path: Path) -> str:
    """Return 16 hexadecimal digits that stand for the content of a file; an unchanged file is read only once.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    found = path.stat()
    return _content_digest(path.resolve(), found.st_size, found.st_mtime_ns)


@lru_cache
def _content_digest(path: Path, _size: int, _time: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def clear_leftovers(path: Path) -> None:
    """Remove what a killed process left of ``path``: temporary names of ``atomic`` whose process is gone.

    On Windows, where asking whether a process lives would end it, nothing is removed.
    """
    if os.name == "nt" or not path.parent.is_dir():
        return
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\d+)-[0-9a-f]{{8}}\.tmp")
    for entry in path.parent.iterdir():
        found = pattern.fullmatch(entry.name)
        if found and not _is_alive(int(found[1])):
            remove(entry)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it lives, and is somebody else's
        return True
    return True


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError:
        if not (temporary.is_dir() and path.is_dir()):
            raise
        remove(temporary)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, as far as that can be done."""
    import shutil

    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
