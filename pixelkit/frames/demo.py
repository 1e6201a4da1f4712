"""The demo data set: drawn street scenes in the PixelPlay '26 layout, with its corruption, and labels beside it.

It takes the place of footage that nobody may pass on: every step of the main job runs on it as on the real thing.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pixelkit.errors import StorageError, examples
from pixelkit.files import atomic, clear_leftovers, make_folder, write_text
from pixelkit.frames.corrupt import CLEAN, Corruption, Damage, in_parallel, write_image, write_record
from pixelkit.frames.demo_cast import ANOMALIES, Role, crowd
from pixelkit.frames.demo_scenery import paint_background
from pixelkit.frames.demo_street import Image, Light, Street
from pixelkit.frames.ids import frame_id

VERSION = 3  # raise it when the same seed gives another data set
TRAINING = 180  # frames of each video
# Every long one holds one anomaly of about 63 frames, so that a quarter of the frames are anomalous.
TEST = (235, 230, 230, 36, 235, 230, 230)
SHORT = 3  # shorter than some clips are, as video 08 of PixelPlay '26 is
LATE = (0, 4)  # test videos whose frame numbers do not start at 0
OWNED = {"Dataset", "sample_submission.csv", "pixelkit.toml", "demo.json"}

# So that two slow cores are done in a few minutes; data of your own are trained on for longer.
SETTINGS = """\
# Shorter training than the defaults: this is a first try, which should take minutes, and needs no download.
leave_out = ["videopatchcore"]  # fetches pretrained weights; '--scorers videopatchcore' runs it

[convae]
epochs = 8

[dae]
epochs = 8

[stae]
epochs = 8

[ffp]
epochs = 8
"""


@dataclass(frozen=True)
class Scene:
    """One video: who is in it, its light, and the frame number it starts with."""

    name: str
    frames: int
    first: int
    roles: list[Role]
    light: Callable[[int], Light]
    seed: tuple[int, ...]

    @property
    def numbers(self) -> range:
        """The frame numbers, as in the file names."""
        return range(self.first, self.first + self.frames)

    def kind(self, number: int) -> str:
        """What is anomalous in a frame, empty for nothing."""
        at = number - self.first
        kinds = {role.kind for role in self.roles if role.anomalous[0] <= at < role.anomalous[1]}
        return " and ".join(sorted(kinds))

    def draw(self, street: Street, number: int) -> Image:
        """Return one frame: uint8 (360, 640, 3), BGR."""
        at = number - self.first
        rng = np.random.default_rng((*self.seed, number))
        actors = [actor for role in self.roles if (actor := role.act(at)) is not None]
        return street.frame(actors, self.light(at), rng)


def write_demo(folder: Path, seed: int = 0, *, training_videos: int = 6) -> bool:
    """Write the demo data set to ``folder``, and beside it ``<folder>-labels.csv`` and ``<folder>-corruption.csv``.

    The labels (Id, Label, Kind) never lie in the data set. The folder appears when all of it is there.

    Parameters
    ----------
    folder
        A new or empty folder, or one that holds a demo: a complete one of the same seed and size stays, another is
        replaced.
    seed
        The same seed gives the same frames on the same machine.
    training_videos
        How many videos of normal scenes, of 180 frames each; the first ones are the same however many there are.

    Returns
    -------
    bool
        Whether it was written; False if it was there.

    Raises
    ------
    StorageError
        If ``folder`` holds anything else, or cannot be written.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100, so that "." and "x/.." have a name to put the labels beside
    test = _test_scenes(seed)
    corruption = Corruption(seed=seed)
    plans = {scene.name: corruption.plan(scene.name, scene.numbers) for scene in test}
    marker = _marker(seed, training_videos)
    there = _is_complete(folder, marker)
    if not there:
        _check_ours(folder)
    _write_labels(folder.with_name(f"{folder.name}-labels.csv"), test, plans)
    write_record(folder.with_name(f"{folder.name}-corruption.csv"), plans)
    if there:
        return False
    clear_leftovers(folder)
    with atomic(folder) as temporary:
        _write_data(temporary, seed, training_videos, test, corruption, plans)
        write_text(temporary / "demo.json", marker)
        if not _is_complete(folder, marker):  # otherwise another process was faster, and its folder stays
            shutil.rmtree(folder, ignore_errors=True)
    return True


def _is_complete(folder: Path, marker: str) -> bool:
    try:
        return (folder / "demo.json").read_bytes() == marker.encode()
    except OSError:
        return False


def _marker(seed: int, training_videos: int) -> str:
    facts = {"made by": "pixelkit demo", "version": VERSION, "seed": seed, "training videos": training_videos}
    return json.dumps(facts, indent=2) + "\n"


def _check_ours(folder: Path) -> None:
    """Refuse a folder that holds anything but a demo."""
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder} is a file: choose a folder for the demo data set")
    inside = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    foreign = sorted(inside - OWNED if "demo.json" in inside else inside)
    if foreign:
        raise StorageError(
            f"{folder} holds {examples(foreign)}, which is not a demo: choose a new or an empty folder"
        )


def _test_scenes(seed: int) -> list[Scene]:
    """Cast the test videos: every kind of anomaly once, none in the short video."""
    rng = np.random.default_rng((seed, 1))
    order = rng.permutation(len(ANOMALIES)).tolist()
    scenes = []
    for index, frames in enumerate(TEST):
        first = int(rng.integers(80, 1000)) if index in LATE else 0
        scene = _scene(index, frames, first, seed, "test")
        if index != SHORT:
            scene.roles.append(ANOMALIES[order.pop()](frames, rng))
        scenes.append(scene)
    return scenes


def _scene(index: int, frames: int, first: int, seed: int, split: str) -> Scene:
    """Cast a video with ordinary walkers, in the light of its hour."""
    key = (seed, 2 if split == "train" else 3, index)
    rng = np.random.default_rng(key)
    light = partial(
        _light, rng.uniform(0.86, 1.08), rng.uniform(200, 500), rng.uniform(0, 6.3), rng.uniform(0.2, 0.5)
    )
    return Scene(f"{index + 1:02d}", frames, first, crowd(frames, rng), light, key)


def _light(base: float, period: float, phase: float, shadow: float, frame: int) -> Light:
    """A cloud passes: the light dims slowly by up to a sixth, turns cooler, and shadows fade with it."""
    sun = math.sin(2 * math.pi * frame / period + phase)
    return Light(base * (1 + 0.07 * sun), (1 - 0.02 * sun, 1.0, 1 + 0.02 * sun), shadow * (1 + 0.5 * sun))


def _kept(plan: dict[int, Damage]) -> list[int]:
    return [number for number, damage in plan.items() if not damage.missing]


def _write_labels(path: Path, scenes: list[Scene], plans: dict[str, dict[int, Damage]]) -> None:
    rows = ["Id,Label,Kind"]
    for scene in scenes:
        for number in _kept(plans[scene.name]):
            kind = scene.kind(number)
            rows.append(f"{frame_id(scene.name, number)},{bool(kind):d},{kind}")
    write_text(path, "\n".join(rows) + "\n")


def _write_data(
    folder: Path,
    seed: int,
    training_videos: int,
    test: list[Scene],
    corruption: Corruption,
    plans: dict[str, dict[int, Damage]],
) -> None:
    """Write the frames of both splits, the sample submission, and settings."""
    rng = np.random.default_rng((seed, 0))
    street = Street(paint_background(rng), rng)
    tasks = []
    for index in range(training_videos):
        scene = _scene(index, TRAINING, 0, seed, "train")
        place = make_folder(folder / "Dataset" / "training_videos" / scene.name)
        tasks += [partial(_write_frame, place, street, scene, number) for number in scene.numbers]
    ids = ["Id,Predicted"]
    for scene in test:
        place = make_folder(folder / "Dataset" / "testing_videos" / scene.name)
        for number in _kept(plans[scene.name]):
            damage = plans[scene.name][number]
            tasks.append(partial(_write_frame, place, street, scene, number, corruption, damage))
            ids.append(f"{frame_id(scene.name, number)},0")
    in_parallel(tasks, "draw")
    write_text(folder / "sample_submission.csv", "\n".join(ids) + "\n")
    write_text(folder / "pixelkit.toml", SETTINGS)


def _write_frame(
    place: Path,
    street: Street,
    scene: Scene,
    number: int,
    corruption: Corruption | None = None,
    damage: Damage = CLEAN,
) -> None:
    frame = scene.draw(street, number)
    if corruption is not None:
        frame = corruption.apply(frame, damage, scene.name, number)
    write_image(place / f"frame_{number:05d}.jpg", frame)
