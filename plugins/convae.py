"""ConvAE: a two-dimensional autoencoder that sees the sixteen frames of a clip as the channels of one image."""

from __future__ import annotations

from typing import ClassVar

from pixelkit import Scorer, hookimpl
from pixelkit.models.presets import DEFAULT, AutoencoderSettings
from pixelkit.models.reconstruction import ReconstructionScorer


class ConvAE(ReconstructionScorer):
    """Reconstruct sixteen gray frames; noise on 40 % of the training clips is to be reconstructed too.

    See :class:`~pixelkit.models.reconstruction.ReconstructionScorer` for settings and channels, and
    ``benchmarks/autoencoders.md`` for the figures behind the default preset.
    """

    name = "convae"
    presets: ClassVar = {
        "default": DEFAULT,
        "seed": AutoencoderSettings(width=64, dropout=0.2),
    }
    check_settings: ClassVar = {"size": 32, "width": 8, "epochs": 3, "batch": 8}


@hookimpl
def pixelkit_scorers() -> list[type[Scorer]]:
    """Offer ConvAE."""
    return [ConvAE]
