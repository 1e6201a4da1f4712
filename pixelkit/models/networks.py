"""The networks of the scorers that reconstruct a clip, in two and in three dimensions, or predict its last frame."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

BLOCKS = 4
SHRINK = 2**BLOCKS
"""What the encoder divides height and width by, and in three dimensions the length too."""


class Background(nn.Module):
    """Adds a fixed picture before the sigmoid, so that the layers before it have to learn only what changes.

    A camera that stands still shows the same floor all day. On a held-out Ped2 video the mean training frame alone
    has a mean squared error of 0.0011; ConvAE of width 32 needs 3,100 clips to come down to 0.0023 without it.
    """

    picture: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("picture", torch.zeros(size, size))

    def forward(self, activations: Tensor) -> Tensor:
        """Return float (..., H, W) plus the picture, in units of log odds."""
        return activations + self.picture


def autoencoder_2d(
    length: int, width: int, dropout: float, background: Background | None = None
) -> nn.Sequential:
    """Return an autoencoder that sees the frames of a clip as the channels of one image.

    With 16 frames, width 64 and dropout 0.2 it is the seed's ConvAE of 5,542,032 parameters, after Hasan et al.,
    Learning Temporal Regularity in Video Sequences, CVPR 2016.

    Parameters
    ----------
    length
        Frames in a clip.
    width
        Channels of the first block; each of the four blocks doubles them.
    dropout
        Share of the channels that are dropped after each of the first three blocks, in training.
    background
        A layer before the sigmoid.

    Returns
    -------
    torch.nn.Sequential
        float (clips, length, H, W) in [0, 1] to the same; H and W are multiples of 16.
    """
    widths = [length, *(width << block for block in range(BLOCKS))]
    layers: list[nn.Module] = []
    for block, (narrow, wide) in enumerate(pairwise(widths)):
        layers += [nn.Conv2d(narrow, wide, 4, 2, 1), nn.BatchNorm2d(wide), nn.ReLU(inplace=True)]
        if dropout and block < BLOCKS - 1:
            layers += [nn.Dropout2d(dropout)]
    for wide, narrow in pairwise(widths[:0:-1]):
        layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1), nn.BatchNorm2d(narrow), nn.ReLU(inplace=True)]
    layers += [
        nn.ConvTranspose2d(width, length, 4, 2, 1),
        *([background] if background else []),
        nn.Sigmoid(),
    ]
    return nn.Sequential(*layers)


def autoencoder_3d(width: int, background: Background | None = None) -> nn.Sequential:
    """Return an autoencoder that convolves a clip in time as well as in space.

    With width 64 it is the seed's STAE, 15,664,961 parameters; after Zhao et al., Spatio-Temporal AutoEncoder for
    Video Anomaly Detection, ACM MM 2017.

    Parameters
    ----------
    width
        Channels of the first block; each of the four blocks doubles them.
    background
        A layer before the sigmoid.

    Returns
    -------
    torch.nn.Sequential
        float (clips, length, H, W) in [0, 1] to the same; length, H and W are multiples of 16.
    """
    widths = [1, *(width << block for block in range(BLOCKS))]
    layers: list[nn.Module] = [nn.Unflatten(1, (1, -1))]
    for narrow, wide in pairwise(widths):
        layers += [nn.Conv3d(narrow, wide, 3, 2, 1), nn.BatchNorm3d(wide), nn.ReLU(inplace=True)]
    for wide, narrow in pairwise(widths[:0:-1]):
        layers += [nn.ConvTranspose3d(wide, narrow, 4, 2, 1), nn.BatchNorm3d(narrow), nn.ReLU(inplace=True)]
    layers += [ToOneChannel(width), *([background] if background else []), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Flatten(1, 2))


def predictor_2d(length: int, width: int) -> nn.Sequential:
    """Return a U-Net that predicts the last frame of a clip from those before it.

    After Liu et al., Future Frame Prediction for Anomaly Detection: A New Baseline, CVPR 2018, without their
    adversarial and optical flow losses, and with convolutions of stride 2 in place of pooling. It begins as the frame
    before the last one, to which it adds what changes.

    Parameters
    ----------
    length
        Frames in a clip, 2 or more.
    width
        Channels at half of the height and width; at a quarter and an eighth there are twice and four times as many.

    Returns
    -------
    torch.nn.Sequential
        float (clips, length, H, W) in [0, 1] to (clips, 1, H, W); H and W are multiples of 8.
    """
    return nn.Sequential(NextFrame(length, width))


class NextFrame(nn.Module):
    """The U-Net of :func:`predictor_2d`."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        widths = [length - 1, width, 2 * width, 4 * width]
        self.down = nn.ModuleList(
            nn.Sequential(
                *_normed(nn.Conv2d(narrow, wide, 4, 2, 1)), *_normed(nn.Conv2d(wide, wide, 3, 1, 1))
            )
            for narrow, wide in pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.Sequential(*_normed(nn.ConvTranspose2d(wide, narrow, 4, 2, 1)))
            for wide, narrow in ((4 * width, 2 * width), (4 * width, width))
        )
        self.change = nn.ConvTranspose2d(2 * width, 1, 4, 2, 1)
        for parameter in self.change.parameters():
            nn.init.zeros_(parameter)

    def forward(self, clips: Tensor) -> Tensor:
        """Return float (n, 1, H, W) from (n, length, H, W), whose last frame is not looked at."""
        seen = [clips[:, :-1]]
        for layer in self.down:
            seen.append(layer(seen[-1]))
        made = seen.pop()
        for layer in self.up:
            made = torch.cat([layer(made), seen.pop()], 1)
        change: Tensor = self.change(made)
        return clips[:, -2:-1] + change


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, ...]:
    return convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True)


def start_from(network: nn.Sequential, frame: NDArray[np.floating]) -> None:
    """Make ``network``, which has a :class:`Background`, reconstruct every frame as ``frame`` to begin with.

    Parameters
    ----------
    network
        Its convolution before the background starts from zero.
    frame
        float (H, W) in [0, 1]: the mean training frame.
    """
    picture = torch.logit(torch.from_numpy(frame).float().clamp(0.01, 0.99))
    for before, layer in pairwise(network):
        if isinstance(layer, Background):
            layer.picture.copy_(picture)
            for parameter in before.parameters():
                nn.init.zeros_(parameter)


class ToOneChannel(nn.ConvTranspose3d):
    """A transposed 3-D convolution to one channel (kernel 4, stride 2, padding 1), which a CPU computes by sub-pixels.

    Every second voxel of the output depends on the same two input voxels along each axis: eight ordinary convolutions
    of kernel 3 give the eight voxels that each input voxel becomes (Shi et al., Is the deconvolution layer the same as
    a convolutional layer?, arXiv:1609.07009). Torch's own takes 9.0 ms a clip on one AVX2 core, a quarter of a training
    step of STAE, and this 4.1 ms; its gradient, at 4.2 ms, is the faster one. Results differ by less than 1e-6.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 1, 4, 2, 1)

    def forward(self, volumes: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return float (n, 1, 2 D, 2 H, 2 W) from (n, channels, D, H, W)."""
        if volumes.device.type != "cpu":
            return super().forward(volumes, output_size)
        inputs = [volumes, *self.parameters()]
        if torch.is_autocast_enabled("cpu"):
            inputs = [each.to(torch.get_autocast_dtype("cpu")) for each in inputs]
        result: Tensor = _BySubpixels.apply(*inputs)
        return result


class _BySubpixels(torch.autograd.Function):
    """Forward by sub-pixels, backward as torch does it."""

    # By parity of the output, the tap of the kernel for input i-1, i, i+1; -1 for none.
    TAPS = ((3, 1, -1), (-1, 2, 0))

    @staticmethod
    def forward(ctx: Any, volumes: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(volumes, weight)
        padded = functional.pad(weight[:, 0], (0, 1) * 3)  # so that index -1 is a zero
        taps = _BySubpixels.TAPS
        kernels = torch.stack([padded[:, a][:, :, b][:, :, :, c] for a in taps for b in taps for c in taps])
        kernels = kernels.contiguous(memory_format=torch.channels_last_3d)
        made = functional.conv3d(volumes, kernels, bias.repeat(8), padding=1).permute(0, 2, 3, 4, 1)
        n, depth, height, width, _ = made.shape
        apart = made.reshape(n, depth, height, width, 2, 2, 2).permute(0, 1, 4, 2, 5, 3, 6)
        return apart.reshape(n, 1, 2 * depth, 2 * height, 2 * width)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        volumes, weight = ctx.saved_tensors
        stride, padding, dilation, none = [2] * 3, [1] * 3, [1] * 3, [0] * 3
        made: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
            gradients[0], volumes, weight, [1], stride, padding, dilation, True, none, 1, [True] * 3
        )
        return made


def for_scoring(network: nn.Sequential) -> nn.Sequential:
    """Return the same function in faster layers: batch norms folded into convolutions, no dropout.

    That changes float32 reconstructions by less than 1e-5, and saves a pass over every activation.
    """
    layers: list[nn.Module] = []
    for layer in network.eval():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            convolution: Any = layers.pop()
            layers.append(fuse_conv_bn_eval(convolution, layer, transpose=convolution.transposed))
        elif not isinstance(layer, nn.Dropout2d):
            layers.append(layer)
    return nn.Sequential(*layers).eval()
