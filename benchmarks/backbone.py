"""CLIP's backbone: images a second beside the whole network one image at a time, and what rounding does to scores.

python benchmarks/backbone.py ../shared/data/ped2

Both take the same weights and images, turn and turn about; the whole network in a process of its own, because pixelkit
tells the C library to keep freed memory. The share is that of the machine's matrix-product rate.

Rounding is emulated, so that every machine gives the figures: weights and the results of all layers are rounded, sums
are kept in float32, as tensor cores and AMX do it. Scores are distances from vectors of test crops to the nearest of
training crops (the layers' means side by side, 1536 numbers). Weights are CLIP's where 'pixelkit weights' finds
them, and otherwise random, which the table says.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from autoencoders import matrix_rate, seconds
from machine import describe_machine
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pixelkit.models.clip_backbone import (
    BLOCKS,
    MEAN,
    STD,
    ClipBackbone,
    load_backbone,
    pick_backbone_precision,
)
from pixelkit.models.device import pick_device
from pixelkit.weights import CLIP_RN101, WeightStore

ROUNDS, IMAGES, BATCH = 5, 16, 16
CROPS = 48
FORMATS = (torch.float16, torch.bfloat16)


def whole_network() -> nn.Module:
    """Return open_clip's image tower of RN101, as it builds it."""
    from open_clip.modified_resnet import ModifiedResNet

    tower: nn.Module = ModifiedResNet(list(BLOCKS), output_dim=512, heads=32)
    return tower.eval().to(pick_device())


@torch.no_grad()
def one_at_a_time(network: nn.Module, images: Tensor) -> None:
    """Run the whole network as a tutorial would."""
    for image in images.to(pick_device()):
        network(image[None]).sum().item()


def in_batches(backbone: ClipBackbone, images: Tensor) -> None:
    """Run ours."""
    for batch in images.split(BATCH):
        backbone.maps(batch)[1].sum().item()


def plain_seconds(images: Tensor) -> float:
    """Return how long the whole network takes, after a first image that is not counted."""
    network = whole_network()
    one_at_a_time(network, images[:1])
    return seconds(one_at_a_time, network, images)


def gflop(run: Any, image: Tensor) -> float:
    """Return the multiplications and additions of one image, in 1e9."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run(image)
    return float(counter.get_total_flops()) / 1e9


def speed() -> None:
    """Print how fast each is."""
    device = pick_device()
    precision = pick_backbone_precision(device)
    backbone = load_backbone("random", device=device, precision=precision)
    images = torch.randn(IMAGES if device.type == "cpu" else 64 * IMAGES, 3, 224, 224)
    in_batches(backbone, images[:BATCH])
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        rounds = [
            (
                IMAGES / alone.submit(plain_seconds, images[:IMAGES]).result(),
                len(images) / seconds(in_batches, backbone, images),
                matrix_rate(precision),
            )
            for _ in range(ROUNDS)
        ]
    plain, ours, rate = (statistics.median(column) for column in zip(*rounds, strict=True))
    one = images[:1].to(device)
    whole, part = gflop(whole_network(), one), gflop(backbone.maps, one)
    print("\n| network | GFLOP/image | images/s | GFLOP/s | of matrix rate |\n|---|---|---|---|---|")
    print(f"| whole, float32, one image at a time | {whole:.1f} | {plain:.2f} | {plain * whole:.0f} | |")
    name = f"to layer3, {str(precision).removeprefix('torch.')}, batches of {BATCH}"
    print(f"| {name} | {part:.1f} | {ours:.2f} | {ours * part:.0f} | {ours * part / rate:.0%} |")
    print(f"\nTimes as fast: {ours / plain:.1f}. Matrix products: {rate:.0f} GFLOP/s.")


def crops(data: Path, split: str) -> Tensor:
    """Return crops of 64 x 64 from frames of every video, as VideoPatchCore sees objects: (n, 3, 224, 224)."""
    files = sorted((data / split / "frames").glob("*/*.jpg"))
    rng = np.random.default_rng(0)
    found = []
    for index in np.linspace(0, len(files) - 1, CROPS).astype(int):
        frame = np.asarray(cv2.imread(str(files[index])))[..., ::-1]
        top, left = rng.integers(0, frame.shape[0] - 64), rng.integers(0, frame.shape[1] - 64)
        crop = np.ascontiguousarray(frame[top : top + 64, left : left + 64])
        found.append(cv2.resize(crop, (224, 224)))
    images = torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2) / 255
    return (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def rounding(backbone: ClipBackbone, precision: torch.dtype) -> ClipBackbone:
    """Return the float32 backbone with weights and the result of every layer rounded to ``precision``."""

    def rounded(_module: nn.Module, _given: Any, result: Tensor) -> Tensor:
        return result.to(precision).float()

    for module in backbone._tower.modules():
        if not list(module.children()):
            module.register_forward_hook(rounded)
    for parameter in backbone._tower.parameters():
        parameter.data = parameter.data.to(precision).float()
    return backbone


def maps(backbone: ClipBackbone, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return both maps of many images."""
    parts = [backbone.maps(batch) for batch in images.split(BATCH)]
    layer2, layer3 = zip(*parts, strict=True)
    return torch.cat(layer2), torch.cat(layer3)


def distances(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> Tensor:
    """Return the distance of each test crop's vector to the nearest of training: float32 (n,)."""
    normal, asked = (torch.cat([layer.mean((2, 3)) for layer in layers], 1) for layers in (train, test))
    return torch.cdist(asked, normal, compute_mode="donot_use_mm_for_euclid_dist").amin(1)


def rounding_effect(data: Path) -> None:
    """Print what rounding does to maps and scores."""
    found = WeightStore(offline=True).look(CLIP_RN101)
    weights: Path | Literal["random"] = found or "random"
    cpu = torch.device("cpu")
    train, test = crops(data, "training"), crops(data, "testing")

    def load() -> ClipBackbone:
        return load_backbone(weights, device=cpu, precision=torch.float32)

    exact = [maps(load(), images) for images in (train, test)]
    scores = distances(*exact)
    spread = scores.std()
    print(f"\nWeights: {found or 'random, untrained'}; {CROPS} crops of each split.")
    print("\n| format | layer2 off by | layer3 off by | scores off by | rank correlation of scores |")
    print("|---|---|---|---|---|")
    for precision in FORMATS:
        near = [maps(rounding(load(), precision), images) for images in (train, test)]
        off = [
            ((ours - theirs).norm() / theirs.norm()).item()
            for ours, theirs in zip(near[1], exact[1], strict=True)
        ]
        rounded = distances(*near)
        moved = ((rounded - scores).abs().mean() / spread).item()
        kept = spearmanr(rounded, scores).statistic
        name = str(precision).removeprefix("torch.")
        print(
            f"| {name} | {off[0]:.2%} | {off[1]:.2%} | {moved:.2%} of their spread | {kept:.4f} |", flush=True
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="Ped2 in the common re-pack")
    data = parser.parse_args().data
    print(describe_machine())
    speed()
    rounding_effect(data)


if __name__ == "__main__":
    main()
