"""Feature extraction of VideoPatchCore, in frames a second, beside one object and one clip at a time.

python benchmarks/videopatchcore.py ../shared/data/ped2

The plain loop does what the papers' code does: for each object of each clip it reads the clip's files, cuts the object
out, and runs the whole image tower of CLIP in float32. Both see the same frames and boxes with random weights, by
turns. The share is that of the machine's matrix-product rate in the number format that pixelkit picks, at the
arithmetic up to layer3. Peak memory is that of a process that looks at videos one after another.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from autoencoders import matrix_rate, seconds
from machine import describe_machine
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from pixelkit.frames.decode import FrameStore
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.reading import decode_image, read_bytes
from pixelkit.frames.repair import apply_repairs
from pixelkit.frames.video import ArraySource, Video
from pixelkit.models.boxes import cut_outs
from pixelkit.models.clip_backbone import BLOCKS, ClipBackbone, load_backbone, pick_backbone_precision
from pixelkit.models.detectors import Detector, detect, make_detector
from pixelkit.models.device import pick_device
from pixelkit.models.extraction import Extractor
from pixelkit.models.patch_presets import PRESETS, PatchCoreSettings


class FilesSource(ArraySource):
    """Frames that are read from their files each time they are streamed; what is found is forgotten."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def stream(self) -> Any:
        """Yield every frame."""
        for file in self.files:
            yield read(file)

    def keep(self, name: str, arrays: Any) -> None:
        """Keep boxes only, so that vectors are computed in each round."""
        if name.startswith("boxes"):
            super().keep(name, arrays)


def read(file: Path) -> NDArray[np.uint8]:
    """Return a frame as uint8 (H, W, 3), RGB."""
    return decode_image(read_bytes(file), "rgb")


def whole_tower(device: torch.device) -> tuple[nn.Module, list[Tensor]]:
    """Return the image tower as open_clip builds it, and the list into which its hooks put the two maps."""
    from open_clip.modified_resnet import ModifiedResNet

    torch.manual_seed(0)
    tower = ModifiedResNet(list(BLOCKS), output_dim=512, heads=32).eval().to(device)
    maps: list[Tensor] = []
    for layer in (tower.layer2, tower.layer3):
        layer[-1].register_forward_hook(lambda _module, _input, output: maps.append(output))
    return tower, maps


@torch.no_grad()
def plain(
    tower: nn.Module, maps: list[Tensor], files: Sequence[Path], looks: Extractor, video: Video
) -> None:
    """Look at the whole frames of one clip, then at one of its objects at a time."""
    settings, positions = looks.settings, looks.looked_at(video)
    boxes = detect(video, looks.detector, positions[:, positions.shape[1] // 2])
    for clip, found in zip(positions, boxes, strict=True):
        size = read(files[clip[0]]).shape[:2]
        corners, _ = cut_outs(found, (size[0], size[1]), grow=settings.grow)
        for left, top, right, bottom in [(0, 0, size[1], size[0]), *corners.tolist()]:
            frames = [read(files[at])[top:bottom, left:right] for at in clip]
            side = settings.size if (left, top, right, bottom) == (0, 0, size[1], size[0]) else settings.crop
            crops = torch.from_numpy(np.stack([cv2.resize(frame, (side, side)) for frame in frames]))
            pixels = crops.to(looks.backbone.device).permute(0, 3, 1, 2).float() / 127.5 - 1
            maps.clear()
            tower(functional.interpolate(pixels, (settings.size,) * 2, mode="bilinear"))
            pooled = [
                functional.adaptive_avg_pool2d(functional.avg_pool2d(each, 3, 1), maps[0].shape[-1])
                for each in maps
            ]
            torch.cat(pooled, 1).cpu()


def gflop(backbone: ClipBackbone, size: int) -> float:
    """Return the multiplications and additions for one image, in 1e9."""
    image = torch.zeros(1, 3, size, size, device=backbone.device)
    with FlopCounterMode(display=False) as counter:
        backbone.maps(image)
    return float(counter.get_total_flops()) / 1e9


def boxes_of(data: Path, name: str, cache: Path, frames: int) -> tuple[Detector, Video, list[Path]]:
    """Return a detector, and the first frames of a training video in which it has found its boxes."""
    detector = make_detector("foreground")
    files = next(video for video in find_dataset(data).train if video.name == name)
    (video,) = apply_repairs(FrameStore(cache).decode([files], detector.views()), None, max_gap=4)
    short = Video(name, video.numbers[:frames], FilesSource(files.files[:frames]))
    short.frames = video.frames  # type: ignore[method-assign]
    return detector, short, list(files.files)


def compare(
    name: str, settings: PatchCoreSettings, backbone: ClipBackbone, data: Path, frames: int, rounds: int
) -> None:
    """Print a row of the table."""
    tower, maps = whole_tower(backbone.device)
    with tempfile.TemporaryDirectory() as cache:
        detector, video, files = boxes_of(data, "04", Path(cache), frames)
        looks = Extractor(settings, backbone, detector, training=False)
        found = looks.vectors([video])[0]
        slow, fast = in_turn(
            lambda: plain(tower, maps, files, looks, video),
            lambda: looks.vectors([video]),
            rounds,
        )
    images = (len(found.clip) + len(looks.clips(video))) * looks.looked_at(video).shape[1]
    kept = sum(array.nbytes for array in found.to_arrays().values()) / frames
    share = images * gflop(backbone, settings.size) / fast / matrix_rate(backbone.precision)
    print(
        f"| {name} | {images / frames:.1f} | {frames / slow:.2f} | {frames / fast:.2f} | {slow / fast:.1f} | "
        f"{share:.0%} | {kept / 1024:.1f} |",
        flush=True,
    )


def in_turn(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median seconds of both, turn and turn about."""
    pairs = [(seconds(first), seconds(second)) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def look_at(data: Path, count: int) -> None:
    """Look at the first test videos, one after another; images are small, as their size is no matter of length."""
    detector = make_detector("foreground")
    settings = dataclasses.replace(PRESETS["seed"], size=64)
    device = pick_device()
    backbone = load_backbone("random", device=device, precision=pick_backbone_precision(device))
    looks = Extractor(settings, backbone, detector, training=False)
    with tempfile.TemporaryDirectory() as cache:
        decoded = FrameStore(Path(cache)).decode(find_dataset(data).test[:count], detector.views())
        for video in apply_repairs(decoded, None, max_gap=4):
            looks.vectors([video])


def peak_memory(data: Path, count: int) -> float:
    """Return the peak resident MiB of a process that looks at the first ``count`` test videos."""
    command = [sys.executable, __file__, str(data), "--look-at", str(count)]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"the child failed with exit code {child.returncode}")
    return usage.ru_maxrss / 1024


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="Ped2 in the common re-pack")
    parser.add_argument("--frames", type=int, default=20, help="looked at in each preset")
    parser.add_argument("--rounds", type=int, default=3, help="by turns, of which the median counts")
    parser.add_argument("--videos", type=int, default=8, help="for the peak memory; also a quarter of them")
    parser.add_argument("--look-at", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.look_at:
        look_at(given.data, given.look_at)
        return
    device = pick_device()
    backbone = load_backbone("random", device=device, precision=pick_backbone_precision(device))
    print(f"{describe_machine()}\n{device.type}, {backbone.precision}\n")
    print(
        "| preset | images a frame | plain, frames/s | pixelkit, frames/s | times | of matrix rate | KiB kept a frame |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, settings in PRESETS.items():
        compare(name, settings, backbone, given.data, given.frames, given.rounds)
    for count in (given.videos // 4, given.videos):
        print(
            f"\npeak resident memory, {count} test videos: {peak_memory(given.data, count):.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
