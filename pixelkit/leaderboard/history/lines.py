"""The file of the history: one JSON object a line, appended whole or recognisably broken, never rewritten."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from pixelkit.errors import StorageError
from pixelkit.files import make_folder, storage_errors

try:
    import fcntl
except ImportError:  # Windows: appending is still one write, only what two processes check before it may race
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Line:
    """An intact line, whatever it says: what a newer version wrote is kept as it is."""

    number: int
    """Counted from 1."""
    key: str
    """The same in every copy of this line, and in no other line."""
    text: bytes
    """As it stands in the file, without its newline."""
    fields: Mapping[str, Any]


def parse(content: bytes) -> tuple[list[Line], list[int]]:
    """Return the intact lines in the order of the file, copies left out, and the numbers of the broken ones."""
    lines: dict[str, Line] = {}
    broken = []
    for number, text in enumerate(content.split(b"\n"), 1):
        text = text.strip()
        if not text:
            continue
        try:
            fields = json.loads(text.decode("utf-8"))
        except (ValueError, RecursionError):
            fields = None
        if isinstance(fields, dict):
            key = fields.get("key")
            key = key if isinstance(key, str) else hashlib.sha256(text).hexdigest()
            lines.setdefault(key, Line(number, key, text, fields))
        else:
            broken.append(number)
    return list(lines.values()), broken


def format_line(event: str, fields: Mapping[str, Any], time: datetime) -> bytes:
    """Return the line of an event, with its time in UTC and a key of its own; without a newline."""
    plain = {"key": secrets.token_hex(8), "time": time.astimezone(UTC).isoformat(), "event": event, **fields}
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=str)
    # A file name that is not UTF-8 holds lone surrogates; \udc80 is how JSON writes one.
    return text.encode("utf-8", "backslashreplace")


def read(file: Path) -> bytes:
    """Return the content of a history; nothing where there is none yet.

    Raises
    ------
    StorageError
        If it is there and cannot be read.
    """
    try:
        with file.open("rb") as opened, _lock(opened, exclusive=False):
            return opened.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise StorageError(f"cannot read the history {file}: {error.strerror}") from None


class Appender:
    """A history that nobody else appends to in the meantime.

    Parameters
    ----------
    file
        The history.
    content
        What is in it.
    opened
        The same, open for appending.
    """

    def __init__(self, file: Path, content: bytes, opened: BinaryIO) -> None:
        self.file, self.content, self._opened = file, content, opened

    def append(self, lines: Iterable[bytes]) -> None:
        """Append lines, which are on the disk when this returns.

        They go out in one write, so that a crash leaves whole lines and at most one broken one, the last. What was
        broken before, without a newline, becomes a line by itself.

        Raises
        ------
        StorageError
            If they cannot be written: a full disk, for one.
        """
        block = b"".join(line + b"\n" for line in lines)
        if not block:
            return
        if self.content and not self.content.endswith(b"\n"):
            block = b"\n" + block
        with storage_errors(self.file):
            written = 0
            while written < len(block):  # a disk that fills up takes a part; the next try says why
                written += os.write(self._opened.fileno(), block[written:])
            os.fsync(self._opened.fileno())
        self.content += block


@contextlib.contextmanager
def appending(file: Path) -> Iterator[Appender]:
    """Open a history for appending; it is made when there is none. Other processes wait.

    Raises
    ------
    StorageError
        If it cannot be opened.
    """
    make_folder(file.parent)
    with contextlib.ExitStack() as stack:
        with storage_errors(file):
            opened = stack.enter_context(file.open("a+b", buffering=0))
            stack.enter_context(_lock(opened, exclusive=True))
            opened.seek(0)
            content = opened.read()
        yield Appender(file, content, opened)


@contextlib.contextmanager
def _lock(opened: BinaryIO | Any, *, exclusive: bool) -> Iterator[None]:
    """Hold a lock on an open file; closing it, or the end of the process, releases it."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # some network file systems know no locks
            fcntl.flock(opened, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
    yield
