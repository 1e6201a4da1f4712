"""Downloads: resumed, whole or not at all, nothing outside the folder, nothing over what is there."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kaggle_server import SIGNATURE, SLUG, Fault
from kaggle_server import Kaggle as Server

from pixelkit.errors import DataError, KaggleError, KaggleUnreachable, PixelkitError, StorageError
from pixelkit.leaderboard.kaggle.client import Kaggle
from pixelkit.leaderboard.kaggle.download import download, remember
from pixelkit.leaderboard.kaggle.unpack import unpack

FILES = {
    "train/01/1.jpg": b"one" * 1000,
    "test/01/1.jpg": b"two" * 1000,
    "sample_submission.csv": b"Id,Predicted\n",
}
BIG = {"train/big.bin": bytes(range(256)) * 20_000}


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP file as bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def there(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, hidden ones left out."""
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    return {name: file.read_bytes() for name, file in sorted(files.items()) if not name.startswith(".")}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[Mapping[str, bytes]], Path]:
    def write(files: Mapping[str, bytes]) -> Path:
        file = tmp_path / "files.zip"
        file.write_bytes(zipped(files))
        return file

    return write


def test_the_files_are_there_and_nothing_else(server: Server, data: Path) -> None:
    server.archive = zipped(FILES)
    download(Kaggle(SLUG), data)
    assert there(data) == dict(sorted(FILES.items()))
    assert [file.name for file in data.iterdir() if file.name.startswith(".")] == [".downloaded.json"]
    assert SIGNATURE not in (data / ".downloaded.json").read_text()


def test_what_has_not_changed_is_not_fetched_again_and_what_has_is(server: Server, data: Path) -> None:
    server.archive = zipped(FILES)
    download(Kaggle(SLUG), data)
    (data / "train" / "01" / "1.jpg").unlink()
    download(Kaggle(SLUG), data)
    assert len(there(data)) == 2
    server.archive = zipped({**FILES, "new.csv": b"new"})
    download(Kaggle(SLUG), data)
    assert len(there(data)) == 4


def test_a_connection_that_breaks_is_taken_up_where_it_broke(server: Server, data: Path) -> None:
    server.archive = zipped(BIG)
    server.archive_breaks_at = 3_000_000
    download(Kaggle(SLUG), data)
    assert there(data) == BIG
    begin, again = server.ranges
    assert begin == ""
    assert 0 < int(again.removeprefix("bytes=").removesuffix("-")) <= 3_000_000


def test_a_server_that_falls_silent_is_given_up_and_the_same_command_goes_on(
    server: Server, data: Path
) -> None:
    server.archive = zipped(BIG)
    server.archive_stalls_at = 3_000_000
    with pytest.raises(KaggleUnreachable, match=r"does not answer: nothing for 1 s"):
        download(Kaggle(SLUG, seconds=0.5), data)
    assert there(data) == {}
    download(Kaggle(SLUG), data)
    assert there(data) == BIG
    begin = int(server.ranges[-1].removeprefix("bytes=").removesuffix("-"))
    assert 0 < begin <= 3_000_000


def test_an_archive_that_changed_in_between_is_fetched_from_its_start(server: Server, data: Path) -> None:
    server.archive = zipped(BIG)
    server.archive_stalls_at = 3_000_000
    with pytest.raises(KaggleUnreachable):
        download(Kaggle(SLUG, seconds=0.5), data)
    server.archive = zipped({"train/big.bin": bytes(range(255, -1, -1)) * 20_000})
    download(Kaggle(SLUG), data)
    assert there(data)["train/big.bin"][:2] == b"\xff\xfe"
    assert not (data / ".unfinished-download").exists()


def test_what_is_there_stays_and_is_told_of(
    server: Server, data: Path, warnings: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    server.archive = zipped(FILES)
    (data / "test" / "01").mkdir(parents=True)
    (data / "test" / "01" / "1.jpg").write_bytes(b"mine")
    (data / "sample_submission.csv").write_bytes(b"ID,Predicted\n")  # of the same size
    (data / "notes.txt").write_bytes(b"mine")
    with caplog.at_level(logging.INFO):
        download(Kaggle(SLUG), data)
    assert there(data)["test/01/1.jpg"] == there(data)["notes.txt"] == b"mine"
    assert there(data)["sample_submission.csv"] == b"ID,Predicted\n"
    [warned] = warnings()
    assert warned.startswith(
        f"1 files were there with another size, and stay as they are: {data}/test/01/1.jpg;"
    )
    assert "files written 1, there already 1" in caplog.text


def test_rules_that_are_not_accepted_and_a_wrong_name(server: Server, data: Path) -> None:
    server.joined = False
    with pytest.raises(KaggleError, match=rf"accept the rules of {SLUG} at https://.*{SLUG}/rules"):
        download(Kaggle(SLUG), data)
    with pytest.raises(KaggleError, match="there is no competition 'pixel'"):
        download(Kaggle("pixel"), data)
    assert not data.exists()


@pytest.mark.parametrize("fault", [Fault(403, page="<Error>Expired</Error>"), Fault(500)])
def test_a_storage_that_refuses_is_one_line_without_the_signed_address(
    server: Server, data: Path, fault: Fault
) -> None:
    server.archive = zipped(FILES)
    server.faults["file"] = fault
    with pytest.raises(KaggleError) as error:
        download(Kaggle(SLUG), data)
    assert SIGNATURE not in str(error.value)
    assert "\n" not in str(error.value)
    assert not data.exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    server: Server, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.archive = zipped(FILES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: Usage(10_000, 0, 10_000))
    with pytest.raises(
        StorageError, match=r"needs 0.00 GB, and 0.00 GB are free: name a folder on a larger disk"
    ):
        download(Kaggle(SLUG), data)
    assert server.count("file") == 1  # asked for, and closed
    assert not data.exists()


def test_a_disk_that_is_too_small_for_what_is_in_the_archive(
    archive: Callable[..., Path], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = archive({"a": bytes(1000)})
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: Usage(1000, 1, 999))
    with pytest.raises(StorageError, match=r"unpacking files.zip needs"):
        unpack(file, data)
    assert not data.exists()


def test_a_single_file_is_put_where_it_belongs(server: Server, data: Path) -> None:
    server.archive, server.archive_name = b"Id,Predicted\n1_1,0\n", "sample_submission.csv"
    download(Kaggle(SLUG), data)
    assert there(data) == {"sample_submission.csv": server.archive}


def test_an_archive_that_is_none_is_thrown_away(server: Server, data: Path) -> None:
    server.archive = b"<html>Sign in to Hotel</html>"
    with pytest.raises(KaggleError, match="what came is no ZIP file, and was removed"):
        download(Kaggle(SLUG), data)
    server.archive = zipped(FILES)
    download(Kaggle(SLUG), data)
    assert len(there(data)) == 3


def test_archives_in_the_archive_are_unpacked_too(archive: Callable[..., Path], data: Path) -> None:
    inner = {"train.zip": zipped({"01/1.jpg": b"1"}), "test.zip": zipped({"test/01/1.jpg": b"2"})}
    labels = zipped({"labels.npy": b"3"})
    unpack(archive({**inner, "labels.npz": labels}), data)
    assert there(data) == {"labels.npz": labels, "test/01/1.jpg": b"2", "train/01/1.jpg": b"1"}


def test_an_archive_in_the_archive_whose_own_name_leads_out_stays_inside(
    archive: Callable[..., Path], data: Path
) -> None:
    inner = {"...zip": zipped({"evil.txt": b"1"}), "..zip": zipped({"dot.txt": b"2"})}
    unpack(archive(inner), data)
    assert there(data) == {"dot.txt": b"2", "evil.txt": b"1"}
    assert sorted(file.name for file in data.parent.iterdir()) == ["data", "files.zip"]


def test_an_archive_in_the_archive_that_cannot_be_unpacked_stays_packed_and_the_rest_is_there(
    archive: Callable[..., Path], data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {"broken.zip": b"none", "evil.zip": zipped({"../../x": b"evil"})}
    unpack(archive({**bad, "test.zip": zipped({"1.jpg": b"1"})}), data)
    assert there(data) == {**bad, "test/1.jpg": b"1"}
    assert [line.split(" stays packed: ")[0] for line in caplog.messages] == [
        str(data / name) for name in bad
    ]


def test_an_archive_in_the_archive_is_unpacked_even_if_a_kill_came_before(
    archive: Callable[..., Path], data: Path
) -> None:
    inner = {"train.zip": zipped({"01/1.jpg": b"1"})}
    data.mkdir()
    (data / "train.zip").write_bytes(inner["train.zip"])  # as a kill before its turn leaves it
    unpack(archive(inner), data)
    assert there(data) == {"train/01/1.jpg": b"1"}


def link(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, 0o120777 << 16
    return made


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/x", "a/..", "..", "\\x", "a\\..\\..\\x", "C:/x", "C:x"]
)
def test_a_name_that_leads_out_of_the_folder_stops_all(tmp_path: Path, data: Path, name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name
    file = tmp_path / "files.zip"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("fine.jpg", b"fine")
        made.writestr(info, b"evil")
    with pytest.raises(DataError, match=r"is a link or leads out of .*: nothing was unpacked"):
        unpack(file, data)
    assert not data.exists()


def test_a_link_stops_all(tmp_path: Path, data: Path) -> None:
    file = tmp_path / "files.zip"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(link("a"), b"/etc")
        made.writestr("a/passwd", b"evil")
    with pytest.raises(DataError, match="is a link or leads out of"):
        unpack(file, data)
    assert not data.exists()


@given(names=st.lists(st.text(st.sampled_from("ab./\\:~"), min_size=1, max_size=8), min_size=1, max_size=4))
def test_whatever_the_names_nothing_is_written_outside(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("root")
    with zipfile.ZipFile(root / "files.zip", "w") as made:
        for name in dict.fromkeys(names):
            info = zipfile.ZipInfo("x")
            info.filename = name
            made.writestr(info, b"x")
    with contextlib.suppress(PixelkitError):
        unpack(root / "files.zip", root / "in" / "data")
    outside = [
        file for file in root.rglob("*") if file.is_file() and not file.is_relative_to(root / "in" / "data")
    ]
    assert outside == [root / "files.zip"]


def test_a_damaged_archive_leaves_no_half_file(archive: Callable[..., Path], data: Path) -> None:
    file = archive({"a.jpg": b"a" * 5000, "b.jpg": b"b" * 5000})
    content = bytearray(file.read_bytes())
    content[content.index(b"b" * 5000) + 10] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged or encrypted \(Bad CRC-32"):
        unpack(file, data)
    assert there(data) == {"a.jpg": b"a" * 5000}
    file.write_bytes(bytes(content[:4000]))
    with pytest.raises(DataError, match="is damaged or encrypted"):
        unpack(file, data)


def test_the_settings_beside_the_data_remember_the_competition(tmp_path: Path) -> None:
    remember(tmp_path, SLUG)
    assert (tmp_path / "pixelkit.toml").read_text() == f'competition = "{SLUG}"\n'
    (tmp_path / "pixelkit.toml").write_text("seed = 3\n")
    remember(tmp_path, SLUG)
    assert (tmp_path / "pixelkit.toml").read_text() == "seed = 3\n"
