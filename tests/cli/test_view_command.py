"""``pixelkit view`` serves until Ctrl-C, and tells at once of a port that is in use."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from scored import write_run
from street import pixelkit


def test_it_serves_the_page_until_ctrl_c(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    command = [sys.executable, "-m", "pixelkit", "view", str(run.path), "--no-browser", "--port", "0"]
    variables = {**os.environ, "PIXELKIT_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert b"<title>run: pixelkit report</title>" in answer.read()
        process.send_signal(signal.SIGINT)
        rest, told = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest == ""
    assert "Traceback" not in told
    assert told.splitlines()[-1] == "pixelkit: ended"


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = pixelkit("view", run.path, "--no-browser", "--port", port, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"pixelkit: port {port} of 127.0.0.1 is in use: choose another with --port, or 0 for any"
    )


@pytest.mark.parametrize(("words", "code"), [(["nowhere", "--no-browser"], 1), (["--port", "70000"], 2)])
def test_a_mistake_is_told(tmp_path: Path, words: list[str], code: int) -> None:
    done = pixelkit("view", *words, cwd=tmp_path)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
