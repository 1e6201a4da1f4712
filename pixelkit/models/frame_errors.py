"""How badly a network reconstructs each frame of a video: errors per frame, and where on the frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pixelkit.models.clips import Clips
from pixelkit.models.device import autocast, halve_until_it_fits, keep_freed_memory
from pixelkit.models.training import to_float

PATCH = 8  # pixels a side: about a pedestrian's width on Ped2 at 128x128
TOP_SHARE = 0.01  # of the pixels lie above the 99th percentile


def frame_errors(
    network: nn.Module,
    clips: Clips,
    frames: int,
    *,
    batch: int,
    device: torch.device,
    precision: torch.dtype,
    made: int | None = None,
) -> NDArray[np.float32]:
    """Return the errors of every frame of a video, each the mean over all clips in which the frame is made.

    A frame that is made in none, as the first ones where only the last of a clip is predicted, has the errors of the
    next that is, or of the last one.

    Parameters
    ----------
    network
        float (n, length, H, W) in [0, 1] to the same, or to (n, made, H, W), in evaluation mode, on ``device``.
    clips
        Of one video, at least one.
    frames
        How many frames the video has.
    batch
        Clips at a time.
    device, precision
        Where convolutions run, and in which number format.
    made
        How many frames the network makes, the last of each clip; None for all.

    Returns
    -------
    numpy.ndarray
        float32 (frames, 3), of the squared error of pixels in [0, 1]: its mean over the frame, the largest of its
        means over 8x8 patches (that overlap by half), and its 99th percentile.
    """
    totals = np.zeros((frames, 3))
    for part, squared in _squared_errors(network, clips, batch, device, precision):
        np.add.at(totals, _positions(part, made).ravel(), summarise(squared.flatten(0, 1)).cpu().numpy())
    known, times = np.unique(_positions(clips, made), return_counts=True)
    errors = (totals[known] / times[:, None]).astype(np.float32)
    return errors[_next_known(known, np.arange(frames))]


def error_map(
    network: nn.Module,
    clips: Clips,
    position: int,
    *,
    batch: int,
    device: torch.device,
    precision: torch.dtype,
    made: int | None = None,
) -> NDArray[np.float32]:
    """Return where the frame at ``position`` is made badly: float32 (H, W), its squared error.

    The parameters are those of :func:`frame_errors`, and so is what stands for a frame that is not made; clips that do
    not hold it are left alone.
    """
    known = np.unique(_positions(clips, made))
    position = int(known[_next_known(known, np.array(position))])
    holding = clips.take((_positions(clips, made) == position).any(axis=1))
    maps = [
        squared[torch.from_numpy(_positions(part, made) == position).to(device)].cpu()
        for part, squared in _squared_errors(network, holding, batch, device, precision)
    ]
    return torch.cat(maps).mean(0).numpy()


def summarise(squared: Tensor) -> Tensor:
    """Return (n, 3) from squared errors (n, H, W): mean, largest mean over 8x8 patches, 99th percentile.

    The percentile is the largest value that at least 1 % of the pixels reach, by partial selection: a tenth of the
    time of sorting or of ``kthvalue``.
    """
    patches = functional.avg_pool2d(squared[:, None], PATCH, PATCH // 2)
    pixels = squared.flatten(1)
    top = pixels.topk(math.ceil(TOP_SHARE * pixels.shape[1]), sorted=False).values
    return torch.stack([pixels.mean(1), patches.flatten(1).amax(1), top.amin(1)], 1)


def _positions(clips: Clips, made: int | None) -> NDArray[np.int64]:
    """Return the positions of the frames that are made of each clip, (n, made)."""
    return clips.table[:, 1:] if made is None else clips.table[:, -made:]


def _next_known(known: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each position the index of the first of the ``known`` ones, rising, from there on, or of the last."""
    return np.minimum(np.searchsorted(known, positions), len(known) - 1)


@torch.inference_mode()
def _squared_errors(
    network: nn.Module, clips: Clips, batch: int, device: torch.device, precision: torch.dtype
) -> Iterator[tuple[Clips, Tensor]]:
    """Yield some clips at a time and the squared errors of their last frames, float32 (n, made, H, W)."""
    keep_freed_memory()
    at_once = batch
    for first in range(0, len(clips), batch):
        part = clips.take(np.arange(first, min(first + batch, len(clips))))
        run = partial(_reconstruct_squared, network, to_float(part, device), precision)
        squared, at_once = halve_until_it_fits(run, at_once)
        yield part, squared


def _reconstruct_squared(network: nn.Module, pixels: Tensor, precision: torch.dtype, at_once: int) -> Tensor:
    squared = []
    for part in pixels.split(at_once):
        with autocast(pixels.device, precision):
            made = network(part)
        squared.append((made.float() - part[:, -made.shape[1] :]).square_())
    return torch.cat(squared)
