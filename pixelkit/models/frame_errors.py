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
    network: nn.Module, clips: Clips, frames: int, *, batch: int, device: torch.device, precision: torch.dtype
) -> NDArray[np.float32]:
    """Return the reconstruction errors of every frame of a video, each the mean over all clips that hold the frame.

    Parameters
    ----------
    network
        float (n, length, H, W) in [0, 1] to the same, in evaluation mode, on ``device``.
    clips
        Of one video; every frame is in at least one.
    frames
        How many frames the video has.
    batch
        Clips at a time.
    device, precision
        Where convolutions run, and in which number format.

    Returns
    -------
    numpy.ndarray
        float32 (frames, 3), of the squared error of pixels in [0, 1]: its mean over the frame, the largest of its
        means over 8x8 patches (that overlap by half), and its 99th percentile.
    """
    totals = np.zeros((frames, 3))
    for part, squared in _squared_errors(network, clips, batch, device, precision):
        positions = part.table[:, 1:].ravel()
        np.add.at(totals, positions, summarise(squared.flatten(0, 1)).cpu().numpy())
    times = np.bincount(clips.table[:, 1:].ravel(), minlength=frames)
    return (totals / times[:, None]).astype(np.float32)


def error_map(
    network: nn.Module,
    clips: Clips,
    position: int,
    *,
    batch: int,
    device: torch.device,
    precision: torch.dtype,
) -> NDArray[np.float32]:
    """Return where the frame at ``position`` is reconstructed badly: float32 (H, W), its squared error.

    The parameters are those of :func:`frame_errors`; clips that do not hold the frame are left alone.
    """
    holding = clips.take((clips.table[:, 1:] == position).any(axis=1))
    maps = [
        squared[torch.from_numpy(part.table[:, 1:] == position).to(device)].cpu()
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


@torch.inference_mode()
def _squared_errors(
    network: nn.Module, clips: Clips, batch: int, device: torch.device, precision: torch.dtype
) -> Iterator[tuple[Clips, Tensor]]:
    """Yield some clips at a time and their squared errors, float32 (n, length, H, W)."""
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
        squared.append((made.float() - part).square_())
    return torch.cat(squared)
