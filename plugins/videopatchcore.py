"""VideoPatchCore: remembers normal patches, changes and frames, and scores by the distance to the nearest of them."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pixelkit import Scorer, Video, View, hookimpl
from pixelkit.errors import ScorerError, SettingsError, WeightsError, did_you_mean
from pixelkit.files import write_text
from pixelkit.models.patch_presets import PRESETS, PatchCoreSettings
from pixelkit.weights import CLIP_RN101, PretrainedFile, yolo_file

if TYPE_CHECKING:  # torch takes seconds to import, and listing plugins must not wait for it
    from pixelkit.models.extraction import Extractor, VideoVectors
    from pixelkit.models.memory import MemoryBank

log = logging.getLogger("pixelkit")
WEIGHTS = ("openai", "random")
HEATMAP_SIDE = 160  # pixels of the longer side


class VideoPatchCore(Scorer):
    """Score objects and whole frames by how far CLIP's features lie from any that normal video has shown.

    Ahn et al., VideoPatchCore: An Effective Method to Memorize Normality for Video Anomaly Detection (ACCV 2024);
    Roth et al., Towards Total Recall in Industrial Anomaly Detection (PatchCore, CVPR 2022) for memory and coreset;
    Radford et al., Learning Transferable Visual Models From Natural Language Supervision (CLIP, ICML 2021) for the
    features. Three presets of one method:

    ``pooled``, the default
        One 1536-d vector for each person and each whole frame; channels person and frame. It is the recipe behind the
        best published score on PixelPlay '26 (0.790), and nothing of it was chosen on labels by us. Every frame is
        looked at; ``length=10`` looks at the middle frame of ten, which takes a tenth of the time.
    ``seed``
        Tubes of ten frames; channels spatial (patches of objects), temporal (their changes) and global (the whole
        frame); memories over all videos.
    ``paper``
        The authors' settings for Avenue. How channels weigh they chose on test labels; here it is the seed's choice.

    On purpose unlike the authors: every frame is scored. The last clip is anchored at the end of the video, and a frame
    has the score of the first clip that holds it, so that every frame that they score has their score. On purpose
    unlike the seed: no noise is added in scoring, and its last frames, which repeated the score of the last whole
    clip, get that of the anchored one. Where a recipe is silent: ``pooled`` smooths maps by 3×3 as the others do before
    it averages them (``pool=1`` does not), and ``yolov5lu`` stands for YOLOv5l; it is the same network with the newer
    head of Ultralytics.

    Parameters
    ----------
    preset
        ``pooled``, ``seed`` or ``paper``.
    weights
        ``openai``: CLIP's. ``random``: untrained features, for tests and for a first look without a download.
    precision
        ``auto`` (what the hardware does fast), ``float32``, ``bfloat16`` or ``float16``.
    yolo
        The ultralytics model that finds objects: a file as Ultralytics publishes it, which is looked for and fetched
        like all weights, or the path of one of your own (``./best.pt``).
    exact
        Choose what is remembered by exact k-center greedy. Otherwise in batches, as a GPU likes it; on the vectors of
        this method their covering radius is within 1 %, in two or three dimensions it is not.
    length, detector, classes, train_confidence, test_confidence, grow, crop, size, scaling, align_corners, noise, \
noisy_share, pool, group, grid, absolute, coreset, per_video, random_start, coresets, power
        Override the preset; None takes its value. :class:`~pixelkit.models.patch_presets.PatchCoreSettings` says
        what each one does.
    """

    name = "videopatchcore"
    channels = PRESETS["pooled"].channels
    channel_weights = PRESETS["pooled"].channel_weights
    memories_: dict[str, list[MemoryBank]]
    check_settings: ClassVar = {
        "weights": "random",
        "detector": "foreground",
        "size": 64,
        "length": 3,
        "coreset": (0.2, 0.2),
    }

    def __init__(
        self,
        *,
        preset: str = "pooled",
        weights: Literal["openai", "random"] = "openai",
        precision: str = "auto",
        yolo: str = "yolov5lu.pt",
        exact: bool = True,
        length: int | None = None,
        detector: str | None = None,
        classes: tuple[int, ...] | None = None,
        train_confidence: float | None = None,
        test_confidence: float | None = None,
        grow: tuple[float, float] | None = None,
        crop: int | None = None,
        size: int | None = None,
        scaling: str | None = None,
        align_corners: bool | None = None,
        noise: float | None = None,
        noisy_share: float | None = None,
        pool: int | None = None,
        group: int | None = None,
        grid: int | None = None,
        absolute: bool | None = None,
        coreset: tuple[float, ...] | None = None,
        per_video: bool | None = None,
        random_start: bool | None = None,
        coresets: int | None = None,
        power: float | None = None,
    ) -> None:
        self.preset = preset
        self.weights = weights
        self.precision = precision
        self.yolo = yolo
        self.exact = exact
        self.length = length
        self.detector = detector
        self.classes = classes
        self.train_confidence = train_confidence
        self.test_confidence = test_confidence
        self.grow = grow
        self.crop = crop
        self.size = size
        self.scaling = scaling
        self.align_corners = align_corners
        self.noise = noise
        self.noisy_share = noisy_share
        self.pool = pool
        self.group = group
        self.grid = grid
        self.absolute = absolute
        self.coreset = coreset
        self.per_video = per_video
        self.random_start = random_start
        self.coresets = coresets
        self.power = power
        if weights == "random":
            self.caveat = "weights=random: its features are UNTRAINED, its scores say little"
        if preset in PRESETS:
            self.channels = PRESETS[preset].channels
            self.channel_weights = PRESETS[preset].channel_weights
        self._loaded: dict[str, Any] = {}  # backbone and detectors, by name

    def __getstate__(self) -> dict[str, Any]:
        """Leave the backbone and the detectors out of a pickle: they are loaded again where it is opened."""
        return {**vars(self), "_loaded": {}}

    def resolved(self) -> PatchCoreSettings:
        """Return the preset with every setting that was named put in its place.

        Raises
        ------
        SettingsError
            If there is no such preset, or a setting is out of its range.
        """
        if self.preset not in PRESETS:
            hint = did_you_mean(self.preset, PRESETS)
            raise SettingsError(f"{self.name}.preset: there is no preset {self.preset!r}{hint}")
        if self.weights not in WEIGHTS:
            hint = did_you_mean(self.weights, WEIGHTS)
            raise SettingsError(f"{self.name}.weights: there are no weights {self.weights!r}{hint}")
        named = {key: value for key, value in self._overrides().items() if value is not None}
        settings = dataclasses.replace(PRESETS[self.preset], **named)
        settings.check(self.name)
        return settings

    def resolved_settings(self) -> dict[str, Any]:
        """Return every setting as it takes effect, those of the preset included."""
        preset = dataclasses.asdict(self.resolved())
        return self.settings() | {key: preset[key] for key in self._overrides()}

    def _overrides(self) -> dict[str, Any]:
        of_preset = {field.name for field in dataclasses.fields(PatchCoreSettings)}
        return {key: value for key, value in self.settings().items() if key in of_preset}

    def views(self) -> tuple[View, ...]:
        """Return the view of the foreground detector, if it is asked; all else comes from full-size frames."""
        from pixelkit.models.detectors import make_detector

        kind = self.resolved().detector
        return make_detector("foreground").views() if kind in ("auto", "foreground") else ()

    def pretrained(self) -> tuple[PretrainedFile, ...]:
        """Return CLIP and YOLO, as far as they are asked for; a file of the user's own is not among them."""
        clip = (CLIP_RN101,) if self.weights == "openai" else ()
        return (*clip, yolo_file(self.yolo)) if self._asks_yolo() and not _is_path(self.yolo) else clip

    def inputs(self) -> tuple[Path, ...]:
        """Return the weight files, and the CSV of boxes if there is one.

        Raises
        ------
        WeightsError
            If weights are missing and cannot be fetched, or cannot be used.
        """
        kind = self.resolved().detector
        own = [Path(kind).expanduser()] if _is_csv(kind) else []
        if self._asks_yolo() and _is_path(self.yolo):
            own.append(self._yolo_weights())
        return (*super().inputs(), *own)

    def _yolo_weights(self) -> Path:
        """Return the weight file of YOLO; one that has to be fetched is fetched."""
        if not _is_path(self.yolo):
            return self.weight_store.find(yolo_file(self.yolo))
        path = Path(self.yolo).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"{self.name}.yolo: there is no file {path}; a name alone, such as yolov5lu.pt, is found or fetched"
            )
        return path

    def fit(self, videos: Sequence[Video]) -> None:
        """Look at every training clip, then choose what to remember; what was seen is kept with each video."""
        looks = self._extractor(training=True)
        self.backbone_ = looks.backbone.digest
        found = looks.vectors_of_all(videos, self.name)
        self.memories_ = {}
        for channel, keep in zip(self.channels, looks.settings.coreset, strict=True):
            vectors = [each.vectors[channel] for each in found if channel in each.vectors]
            flat = [each.reshape(-1, each.shape[-1]) for each in vectors]
            self.memories_[channel] = self._remember(flat, keep, looks.settings)
        self._warn_of_nothing(looks.settings.detector)

    def _extractor(self, *, training: bool) -> Extractor:
        """Return what looks at videos; backbone and detector are loaded when first needed."""
        from pixelkit.models.clip_backbone import load_backbone, pick_backbone_precision
        from pixelkit.models.detectors import make_detector
        from pixelkit.models.device import pick_device
        from pixelkit.models.extraction import Extractor

        settings, device = self.resolved(), pick_device(self.device)
        if "backbone" not in self._loaded:
            if self.caveat:
                log.warning("%s: %s", self.name, self.caveat)
            self._loaded["backbone"] = load_backbone(
                "random" if self.weights == "random" else self.weight_store.find(CLIP_RN101),
                device=device,
                precision=pick_backbone_precision(device, self.precision),
            )
        confidence = settings.train_confidence if training else settings.test_confidence
        detector = f"detector {confidence}"
        if detector not in self._loaded:
            self._loaded[detector] = make_detector(
                settings.detector,
                confidence=confidence,
                classes=settings.classes,
                weights=self._yolo_weights() if self._asks_yolo() else None,
                device=self.device,
                precision=self.precision,
            )
        return Extractor(
            settings,
            self._loaded["backbone"],
            self._loaded[detector],
            training=training,
            seed=self.seed,
        )

    def _fitted_extractor(self) -> Extractor:
        if not hasattr(self, "memories_"):
            raise ScorerError(f"{self.name} is not fitted: call fit(videos) or load(folder) first")
        looks = self._extractor(training=False)
        if looks.backbone.digest != self.backbone_:
            raise ScorerError(
                f"{self.name} was fitted with other weights ({self.backbone_}) than are here "
                f"({looks.backbone.digest}): fit it again, or bring those"
            )
        return looks

    def _asks_yolo(self) -> bool:
        return self.resolved().detector in ("auto", "yolo")

    def _remember(
        self, videos: Sequence[NDArray[np.float32]], keep: float, settings: PatchCoreSettings
    ) -> list[MemoryBank]:
        """Return the memories of one channel, chosen from the vectors (n, d) of each video."""
        from pixelkit.models.memory import MemoryBank

        memories = [
            MemoryBank(
                size=int(keep) if keep >= 1 else None,
                ratio=keep if keep < 1 else None,
                per_group=settings.per_video,
                batched=not self.exact,
                start="random" if settings.random_start else "first",
                seed=(self.seed + number) % 2**32,
                device=self.device,
            )
            for number in range(settings.coresets)
        ]
        return [memory.fit(videos) for memory in memories] if videos else []

    def _warn_of_nothing(self, detector: str) -> None:
        empty = [channel for channel, memories in self.memories_.items() if not memories]
        if empty:
            log.warning(
                "%s: detector %r found no object in any training frame: %s will be 0 everywhere; try another detector",
                self.name,
                detector,
                " and ".join(empty),
            )

    def score(self, video: Video) -> NDArray[np.float32]:
        """Return float32 (len(video), len(channels)): distances from 0 up, to the power of the preset.

        The channels of objects are 0 in a clip without objects.
        """
        looks = self._fitted_extractor()
        clips = looks.clips(video)
        (found,) = looks.vectors([video])
        scores = np.stack([self._score_clips(found, channel, len(clips)) for channel in self.channels], 1)
        if not np.isfinite(scores).all():
            raise ScorerError(
                f"{self.name}: scores of video {video.name!r} are not finite: set precision to 'float32'"
            )
        return scores[first_clip(clips, len(video))]

    def _score_clips(self, found: VideoVectors, channel: str, clips: int) -> NDArray[np.float32]:
        """Return the score of each clip: that of its most unusual object, by the mean of all memories."""
        vectors, owner = found.of(channel)
        scores = np.zeros((len(self.memories_[channel]) or 1, clips))
        for row, memory in zip(scores, self.memories_[channel], strict=False):
            farthest = distances(vectors, memory).max(1, initial=0)
            np.maximum.at(row, owner, farthest ** self.resolved().power)
        return np.asarray(scores.mean(0), np.float32)

    def heatmap(self, video: Video, position: int) -> NDArray[np.float32]:
        """Return the distance of each object, or of its patches, painted over its box: float32 (H, W), 0 elsewhere."""
        looks = self._fitted_extractor()
        clip = first_clip(looks.clips(video), len(video))[position]
        (found,) = looks.vectors([video])
        height, width = found.frame_size.tolist()
        scale = HEATMAP_SIDE / max(height, width)
        heat = np.zeros((max(1, round(height * scale)), max(1, round(width * scale))), np.float32)
        channel = self.channels[0]
        vectors, owner = found.of(channel)
        if not self.memories_[channel]:
            return heat
        shown = np.mean([distances(vectors[owner == clip], memory) for memory in self.memories_[channel]], 0)
        for corners, patches in zip(found.corners[owner == clip], shown, strict=True):
            paint(heat, np.rint(corners * scale).astype(int).tolist(), patches)
        return heat

    def save(self, folder: Path) -> None:
        """Write the memories of each channel, and which weights their vectors are of."""
        for channel, memories in self.memories_.items():
            for number, memory in enumerate(memories):
                memory.save(folder, f"{channel}-{number}")
        facts = {
            "backbone": self.backbone_,
            "memories": {channel: len(memories) for channel, memories in self.memories_.items()},
        }
        write_text(folder / "fitted.json", json.dumps(facts, indent=1) + "\n")

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        from pixelkit.models.memory import MemoryBank

        facts = json.loads((folder / "fitted.json").read_text(encoding="utf-8"))
        self.backbone_ = facts["backbone"]
        self.memories_ = {
            channel: [
                MemoryBank.load(folder, f"{channel}-{number}", device=self.device) for number in range(count)
            ]
            for channel, count in facts["memories"].items()
        }


def distances(vectors: NDArray[np.float32], memory: MemoryBank) -> NDArray[np.float32]:
    """Return the distance of each vector to the nearest that is remembered: (n, v, d) to (n, v)."""
    flat = vectors.reshape(vectors.shape[0] * vectors.shape[1], vectors.shape[2])
    return memory.distances(flat).reshape(vectors.shape[:2])


def first_clip(clips: NDArray[np.int64], frames: int) -> NDArray[np.int64]:
    """Return the row of the first clip that holds each frame: int64 (frames,)."""
    first = np.zeros(frames, np.int64)
    for row in reversed(range(len(clips))):
        first[clips[row]] = row
    return first


def paint(heat: NDArray[np.float32], corners: Sequence[int], patches: NDArray[np.float32]) -> None:
    """Raise ``heat`` inside a box to the distances of the box's patches, a square number of them."""
    import cv2

    left, top, right, bottom = corners
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    grid = math.isqrt(len(patches))
    shown = cv2.resize(patches.reshape(grid, grid).astype(np.float32), (right - left, bottom - top))
    inside = heat[top:bottom, left:right]
    np.maximum(inside, shown[: inside.shape[0], : inside.shape[1]], out=inside)


def _is_csv(detector: str) -> bool:
    return detector.lower().endswith(".csv")


def _is_path(yolo: str) -> bool:
    return Path(yolo).name != yolo


@hookimpl
def pixelkit_scorers() -> list[type[Scorer]]:
    """Offer VideoPatchCore."""
    return [VideoPatchCore]
