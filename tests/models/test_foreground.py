"""Foreground: what moves is found one by one; light, noise, a shaking camera and shadows are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pixelkit import Video
from pixelkit.frames.decode import FrameStore
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.repair import apply_repairs
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair
from pixelkit.frames.video import ArraySource
from pixelkit.models.boxes import Boxes
from pixelkit.models.detectors import detect
from pixelkit.models.foreground import VIEW, Foreground

Pixels = NDArray[np.float32]


def street(frames: int = 60) -> Pixels:
    """An empty street: float32 (n, 240, 320), its ground textured, the camera's noise on each frame."""
    rng = np.random.default_rng(5)
    ground = np.linspace(90, 170, 240)[:, None] + cv2.GaussianBlur(rng.normal(0, 25, (240, 320)), (0, 0), 2)
    return (ground + rng.normal(0, 1.0, (frames, 240, 320))).astype(np.float32)


def walk(
    pixels: Pixels, x: float, y: int, speed: float, *, level: float = 40, size: tuple[int, int] = (24, 10)
) -> None:
    """Let a walker of ``size`` go through all frames, from ``x``, with ``speed`` pixels a frame."""
    for position, frame in enumerate(pixels):
        left = int(x + speed * position)
        frame[y : y + size[0], max(0, left) : max(0, left + size[1])] = level


def found_in(pixels: Pixels, numbers: list[int] | None = None) -> list[Boxes]:
    frames = np.repeat(pixels.clip(0, 255).astype(np.uint8)[..., None], 3, axis=3)
    return detect(Video("01", numbers or range(len(frames)), ArraySource(frames)), Foreground())


def near(boxes: Boxes, wanted: list[list[float]], by: float = 3) -> bool:
    """Say whether there is one box for each wanted one, and no other."""
    if len(boxes) != len(wanted):
        return False
    order = np.lexsort(boxes.corners.T[:2])
    return bool(
        np.abs(boxes.corners[order] - np.array(sorted(wanted, key=lambda box: box[1]))).max(initial=0) <= by
    )


def test_walkers_are_found_one_by_one_in_every_frame() -> None:
    pixels = street()
    walk(pixels, 20, 100, 3)
    walk(pixels, 250, 160, -2, level=230)
    for position, boxes in enumerate(found_in(pixels)):
        left, right = 20 + 3 * position, 250 - 2 * position
        assert near(boxes, [[left, 100, left + 10, 124], [right, 160, right + 10, 184]]), position


def test_empty_street_holds_nothing() -> None:
    assert sum(map(len, found_in(street()))) == 0


def test_boxes_are_in_pixels_of_the_full_size_frame() -> None:
    pixels = street(30)
    walk(pixels, 20, 100, 4)
    large = np.stack([cv2.resize(frame, (640, 360)) for frame in pixels])
    for position, boxes in enumerate(found_in(large)):
        left = 20 + 4 * position
        assert near(boxes, [[2 * left, 150, 2 * left + 20, 186]], by=6), position


def test_change_of_light_is_no_object() -> None:
    pixels = street()
    slope = np.linspace(0.8, 1.1, 320)
    for position, frame in enumerate(pixels):
        frame *= 1 + 0.25 * np.sin(position / 9) * slope
    walk(pixels, 20, 100, 3, level=30)
    assert [len(boxes) for boxes in found_in(pixels)] == [1] * 60


def test_noisy_frames_hold_no_more_than_others() -> None:
    pixels = street()
    walk(pixels, 20, 100, 3, level=20)
    rng = np.random.default_rng(1)
    for frame in pixels[::5]:
        frame += rng.uniform(-20, 20, frame.shape)
    assert [len(boxes) for boxes in found_in(pixels)] == [1] * 60


def test_camera_that_shakes_by_a_quarter_of_a_pixel_is_no_object() -> None:
    pixels = street()
    pixels[:, 118:122, :] = 30  # a kerb
    for position, frame in enumerate(pixels):
        shift = np.array([[1, 0, 0], [0, 1, 0.25 * (-1) ** position]], np.float32)
        frame[:] = cv2.warpAffine(frame, shift, (320, 240), borderMode=cv2.BORDER_REPLICATE)
    assert sum(map(len, found_in(pixels))) == 0


def test_shadow_that_falls_in_softly_is_no_object() -> None:
    pixels = street()
    for position, frame in enumerate(pixels):
        shadow = np.zeros((240, 320), np.float32)
        shadow[60:200, 4 * position : 4 * position + 60] = 0.25
        frame *= 1 - cv2.GaussianBlur(shadow, (0, 0), 12)
    assert sum(map(len, found_in(pixels))) <= 6


def test_walkers_one_behind_the_other_are_two() -> None:
    pixels = street()
    walk(pixels, 20, 80, 3)
    walk(pixels, 22, 112, 3)
    assert [len(boxes) for boxes in found_in(pixels)] == [2] * 60


def test_crowd_that_hides_the_ground_most_of_the_time_is_not_background() -> None:
    """Passers-by of many gray levels cover a place in two frames of three; a median would show a mixture of them."""
    pixels = street(90)
    rng = np.random.default_rng(2)
    for position, frame in enumerate(pixels):
        if position % 3:
            frame[100:124, 150:160] = rng.uniform(0, 255)
    found = found_in(pixels)
    assert [len(boxes) for boxes in found[::3]] == [0] * 30


def test_who_stands_for_less_than_half_of_the_video_is_found_all_that_time() -> None:
    pixels = street()
    walk(pixels[:24], 150, 100, 0)
    found = found_in(pixels)
    assert [len(boxes) for boxes in found] == [1] * 24 + [0] * 36


def test_short_walker_in_a_video_of_36_frames_is_found() -> None:
    pixels = street(36)
    walk(pixels, 30, 100, 2, size=(18, 8))
    assert [len(boxes) for boxes in found_in(pixels)] == [1] * 36


def test_walker_whose_shirt_looks_like_the_ground_is_one_object() -> None:
    pixels = street()
    walk(pixels, 20, 100, 3, level=30, size=(9, 9))
    walk(pixels, 20, 114, 3, level=30, size=(10, 9))
    for position, frame in enumerate(pixels):
        frame[109:114, 20 + 3 * position : 29 + 3 * position] -= 6
    assert [len(boxes) for boxes in found_in(pixels)] == [1] * 60


def test_jump_over_a_gap_is_no_motion() -> None:
    pixels = street(40)
    walk(pixels[:20], 20, 100, 3)
    walk(pixels[20:], 200, 100, -3)
    found = found_in(pixels, [*range(20), *range(500, 520)])
    assert [len(boxes) for boxes in found] == [1] * 40


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_shortest_videos_raise_nothing(frames: int) -> None:
    assert len(found_in(street(frames))) == frames


@pytest.mark.parametrize("level", [0, 128, 255])
def test_picture_without_anything_holds_nothing(level: int) -> None:
    assert sum(map(len, found_in(np.full((10, 240, 320), level, np.float32)))) == 0


def test_pure_noise_does_not_shatter_into_thousands() -> None:
    noise = np.random.default_rng(0).uniform(0, 255, (12, 240, 320)).astype(np.float32)
    assert max(map(len, found_in(noise))) <= 300


def test_ped2_walkers_are_found_and_lawns_are_empty(ped2: Path, tmp_path: Path) -> None:
    store = FrameStore(tmp_path)
    decoded = store.decode(find_dataset(ped2).train[4:5], [VIEW])
    (video,) = apply_repairs(decoded, None, max_gap=4)
    found = detect(video, Foreground())
    every = Boxes.join(found)
    assert min(map(len, found)) >= 4, "there are ten walkers at any time"
    heights = every.corners[:, 3] - every.corners[:, 1]
    assert 15 < np.median(heights) < 40
    assert (every.corners[:, 3] < 90).sum() == 0, "above are bushes and a wall"


def test_ped2_frames_that_were_upside_down_hold_what_they_hold_upright(ped2: Path, tmp_path: Path) -> None:
    original = find_dataset(ped2).train[4]
    (tmp_path / "05").mkdir()
    files, flipped = [], original.numbers[3::7]
    for number, file in zip(original.numbers, original.files, strict=True):
        files.append(tmp_path / "05" / f"{number:03d}.png")
        frame = cv2.imread(str(file))
        cv2.imwrite(str(files[-1]), frame[::-1] if number in flipped else frame)
    copy = replace(original, path=tmp_path / "05", files=tuple(files))
    upright, turned = (
        apply_repairs(FrameStore(tmp_path / name).decode([video], [VIEW]), plan, max_gap=4)[0]
        for name, video, plan in (
            ("a", original, None),
            ("b", copy, RepairPlan({"05": VideoRepair(flipped=flipped)})),
        )
    )
    assert np.array_equal(upright.frames(VIEW), turned.frames(VIEW))
    for one, other in zip(detect(upright, Foreground()), detect(turned, Foreground()), strict=True):
        assert len(one)
        assert np.array_equal(one.corners, other.corners)
