"""A small run with everything a page can show, made by the command line, and a browser to look at it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pages import HOSTILE, Open
from street import PLUGIN, pixelkit, write_frames

WITH_HEAT = PLUGIN.replace("NAME", "offset").replace(
    "    def save(",
    "    def heatmap(self, video, position):\n"
    "        return np.abs(video.frames(VIEW)[position] - self.mean_).astype(np.float32)\n\n"
    "    def save(",
)
WIDTHS = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set with a gap, frames upside down, noise and a hostile name, and the tuned run on it."""
    room = tmp_path_factory.mktemp("room")
    data = room / "street"
    for video in (1, 2, 3, 4):
        write_frames(data / "training_videos" / f"{video:02d}", range(24), seed=video)
    test = data / "testing_videos"
    write_frames(test / "01", [*range(7, 20), *range(40, 50)], seed=5)
    write_frames(test / HOSTILE, range(12), seed=6)
    write_frames(test / "alone", [3], seed=7)
    for number in (9, 10):
        file = str(test / "01" / f"frame_{number:05d}.jpg")
        cv2.imwrite(file, cv2.flip(cv2.imread(file), 0))
    noise = np.random.default_rng(0).uniform(-60, 60, (96, 128, 3))
    file = str(test / "01" / "frame_00044.jpg")
    cv2.imwrite(file, (cv2.imread(file) + noise).clip(0, 255).astype(np.uint8))
    (test / "01" / "frame_00047.jpg").write_bytes(b"")
    plugins = room / "plugins"
    plugins.mkdir()
    (plugins / "offset.py").write_text(WITH_HEAT, encoding="utf-8")
    words = (
        "--scorers",
        "offset",
        "--plugins",
        plugins,
        "--set",
        "tuning.trials=20",
        "--set",
        "tuning.takes=2",
    )
    done = pixelkit("run", data, *words, cwd=room)
    assert done.returncode == 0, done.stderr
    add_curves(room / "submissions" / "street")
    return room


def add_curves(run: Path) -> None:
    """Let the scorer of a run have kept the course of its training, as the autoencoders do."""
    losses = ((1, 0.02, 0.03), (2, 0.01, 0.02), (3, 0.008, None))
    curve = [{"epoch": n, "train_loss": a, "held_out_loss": b, "learning_rate": 0.001} for n, a, b in losses]
    for fitted in (run / "fitted").iterdir():
        (fitted / "history.json").write_text(json.dumps(curve), encoding="utf-8")


@pytest.fixture(scope="session")
def run(room: Path) -> Path:
    """The run folder."""
    return room / "submissions" / "street"


@pytest.fixture(scope="session")
def labels(room: Path) -> Path:
    """Labels of its test videos: some frames of video 01 are anomalous."""
    ids = (
        [f"1_{n}" for n in [*range(7, 20), *range(40, 50)]]
        + [f"{HOSTILE}_{n}" for n in range(12)]
        + ["alone_3"]
    )
    rows = [f"{one},{int(one in {f'1_{n}' for n in range(12, 17)})}" for one in ids]
    path = room / "labels.csv"
    path.write_text("\n".join(["Id,Label", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def written(room: Path, run: Path, labels: Path) -> Path:
    """The page of the run, with labels."""
    words = ("--labels", labels, "--plugins", room / "plugins", "--out", room / "report.html")
    done = pixelkit("report", run, *words, cwd=room)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def written_text(written: Path) -> str:
    """What is in the page."""
    return written.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium without a window; what needs it is skipped where it is not installed."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    arguments = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # its sandbox refuses to run as root
        arguments.append("--no-sandbox")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Any) -> Open:
    """Opens a page, and fails the test if it says anything on the console or asks for anything from elsewhere."""

    @contextmanager
    def open_page(address: str | Path, **context: Any) -> Iterator[Any]:
        page, complaints = open_in_silence(chromium, address, **context)
        yield page
        page.context.close()
        assert not complaints

    return open_page


@pytest.fixture(scope="module")
def looked_at(chromium: Any, written: Path) -> Iterator[tuple[Any, list[str]]]:
    """The page of the run, opened once: for tests that leave it as they find it."""
    page, complaints = open_in_silence(chromium, written)
    yield page, complaints
    page.context.close()


@pytest.fixture
def page(looked_at: tuple[Any, list[str]]) -> Iterator[Any]:
    """The page of the run, scrolled to its top; fails the test like ``opened``."""
    page, complaints = looked_at
    page.evaluate("scrollTo(0, 0)")
    yield page
    assert not complaints


def open_in_silence(chromium: Any, address: str | Path, **context: Any) -> tuple[Any, list[str]]:
    """Open a page in a window of its own; what it says and what it asks for from elsewhere comes into the list."""
    url = address.as_uri() if isinstance(address, Path) else address
    own = ("data:", "blob:", url if url.startswith("http") else url.partition("#")[0])
    complaints: list[str] = []
    window = chromium.new_context(**{"viewport": WIDTHS, "reduced_motion": "reduce", **context})
    page = window.new_page()
    page.set_default_timeout(30_000)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda one: None if one.url.startswith(own) else complaints.append(one.url))
    page.goto(url)
    return page, complaints
