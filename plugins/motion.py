"""Motion: how fast, where to, how large, how long there and how strange each object is, beside what is normal there."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pixelkit import Scorer, Video, View, hookimpl
from pixelkit.errors import ScorerError, SettingsError, did_you_mean
from pixelkit.files import write_text
from pixelkit.models.foreground import VIEW
from pixelkit.models.objects.attributes import ATTRIBUTES, measure
from pixelkit.models.objects.crops import cut_crops, person_squares
from pixelkit.models.objects.seen import Objects, observe
from pixelkit.models.objects.surprise import Surprise, together
from pixelkit.models.objects.tracks import link, mean_along

if TYPE_CHECKING:  # torch takes seconds to import, and listing plugins must not wait for it
    from torch import Tensor

    from pixelkit.models.objects.appearance import Doubt

log = logging.getLogger("pixelkit")
NETWORKS = 2  # each sees half of the videos, so that every training video is judged by one that never saw it
CROPS = 12_000  # that a network learns from, at most: 156 MB
AT_ONCE = 4096  # crops that are scored together: 21 MB, however long a video is
LEAST_AREA = 60  # pixels: of a smaller object a crop shows next to nothing


class Motion(Scorer):
    """Score objects by how surprising their motion, size, stay and looks are where they are. Nothing is downloaded.

    Objects are what does not belong to the background, a cyclist in a crowd apart from the crowd, linked over
    neighbouring frames. Each attribute has a density that depends on place and size, learnt from normal video; its
    surprise is calibrated on left-out training videos, so that attributes can be added up: Reiss and Hoshen, AI-VAD
    (2022), without pretrained networks. A frame has the score of its worst object. The channels:

    ``speed``
        Mean length of the optical flow over the object. Only what is faster than usual counts.
    ``velocity``
        Mean flow: how fast and where to.
    ``size``
        Width, height, and area.
    ``gait``
        How straight and how steady the flow is: legs swing, wheels and skateboards do not.
    ``acceleration``
        Change of velocity along the track.
    ``dwell``
        How long the place has been occupied.
    ``appearance``
        How sure two small networks are that nothing was done to a square as high as a person: not turned, stretched,
        swapped, pasted over, played faster or shuffled. They learn that from normal objects; what is larger is covered
        with squares, of which the strangest counts.
    ``object``
        The worst object by the sum of the attributes in ``combine``, of what is above 1 only the logarithm. The untuned
        recipe takes it alone.

    How the defaults were chosen stands in ``benchmarks/motion.md``.

    Parameters
    ----------
    combine
        Attributes that ``object`` adds up.
    top
        A frame's score is the mean of its so many worst objects.
    reach
        Frames before and after along an object's track over which its motion and looks are averaged.
    steps
        Training steps of each of the two networks, of 256 crops; 0 leaves the networks out, and ``appearance`` is 0.
    precision
        ``auto`` (what the hardware does fast), ``float32``, ``bfloat16`` or ``float16``.
    """

    name = "motion"
    channels = (*ATTRIBUTES, "object")
    channel_weights = (*[0.0] * len(ATTRIBUTES), 1.0)
    check_settings: ClassVar = {"steps": 20}

    def __init__(
        self,
        *,
        combine: tuple[str, ...] = ("speed", "velocity", "dwell", "appearance"),
        top: int = 1,
        reach: int = 4,
        steps: int = 560,
        precision: str = "auto",
    ) -> None:
        self.combine = combine
        self.top = top
        self.reach = reach
        self.steps = steps
        self.precision = precision
        self._doubt: Doubt | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the networks out of a pickle: they are built again where it is opened."""
        return {**vars(self), "_doubt": None}

    def views(self) -> tuple[View, ...]:
        """Return the gray view of the foreground detector.

        Raises
        ------
        SettingsError
            If a setting is out of its range.
        """
        for attribute in self.combine:
            if attribute not in ATTRIBUTES:
                hint = did_you_mean(attribute, ATTRIBUTES)
                raise SettingsError(f"{self.name}.combine: there is no attribute {attribute!r}{hint}")
        if not self.combine:
            raise SettingsError(f"{self.name}.combine is empty: expected one of {', '.join(ATTRIBUTES)}")
        for setting, least in (("top", 1), ("reach", 1), ("steps", 0)):
            if getattr(self, setting) < least:
                raise SettingsError(
                    f"{self.name}.{setting} is {getattr(self, setting)}: expected at least {least}"
                )
        return (VIEW,)

    def fit(self, videos: Sequence[Video]) -> None:
        """Learn the density of each attribute, and the two networks."""
        seen = [observe(video) for video in videos]
        self.networks_, self.losses_ = self._train(videos, seen) if self.steps else ([], [])
        self._doubt = None
        measures = [
            self._measures(video, objects, number % NETWORKS)
            for number, (video, objects) in enumerate(zip(videos, seen, strict=True))
        ]
        self.surprises_ = {
            name: Surprise.fit(attribute, measures, self.seed) for name, attribute in ATTRIBUTES.items()
        }

    def _train(
        self, videos: Sequence[Video], seen: Sequence[Objects]
    ) -> tuple[list[dict[str, Tensor]], list[list[float]]]:
        """Return weights and losses of each network; the one of number i saw no video of number i, i + 2, ..."""
        import torch

        from pixelkit.models.checkpoint import load, save
        from pixelkit.models.objects.appearance import train
        from pixelkit.models.objects.transformations import REACH

        networks, losses = [], []
        for number in range(NETWORKS):
            mine = [
                pair
                for place, pair in enumerate(zip(videos, seen, strict=True))
                if place % NETWORKS != number or len(videos) == 1
            ]
            chosen = _spread([person_squares(objects)[0] for _, objects in mine], CROPS)
            if not any(len(objects) for objects in chosen):
                log.warning(
                    "%s: every second training video shows no object of %d pixels and more, so that nothing can be "
                    "learnt of what they look like: appearance will be 0 everywhere",
                    self.name,
                    LEAST_AREA,
                )
                return [], []
            file = self.workspace / f"appearance-{number}.pt" if self.workspace else None
            key = repr((number, self.settings(), self.seed, [(video.name, len(video)) for video, _ in mine]))
            done = load(file, key, torch.device("cpu")) if file else None
            if done is None:
                offsets = range(-REACH, REACH + 1)
                weights, course = train(
                    np.concatenate(
                        [
                            cut_crops(video, some, offsets)
                            for (video, _), some in zip(mine, chosen, strict=True)
                        ]
                    ),
                    np.concatenate([some.speed for some in chosen]),
                    steps=self.steps,
                    seed=self.seed + number,
                    device=self.device,
                    precision=self.precision,
                    label=f"{self.name}: fit network {number + 1} of {NETWORKS}",
                )
                done = {"weights": weights, "losses": course}
                if file:
                    save(file, key, done)
            networks.append(done["weights"])
            losses.append(done["losses"])
        return networks, losses

    def _measures(
        self, video: Video, objects: Objects, network: int | None
    ) -> dict[str, NDArray[np.float32]]:
        """Return every measure of the objects, by one network or by all."""
        rows = link(objects, video).around(self.reach)
        strange = self._strange(video, objects, network)
        return {**measure(objects, rows), "strange": mean_along(rows, strange, np.ones_like(strange))}

    def _strange(self, video: Video, objects: Objects, network: int | None) -> NDArray[np.float32]:
        """Return how strange the strangest part of each object looks in its own frame: float32 (k,)."""
        if not self.networks_:
            return np.zeros(len(objects), np.float32)
        from pixelkit.models.objects.appearance import Doubt
        from pixelkit.models.objects.transformations import LENGTH

        if self._doubt is None:
            self._doubt = Doubt(self.networks_, self.device, self.precision)
        offsets = range(-(LENGTH // 2), LENGTH // 2 + 1)
        parts, owner = person_squares(objects)
        said = np.full(len(objects), -np.inf, np.float32)
        for start in range(0, len(parts), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            doubt = self._doubt(cut_crops(video, parts.take(some), offsets), only=network)
            np.maximum.at(said, owner[some], doubt)
        return said

    def _of_objects(self, video: Video, around: int | None = None) -> tuple[Objects, NDArray[np.float64]]:
        """Return the objects of a video, and what each scores in each channel: float64 (k, channels).

        With ``around`` only the objects that decide what those at this position score, and only theirs is right.
        """
        if not hasattr(self, "surprises_"):
            raise ScorerError(f"{self.name} is not fitted: call fit(videos) or load(folder) first")
        objects = observe(video)
        if around is not None:
            objects = objects.take(np.abs(objects.position - around) <= self.reach)
        measures = self._measures(video, objects, None)
        found = {name: surprise(measures) for name, surprise in self.surprises_.items()}
        found["object"] = together([found[name] for name in self.combine])
        return objects, np.stack([found[channel] for channel in self.channels], 1)

    def score(self, video: Video) -> NDArray[np.float32]:
        """Return float32 (len(video), len(channels)) from 0 up; 0 without objects, 1 for one in a thousand."""
        objects, found = self._of_objects(video)
        scores = np.zeros((len(video), len(self.channels)), np.float32)
        for position, rows in _by_frame(objects):
            scores[position] = np.sort(found[rows], axis=0)[-self.top :].sum(0) / self.top
        return scores

    def heatmap(self, video: Video, position: int) -> NDArray[np.float32]:
        """Return each object's score painted over its box: float32 (240, 320), 0 elsewhere."""
        objects, found = self._of_objects(video, around=position)
        heat = np.zeros(VIEW.size, np.float32)
        here = objects.position == position
        for (left, top, right, bottom), value in zip(
            objects.corners[here].astype(int).tolist(), found[here, -1], strict=True
        ):
            box = heat[top:bottom, left:right]
            np.maximum(box, value, out=box)
        return heat

    def save(self, folder: Path) -> None:
        """Write densities and networks as safetensors, and the mean loss of the networks as ``history.json``."""
        from safetensors.numpy import save_file

        arrays: dict[str, NDArray[Any]] = {}
        for name, surprise in self.surprises_.items():
            arrays |= {
                f"{name}/{key}": np.ascontiguousarray(array) for key, array in surprise.arrays().items()
            }
        for number, network in enumerate(self.networks_):
            arrays |= {f"network {number}/{key}": tensor.numpy() for key, tensor in network.items()}
        save_file(arrays, folder / "fitted.safetensors")
        course = [
            {"epoch": number, "train_loss": sum(epoch) / len(epoch), "held_out_loss": None}
            for number, epoch in enumerate(zip(*self.losses_, strict=True), start=1)
        ]
        write_text(folder / "history.json", json.dumps(course, indent=1) + "\n")

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        import torch
        from safetensors.numpy import load_file

        arrays = load_file(folder / "fitted.safetensors")
        self.surprises_ = {
            name: Surprise.of_arrays(attribute, _below(arrays, name))
            for name, attribute in ATTRIBUTES.items()
        }
        networks = [_below(arrays, f"network {number}") for number in range(NETWORKS)]
        self.networks_ = [
            {key: torch.from_numpy(array) for key, array in network.items()}
            for network in networks
            if network
        ]
        course = json.loads((folder / "history.json").read_text(encoding="utf-8"))
        self.losses_ = [[epoch["train_loss"] for epoch in course]]
        self._doubt = None


def _spread(seen: Sequence[Objects], most: int) -> list[Objects]:
    """Return at most so many parts of objects that are large enough to learn from, spread over all videos."""
    large = [objects.take(objects.area >= LEAST_AREA) for objects in seen]
    count = sum(map(len, large))
    step = max(1, -(-count // most))
    return [objects.take(np.arange(0, len(objects), step)) for objects in large]


def _by_frame(objects: Objects) -> list[tuple[int, NDArray[np.int64]]]:
    """Return each position that has objects, with their rows."""
    positions, starts = np.unique(objects.position, return_index=True)
    return list(zip(positions.tolist(), np.split(np.arange(len(objects)), starts[1:]), strict=False))


def _below(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with ``name/``, without that."""
    return {
        key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")
    }


@hookimpl
def pixelkit_scorers() -> list[type[Scorer]]:
    """Offer Motion."""
    return [Motion]
