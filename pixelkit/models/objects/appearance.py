"""A small network that tells whether something was done to a crop; where it is unsure, the object looks strange."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pixelkit.models.device import autocast, halve_until_it_fits, pick_device, pick_precision, to_fast_layout
from pixelkit.models.objects.transformations import KINDS, LENGTH, transform
from pixelkit.progress import bar

BATCH = 256
WIDTH = 16  # channels of the first layer; doubled three times
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 1e-3
MOVING = 0.4  # pixels a frame: below, the frames of a crop look alike
SCORE_BATCH = 1024
EPOCH = 20  # steps whose mean loss is one number of the course of the training


class Teller(nn.Module):
    """Tells what was done to a crop: float (n, LENGTH, 32, 32) to the logits of each kind, float32 (n, KINDS)."""

    def __init__(self) -> None:
        super().__init__()
        widths = [WIDTH * 2**step for step in range(4)]
        layers = [*_convolution(LENGTH, WIDTH, 5, stride=2)]
        for number, (before, after) in enumerate(pairwise(widths)):
            layers += [*_convolution(before, after, 3), *([nn.MaxPool2d(2)] if number < 2 else [])]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 16, 128), nn.ReLU())
        self.head = nn.Linear(128, KINDS)

    def forward(self, clips: Tensor) -> Tensor:
        """Return the logits; the last layer is in float32, where bfloat16 would round small doubts away."""
        features = self.trunk(clips)
        with torch.autocast(clips.device.type, enabled=False):
            return cast(Tensor, self.head(features.float()))


def _convolution(before: int, after: int, kernel: int, stride: int = 1) -> tuple[nn.Module, ...]:
    layer = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
    return layer, nn.BatchNorm2d(after), nn.ReLU()


def train(
    crops: NDArray[np.uint8],
    speeds: NDArray[np.float32],
    *,
    steps: int,
    seed: int,
    device: str,
    precision: str,
    label: str,
) -> tuple[dict[str, Tensor], list[float]]:
    """Teach a network to tell transformations of normal crops apart.

    Golan and El-Yaniv, Deep Anomaly Detection Using Geometric Transformations (NeurIPS 2018), with the tasks in time
    of Georgescu et al., Anomaly Detection in Video via Self-Supervised and Multi-Task Learning (CVPR 2021).

    Parameters
    ----------
    crops
        uint8 (n, 2·REACH + 1, 32, 32), as from :func:`~pixelkit.models.objects.crops.cut_crops`.
    speeds
        float32 (n,) of the objects, pixels a frame.
    steps
        Of 256 crops each.
    seed
        Decides weights, order and transformations.
    device, precision
        See :mod:`pixelkit.models.device`.
    label
        For the progress bar.

    Returns
    -------
    weights, losses
        On the CPU; the mean cross-entropy of every ``EPOCH`` steps, in nats.
    """
    place = pick_device(device)
    number_format = pick_precision(place, precision)
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    network = to_fast_layout(Teller(), place).train()
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    scaler = torch.amp.GradScaler(enabled=number_format is torch.float16)
    data, moving = torch.from_numpy(crops), torch.from_numpy(speeds > MOVING)
    losses: list[Tensor] = []
    with bar(steps * BATCH, label, "crop") as progress:
        for _ in range(steps):
            chosen = torch.randint(0, len(data), (BATCH,), generator=chance)
            clips = data[chosen].float().sub_(128).div_(64)
            if torch.rand((), generator=chance) < 0.5:
                clips = clips.flip(3)
            seen, kind = transform(clips, moving[chosen], chance)
            contrast = 0.7 + 0.6 * torch.rand((len(seen), 1, 1, 1), generator=chance)
            seen = _centred(seen).mul_(contrast).to(place, memory_format=torch.channels_last)
            with autocast(place, number_format):
                loss = functional.cross_entropy(network(seen), kind.to(place))
            optimiser.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimiser)
            scaler.update()
            plan.step()
            losses.append(loss.detach())  # read at the end: reading it here would wait for a GPU
            progress.update(BATCH)
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    return weights, [epoch.mean().item() for epoch in torch.stack(losses).float().cpu().split(EPOCH)]


def _centred(clips: Tensor) -> Tensor:
    """Return crops without their mean: the light is not what an object looks like."""
    return clips - clips.mean((1, 2, 3), keepdim=True)


class Doubt:
    """How sure networks are that nothing was done to a crop.

    Parameters
    ----------
    weights
        Of each network, from :func:`train`.
    device, precision
        See :mod:`pixelkit.models.device`.
    """

    def __init__(self, weights: Sequence[dict[str, Tensor]], device: str, precision: str) -> None:
        self.device = pick_device(device)
        self.precision = pick_precision(self.device, precision)
        self.batch = SCORE_BATCH
        self.networks = []
        for state in weights:
            network = Teller()
            network.load_state_dict(state)
            self.networks.append(to_fast_layout(network, self.device).eval())

    @torch.inference_mode()
    def __call__(self, crops: NDArray[np.uint8], *, only: int | None = None) -> NDArray[np.float32]:
        """Return log(-log P(nothing was done)), the mean of all networks or of one: float32 (k,), finite.

        Parameters
        ----------
        crops
            uint8 (k, LENGTH, 32, 32).
        only
            Which network to ask.
        """
        asked = self.networks if only is None else self.networks[only : only + 1]

        def ask(size: int) -> NDArray[np.float32]:
            parts = [self._ask(asked, crops[start : start + size]) for start in range(0, len(crops), size)]
            return np.concatenate([np.empty(0, np.float32), *parts])

        said, self.batch = halve_until_it_fits(ask, self.batch, "crops")
        return said

    def _ask(self, networks: Sequence[nn.Module], crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        clips = _centred(torch.from_numpy(crops).to(self.device).float().sub_(128).div_(64))
        total = torch.zeros(len(clips), device=self.device)
        for network in networks:
            with autocast(self.device, self.precision):
                logits = network(clips.contiguous(memory_format=torch.channels_last))
            # log(1 - P) would lose what lies near P = 1 to rounding; the other logits do not
            others = torch.logsumexp(logits[:, 1:], 1) - logits[:, 0]
            total += torch.log(functional.softplus(others).clamp_min(math.exp(-20)))
        return np.asarray((total / len(networks)).cpu().numpy(), np.float32)
