"""From videos to VideoPatchCore's vectors: images of many objects, clips and videos share a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import groupby, repeat
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelkit.frames.video import Video
from pixelkit.models import patch_features as features
from pixelkit.models.clip_backbone import ClipBackbone
from pixelkit.models.detectors import Detector
from pixelkit.models.device import halve_until_it_fits
from pixelkit.models.patch_presets import PatchCoreSettings
from pixelkit.models.tubes import WHOLE_FRAME, Tube, tubes
from pixelkit.progress import bar
from pixelkit.threads import in_order

# Part of the name under which vectors are kept: raise it when they come out otherwise than before.
FORMAT = 1
# Batches that are cut out at a time; their local maps take 100 KB an image. The last batch of each kind of image is
# filled up, so that the vectors of a video do not depend on which others were looked at with it: after a kill they come
# out the same, bit for bit. That costs half a batch of each kind, 2 % of so many.
BATCHES_AT_ONCE = 32
FRAME_CHANNELS = ("global", "frame")  # of whole frames: one for each clip; the others are of objects
NO_VECTORS = np.zeros((0, 0, 0), np.float32)

Arrays = dict[str, NDArray[Any]]
Vectors = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class VideoVectors:
    """What there is to remember or to score of one video.

    Parameters
    ----------
    vectors
        By channel, float32 (n, v, d): v vectors for each of n objects, or for each of n clips.
    clip
        int64 (objects,) the clip of each object.
    corners
        int32 (objects, 4) what was cut out, in pixels of the frame.
    frame_size
        int64 (2,) height and width of a frame, in pixels.
    """

    vectors: Vectors
    clip: NDArray[np.int64]
    corners: NDArray[np.int32]
    frame_size: NDArray[np.int64]

    def of(self, channel: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the vectors of a channel, float32 (n, v, d), and the clip of each, int64 (n,); n may be 0."""
        vectors = self.vectors.get(channel, NO_VECTORS)
        return vectors, np.arange(len(vectors)) if channel in FRAME_CHANNELS else self.clip

    def to_arrays(self) -> Arrays:
        """Return all of it as arrays by name, for ``Video.keep``."""
        places: Arrays = {"clip": self.clip, "corners": self.corners, "frame_size": self.frame_size}
        return places | {f"vectors.{channel}": array for channel, array in self.vectors.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> VideoVectors:
        """Return what :meth:`to_arrays` made arrays of."""
        kinds = {
            name.removeprefix("vectors."): each
            for name, each in arrays.items()
            if name.startswith("vectors.")
        }
        return cls(kinds, arrays["clip"], arrays["corners"], arrays["frame_size"])

    @classmethod
    def collect(cls, described: Iterable[tuple[Tube, Vectors]]) -> VideoVectors:
        """Return the vectors of one video from those of its tubes."""
        kinds: defaultdict[str, list[NDArray[np.float32]]] = defaultdict(list)
        places: list[tuple[int, NDArray[np.int32]]] = []  # and not the tubes, which hold images
        size = np.zeros(2, np.int64)
        for tube, vectors in described:
            for channel, each in vectors.items():
                kinds[channel].append(each)
            if tube.number == WHOLE_FRAME:
                size = tube.corners[[3, 2]].astype(np.int64)
            else:
                places.append((tube.clip, tube.corners))
        return cls(
            {channel: np.stack(each) for channel, each in kinds.items()},
            np.array([clip for clip, _ in places], np.int64),
            np.array([corners for _, corners in places], np.int32).reshape(-1, 4),
            size,
        )


class Extractor:
    """Looks at the objects and the whole frames of videos.

    Parameters
    ----------
    settings
        What to cut out and which vectors to make of it.
    backbone
        Gives the maps of its second and third layer.
    detector
        Finds the objects.
    training
        Images get the noise, and changes are averaged over places; otherwise neither.
    seed
        Of the noise.
    """

    def __init__(
        self,
        settings: PatchCoreSettings,
        backbone: ClipBackbone,
        detector: Detector,
        *,
        training: bool,
        seed: int = 0,
    ) -> None:
        self.settings = settings
        self.backbone = backbone
        self.detector = detector
        self.training = training
        self.seed = seed

    def clips(self, video: Video) -> NDArray[np.int64]:
        """Return the positions of each clip's frames: int64 (k, length), the last clip anchored at the end.

        In training, as the authors have it, the frames after the last whole clip are left out: the clips then have no
        frame in common.
        """
        length = self.settings.length
        clips = video.clips(length, length)
        if self.training:
            apart = np.append(True, clips[1:, 0] > clips[:-1, -1])
            clips = clips[apart[: len(clips)]]
        return clips

    def looked_at(self, video: Video) -> NDArray[np.int64]:
        """Return the positions of the frames that the backbone sees of each clip: all, or the middle one."""
        clips = self.clips(video)
        return clips[:, [self.settings.length // 2]] if self.settings.pooled else clips

    def name(self, video: Video) -> str:
        """Return the name under which the vectors of ``video`` are kept: all that decides them but its pixels."""
        settings = self.settings
        seen = (settings.channels, settings.grow, settings.crop, settings.size, settings.scaling)
        pooled = (settings.pool, settings.group, settings.grid)
        made = (settings.align_corners, *pooled, settings.absolute, self.training)
        noise = (settings.noise, settings.noisy_share, self.seed, video.name) if self._noisy else ()
        network = (self.backbone.digest, str(self.backbone.precision), self.detector.key)
        return f"vectors {(FORMAT, seen, made, noise, network)} at {self.looked_at(video).tolist()}"

    def vectors(
        self, videos: Sequence[Video], done: Callable[[int], object] = lambda _: None
    ) -> list[VideoVectors]:
        """Return the vectors of each video; what is not known yet is computed and kept with the video.

        Parameters
        ----------
        videos
            Their frames are streamed, those of a few clips at a time.
        done
            Is told how many more clips are finished.
        """
        recalled = {video: video.recall(self.name(video)) for video in videos}
        known = {video: arrays for video, arrays in recalled.items() if arrays is not None}
        missing = [video for video in recalled if video not in known]
        done(sum(len(self.clips(video)) for video in known))
        stream = (tube for video in missing for tube in self._tubes(video))
        for video, described in groupby(self._described(stream, done), key=lambda item: item[0].video):
            known[video] = VideoVectors.collect(described).to_arrays()
            video.keep(self.name(video), known[video])
        return [VideoVectors.from_arrays(known[video]) for video in videos]

    def vectors_of_all(self, videos: Sequence[Video], label: str) -> list[VideoVectors]:
        """Return the vectors of each video, as :meth:`vectors` does, under a progress bar."""
        with bar(sum(len(self.clips(video)) for video in videos), f"{label}: look", "clip") as done:
            return self.vectors(videos, done.update)

    def _tubes(self, video: Video) -> Iterator[Tube]:
        crop, frame, grow = self.settings.crop, self.settings.size, self.settings.grow
        return tubes(video, self.looked_at(video), self.detector, crop=crop, frame=frame, grow=grow)

    def _described(
        self, stream: Iterator[Tube], done: Callable[[int], object]
    ) -> Iterator[tuple[Tube, Vectors]]:
        """Yield every tube of ``stream``, in its order, with its vectors by channel, each (v, d)."""
        chunks = _chunks(stream, BATCHES_AT_ONCE * self.backbone.batch)
        for chunk in chunks if self.backbone.device.type == "cpu" else _ahead(chunks):
            frames = [tube for tube in chunk if tube.number == WHOLE_FRAME]
            objects = [tube for tube in chunk if tube.number != WHOLE_FRAME]
            of_frames = iter(self._in_batches(frames, self._frames))
            of_objects = iter(self._in_batches(objects, self._objects))
            for tube in chunk:
                yield tube, next(of_frames if tube.number == WHOLE_FRAME else of_objects)
            done(len(frames))

    def _in_batches(
        self, tubes: list[Tube], describe: Callable[[list[Tube], int], list[Vectors]]
    ) -> list[Vectors]:
        """Return what ``describe`` makes of the tubes, of fewer of them at a time where the device is full."""

        def run(batch: int) -> list[Vectors]:
            parts = _chunks(iter(tubes), BATCHES_AT_ONCE * batch)
            return [vectors for part in parts for vectors in describe(part, batch)]

        described, self.backbone.batch = halve_until_it_fits(run, self.backbone.batch, "images")
        return described

    def _frames(self, tubes: list[Tube], batch: int) -> list[Vectors]:
        if self.settings.pooled:
            pooled = partial(features.pooled_vectors, pool=self.settings.pool)
            return _by_tube({"frame": self._per_image(tubes, batch, pooled)})
        frames = self._per_image(tubes, batch, partial(features.frame_vectors, pool=self.settings.pool))
        return _by_tube({"global": features.global_vectors(frames)})

    def _objects(self, tubes: list[Tube], batch: int) -> list[Vectors]:
        if self.settings.pooled:
            pooled = partial(features.pooled_vectors, pool=self.settings.pool)
            return _by_tube({"person": self._per_image(tubes, batch, pooled)})
        group, pool = self.settings.group, self.settings.pool
        local = self._per_image(tubes, batch, partial(features.local_map, group=group, pool=pool))
        absolute, training = self.settings.absolute, self.training
        return _by_tube(
            {
                "spatial": features.spatial_vectors(local, self.settings.grid),
                "temporal": features.temporal_vectors(local, absolute=absolute, training=training),
            }
        )

    @torch.inference_mode()
    def _per_image(
        self, tubes: list[Tube], batch: int, describe: Callable[[Sequence[Tensor]], Tensor]
    ) -> Tensor:
        """Return what ``describe`` makes of the maps of each image: float32 (tubes, T, ...), on the device."""
        images = np.concatenate([tube.images for tube in tubes])
        places = [(tube, frame) for tube in tubes for frame in range(len(tube.images))]
        parts = [slice(first, first + batch) for first in range(0, len(images), batch)]
        described = torch.cat([self._maps(images[at], places[at], batch, describe) for at in parts])
        return described.reshape(len(tubes), -1, *described.shape[1:])

    def _maps(
        self,
        images: NDArray[np.uint8],
        places: list[tuple[Tube, int]],
        batch: int,
        describe: Callable[[Sequence[Tensor]], Tensor],
    ) -> Tensor:
        settings, device = self.settings, self.backbone.device
        filled = np.concatenate([images, images[-1:].repeat(batch - len(images), 0)])
        noise = None
        if self._noisy:
            noise = torch.from_numpy(self._noise(places, filled)).to(device)
        pixels = features.network_input(
            torch.from_numpy(filled).to(device),
            features.SCALINGS[settings.scaling],
            settings.size,
            align_corners=settings.align_corners,
            noise=noise,
        )
        return describe(self.backbone.maps(pixels))[: len(images)]

    @property
    def _noisy(self) -> bool:
        return self.training and self.settings.noise > 0 and self.settings.noisy_share > 0

    def _noise(self, places: list[tuple[Tube, int]], images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the noise of each image, drawn from its place alone: its batch does not change it."""
        noise = np.zeros(images.shape, np.float32)
        for image, (tube, frame) in zip(noise, places, strict=False):
            place = repr((self.seed, tube.video.name, tube.clip, tube.number, frame)).encode()
            key = int.from_bytes(blake2b(place, digest_size=16).digest(), "little")
            generator = np.random.Generator(np.random.Philox(key=key))
            if generator.random() < self.settings.noisy_share:
                image[:] = generator.random(image.shape, np.float32) * 2 - 1
        return noise * np.float32(self.settings.noise)


def _by_tube(channels: Mapping[str, Tensor]) -> list[Vectors]:
    """Return the vectors of each tube, by channel, from those of all tubes."""
    arrays = {channel: vectors.cpu().numpy() for channel, vectors in channels.items()}
    return [dict(zip(arrays, each, strict=True)) for each in zip(*arrays.values(), strict=True)]


def _chunks(tubes: Iterator[Tube], images: int) -> Iterator[list[Tube]]:
    """Yield tubes in lists of at least so many images, but for the last."""
    chunk: list[Tube] = []
    count = 0
    for tube in tubes:
        chunk.append(tube)
        count += len(tube.images)
        if count >= images:
            yield chunk
            chunk, count = [], 0
    if chunk:
        yield chunk


def _ahead(chunks: Iterator[list[Tube]]) -> Iterator[list[Tube]]:
    """Yield ``chunks`` while a thread makes the next one, so that a GPU does not wait for decoding and cutting."""
    with (
        ThreadPoolExecutor(1, "pixelkit-tubes") as pool,
        closing(in_order(pool, repeat(partial(next, chunks, None)), 1)) as coming,
    ):
        for chunk in coming:
            if chunk is None:
                return
            yield chunk
