"""FFP: future frame prediction, from the four frames before."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pixelkit import Scorer, hookimpl
from pixelkit.models.presets import DEFAULT
from pixelkit.models.reconstruction import ReconstructionScorer


class FFP(ReconstructionScorer):
    """Predict each gray frame from the four before it: what moves as nothing does in normal video is elsewhere.

    After Liu et al., Future Frame Prediction for Anomaly Detection: A New Baseline, CVPR 2018: the network, without the
    adversarial and the optical flow loss. Frames that four consecutive ones do not precede, as the first of a video and
    those after a gap, have the errors of the next that is predicted. See
    :class:`~pixelkit.models.reconstruction.ReconstructionScorer` for settings and channels, and
    ``benchmarks/autoencoders.md`` for the figures behind the preset.
    """

    name = "ffp"
    predicts = True
    presets: ClassVar = {
        "default": replace(
            DEFAULT,
            length=5,
            background=False,
            noise=0.0,
            noisy_share=0.0,
            train_stride=1,
            score_stride=1,
        )
    }
    check_settings: ClassVar = {"size": 32, "width": 8, "epochs": 3, "batch": 8}


@hookimpl
def pixelkit_scorers() -> list[type[Scorer]]:
    """Offer FFP."""
    return [FFP]
