"""The foreground detector on a data set: how fast it is, and what it finds on training frames.

python benchmarks/detectors.py [../shared/data/ped2] [--sheet sheet.png]

No labels are read: the second table says what the boxes look like, and the sheet, if you ask for one, shows them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from machine import describe_machine

from pixelkit.frames.decode import FrameStore
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.repair import apply_repairs
from pixelkit.frames.video import Video
from pixelkit.models.boxes import Boxes
from pixelkit.models.detectors import detect
from pixelkit.models.foreground import VIEW, Background, Foreground


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/ped2"))
    parser.add_argument("--sheet", type=Path, help="draw the boxes of three frames of each training video")
    arguments = parser.parse_args()
    print(describe_machine(), "\n")
    with tempfile.TemporaryDirectory() as room:
        decoded = FrameStore(Path(room)).decode(find_dataset(arguments.data).train, [VIEW])
        videos = apply_repairs(decoded, None, max_gap=4)
        found = speed(videos)
        what(videos, found)
        if arguments.sheet:
            cv2.imwrite(str(arguments.sheet), sheet(videos, found))


def speed(videos: Sequence[Video]) -> list[list[Boxes]]:
    """Look at every frame, then once more, when the boxes are known; return them."""
    frames = sum(map(len, videos))
    start = time.perf_counter()
    for video in videos:
        Background.learn(video.frames(VIEW))
    learnt = time.perf_counter()
    found = [detect(video, Foreground()) for video in videos]
    detected = time.perf_counter()
    for video in videos:
        detect(video, Foreground())
    recalled = time.perf_counter()
    print("| step | frames/s |\n|---|---:|")
    print(f"| background of each video | {frames / (learnt - start):,.0f} |")
    print(f"| boxes of every frame, the background included | {frames / (detected - learnt):,.0f} |")
    print(f"| boxes that are known | {frames / (recalled - detected):,.0f} |\n")
    return found


def what(videos: Sequence[Video], found: Sequence[Sequence[Boxes]]) -> None:
    """Print how many boxes there are, and of which size, in pixels of the frame."""
    print("| video | frames | boxes a frame | frames without | width: 10 %, median, 90 % | height |")
    print("|---|---:|---:|---:|---:|---:|")
    for video, boxes in [*zip(videos, found, strict=True), (None, list(chain.from_iterable(found)))]:
        left, top, right, bottom = Boxes.join(boxes).corners.T
        sizes = [
            " ".join(f"{share:.0f}" for share in np.quantile(each, (0.1, 0.5, 0.9)))
            for each in (right - left, bottom - top)
        ]
        empty = sum(len(each) == 0 for each in boxes)
        name = video.name if video else "all"
        print(f"| {name} | {len(boxes):,} | {len(left) / len(boxes):.1f} | {empty} | {' | '.join(sizes)} |")


def sheet(videos: Sequence[Video], found: Sequence[Sequence[Boxes]]) -> np.ndarray:
    """Return three frames of each video with their boxes, one video a row."""
    rows = []
    for video, boxes in zip(videos, found, strict=True):
        size = next(video.stream()).shape
        scale = np.tile([VIEW.size[1] / size[1], VIEW.size[0] / size[0]], 2)
        shown = []
        for position in (len(video) // 10, len(video) // 2, len(video) * 9 // 10):
            picture = cv2.cvtColor(np.asarray(video.frames(VIEW)[position]), cv2.COLOR_GRAY2BGR)
            for left, top, right, bottom in np.rint(boxes[position].corners * scale).astype(int).tolist():
                cv2.rectangle(picture, (left - 1, top - 1), (right, bottom), (0, 255, 255), 1)
            shown.append(picture)
        rows.append(np.hstack(shown))
    return np.vstack(rows)


if __name__ == "__main__":
    main()
