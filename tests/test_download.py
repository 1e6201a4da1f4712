"""A file is fetched whole or not at all, and what went wrong is told."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from server import serving

from pixelkit.download import download
from pixelkit.errors import StorageError


def test_a_file_is_fetched_with_its_size_and_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    content = bytes(range(256)) * 12_000
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "some.pt").write_bytes(content)
    caplog.set_level("INFO", "pixelkit")
    with serving(tmp_path / "served") as address:
        download(f"{address}/some.pt", tmp_path / "into" / "some.pt")
        assert f"{address}/some.pt (3 MB) is fetched to {tmp_path / 'into' / 'some.pt'}" in caplog.text
    assert (tmp_path / "into" / "some.pt").read_bytes() == content
    shown = capsys.readouterr()
    assert "3.07M/3.07M" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("absent.pt", "the server says 404"),
        ("broken.pt", "the connection broke off after 10 of 1,000 bytes"),
    ],
)
def test_what_the_server_does_wrong_is_told_and_leaves_nothing(tmp_path: Path, path: str, said: str) -> None:
    target = tmp_path / "into" / "some.pt"
    with serving(tmp_path) as address, pytest.raises(ConnectionError, match=said):
        download(f"{address}/{path}", target)
    assert not target.parent.is_dir() or not list(target.parent.iterdir())


def test_no_connection_is_told(tmp_path: Path) -> None:
    with serving(tmp_path) as address:
        pass
    with pytest.raises(ConnectionError, match=r"no connection \(.*refused"):
        download(f"{address}/some.pt", tmp_path / "some.pt")


def test_an_older_file_stays_when_fetching_fails(tmp_path: Path) -> None:
    (tmp_path / "some.pt").write_bytes(b"older")
    with serving(tmp_path) as address, pytest.raises(ConnectionError):
        download(f"{address}/broken.pt", tmp_path / "some.pt")
    assert (tmp_path / "some.pt").read_bytes() == b"older"


def test_a_full_disk_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_words: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "served.pt").write_bytes(bytes(100))
    monkeypatch.setattr("pixelkit.download._store", full)
    with serving(tmp_path) as address, pytest.raises(StorageError, match="the disk is full"):
        download(f"{address}/served.pt", tmp_path / "some.pt")
