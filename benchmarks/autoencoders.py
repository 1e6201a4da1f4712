"""Clips a second of the autoencoders, in training and in scoring, beside a straightforward loop.

python benchmarks/autoencoders.py ../shared/data/ped2

The straightforward loop decodes the sixteen files of every clip with PIL, computes in float32, and scores one clip at
a time, in a process of its own, because pixelkit tells the C library to keep freed memory. Both take the same network
and the same batches, turn and turn about, so that what else the machine does hits both. The share is that of the
machine's matrix-product rate, at three reconstructions' worth of it per training clip.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from machine import describe_machine
from numpy.typing import NDArray
from PIL import Image
from pixelkit.plugins.convae import ConvAE
from pixelkit.plugins.stae import STAE
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from pixelkit.frames.video import KeptInMemory, Video, View
from pixelkit.models.clips import Clips
from pixelkit.models.device import pick_device, pick_precision, to_fast_layout
from pixelkit.models.frame_errors import frame_errors
from pixelkit.models.networks import for_scoring
from pixelkit.models.reconstruction import ReconstructionScorer
from pixelkit.models.training import train

VIEW = View((128, 128), "gray")
ROUNDS = 3
CASES: list[tuple[str, ReconstructionScorer]] = [
    ("ConvAE, default", ConvAE()),
    ("STAE, default", STAE()),
    ("ConvAE, seed", ConvAE(preset="seed")),
    ("STAE, seed", STAE(preset="seed", batch=8)),
]


class Mapped(KeptInMemory):
    """Frames in a memory map, as the cache keeps them."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def view(self, _: View) -> NDArray[np.uint8]:
        """Return the map."""
        frames: NDArray[np.uint8] = np.load(self.file, mmap_mode="r")
        return frames

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        """Autoencoders read no full-size frames."""
        raise NotImplementedError


def read_with_pil(files: list[Path]) -> Tensor:
    """Return a clip as the straightforward loop reads it: float32 (16, 128, 128) in [0, 1]."""
    frames = [np.asarray(Image.open(file).convert("L").resize((128, 128))) for file in files]
    return torch.from_numpy(np.stack(frames)).float() / 255


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """Return how long ``work`` takes."""
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def matrix_rate(precision: torch.dtype) -> float:
    """Return the machine's matrix-product rate in 1e9 multiplications and additions a second, the best of five."""
    a = torch.rand(2048, 2048).to(pick_device(), precision)

    def product() -> float:
        return (a @ a)[0, 0].item()

    return 2 * 2048**3 / min(seconds(product) for _ in range(5)) / 1e9


def plain_training(scorer: ReconstructionScorer, files: list[Path], positions: NDArray[np.int64]) -> None:
    """Train on some clips as a tutorial would."""
    network = scorer.build_network().train()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for rows in np.array_split(positions, -(-len(positions) // scorer.resolved().batch)):
        clips = torch.stack([read_with_pil([files[i] for i in row]) for row in rows])
        optimiser.zero_grad()
        functional.mse_loss(network(clips), clips).backward()
        optimiser.step()


@torch.no_grad()
def plain_scoring(scorer: ReconstructionScorer, files: list[Path], positions: NDArray[np.int64]) -> None:
    """Score some clips one at a time."""
    network = scorer.build_network().eval()
    for row in positions:
        clip = read_with_pil([files[i] for i in row])[None]
        (network(clip) - clip).square().mean((2, 3)).tolist()


def our_training(scorer: ReconstructionScorer, video: Video, count: int) -> None:
    """Train on as many clips with pixelkit's loop."""
    device = pick_device()
    settings = replace(scorer.resolved(), epochs=1, patience=0)
    clips = Clips.of([video], VIEW, settings.length, 1).spread(count)
    network = to_fast_layout(scorer.build_network(), device)
    train(network, clips, settings, seed=0, device=device, precision=pick_precision(device))


def our_scoring(scorer: ReconstructionScorer, video: Video, count: int) -> None:
    """Score as many clips with pixelkit."""
    device, settings = pick_device(), scorer.resolved()
    clips = Clips.of([video], VIEW, settings.length, 1).take(np.arange(count))
    network = to_fast_layout(for_scoring(scorer.build_network()), device)
    frame_errors(
        network, clips, count + 15, batch=settings.batch, device=device, precision=pick_precision(device)
    )


def gflop(scorer: ReconstructionScorer) -> float:
    """Return the multiplications and additions of one reconstruction, in 1e9."""
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
        scorer.build_network().eval()(torch.zeros(1, 16, 128, 128))
    return float(counter.get_total_flops()) / 1e9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="Ped2 in the common re-pack")
    folder = parser.parse_args().data / "training" / "frames" / "04"
    files = sorted(folder.glob("*.jpg"))
    print(describe_machine())
    print("\n| network | GFLOP/clip | step | plain, clips/s | pixelkit, clips/s | times | of matrix rate |")
    print("|---|---|---|---|---|---|---|")
    alone = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with alone, tempfile.TemporaryDirectory() as name:
        np.save(
            file := Path(name) / "04.npy", (torch.stack([read_with_pil([f])[0] for f in files]) * 255).byte()
        )
        video = Video("04", range(len(files)), Mapped(file))
        rate = matrix_rate(pick_precision(pick_device()))
        for title, scorer in CASES:
            # As many as the video has: with few, most of pixelkit's time is what the first batch of a process costs.
            count = 160 if gflop(scorer) < 1 else 2 * scorer.resolved().batch
            positions = video.clips(16, 1)[:count]
            for step, passes, plain, ours in (
                ("training", 3, plain_training, our_training),
                ("scoring", 1, plain_scoring, our_scoring),
            ):
                pairs = [
                    (
                        alone.submit(seconds, plain, scorer, files, positions).result(),
                        seconds(ours, scorer, video, count),
                    )
                    for _ in range(ROUNDS)
                ]
                slow, fast = (count / statistics.median(times) for times in zip(*pairs, strict=True))
                share = passes * gflop(scorer) * fast / rate
                row = f"{gflop(scorer):.2f} | {step} | {slow:.1f} | {fast:.1f} | {fast / slow:.1f} | {share:.0%}"
                print(f"| {title} | {row} |", flush=True)


if __name__ == "__main__":
    main()
