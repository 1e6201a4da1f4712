"""Where a study lies: in memory, in a journal file, or in a database that several machines share."""

from __future__ import annotations

import hashlib
import logging
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelkit.errors import StorageError, TuningError
from pixelkit.files import make_folder

if TYPE_CHECKING:
    import optuna
    from sqlalchemy.engine import URL

log = logging.getLogger("pixelkit")

# Seconds: a worker says this often that it lives; one that has not for so long is given up, and its trial done again.
HEARTBEAT, GRACE = 2, 10
CONNECT = 10  # seconds that a server may take to answer
PURPOSE = "pixelkit purpose"


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
        If the storage cannot be reached or the study was made for something else. A password is never shown.
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
                f"study {name!r} in {shown(storage)} was made for other scores, another objective or another search "
                f"space: choose another name with --study"
            )
    return study


def is_shared(storage: str | None) -> bool:
    """Return whether workers on several machines may be at the study, who tell each other that they live."""
    return storage is not None and "://" in storage and not storage.startswith("sqlite")


def shown(storage: str | None) -> str:
    """Return how a storage may be shown: a URL without its password."""
    if storage is None:
        return "memory"
    if "://" not in storage:
        return storage
    url = _url(storage)
    return url.render_as_string(hide_password=True) if url else storage.partition("://")[0] + "://..."


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
    text = " ".join(str(cause).strip().splitlines()[:1])[:200]
    url = _url(storage) if "://" in storage else None
    secret = storage if url is None else url.password
    return text.replace(str(secret), "***") if secret else text
