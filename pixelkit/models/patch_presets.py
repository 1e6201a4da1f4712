"""What VideoPatchCore can be told, and its three presets."""

from __future__ import annotations

from dataclasses import dataclass

from pixelkit.errors import SettingsError, did_you_mean
from pixelkit.models.detectors import KINDS

SCALINGS = ("clip", "bgr")
LOCAL_CHANNELS, POOLED_CHANNELS = ("spatial", "temporal", "global"), ("person", "frame")


@dataclass(frozen=True)
class PatchCoreSettings:
    """Everything that decides what VideoPatchCore sees, remembers and scores. The values here are the seed's."""

    channels: tuple[str, ...] = LOCAL_CHANNELS
    """What is scored: the patches, changes and frames of the paper, or one pooled vector per person and frame."""
    channel_weights: tuple[float, ...] = (0.49, 0.21, 0.3)
    """The share of each channel when nothing is tuned: .7 for objects (of that .7 looks, .3 motion), .3 for frames."""
    length: int = 10
    """Frames in a clip. Clips do not overlap, except that the last one of a video is anchored at its end."""
    detector: str = "yolo"
    """``yolo``, ``foreground`` (no download), ``auto`` (both), or a ``.csv`` of boxes. It sees middle frames only."""
    classes: tuple[int, ...] = (0,)
    """COCO classes that YOLO looks for; 0 is a person."""
    train_confidence: float = 0.4
    """Boxes of which YOLO is less sure are ignored in training."""
    test_confidence: float = 0.4
    """Boxes of which YOLO is less sure are ignored in scoring."""
    grow: tuple[float, float] = (1.5, 1.2)
    """Every side of a box moves outwards by (factor - 1) times its size, in x and in y; then it becomes a square."""
    crop: int = 64
    """Height and width to which a box is resized when it is cut out, in pixels."""
    size: int = 224
    """Height and width of what the backbone sees, in pixels: a multiple of 32, at least 64."""
    scaling: str = "clip"
    """``clip``: RGB with CLIP's mean and deviation. ``bgr``: x / 127.5 - 1 with blue first, as the authors do it."""
    align_corners: bool = False
    """How a crop is enlarged for the backbone: corner pixels stay in the corners, or they do not."""
    noise: float = 0.1373
    """Uniform noise of up to this much is added to training pixels in [0, 1]; 0.1373 is 35 gray levels."""
    noisy_share: float = 0.4
    """Share of the training images that get the noise."""
    pool: int = 3
    """Places of the backbone's maps in x and in y over which each is averaged, without padding; 1 leaves it out."""
    group: int = 48
    """Channels of the backbone that are averaged into one for spatial and temporal vectors: 1536 become 32."""
    grid: int = 7
    """Spatial vectors in x and in y per object."""
    absolute: bool = True
    """Temporal vectors hold the amount of a change. Otherwise they keep its sign."""
    coreset: tuple[float, ...] = (3000, 2000, 1000)
    """How many vectors of each channel are remembered: a share of all when below 1, otherwise a number."""
    per_video: bool = False
    """Choose them of each training video apart. Otherwise of all videos together."""
    random_start: bool = True
    """The first vector to be remembered is drawn. Otherwise it is the first there is."""
    coresets: int = 1
    """Memories chosen apart, of which the mean distance counts: more than one only with a random start."""
    power: float = 4
    """A distance counts to this power: large ones stand out."""

    @property
    def pooled(self) -> bool:
        """Whether an image becomes one vector, and a clip is its middle frame."""
        return self.channels == POOLED_CHANNELS

    def check(self, scorer: str) -> None:
        """Raise SettingsError, in the name of ``scorer``, for the first setting that is out of its range."""
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value < least:
                raise SettingsError(f"{scorer}.{name} must be at least {least}: got {value}")
        for name in ("train_confidence", "test_confidence", "noise", "noisy_share"):
            if getattr(self, name) > 1:
                raise SettingsError(f"{scorer}.{name} must lie between 0 and 1: got {getattr(self, name)}")
        if self.size % 32:
            raise SettingsError(f"{scorer}.size must be a multiple of 32: got {self.size}")
        if self.pool > self.size // 16:
            raise SettingsError(
                f"{scorer}.pool must be at most {self.size // 16}, the side of the backbone's smallest map: got "
                f"{self.pool}"
            )
        if 1536 % self.group:
            raise SettingsError(
                f"{scorer}.group must divide the 1536 channels of the backbone: got {self.group}"
            )
        if self.scaling not in SCALINGS:
            hint = did_you_mean(self.scaling, SCALINGS)
            raise SettingsError(f"{scorer}.scaling: there is no {self.scaling!r}{hint}")
        if self.detector not in KINDS and not self.detector.lower().endswith(".csv"):
            hint = did_you_mean(self.detector, KINDS)
            raise SettingsError(
                f"{scorer}.detector: there is no {self.detector!r}{hint}; or name a .csv of boxes"
            )
        if min(self.grow) < 1:
            raise SettingsError(f"{scorer}.grow must be two factors, 1 or more, for x and y: got {self.grow}")
        self._check_memory(scorer)

    def _check_memory(self, scorer: str) -> None:
        if not self.pooled and self.length < 3:
            raise SettingsError(
                f"{scorer}.length must be at least 3 for vectors over time: got {self.length}"
            )
        if len(self.coreset) != len(self.channels) or min(self.coreset) <= 0:
            raise SettingsError(
                f"{scorer}.coreset must hold a share or a number above 0 for each of {', '.join(self.channels)}: "
                f"got {list(self.coreset)}"
            )
        if self.coresets > 1 and not self.random_start:
            raise SettingsError(f"{scorer}.coresets above 1 are all the same unless random_start is true")


_LEAST: dict[str, float] = {
    "length": 1,
    "train_confidence": 0,
    "test_confidence": 0,
    "crop": 8,
    "size": 64,
    "noise": 0,
    "noisy_share": 0,
    "pool": 1,
    "group": 1,
    "grid": 1,
    "coresets": 1,
    "power": 0,
}

PRESETS = {
    # One clip a frame; three starts are the three seeds whose mean was published. What its author did not publish
    # (detector, boxes) is as in the seed.
    "pooled": PatchCoreSettings(
        channels=POOLED_CHANNELS,
        channel_weights=(0.7, 0.3),
        length=1,
        noise=0,
        noisy_share=0,
        coreset=(0.01, 0.01),
        coresets=3,
        power=1,
    ),
    "seed": PatchCoreSettings(),
    # The authors' settings for Avenue. They chose how channels weigh on test labels, so the shares are the seed's.
    "paper": PatchCoreSettings(
        classes=(0, 1, 2, 3, 7),
        train_confidence=0.7,
        test_confidence=0.6,
        grow=(1.0, 1.0),
        scaling="bgr",
        align_corners=True,
        noise=0,
        noisy_share=0,
        absolute=False,
        coreset=(0.01, 0.01, 0.01),
        per_video=True,
        random_start=False,
    ),
}
