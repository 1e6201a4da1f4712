"""The decode pass as a process of its own: stopped, killed, run twice at once, and its memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from pixelkit.frames import decode_pass
from pixelkit.frames.decode import FrameStore
from pixelkit.frames.layouts import VideoFiles
from pixelkit.frames.video import View

GRAY = View((96, 96), "gray")
FRAMES = 16

DECODE = """
import json, resource, sys
from pathlib import Path
from test_decode_processes import GRAY, find_videos
from pixelkit.frames.decode import FrameStore

videos = FrameStore(Path(sys.argv[2])).decode(find_videos(Path(sys.argv[1])), [GRAY])
for video in videos:
    video.view(GRAY).mean()
print(json.dumps([sum(map(len, videos)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def find_videos(root: Path) -> list[VideoFiles]:
    numbers = tuple(range(FRAMES))
    return [
        VideoFiles(folder.name, folder, tuple(folder / f"{number:03d}.jpg" for number in numbers), numbers)
        for folder in sorted(root.iterdir())
    ]


def make_videos(root: Path, videos: int, size: tuple[int, int]) -> list[VideoFiles]:
    """Write one video and link it under other names: each link has a cache entry of its own."""
    first = root / "000"
    first.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(FRAMES):
        noise = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
        cv2.imwrite(str(first / f"{number:03d}.jpg"), noise, [cv2.IMWRITE_JPEG_QUALITY, 60])
    for video in range(1, videos):
        (root / f"{video:03d}").symlink_to(first, target_is_directory=True)
    return find_videos(root)


def start(root: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DECODE, str(root), str(cache)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )


def finished(cache: Path) -> int:
    return len(list(cache.rglob("facts.json.crc32")))


def stop_midway(process: subprocess.Popen[str], cache: Path, how: signal.Signals) -> float:
    """Send a signal once two videos are finished and return the seconds that the process took to end."""
    while finished(cache) < 2:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    sent = time.perf_counter()
    process.send_signal(how)
    process.communicate(timeout=30)
    return time.perf_counter() - sent


@pytest.fixture
def slow(tmp_path: Path) -> list[VideoFiles]:
    """16 videos of 1280 × 720 pixels, for which two cores take seconds."""
    return make_videos(tmp_path / "slow", 16, (720, 1280))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_pass_keeps_what_is_finished_and_goes_on(
    how: signal.Signals, slow: list[VideoFiles], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FrameStore(tmp_path / "cache")
    process = start(tmp_path / "slow", store.folder)
    took = stop_midway(process, store.folder, how)
    assert process.returncode != 0
    kept = finished(store.folder)
    assert 2 <= kept < len(slow)
    if how == signal.SIGINT:
        assert took < 5
        assert not list(store.folder.rglob("*.tmp"))
    decoded: list[bytes] = []
    decode_image = decode_pass.decode_image

    def counted(data: bytes, colour: object) -> object:
        decoded.append(data)
        return decode_image(data, colour)  # type: ignore[arg-type]

    monkeypatch.setattr(decode_pass, "decode_image", counted)
    videos = store.decode(slow, [GRAY])
    assert len(decoded) <= FRAMES * (len(slow) - kept)
    first = videos[0].view(GRAY)
    assert all(np.array_equal(video.view(GRAY), first) for video in videos)


def test_two_processes_on_one_cache_do_not_hurt_each_other(tmp_path: Path) -> None:
    root, cache = tmp_path / "data", tmp_path / "cache"
    videos = make_videos(root, 20, (240, 320))
    processes = [start(root, cache) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out)[0] == 20 * FRAMES
        assert "damaged" not in err
    assert not list(cache.rglob("*.tmp"))
    (alone,) = FrameStore(tmp_path / "alone").decode(videos[:1], [GRAY])
    for video in FrameStore(cache).decode(videos, [GRAY]):
        assert np.array_equal(video.view(GRAY), alone.view(GRAY))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in other units elsewhere")
def test_memory_does_not_grow_with_the_data_set(tmp_path: Path) -> None:
    peaks = []
    for videos in (20, 120):
        make_videos(tmp_path / str(videos), videos, (96, 128))
        process = start(tmp_path / str(videos), tmp_path / f"cache-{videos}")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        peaks.append(json.loads(out)[1])
    mapped = 100 * FRAMES * 96 * 96 // 1024
    assert peaks[1] - peaks[0] < mapped / 5, f"{peaks} KiB; the views that came on top have {mapped} KiB"
    assert os.path.getsize(next((tmp_path / "cache-120").rglob("*.npy"))) > FRAMES * 96 * 96  # noqa: PTH202
