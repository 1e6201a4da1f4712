"""The contact sheet holds the frames that are suspected, as they lie on disk."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from street import write_frames

from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.layouts import read_video
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair
from pixelkit.report.contact_sheet import CAPTION, HEADING, MARGIN, MOST, TILE, Suspect, suspects, write_sheet


@pytest.fixture
def video(tmp_path: Path) -> DecodedVideo:
    write_frames(tmp_path / "01", range(3, 15), seed=1)
    (tmp_path / "01" / "frame_00006.jpg").write_bytes(b"")
    return FrameStore(tmp_path / "cache").decode([read_video(tmp_path / "01")], ())[0]


def test_each_kind_is_named_by_the_ids_of_the_leaderboard(video: DecodedVideo) -> None:
    plan = RepairPlan({"01": VideoRepair(flipped=(4, 5), noisy=(14,))}, "median")
    found = {kind: [one.id for one in frames] for kind, frames in suspects([], [video], plan).items()}
    assert found == {"upside down": ["1_4", "1_5"], "noisy": ["1_14"], "undecodable": ["1_6"]}


def test_a_picture_is_the_frame_on_disk_and_one_that_does_not_decode_is_blank(
    video: DecodedVideo, tmp_path: Path
) -> None:
    found = {"upside down": [Suspect(video, 1)], "undecodable": [Suspect(video, 3)]}
    assert write_sheet(found, tmp_path / "sheet.png") == "1 of 1 upside down, 1 of 1 undecodable"
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    on_disk = cv2.imread(str(tmp_path / "01" / "frame_00004.jpg"))
    assert sheet is not None
    assert on_disk is not None
    width, height = int(128 * TILE[1] / 96), TILE[1]
    picture = sheet[HEADING : HEADING + height, MARGIN : MARGIN + width].astype(int)
    assert np.abs(picture - cv2.resize(on_disk, (width, height))).mean() < 8
    second = HEADING + (height + CAPTION + MARGIN) + HEADING
    blank = sheet[second : second + height, MARGIN : MARGIN + TILE[0]]
    assert np.ptp(blank) == 0


def test_of_many_it_shows_some_evenly(video: DecodedVideo, tmp_path: Path) -> None:
    found = {"upside down": [Suspect(video, at % 3) for at in range(100)]}
    assert write_sheet(found, tmp_path / "sheet.png") == f"{MOST} of 100 upside down"


def test_nothing_suspected_is_a_sheet_that_says_so(tmp_path: Path) -> None:
    assert write_sheet({"noisy": []}, tmp_path / "sheet.png") == "nothing"
    assert (tmp_path / "sheet.png").is_file()
