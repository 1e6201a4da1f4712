"""``pixelkit download``: a competition's data on disk, ready for the next command, and the competition remembered."""

from __future__ import annotations

import io
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from kaggle_server import SIGNATURE, SLUG, TOKEN, kaggle_server
from kaggle_server import Kaggle as Server

from pixelkit.artifacts import RunFolder


@pytest.fixture
def server() -> Iterator[Server]:
    with kaggle_server() as server:
        yield server


def pixelkit(server: Server, root: Path, *words: object) -> subprocess.CompletedProcess[str]:
    environment = {**server.environment(root / "home"), "PIXELKIT_CACHE": str(root / "cache")}
    command = [sys.executable, "-m", "pixelkit", *map(str, words)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    for secret in (TOKEN, SIGNATURE):
        assert secret not in done.stdout + done.stderr
    return done


def packed(folder: Path, below: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{below}/{file.relative_to(folder).as_posix()}")
    return made.getvalue()


def test_from_the_competition_to_an_upload_without_naming_it_again(
    server: Server, street: Path, offset_plugin: Path, tmp_path: Path
) -> None:
    server.archive = packed(street, "Avenue_Corrupted/Dataset")
    done = pixelkit(server, tmp_path, "download", f"https://www.kaggle.com/competitions/{SLUG}", "data")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "data\n"
    assert "training videos 3, test videos 2" in done.stderr
    assert "next: pixelkit data data" in done.stderr
    assert tomllib.loads((tmp_path / "data" / "pixelkit.toml").read_text()) == {"competition": SLUG}
    options = ("--plugins", offset_plugin, "--scorers", "offset", "--out", "submissions/street", "--set")
    run = pixelkit(server, tmp_path, "run", "data", *options, "tuning.objective=none")
    assert run.returncode == 0, run.stderr
    assert (
        tomllib.loads(RunFolder(tmp_path / "submissions" / "street").settings.read_text())["competition"]
        == SLUG
    )
    sent = pixelkit(server, tmp_path, "submit", "--upload")
    assert sent.returncode == 0, sent.stderr
    assert server.submissions[0]["blob"] == Path(tmp_path, run.stdout.strip()).read_bytes()


def test_again_it_fetches_nothing(server: Server, street: Path, tmp_path: Path) -> None:
    server.archive = packed(street, "street")
    for _ in range(2):
        done = pixelkit(server, tmp_path, "download", SLUG, "data")
        assert (done.returncode, done.stdout) == (0, "data\n"), done.stderr
    assert "was fetched before, and has not changed" in done.stderr


def test_data_without_a_known_layout_is_there_and_how_to_go_on_is_said(
    server: Server, tmp_path: Path
) -> None:
    server.archive_name, server.archive = "notes.txt", b"see the forum"
    done = pixelkit(server, tmp_path, "download", SLUG, "data")
    assert (done.returncode, done.stdout) == (0, "data\n")
    assert "name the splits: pixelkit run --train FOLDER --test FOLDER" in done.stderr
    assert (tmp_path / "data" / "notes.txt").read_bytes() == server.archive


def test_a_failure_is_one_line(server: Server, tmp_path: Path) -> None:
    server.joined = False
    done = pixelkit(server, tmp_path, "download", SLUG, "data")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"accept the rules of {SLUG} at https://www.kaggle.com/competitions/{SLUG}/rules" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "is not the name of a competition" in pixelkit(server, tmp_path, "download", "a b", "data").stderr
