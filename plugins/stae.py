"""STAE: a three-dimensional autoencoder that convolves a clip in time as well as in space."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pixelkit import Scorer, hookimpl
from pixelkit.models.presets import DEFAULT, AutoencoderSettings
from pixelkit.models.reconstruction import ReconstructionScorer


class STAE(ReconstructionScorer):
    """Reconstruct a cuboid of sixteen gray frames, 40 % of the training clips noisy.

    After Zhao et al., Spatio-Temporal AutoEncoder for Video Anomaly Detection, ACM MM 2017. See
    :class:`~pixelkit.models.reconstruction.ReconstructionScorer` for settings and channels, and
    ``benchmarks/autoencoders.md`` for the figures behind the default preset.
    """

    name = "stae"
    dimensions = 3
    presets: ClassVar = {
        "default": replace(DEFAULT, width=8),
        "seed": AutoencoderSettings(width=64, score_stride=2),
    }
    check_settings: ClassVar = {"size": 32, "width": 4, "epochs": 3, "batch": 8}


@hookimpl
def pixelkit_scorers() -> list[type[Scorer]]:
    """Offer STAE."""
    return [STAE]
