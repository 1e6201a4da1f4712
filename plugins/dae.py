"""DAE: ConvAE's network, taught to give back the clean clip of a noisy one."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pixelkit import Scorer, hookimpl
from pixelkit.models.presets import DEFAULT, AutoencoderSettings
from pixelkit.models.reconstruction import ReconstructionScorer


class DAE(ReconstructionScorer):
    """Reconstruct sixteen gray frames without the uniform noise of ±0.157 that every training clip got.

    After Vincent et al., Extracting and Composing Robust Features with Denoising Autoencoders, ICML 2008. See
    :class:`~pixelkit.models.reconstruction.ReconstructionScorer` for settings and channels, and
    ``benchmarks/autoencoders.md`` for the figures behind the default preset.
    """

    name = "dae"
    presets: ClassVar = {
        "default": replace(DEFAULT, noise=0.157, noisy_share=1.0, denoise=True),
        "seed": AutoencoderSettings(width=64, dropout=0.2, noise=0.157, noisy_share=1.0, denoise=True),
    }
    check_settings: ClassVar = {"size": 32, "width": 8, "epochs": 3, "batch": 8}


@hookimpl
def pixelkit_scorers() -> list[type[Scorer]]:
    """Offer DAE."""
    return [DAE]
