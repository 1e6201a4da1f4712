"""The page of a run of PixelPlay's size: how large it is, how long it takes to write and to open, how smooth it is.

python benchmarks/report.py ../shared/data/pixelplay26/sample_submission.csv

The 21 videos have the ids of the sample submission; their frames are drawn (640x360, those of the demo data set over
and over), their ten channels are random walks. No scorer is fitted, so there are no heat maps; each adds some 20 kB.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine

from pixelkit.artifacts import RunFolder, RunRecord
from pixelkit.frames.ids import parse_id
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair
from pixelkit.scores.table import ScoreTable

CHANNELS = tuple(
    f"scorer{one}.{name}" for one in (1, 2) for name in ("mean", "patch", "p99", "person", "global")
)

# Notes when the first chart is there.
FIRST_CHART = """
  window.firstChart = new Promise((done) => {
    const look = () => (document.querySelector(".main-svg") ? done(performance.now()) : requestAnimationFrame(look));
    requestAnimationFrame(look);
  });
"""

# Points over one timeline, from left to right; answers with milliseconds until the readout has changed, and until the
# picture is decoded and the next frame is due.
HOVER = """async () => {
  const slider = document.querySelector('.timeline[data-video="0"] .slider');
  slider.scrollIntoView();
  const image = document.querySelector('.timeline[data-video="0"] .picture img');
  const box = slider.getBoundingClientRect();
  const told = [], painted = [];
  for (let part = 0.005; part < 1; part += 0.005) {
    await new Promise(requestAnimationFrame);
    const start = performance.now();
    slider.dispatchEvent(new PointerEvent("pointermove", {
      bubbles: true, clientX: box.left + 118 + part * (box.width - 126), clientY: box.top + 50 }));
    told.push(performance.now() - start);
    await image.decode().catch(() => null);
    await new Promise(requestAnimationFrame);
    painted.push(performance.now() - start);
  }
  return { told, painted };
}"""

# Scrolls through the page at some 4,000 pixels a second; answers with the milliseconds between frames.
SCROLL = """async () => {
  scrollTo({ top: 0, behavior: "instant" });
  const between = [];
  let last = await new Promise(requestAnimationFrame);
  while (scrollY + innerHeight < document.documentElement.scrollHeight - 2) {
    scrollBy({ top: 66, behavior: "instant" });
    const now = await new Promise(requestAnimationFrame);
    between.push(now - last);
    last = now;
  }
  return between;
}"""


def draw_run(sample: Path, room: Path) -> RunFolder:
    """Write a run of the sample's size into ``room``, frames included."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for line in sample.read_text(encoding="utf-8").splitlines()[1:]:
        video, number = parse_id(line.partition(",")[0])
        numbers[f"{int(video):02d}"].append(number)
    subprocess.run(
        [sys.executable, "-m", "pixelkit", "demo", str(room / "demo")], check=True, capture_output=True
    )
    drawn = [
        sorted(one.iterdir()) for one in sorted((room / "demo" / "Dataset" / "testing_videos").iterdir())
    ]
    for place, (name, own) in enumerate(sorted(numbers.items())):
        folder = room / "frames" / name
        folder.mkdir(parents=True)
        for at, number in enumerate(sorted(own)):
            files = drawn[place % len(drawn)]
            (folder / f"frame_{number:05d}.jpg").hardlink_to(files[at % len(files)])
    return write_run(room, {name: sorted(own) for name, own in sorted(numbers.items())})


def write_run(room: Path, numbers: dict[str, list[int]]) -> RunFolder:
    """Write score tables, repair plan and record."""
    run, rng = RunFolder(room / "run"), np.random.default_rng(0)
    names = [name for name, own in numbers.items() for _ in own]
    every = [number for own in numbers.values() for number in own]
    walks = np.cumsum(rng.normal(size=(len(every), len(CHANNELS))), axis=0).astype(np.float32)
    ScoreTable(names, every, CHANNELS, walks).write_csv(run.path / "scores" / "drawn.csv")
    plan = RepairPlan(
        {name: VideoRepair(tuple(own[3::10]), tuple(own[1::5])) for name, own in numbers.items()}, "median"
    )
    plan.write(run.path / "repair-drawn.json")
    run.write_record(
        RunRecord(
            data=str(room / "frames"),
            scores={"scorer": "scores/drawn.csv"},
            heldout={},
            max_gap=4,
            videos={name: str(room / "frames" / name) for name in numbers},
            repair="repair-drawn.json",
        )
    )
    return run


def write_page(run: RunFolder, room: Path) -> dict[str, Any]:
    """Write the page twice, the second time with what the first found out about the files; return the figures."""
    command = [
        sys.executable,
        "-m",
        "pixelkit",
        "report",
        str(run.path),
        "--cache",
        str(room / "cache"),
        "--json",
    ]
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert child.stdout is not None
        printed = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"the report failed with exit code {child.returncode}")
        seconds.append(time.perf_counter() - start)
    return {**json.loads(printed), "first": seconds[0], "again": seconds[1], "peak": usage.ru_maxrss / 1024}


def open_page(file: Path) -> dict[str, Any]:
    """Open the page seven times in Chromium, then point and scroll in it; return all times."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or sys.exit("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        loaded, drawn = [], []
        for _ in range(7):
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.add_init_script(FIRST_CHART)
            page.goto(f"{file.as_uri()}#video-0")
            drawn.append(page.evaluate("window.firstChart"))
            loaded.append(
                page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
            )
        hover, scroll = page.evaluate(HOVER), page.evaluate(SCROLL)
        heap = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
        browser.close()
    return {
        "loaded": loaded,
        "drawn": drawn,
        **hover,
        "scroll": scroll,
        "heap": heap,
    }


def _times(milliseconds: list[float]) -> str:
    return f"{min(milliseconds) / 1e3:.2f} and {statistics.median(milliseconds) / 1e3:.2f} s"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sample", type=Path, help="the sample submission of PixelPlay '26")
    sample = parser.parse_args().sample
    with tempfile.TemporaryDirectory() as temporary:
        room = Path(temporary)
        written = write_page(draw_run(sample, room), room)
        opened = open_page(Path(written["file"]))
    told, painted, scroll = (np.array(opened[key]) for key in ("told", "painted", "scroll"))
    rows = {
        "size of the file": f"{written['bytes'] / 1e6:.1f} MB",
        "written, the first time": f"{written['first']:.1f} s",
        "written, again": f"{written['again']:.1f} s",
        "peak resident while writing": f"{written['peak']:.0f} MiB",
        "DOMContentLoaded, best and median of 7": _times(opened["loaded"]),
        "first chart, best and median of 7": _times(opened["drawn"]),
        "pointing: scores shown, median and slowest of 199": f"{np.median(told):.1f} and {told.max():.1f} ms",
        "pointing: picture painted, median and slowest": f"{np.median(painted):.0f} and {painted.max():.0f} ms",
        "scrolling: median between frames": f"{np.median(scroll):.0f} ms",
        "scrolling: frames later than 50 ms, and the latest": f"{(scroll > 50).mean():.1%}, {scroll.max():.0f} ms",
        "heap of the page": f"{opened['heap']:.0f} MiB",
    }
    print(describe_machine())
    print("\n| what | figure |\n|---|---|")
    for what, figure in rows.items():
        print(f"| {what} | {figure} |")


if __name__ == "__main__":
    main()
