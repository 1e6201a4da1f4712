"""``pixelkit corrupt`` and ``pixelkit demo`` print the folder they made, and say in one line what they will not do."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from street import pixelkit


def test_copy_is_printed_and_refused_a_second_time(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / "src" / split / "01").mkdir(parents=True)
        for number in range(4):
            cv2.imwrite(
                str(tmp_path / "src" / split / "01" / f"{number}.png"), np.full((16, 16), 90, np.uint8)
            )
    words = ["corrupt", "src", "dst", "--flips", "1", "--amplitude", "35"]
    first = pixelkit(*words, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout == "dst\n"
    assert (tmp_path / "dst-corruption.csv").read_text().startswith("Id,Flipped,Noise,Missing\n1_0,1,")
    again = pixelkit(*words, cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr == "pixelkit: dst exists already: choose another folder or remove it\n"


def test_amplitude_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    result = pixelkit("corrupt", "src", "dst", "--amplitude", "loud", cwd=tmp_path)
    assert result.returncode == 2
    assert "35-40" in result.stderr


def test_demo_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    result = pixelkit("demo", ".", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"pixelkit: {tmp_path} holds thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
