"""Where a study lies: in memory, in a journal file, or in a database that several machines share."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote

from pixelkit.errors import StorageError, TuningError, reason
from pixelkit.files import make_folder

if TYPE_CHECKING:
    import optuna
    from sqlalchemy.engine import URL

log = logging.getLogger("pixelkit")

# Seconds: a worker says this often that it lives; one that has not for so long is given up, and its trial done again.
HEARTBEAT, GRACE = 2, 10
CONNECT = 10  # seconds that a server may take to answer
PURPOSE = "pixelkit purpose"

# Parameters of a URL that may be shown; any other may hold a password, or the rest of one that holds an '&'.
HARMLESS = {"host", "port", "user", "dbname", "sslmode", "connect_timeout", "application_name", "charset"}
SHORT = 4  # a password of fewer characters is a part of many words


def open_study(storage: str | None, name: str, purpose: str) -> optuna.Study:
    """Return the study of that name, made when there is none.

    Parameters
    ----------
    storage
        None for memory, a database URL (``postgresql://...``), or the path of a journal file.
    name
        The study's name; several processes that name the same one share it.
    purpose
        Stands for the scores, the objective and the space that are searched: a study made for others is refused.

    Raises
    ------
    TuningError
        If the storage cannot be reached, is a file that is no journal, or the study was made for something else. A
        password is never shown.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with storage_errors(storage):
        study = optuna.create_study(
            storage=_storage(storage),
            study_name=name,
            direction="maximize",
            load_if_exists=storage is not None,
        )
        found = study.user_attrs.get(PURPOSE)
        if found is None:
            study.set_user_attr(PURPOSE, purpose)
        elif found != purpose:
            raise TuningError(
                f"study {name!r} in {shown(storage)} was made for other scores, another objective, search space or "
                f"cost in [tuning]: choose another name with --study"
            )
    return study


def is_shared(storage: str | None) -> bool:
    """Return whether workers on several machines may be at the study, who tell each other that they live."""
    return storage is not None and "://" in storage and not storage.startswith("sqlite")


def shown(storage: str | None) -> str:
    """Return how a storage may be shown: a URL without user, password, and parameters that may hold one.

    It goes by the text, not by what it parses to: a password with an '@' or '/' that is not escaped parses to a host
    and a path.
    """
    if storage is None:
        return "memory"
    scheme, mark, rest = storage.partition("://")
    if not mark:  # a file, or a URL whose beginning was forgotten
        return re.sub(r":.*@", ":***@", storage)
    login, at, place = rest.rpartition("@")
    if "?" in login or (not at and _url(storage) is None):  # nobody can tell where a password ends
        return f"{scheme}://..."
    place, question, query = place.partition("?")
    parameters = query.split("&")
    harmless = [one for one in parameters if not one or one.partition("=")[0] in HARMLESS]
    hidden = ["***"] if len(harmless) < len(parameters) else []
    return f"{scheme}://{'***@' if at else ''}{place}{question}{'&'.join(harmless + hidden)}"


@contextmanager
def storage_errors(storage: str | None) -> Iterator[None]:
    """Turn what a storage raises into one line that shows no password."""
    if storage is None:
        yield
        return
    import sqlalchemy.exc
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, ImportError, OSError, ValueError) as error:
        if "://" not in storage:
            _check_journal(Path(storage))
            raise TuningError(
                f"the study in {shown(storage)} cannot be read or written ({reason(error)}): check the path and its "
                f"permissions, or name another file with --storage"
            ) from None
        raise TuningError(
            f"the study in {shown(storage)} cannot be reached ({_reason(error, storage)}): check that the server runs, "
            f"the URL, user and password; 'postgresql://' needs \"pip install 'pixelkit[postgres]'\""
        ) from None


def study_name(*facts: str) -> str:
    """Return a name for the study of these facts: the same command on another machine finds it."""
    return "pixelkit-" + hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _storage(storage: str | None) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    if storage is None:
        return None
    if "://" not in storage:
        path = Path(storage)
        make_folder(path.resolve().parent)
        if path.is_dir():
            raise StorageError(f"{path} is a folder: expected the path of a journal file")
        _mend_journal(path)
        _check_journal(path)
        return optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    if storage.startswith("sqlite"):
        log.warning("SQLite is for one process: use a PostgreSQL URL when several work on one study")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # heartbeat is marked experimental
        database = optuna.storages.RDBStorage(
            _with_driver(storage),
            engine_kwargs={"pool_pre_ping": True, "connect_args": _patience(storage)},
            heartbeat_interval=HEARTBEAT,
            grace_period=GRACE,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(),
        )
    weakref.finalize(
        database, database.engine.dispose
    )  # or the server hears of it when connections are collected
    return database


def _mend_journal(file: Path) -> None:
    """Take away a last entry that a kill or a full disk cut off: the next one would be appended to it."""
    from optuna.storages.journal import JournalFileSymlinkLock

    if _broken_line(file) in (None, 1):  # no journal, perhaps, but something else
        return
    lock = JournalFileSymlinkLock(str(file))  # which a worker holds while it writes
    lock.acquire()
    try:
        content = file.read_bytes()
        whole = content.rfind(b"\n") + 1
        if content[whole:] and _broken_line(file) == content.count(b"\n") + 1:
            os.truncate(file, whole)
            log.warning("%s: its last entry was cut off, and is left out: the study goes on before it", file)
    finally:
        lock.release()


def _check_journal(file: Path) -> None:
    """Raise a TuningError if a file is no journal, before anything is appended to it: it may be something else."""
    broken = _broken_line(file)
    if broken is not None:  # another worker may be in the middle of it
        time.sleep(0.2)
        broken = _broken_line(file)
    if broken == 1:
        raise TuningError(
            f"{file} is no journal of a study (line 1): name another file with --storage, it is made when there is none"
        )
    if broken is not None:
        raise TuningError(
            f"{file}, line {broken}: is no entry of a journal: delete it and the lines after it, so that what was "
            f"tried before counts, or name another file with --storage"
        )


def _broken_line(file: Path) -> int | None:
    try:
        with file.open("rb") as lines:
            return next((number for number, line in enumerate(lines, 1) if not _is_entry(line)), None)
    except OSError:  # not there, or not to be read, which Optuna will tell
        return None


def _is_entry(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return line.endswith(b"\n") and isinstance(entry, dict) and "op_code" in entry


def _with_driver(storage: str) -> str:
    """Return the URL with the driver that the extra 'postgres' installs: SQLAlchemy's own choice varies."""
    url = _url(storage)
    if url is None or url.drivername not in ("postgresql", "postgres"):
        return storage
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _patience(storage: str) -> dict[str, int]:
    """Return what makes the driver give up on a server that does not answer; by default it waits for minutes."""
    url = _url(storage)
    return {"connect_timeout": CONNECT} if url and url.drivername.startswith("postgres") else {}


def _url(storage: str) -> URL | None:
    """Return the parts of a URL, or None if it is none."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(storage)
    except (ArgumentError, ValueError):
        return None


def _reason(error: BaseException, storage: str) -> str:
    """Return the first line of what went wrong, with every trace of the password taken out."""
    cause = getattr(error, "orig", None) or error.__cause__ or error
    login = storage.partition("://")[2].rpartition("@")[0]
    password = login.partition(":")[2]
    url = _url(storage)
    if url is None:
        return "it is no URL of a database"
    if "?" in login or (url.password or "") != unquote(password):  # a part of it may be taken for the host
        return "an '@' in a password is written as %40, a '/' as %2F, a '?' as %3F"
    text = " ".join(str(cause).strip().splitlines()[:1])
    values = [value for key, value in url.query.items() if key not in HARMLESS]
    secrets = [
        password,
        url.password,
        *chain.from_iterable([one] if isinstance(one, str) else one for one in values),
    ]
    written = {way(secret) for secret in secrets if secret for way in _WAYS}
    if any(len(secret) < SHORT and secret in text for secret in written):
        return type(cause).__name__
    for secret in sorted(written, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text[:200]


# How a message may write what stands in a URL.
_WAYS: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    lambda text: quote(text, safe=""),
    quote_plus,
    lambda text: repr(text)[1:-1],
)
