"""The PixelPlay '26 corruption for any data set: flipped, noisy and missing test frames, by seed.

On a corrupted copy one knows which frames were flipped and which are noisy: that is how repair is measured.
"""

from __future__ import annotations

import csv
import io
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import DataError, SettingsError, StorageError
from pixelkit.files import atomic, clear_leftovers, write_text
from pixelkit.frames.ids import frame_id, video_key
from pixelkit.frames.layouts import DataSet, VideoFiles, find_dataset
from pixelkit.frames.reading import Undecodable, read_bytes, video_frames
from pixelkit.progress import bar
from pixelkit.threads import cores, in_order

T = TypeVar("T")

JPEG_QUALITY = 95
# PixelPlay '26: six of 21 test videos start late and lack the first 11 to 65 % of their frames.
LATE_VIDEOS, LATE_SHARE = 0.3, (0.1, 0.65)


@dataclass(frozen=True)
class Damage:
    """What happens to one frame.

    Parameters
    ----------
    flipped
        Upside down.
    noise
        Amplitude of the uniform noise in gray levels; 0 for a clean frame.
    missing
        Left out.
    """

    flipped: bool = False
    noise: int = 0
    missing: bool = False


CLEAN = Damage()


@dataclass(frozen=True)
class Corruption:
    """How much is corrupted; the defaults are what was measured on PixelPlay '26.

    The same seed, video name and frame number always give the same damage, whatever else the data set holds.

    Parameters
    ----------
    flips
        Share of frames turned upside down.
    noise
        Share of frames with pixel noise; drawn independently of the flips.
    amplitude
        The noise is uniform in ±a per pixel and channel, a drawn per frame between these two gray levels.
    missing
        Share of single frames left out, never the first, the last or two in a row.
    late_starts
        Leave out the first part of some videos too.
    seed
        Decides everything.

    Raises
    ------
    SettingsError
        If a share is not in [0, 1] or the amplitudes are not two ascending gray levels.
    """

    flips: float = 0.1
    noise: float = 0.2
    amplitude: tuple[int, int] = (35, 40)
    missing: float = 0.02
    late_starts: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("flips", "noise", "missing"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise SettingsError(f"corruption: {name} is a share of the frames, 0 to 1: got {share}")
        if not 1 <= self.amplitude[0] <= self.amplitude[1] <= 127:
            raise SettingsError(
                f"corruption: amplitude is two ascending gray levels, 1 to 127: got {self.amplitude}"
            )

    def plan(self, video: str, numbers: Sequence[int]) -> dict[int, Damage]:
        """Return what happens to each frame of a video, by frame number."""
        rng, count = self._rng(video), len(numbers)
        flipped = rng.random(count) < self.flips
        noise = np.where(
            rng.random(count) < self.noise, rng.integers(*self.amplitude, count, endpoint=True), 0
        )
        missing = rng.random(count) < self.missing
        missing[[0, -1]] = False
        missing[1:] &= ~missing[:-1]
        if self.late_starts and rng.random() < LATE_VIDEOS:
            missing[: int(count * rng.uniform(*LATE_SHARE))] = True
        fates = zip(numbers, flipped.tolist(), noise.tolist(), missing.tolist(), strict=True)
        return {number: Damage(*fate) for number, *fate in fates}

    def apply(self, frame: NDArray[np.uint8], damage: Damage, video: str, number: int) -> NDArray[np.uint8]:
        """Return the damaged frame: uint8, the shape of ``frame``, (H, W) or (H, W, channels)."""
        if damage.flipped:
            frame = np.asarray(cv2.flip(frame, 0), np.uint8)
        if damage.noise:
            rng = self._rng(video, number)
            # int8 would be enough, but takes NumPy three times as long to draw.
            noise = rng.integers(-damage.noise, damage.noise, frame.shape, np.int16, endpoint=True)
            frame = np.asarray(cv2.add(frame, noise, dtype=cv2.CV_8U), np.uint8)
        return frame

    def _rng(self, video: str, *number: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, zlib.crc32(video_key(video).encode()), *number))


def corrupt_dataset(source: Path, target: Path, corruption: Corruption) -> Path:
    """Write a copy of a data set with a corrupted test split, and beside it a CSV of what was done.

    Names, layout and frame numbers stay, so that labels of ``source`` fit ``target`` by frame number. What is not
    damaged is hard-linked where the file system can, copied otherwise; a test video file becomes a folder of frames.

    Parameters
    ----------
    source
        A data set in any layout; only read.
    target
        A folder that does not exist yet, outside ``source``. It appears when all of it is there.

    Returns
    -------
    Path
        ``<target>-corruption.csv``: Id, Flipped (0 or 1), Noise (amplitude in gray levels, 0 for none), Missing (0
        or 1), for every test frame of ``source``.

    Raises
    ------
    DataError
        If ``source`` holds no data set, or ``target`` lies inside it.
    StorageError
        If ``target`` exists or cannot be written.
    """
    if target.resolve().is_relative_to(source.resolve()):
        raise DataError(
            f"{target} lies inside {source}: choose a folder outside, the source is never touched"
        )
    if target.exists():
        raise StorageError(f"{target} exists already: choose another folder or remove it")
    dataset = find_dataset(source)
    clear_leftovers(target)
    record = target.with_name(f"{target.name}-corruption.csv")
    with atomic(target) as folder:
        _link_training(dataset, folder)
        plans = _corrupt_test(dataset, folder, corruption)
        _copy_sample(dataset, folder, plans)
        write_record(record, plans)
    return record


def write_record(path: Path, plans: Mapping[str, Mapping[int, Damage]]) -> None:
    """Write what was done to each frame, Id, Flipped, Noise, Missing, by video and frame number."""
    rows = ["Id,Flipped,Noise,Missing"]
    for video, plan in plans.items():
        for number, damage in plan.items():
            rows.append(f"{frame_id(video, number)},{damage.flipped:d},{damage.noise},{damage.missing:d}")
    write_text(path, "\n".join(rows) + "\n")


def write_image(path: Path, pixels: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> None:
    """Write ``pixels``, gray or BGR, in the format of the path's suffix."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix.lower() in (".jpg", ".jpeg") else []
    _, data = cv2.imencode(path.suffix, pixels, settings)
    path.write_bytes(data.tobytes())


def in_parallel(tasks: Sequence[Callable[[], T]], what: str, unit: str = "frame") -> list[T]:
    """Run the tasks on all cores and return their results in order; the first that fails ends the rest."""
    results: list[T] = []
    with (
        ThreadPoolExecutor(cores()) as pool,
        bar(len(tasks), what, unit) as done,
        closing(in_order(pool, tasks, len(tasks))) as coming,
    ):
        for result in coming:
            results.append(result)
            done.update()
    return results


def _link_training(dataset: DataSet, folder: Path) -> None:
    for video in dataset.train:
        for file in video.files or (video.path,):
            _link(file, folder / file.relative_to(dataset.root))


def _corrupt_test(dataset: DataSet, folder: Path, corruption: Corruption) -> dict[str, dict[int, Damage]]:
    """Write the damaged test split and return what was done to each video."""
    filmed = [video for video in dataset.test if video.is_video_file]
    places = [(folder / video.path.relative_to(dataset.root)).with_suffix("") for video in filmed]
    tasks = [partial(_corrupt_film, *pair, corruption) for pair in zip(filmed, places, strict=True)]
    plans = dict(zip((video.name for video in filmed), in_parallel(tasks, "corrupt", "video"), strict=True))
    frames: list[Callable[[], None]] = []
    for video in dataset.test:
        if video.is_video_file:
            continue
        plan = plans[video.name] = corruption.plan(video.name, video.numbers)
        for number, file in zip(video.numbers, video.files, strict=True):
            place = folder / file.relative_to(dataset.root)
            frames.append(partial(_corrupt_file, file, place, plan, video.name, number, corruption))
    in_parallel(frames, "corrupt")
    return {video.name: plans[video.name] for video in dataset.test}


def _corrupt_file(
    file: Path, place: Path, plan: dict[int, Damage], video: str, number: int, corruption: Corruption
) -> None:
    """Write one damaged frame. A clean one stays as it is, and so does one that does not decode."""
    if plan[number].missing:
        return
    if plan[number] != CLEAN:
        try:
            data = np.frombuffer(read_bytes(file), np.uint8)
            pixels = cv2.imdecode(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        except (Undecodable, cv2.error):
            pixels = None
        if pixels is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_image(place, corruption.apply(np.asarray(pixels, np.uint8), plan[number], video, number))
            return
        plan[number] = CLEAN
    _link(file, place)


def _corrupt_film(video: VideoFiles, place: Path, corruption: Corruption) -> dict[int, Damage]:
    """Write the frames of a video file, numbered from 0, as JPEG files in a folder of the video's name."""
    # The header only promises a count: decode once to count, so that the damage is that of the frames there are.
    count = sum(1 for _ in video_frames(video.path))
    if not count:
        raise DataError(f"{video.path} does not decode: expected a video file; replace or remove it")
    plan = corruption.plan(video.name, range(count))
    place.mkdir(parents=True)
    for number, frame in enumerate(video_frames(video.path)):
        if not plan[number].missing:
            damaged = corruption.apply(frame, plan[number], video.name, number)
            write_image(place / f"{number:05d}.jpg", np.ascontiguousarray(damaged[..., ::-1]))
    return plan


def _copy_sample(dataset: DataSet, folder: Path, plans: Mapping[str, Mapping[int, Damage]]) -> None:
    """Copy the sample submission without the frames that are missing now."""
    if dataset.sample is None or not dataset.sample.is_relative_to(dataset.root):
        return
    gone = {
        frame_id(video, number) for video, plan in plans.items() for number in plan if plan[number].missing
    }
    with dataset.sample.open(encoding="utf-8-sig", newline="") as lines:
        kept = [row for row in csv.reader(lines) if row and row[0] not in gone]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(kept)
    write_text(folder / dataset.sample.relative_to(dataset.root), text.getvalue())


def _link(file: Path, place: Path) -> None:
    """Hard-link a file, or copy it where the file system cannot link."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.hardlink_to(file.resolve())
    except OSError:
        shutil.copyfile(file, place)
