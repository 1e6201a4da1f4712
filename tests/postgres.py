"""A PostgreSQL server of the tests' own: a fresh cluster on a free port of the loopback interface."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "s3cret-and-long"


@contextmanager
def server() -> Iterator[str]:
    """Yield the URL of a database; skip the test, with the reason, where no server is installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("needs a PostgreSQL server: apt-get install postgresql")
    room = Path(tempfile.mkdtemp(prefix="pixelkit-postgres-"))
    as_owner: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(room, "postgres")
        as_owner = ["runuser", "-u", "postgres", "--"]
    (room / "password").write_text(PASSWORD)
    (room / "password").chmod(0o644)
    port = _free_port()
    data = str(room / "data")
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": room}
    make = ["-D", data, "-U", "tuner", "-A", "scram-sha-256", f"--pwfile={room / 'password'}", "--no-sync"]
    subprocess.run([*as_owner, str(programs / "initdb"), *make], **quiet)  # type: ignore[call-overload]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={room} -c fsync=off"
    control = [*as_owner, str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(room / "log")]
    subprocess.run([*control, "-o", options, "start"], **quiet)  # type: ignore[call-overload]
    try:
        yield f"postgresql://tuner:{PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)  # type: ignore[call-overload]
        shutil.rmtree(room, ignore_errors=True)


def _programs() -> Path | None:
    found = shutil.which("pg_ctl")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return Path(found).parent if found else places[-1].parent if places else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
