"""What an autoencoder scorer can be told, and how a preset fills in what it was not."""

from __future__ import annotations

from dataclasses import dataclass

from pixelkit.errors import SettingsError


@dataclass(frozen=True)
class AutoencoderSettings:
    """Everything that decides what an autoencoder learns. The values here are those that the seed's models share."""

    width: int
    """Channels of the first of four blocks; each block doubles them."""
    length: int = 16
    """Frames in a clip."""
    size: int = 128
    """Height and width of a frame in pixels, a multiple of 16."""
    dropout: float = 0.0
    """Share of the channels dropped after the first three blocks, in training (2-D only)."""
    background: bool = False
    """Begin with the mean training frame as every reconstruction, and learn what differs from it."""
    noise: float = 0.1373
    """Uniform noise of up to this much is added to training pixels in [0, 1]; 0.1373 is 35 gray levels."""
    noisy_share: float = 0.4
    """Share of the training clips that get the noise."""
    denoise: bool = False
    """The target of a noisy clip is the clean one. Otherwise the noise is to be reconstructed too."""
    epochs: int = 25
    """Passes over the training clips, or over as many of them as ``clips_per_epoch`` says."""
    clips_per_epoch: int = 0
    """Clips drawn anew for each epoch, so that time does not grow with the data set; 0 takes all."""
    batch: int = 32
    """Clips in a batch."""
    learning_rate: float = 1e-3
    """Adam's step size."""
    anneal: bool = False
    """Lower the learning rate to zero along half a cosine. Otherwise it stays."""
    weight_decay: float = 1e-4
    """L2 penalty on the weights, as Adam knows it."""
    patience: int = 0
    """Stop after this many epochs without a better held-out loss, and keep the best weights; 0 holds nothing out."""
    train_stride: int = 2
    """Frames from one training clip to the next."""
    score_stride: int = 1
    """Frames from one scored clip to the next; a frame's score is the mean over all clips that hold it."""

    def check(self, scorer: str, multiple_of_16: tuple[str, ...]) -> None:
        """Raise SettingsError, in the name of ``scorer``, for the first setting that is out of its range."""
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value < least:
                raise SettingsError(f"{scorer}.{name} must be at least {least}: got {value}")
        for name in ("dropout", "noise", "noisy_share"):
            if getattr(self, name) > 1:
                raise SettingsError(f"{scorer}.{name} must lie between 0 and 1: got {getattr(self, name)}")
        for name in multiple_of_16:
            if getattr(self, name) % 16:
                raise SettingsError(
                    f"{scorer}.{name} must be a multiple of 16, to be halved four times: got {getattr(self, name)}"
                )
        if max(self.train_stride, self.score_stride) > self.length:
            raise SettingsError(
                f"{scorer}: train_stride and score_stride must not be above length ({self.length}), "
                f"or frames would be left out: got {self.train_stride} and {self.score_stride}"
            )


DEFAULT = AutoencoderSettings(
    width=16,
    background=True,
    batch=8,
    epochs=12,
    clips_per_epoch=1024,
    anneal=True,
    patience=5,
    score_stride=2,
)
"""What the default presets share: chosen on held-out training video alone, see ``benchmarks/autoencoders.md``."""

_LEAST: dict[str, float] = {
    "width": 1,
    "length": 1,
    "size": 32,
    "dropout": 0,
    "noise": 0,
    "noisy_share": 0,
    "epochs": 1,
    "clips_per_epoch": 0,
    "batch": 1,
    "learning_rate": 0,
    "weight_decay": 0,
    "patience": 0,
    "train_stride": 1,
    "score_stride": 1,
}
