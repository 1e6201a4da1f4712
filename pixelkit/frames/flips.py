"""Tells frames that are upside down, by a small network trained on the data set's own training frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import softplus

# Below this held-out accuracy the two ways up of the scene cannot be told apart, and nothing is flipped.
REQUIRED_ACCURACY = 0.99
# Frames to train on: more of the same scene teach nothing new.
MOST_FRAMES = 3_000
# Each frame is in the batch upright and flipped, which makes 64.
BATCH = 32
# Five epochs of 3,000 frames. Ped2 is learned after about 80 steps, a symmetric scene never.
MOST_STEPS = 470
LEARNED = 1e-3
# Of the training videos, every fifth is held out; a single video holds out its last fifth.
HELD_OUT = 5


@dataclass(frozen=True)
class FlipDetector:
    """A trained detector, and how often it was right on what it was not trained on.

    Parameters
    ----------
    network
        Maps float32 (n, 1, 64, 64), standardised, to a score (n, 1) of being upright.
    accuracy
        Share of held-out frames told right, 0 to 1, each once as it is and once with noise and other light.
    tested_on
        What was held out, in words.
    """

    network: nn.Module
    accuracy: float
    tested_on: str

    @property
    def is_reliable(self) -> bool:
        """Whether the scene can be told from its flip well enough to act on it."""
        return self.accuracy >= REQUIRED_ACCURACY

    def upside_down(self, frames: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which of ``frames``, uint8 (n, 64, 64) gray, are upside down: bool (n,).

        The frames may be a memory map: they are read a batch at a time.
        """
        with _one_thread():
            return _scores(self.network, frames) < 0


def train_flip_detector(videos: Sequence[NDArray[np.uint8]], *, seed: int) -> FlipDetector:
    """Train on upright frames and test on held-out ones, by whole videos where there are two or more.

    It runs on the processor: the network is so small that it takes seconds, and the same seed flips the same frames
    on every machine.

    Parameters
    ----------
    videos
        For each training video its frames, all upright: uint8 (n, 64, 64) gray.
    seed
        Decides initial weights, batches and augmentation.
    """
    step = -(-sum(map(len, videos)) // MOST_FRAMES)
    training, held_out, tested_on = _split([np.array(video[::step]) for video in videos])
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(seed)
        network = _train(_network(), torch.from_numpy(training), generator)
        shown = np.concatenate([held_out, _augmented(torch.from_numpy(held_out), generator).numpy()])
        accuracy = float(np.mean(_scores(network, shown) > 0))
    return FlipDetector(network, accuracy, tested_on)


def _split(videos: list[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], str]:
    """Split into training frames and held-out ones: frames of one video resemble each other too much to be split."""
    if len(videos) > 1:
        held_out = videos[::HELD_OUT]
        training = [video for place, video in enumerate(videos) if place % HELD_OUT]
        count = sum(map(len, held_out))
        return (
            np.concatenate(training),
            np.concatenate(held_out),
            f"{count:,} frames of {len(held_out)} training video{'s' if len(held_out) > 1 else ''}",
        )
    frames = videos[0]
    count = max(1, len(frames) // HELD_OUT)
    return (
        frames[: max(1, len(frames) - count)],
        frames[-count:],
        f"the last {count:,} frames of the training video",
    )


def _network() -> nn.Sequential:
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        *(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 1)),
    )
    # Channels-last convolutions: 2.6 s of processor time for 82 steps instead of 4.2.
    return network.to(memory_format=torch.channels_last)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch on one thread: in layers this small, two wait for each other (82 steps: 2.6 s of CPU, or 27)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train(network: nn.Module, frames: Tensor, generator: torch.Generator) -> nn.Module:
    """Train until the loss of the last 25 batches is next to nothing, or for ``MOST_STEPS``."""
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses: list[float] = []
    while len(losses) < MOST_STEPS and (len(losses) < 25 or sum(losses[-25:]) > 25 * LEARNED):
        chosen = torch.randint(len(frames), (BATCH,), generator=generator)
        loss = softplus(-_upright_score(network, _augmented(frames[chosen], generator))).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return network.eval()


def _upright_score(network: nn.Module, frames: Tensor) -> Tensor:
    """Return the score of each frame minus that of its flip: above 0 is upright.

    The difference makes the detector fair: a frame and its flip always get opposite answers, so a scene that the
    network has not seen, darker or busier, cannot push all frames to one side. It also trains on both ways up at once.
    Each frame is standardised, which takes away its brightness and contrast.
    """
    pixels = frames.float()
    mean, deviation = pixels.mean((1, 2), keepdim=True), pixels.std((1, 2), keepdim=True)
    upright = ((pixels - mean) / (deviation + 1))[:, None]
    difference: Tensor = network(upright) - network(upright.flip(2))
    return difference[:, 0]


def _augmented(frames: Tensor, generator: torch.Generator) -> Tensor:
    """Return the frames in other light, half of them with noise: test frames may be darker, and some are noisy.

    In the 64×64 view the noise of a 640×360 frame has a standard deviation of about 3, that of a small frame up to 20.
    """

    def draw(low: float, high: float) -> Tensor:
        return torch.rand((len(frames), 1, 1), generator=generator) * (high - low) + low

    lit = frames * draw(0.5, 1.3) + draw(-40, 40)
    strength = draw(0, 20) * (draw(0, 1) < 0.5)
    return (
        (lit + strength * torch.randn(lit.shape, generator=generator)).clamp(0, 255).round().to(torch.uint8)
    )


@torch.inference_mode()
def _scores(network: nn.Module, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    batches = [
        torch.from_numpy(np.array(frames[start : start + 256])) for start in range(0, len(frames), 256)
    ]
    scores = [_upright_score(network, batch).numpy() for batch in batches]
    return np.concatenate(scores) if scores else np.empty(0, np.float32)
