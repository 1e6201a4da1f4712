"""Messages on stderr, and in the log of a run; a progress bar that is under way is not torn."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from tqdm import tqdm

from pixelkit.files import make_folder, storage_errors

log = logging.getLogger("pixelkit")


class _OnScreen(logging.Handler):
    """Writes above the progress bar, if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        mark = "" if record.levelno < logging.WARNING else "warning: "
        tqdm.write(f"pixelkit: {mark}{record.getMessage()}", file=sys.stderr)


def show_messages() -> None:
    """Let the messages of pixelkit appear on stderr."""
    log.setLevel(logging.INFO)
    log.propagate = False
    if not any(isinstance(handler, _OnScreen) for handler in log.handlers):
        log.addHandler(_OnScreen())


def log_to(file: Path) -> None:
    """Let the messages appear on stderr and, with the time, in ``file``.

    Raises
    ------
    StorageError
        If the log cannot be written.
    """
    show_messages()
    make_folder(file.parent)
    with storage_errors(file):
        handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for old in [old for old in log.handlers if isinstance(old, logging.FileHandler)]:
        log.removeHandler(old)
        old.close()
    log.addHandler(handler)
