"""Writes are whole or not at all, and a failure is one clear line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pixelkit.errors import StorageError
from pixelkit.files import atomic, clear_leftovers, make_folder, write_text


def test_a_failed_write_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with pytest.raises(RuntimeError), atomic(file) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_is_renamed_whole(tmp_path: Path) -> None:
    with atomic(tmp_path / "made") as temporary:
        temporary.mkdir()
        (temporary / "x").write_text("1")
    assert (tmp_path / "made" / "x").read_text() == "1"


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no write permission"), (errno.EROFS, "read-only")],
)
def test_a_failing_disk_is_explained_and_cleaned_up(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(StorageError, match=said) as caught, atomic(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    assert str(tmp_path / "a") in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="disk is full"), atomic(tmp_path / "a") as temporary:
        temporary.symlink_to("/dev/full")
        temporary.write_text("x")
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_of_a_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(StorageError, match="in the way"):
        make_folder(tmp_path / "a" / "b")


def test_leftovers_of_a_killed_process_are_cleared_and_those_of_a_live_one_stay(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead, alive = (tmp_path / f".dst.{process}-0123abcd.tmp" for process in (gone.pid, os.getpid()))
    for folder in (dead, alive, tmp_path / ".dst.backup.tmp"):
        folder.mkdir()
    clear_leftovers(tmp_path / "dst")
    assert not dead.exists()
    assert alive.exists()
    assert (tmp_path / ".dst.backup.tmp").exists()


def test_a_folder_that_another_process_finished_first_stays(tmp_path: Path) -> None:
    with atomic(tmp_path / "made") as temporary:
        temporary.mkdir()
        (temporary / "x").write_text("second")
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "x").write_text("first")
    assert (tmp_path / "made" / "x").read_text() == "first"
    assert list(tmp_path.iterdir()) == [tmp_path / "made"]
