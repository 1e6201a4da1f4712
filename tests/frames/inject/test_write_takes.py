"""What writing takes leaves on disk: once, whole or not at all, and what is wrong is said in a line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from filmed_walks import NONE, planned, snapshot, videos, walk
from numpy.typing import NDArray

from pixelkit.errors import DataError, StorageError
from pixelkit.frames.inject import read_takes, write_takes
from pixelkit.frames.video import ArraySource, Video


class Watched(Video):
    """A source that counts how often it is streamed, and can be interrupted."""

    streams = 0
    interrupted = False

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        self.streams += 1
        for number, frame in enumerate(super().stream()):
            if self.interrupted and number == 20:
                raise KeyboardInterrupt
            yield frame


def watched(names: Sequence[str] = ("01", "02")) -> list[Watched]:
    return [Watched(name, range(60), ArraySource(walk(seed=int(name)))) for name in names]


def test_each_source_is_streamed_once_and_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    sources = watched()
    write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    assert [source.streams for source in sources] == [1, 1]
    before = snapshot(tmp_path)
    write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    assert [source.streams for source in sources] == [1, 1]
    assert snapshot(tmp_path) == before


def test_interrupted_in_the_middle_it_is_made_again(tmp_path: Path) -> None:
    sources = watched()
    sources[1].interrupted = True
    with pytest.raises(KeyboardInterrupt):
        write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    assert not list(tmp_path.iterdir())
    sources[1].interrupted = False
    write_takes(tmp_path / "made", sources, planned(sources), NONE, 0)
    write_takes(tmp_path / "other", sources, planned(sources), NONE, 0)
    assert snapshot(tmp_path / "made") == snapshot(tmp_path / "other")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".made.{dead.pid}-0a1b2c3d.tmp"
    (left / "takes" / "patch-1").mkdir(parents=True)
    (left / "0.frames").write_bytes(b"half")
    write_takes(tmp_path / "made", videos(), planned(videos()), NONE, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pixelkit.frames.inject.filming.write_image", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write_takes(tmp_path / "made", videos(), planned(videos()), NONE, 0)
    assert not list(tmp_path.iterdir())


def test_another_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StorageError, match="choose another folder"):
        write_takes(tmp_path, videos(), planned(videos()), NONE, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_takes_of_a_video_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="02"):
        write_takes(tmp_path / "made", videos(1), planned(videos(2)), NONE, 0)


def test_a_source_that_lost_frames_is_an_error(tmp_path: Path) -> None:
    short = Video("01", range(60), ArraySource(walk(30)))
    with pytest.raises(DataError, match="fewer frames"):
        write_takes(tmp_path / "made", [short], planned([short]), NONE, 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage", ["Id,Label\n", "", "Id,Label,Family,Source,Flipped,Noise\npatch-1_x,1,patch,01,0,0\n"]
)
def test_a_damaged_truth_is_named(tmp_path: Path, damage: str) -> None:
    write_takes(tmp_path / "made", videos(1, 1), planned(videos(1, 1)), NONE, 0)
    (tmp_path / "made" / "truth.csv").write_text(damage)
    with pytest.raises(StorageError, match="delete it and run again"):
        read_takes(tmp_path / "made")
