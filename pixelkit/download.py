"""Fetches a file over HTTP: with its size and progress on stderr, whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from pixelkit.files import atomic
from pixelkit.progress import bar

log = logging.getLogger("pixelkit")
_BLOCK = 1 << 20
_SECONDS = 30  # without a byte, before a server counts as silent


def download(address: str, path: Path) -> None:
    """Fetch ``address`` to ``path``, which gets its name when all of it is there.

    Raises
    ------
    ConnectionError
        If there is no connection, the server has no such file, or the connection breaks off: says which.
    StorageError
        If the file cannot be written.
    """
    request = Request(address, headers={"User-Agent": "pixelkit"})
    try:
        with urlopen(request, timeout=_SECONDS) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            size = f"{total / 1e6:.0f} MB" if total else "size unknown"
            log.info("%s (%s) is fetched to %s", address, size, path)
            with atomic(path) as temporary:
                _store(answer, total, temporary, path.name)
    except HTTPError as error:
        error.close()  # it holds the connection
        raise ConnectionError(f"the server says {error.code} {error.reason}") from None
    except (OSError, HTTPException, EOFError) as error:
        raise ConnectionError(_why(error)) from error


def _store(answer: HTTPResponse, total: int, path: Path, what: str) -> None:
    with path.open("wb") as out, bar(total or None, what, "byte") as done:
        for block in _blocks(answer, total):
            out.write(block)
            done.update(len(block))


def _blocks(answer: HTTPResponse, total: int) -> Iterator[bytes]:
    """Yield what the server sends, all of it: urllib takes a connection that breaks off for the end."""
    received = 0
    try:
        while block := answer.read(_BLOCK):
            received += len(block)
            yield block
    except (OSError, HTTPException) as error:
        raise EOFError(f"the connection broke off after {received:,} bytes ({_why(error)})") from error
    if total and received != total:
        raise EOFError(f"the connection broke off after {received:,} of {total:,} bytes")


def _why(error: Exception) -> str:
    if isinstance(error, URLError):
        return f"no connection ({error.reason})"
    return " ".join(str(error).split()) or type(error).__name__
