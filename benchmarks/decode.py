"""Frames a second of the decode pass, against a plain loop over the files with PIL.

python benchmarks/decode.py ../shared/data/ped2

Both make a 128x128 and a 64x64 gray view of every frame; the decode pass also estimates the noise and writes its
cache with checksums. They take turns, and the best of three rounds counts. The 640x360 frames are those of the same
data set, enlarged.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from PIL import Image

from pixelkit.frames.decode import FrameStore
from pixelkit.frames.layouts import VideoFiles, find_dataset
from pixelkit.frames.reading import decode_image, read_bytes
from pixelkit.frames.video import View

VIEWS = (View((128, 128), "gray"), View((64, 64), "gray"))
ROUNDS = 3


def plain_loop(videos: Sequence[VideoFiles]) -> list[list[NDArray[np.uint8]]]:
    """Decode as people do it: one file after another, one view after another from the open picture."""
    views: list[list[NDArray[np.uint8]]] = [[] for _ in VIEWS]
    for video in videos:
        for file in video.files:
            with Image.open(file) as image:
                gray = image.convert("L")
            for frames, view in zip(views, VIEWS, strict=True):
                frames.append(np.asarray(gray.resize(view.size[::-1], Image.Resampling.BOX)))
    return views


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(videos: Sequence[VideoFiles], scratch: Path) -> tuple[float, float, float]:
    """Return frames a second of the plain loop, of the decode pass and of its second run."""
    frames = sum(len(video.files) for video in videos)
    plain: list[float] = []
    decode: list[float] = []
    again: list[float] = []
    for _ in range(ROUNDS):
        plain.append(seconds(lambda: plain_loop(videos)))
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            store = FrameStore(Path(folder))
            for times in (decode, again):
                times.append(seconds(partial(store.decode, videos, VIEWS)))
    return frames / min(plain), frames / min(decode), frames / min(again)


def enlarge(videos: Sequence[VideoFiles], folder: Path) -> list[VideoFiles]:
    """Write the frames of ``videos`` at 640x360, as JPEG of OpenCV's default quality (95)."""
    large = []
    for index, video in enumerate(videos):
        target = folder / f"{index:02d}"
        target.mkdir()
        files = tuple(target / f"{file.stem}.jpg" for file in video.files)
        for source, file in zip(video.files, files, strict=True):
            cv2.imwrite(str(file), cv2.resize(decode_image(read_bytes(source), "rgb")[..., ::-1], (640, 360)))
        large.append(VideoFiles(target.name, target, files, video.numbers))
    return large


def main() -> None:
    """Print the machine, the command and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/ped2"))
    found = find_dataset(parser.parse_args().data)
    print(describe_machine(), f"    python {shlex.join(sys.argv)}", sep="\n\n", end="\n\n")
    print("| frames | size | PIL loop, frames/s | decode pass, frames/s | ratio | second run, frames/s |")
    print("|---:|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as scratch:
        large = enlarge(found.test, Path(scratch))
        for videos in ([*found.train, *found.test], large):
            plain, decode, again = measure(videos, Path(scratch))
            height, width = decode_image(read_bytes(videos[0].files[0]), "gray").shape
            frames = sum(len(video.files) for video in videos)
            rates = f"{plain:,.0f} | {decode:,.0f} | {decode / plain:.2f} | {again:,.0f}"
            print(f"| {frames:,} | {width}x{height} | {rates} |", flush=True)


if __name__ == "__main__":
    main()
