"""A scorer that learns to reconstruct normal clips and scores a frame by how badly that goes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import ScorerError, SettingsError, did_you_mean
from pixelkit.files import write_text
from pixelkit.frames.video import Video, View
from pixelkit.models.presets import AutoencoderSettings
from pixelkit.scorer import Scorer

if TYPE_CHECKING:  # torch takes seconds to import, and listing plugins must not wait for it
    from torch import nn

    from pixelkit.models.clips import Clips

# Clips scored at a time. On a CPU, activations of 32 clips do not fit its cache: ConvAE takes 3.9 ms a clip, of 8 clips
# 2.2. A GPU wants more of them; if they do not fit, the batch is halved.
SCORE_BATCH, SCORE_BATCH_CPU = 32, 8
BACKGROUND_CLIPS = 256  # whose mean is the background: more change it by less than a gray level


class ReconstructionScorer(Scorer):
    """The base of the scorers that reconstruct or predict frames: a subclass names itself, its presets and its network.

    An autoencoder that saw normal video only reconstructs an anomaly badly (Hasan et al., Learning Temporal
    Regularity in Video Sequences, CVPR 2016). The channels are the mean squared error of the frame, the largest mean
    over 8x8 patches, which a small anomaly moves more, and the 99th percentile over pixels.

    Parameters
    ----------
    preset
        ``default``, chosen on held-out training video for two CPU cores; ``seed``, the settings of the seed exactly.
    precision
        ``auto`` (what the hardware does fast), ``float32``, ``bfloat16`` or ``float16``.
    size, length, width, dropout, background, noise, noisy_share, denoise, epochs, clips_per_epoch, batch, \
learning_rate, anneal, weight_decay, patience, train_stride, score_stride
        Override the preset; None takes its value. :class:`~pixelkit.models.presets.AutoencoderSettings` says what
        each one does.
    """

    channels = ("mean", "patch", "p99")
    kin = "autoencoder"
    presets: ClassVar[Mapping[str, AutoencoderSettings]]
    """The settings of each preset, by name."""
    dimensions: ClassVar[int] = 2
    """2: the frames of a clip are the channels of one image. 3: a clip is convolved in time too."""
    predicts: ClassVar[bool] = False
    """Whether the network makes only the last frame of a clip, from those before it."""

    def __init__(
        self,
        *,
        preset: str = "default",
        precision: str = "auto",
        size: int | None = None,
        length: int | None = None,
        width: int | None = None,
        dropout: float | None = None,
        background: bool | None = None,
        noise: float | None = None,
        noisy_share: float | None = None,
        denoise: bool | None = None,
        epochs: int | None = None,
        clips_per_epoch: int | None = None,
        batch: int | None = None,
        learning_rate: float | None = None,
        anneal: bool | None = None,
        weight_decay: float | None = None,
        patience: int | None = None,
        train_stride: int | None = None,
        score_stride: int | None = None,
    ) -> None:
        self.preset = preset
        self.precision = precision
        self.size = size
        self.length = length
        self.width = width
        self.dropout = dropout
        self.background = background
        self.noise = noise
        self.noisy_share = noisy_share
        self.denoise = denoise
        self.epochs = epochs
        self.clips_per_epoch = clips_per_epoch
        self.batch = batch
        self.learning_rate = learning_rate
        self.anneal = anneal
        self.weight_decay = weight_decay
        self.patience = patience
        self.train_stride = train_stride
        self.score_stride = score_stride

    def build_network(self) -> nn.Sequential:
        """Return a new network: float (n, length, H, W) in [0, 1] to the same. Override it to bring your own.

        One of a scorer that ``predicts`` makes float (n, 1, H, W).
        """
        from pixelkit.models.networks import Background, autoencoder_2d, autoencoder_3d, predictor_2d

        settings = self.resolved()
        if self.predicts:
            return predictor_2d(settings.length, settings.width)
        background = Background(settings.size) if settings.background else None
        if self.dimensions == 3:
            return autoencoder_3d(settings.width, background)
        return autoencoder_2d(settings.length, settings.width, settings.dropout, background)

    def resolved(self) -> AutoencoderSettings:
        """Return the preset with every setting that was named put in its place.

        Raises
        ------
        SettingsError
            If there is no such preset, or a setting is out of its range.
        """
        if self.preset not in self.presets:
            hint = did_you_mean(self.preset, self.presets)
            raise SettingsError(f"{self.name}.preset: there is no preset {self.preset!r}{hint}")
        own = {key: value for key, value in self.settings().items() if key not in ("preset", "precision")}
        named = {key: value for key, value in own.items() if value is not None}
        settings = dataclasses.replace(self.presets[self.preset], **named)
        settings.check(self.name, multiple_of_16=("size", "length") if self.dimensions == 3 else ("size",))
        if self.predicts and (settings.background or settings.dropout or settings.length < 2):
            raise SettingsError(
                f"{self.name} predicts the last frame of a clip from the others: expected length 2 or more, background "
                f"false and dropout 0; got length {settings.length}, background {str(settings.background).lower()} and "
                f"dropout {settings.dropout:g}"
            )
        return settings

    def resolved_settings(self) -> dict[str, Any]:
        """Return every setting as it takes effect, those of the preset included."""
        return self.settings() | dataclasses.asdict(self.resolved())

    def views(self) -> tuple[View, ...]:
        """Return the one gray view of the clips."""
        size = self.resolved().size
        return (View((size, size), "gray"),)

    def fit(self, videos: Sequence[Video]) -> None:
        """Train on normal clips; a training that was killed goes on from its checkpoint in ``workspace``."""
        import torch

        from pixelkit.models.device import pick_device, pick_precision, reproducible, to_fast_layout
        from pixelkit.models.networks import start_from
        from pixelkit.models.training import train

        settings, device = self.resolved(), pick_device(self.device)
        clips = self._clips(videos, settings.train_stride)
        with reproducible(device):
            torch.manual_seed(self.seed)
            network = self.build_network()
            if settings.background:
                start_from(network, clips.spread(BACKGROUND_CLIPS).mean_frame())
            weights, self.history_ = train(
                to_fast_layout(network, device),
                clips,
                settings,
                seed=self.seed % 2**32,
                device=device,
                precision=pick_precision(device, self.precision),
                workspace=self.workspace,
                label=self.name,
            )
        self.weights_ = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in weights.items()}

    def score(self, video: Video) -> NDArray[np.float32]:
        """Return float32 (len(video), 3): mean, patch and 99th-percentile squared error, in [0, 1]."""
        from pixelkit.models.frame_errors import frame_errors

        errors = frame_errors(frames=len(video), **self._reconstruction(video))
        if not np.isfinite(errors).all():
            raise ScorerError(
                f"{self.name}: scores of video {video.name!r} are not finite: set precision to 'float32'"
            )
        return errors

    def heatmap(self, video: Video, position: int) -> NDArray[np.float32]:
        """Return the squared error of the frame at ``position``: float32 (H, W) at the size of the view."""
        from pixelkit.models.frame_errors import error_map

        return error_map(position=position, **self._reconstruction(video))

    def _clips(self, videos: Sequence[Video], stride: int) -> Clips:
        """Return the clips to learn from or to score; a frame is predicted across no gap."""
        from pixelkit.models.clips import Clips

        clips = Clips.of(videos, self.views()[0], self.resolved().length, stride)
        return clips.even() if self.predicts else clips

    def _reconstruction(self, video: Video) -> dict[str, Any]:
        """Return what it takes to reconstruct ``video``: network, clips, batch, device and precision."""
        import torch

        from pixelkit.models.device import pick_device, pick_precision, to_fast_layout
        from pixelkit.models.networks import for_scoring

        if not hasattr(self, "weights_"):
            raise ScorerError(f"{self.name} is not fitted: call fit(videos) or load(folder) first")
        settings, device = self.resolved(), pick_device(self.device)
        with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
            network = self.build_network()
        weights = {name: torch.from_numpy(array) for name, array in self.weights_.items()}
        network.load_state_dict(weights, assign=True)
        return {
            "network": to_fast_layout(for_scoring(network), device),
            "clips": self._clips([video], settings.score_stride),
            "made": 1 if self.predicts else None,
            "batch": SCORE_BATCH_CPU if device.type == "cpu" else SCORE_BATCH,
            "device": device,
            "precision": pick_precision(device, self.precision),
        }

    def save(self, folder: Path) -> None:
        """Write the weights as ``weights.safetensors`` and the course of the training as ``history.json``."""
        from safetensors.numpy import save_file

        save_file(self.weights_, folder / "weights.safetensors")
        write_text(folder / "history.json", json.dumps(self.history_, indent=1) + "\n")

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        from safetensors.numpy import load_file

        self.weights_ = load_file(folder / "weights.safetensors")
        self.history_ = json.loads((folder / "history.json").read_text(encoding="utf-8"))
