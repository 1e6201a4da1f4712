"""The repair plan as a file that people read and edit."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.errors import SettingsError, StorageError
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair

NUMBERS = st.sets(st.integers(0, 300)).map(lambda chosen: tuple(sorted(chosen)))


def videos(**frames: range) -> Any:
    """Stand-ins with a name and frame numbers, all that a plan looks at."""
    return [SimpleNamespace(name=name, numbers=np.array(list(numbers))) for name, numbers in frames.items()]


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "repair.json"
    file.write_text(text, encoding="utf-8")
    return file


@given(flipped=NUMBERS, noisy=NUMBERS, noise=st.sampled_from(["off", "median", "nearest"]))
def test_what_is_written_is_read_again(
    flipped: tuple[int, ...], noisy: tuple[int, ...], noise: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plan = RepairPlan(
        {'a "b" é': VideoRepair(flipped, noisy), "02": VideoRepair()}, noise, {"flips": "100 %"}, 311
    )
    file = tmp_path_factory.mktemp("plan") / "repair.json"
    plan.write(file)
    again = RepairPlan.read(file, videos(**{'a "b" é': range(301), "02": range(10)}))
    assert again == plan and again.digest() == plan.digest()


def test_file_is_json_with_ranges_of_three_and_more(tmp_path: Path) -> None:
    file = tmp_path / "repair.json"
    RepairPlan({"01": VideoRepair((3, 4, 7, 8, 9), ())}).write(file)
    assert json.loads(file.read_text())["videos"] == {"01": {"flipped": [3, 4, "7-9"], "noisy": []}}


def test_empty_plan_is_valid_json(tmp_path: Path) -> None:
    file = tmp_path / "repair.json"
    RepairPlan({}).write(file)
    assert RepairPlan.read(file, []) == RepairPlan({})


def test_range_holds_the_frames_on_disk_and_repetitions_count_once(tmp_path: Path) -> None:
    file = written(tmp_path, '{"noise": "median", "videos": {"01": {"flipped": ["2-8", 2, "4"]}}}')
    plan = RepairPlan.read(file, videos(**{"01": range(0, 20, 2)}))
    assert plan.videos["01"] == VideoRepair((2, 4, 6, 8))


def test_digest_follows_what_is_done_and_nothing_else() -> None:
    plan = RepairPlan({"01": VideoRepair((1,), (2,))}, "median", {"flips": "good"}, 50)
    same = RepairPlan({"02": VideoRepair(), "01": VideoRepair((1,), (2,))}, "median", {}, 60)
    assert plan.digest() == same.digest()
    others = [
        RepairPlan({"01": VideoRepair((1,), (2,))}, "nearest"),
        RepairPlan({"01": VideoRepair((1,), (2,))}, "off"),
        RepairPlan({"01": VideoRepair((2,), (1,))}, "median"),
        RepairPlan({"02": VideoRepair((1,), (2,))}, "median"),
    ]
    assert len({plan.digest(), *(other.digest() for other in others)}) == 5
    assert RepairPlan({}).digest() == RepairPlan({"01": VideoRepair((), (3,))}, "off").digest()


def test_summary_says_how_many_of_how_many() -> None:
    plan = RepairPlan(
        {"01": VideoRepair((1, 2), (2,))}, "median", {"flips": "why", "noise": "above 2.8"}, 1978
    )
    flips, noise = plan.summary()
    assert flips == "2 of 1,978 test frames are upside down and turned (why)"
    assert noise.startswith("1 of 1,978 test frames are noisy and become the median") and "above 2.8" in noise


BAD = {
    '{"noise": "median",\n "videos": {"01" {}}}': ("line 2, column 18", "not valid JSON"),
    '{"videos": {\n"01": {},\n"04": {}}}': ("line 3", "no test video '04'"),
    '{"videos": {\n"01": {\n"noisy": [],\n"flipped": [3, 77]}}}': ("line 4", "video '01' has no frame 77"),
    '{"videos": {\n"01": {\n"noisy": ["3-99"]}}}': ("line 3", "no frame 99 (it has 10 frames, 0 to 9)"),
    '{"videos": {"01": {"noisy": ["5-3"]}}}': ("line 1", "'5-3'"),
    '{"videos": {"01": {"noisy": [1.5]}}}': ("line 1", 'a range like "7-9"'),
    '{"videos": {"01": {"noisy": [true]}}}': ("line 1", "True"),
    '{"videos": {"01": {"noisy": "3"}}}': ("line 1", "expected a list"),
    '{"videos": {"01": {\n"noise": []}}}': ("line 2", "did you mean 'noisy'?"),
    '{\n"noise": "medain"}': ("line 2", "off, median, nearest, bilateral"),
    '{"noise": ["off"]}': ("line 1", "expected one of"),
    '{\n"video": {}}': ("line 2", "did you mean 'videos'?"),
    '{"videos": []}': ("line 1", "curly brackets"),
    "[]": ("line 1", "curly brackets"),
    '{"videos": {"01": {},\n"01": {}}}': ("line 1", "'01' is there twice"),
    "": ("line 1", "not valid JSON"),
    "[" * 100_000: ("repair.json", "delete the file"),
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_mistake_is_named_with_its_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        RepairPlan.read(written(tmp_path, text), videos(**{"01": range(10)}))
    assert "\n" not in str(caught.value)
    for words in ("repair.json", *BAD[text]):
        assert words in str(caught.value)


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot read"):
        RepairPlan.read(tmp_path / "none.json", [])
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not UTF-8"):
        RepairPlan.read(tmp_path / "binary.json", [])
