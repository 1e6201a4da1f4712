"""Repair on Ped2 with the PixelPlay corruption: what is found, how fast, and what each treatment of noise gives.

python benchmarks/repair.py [../shared/data/ped2]

The first table uses the test frames, and the record of their corruption; no labels. The second uses training videos
only: a PCA of 64 components (fitted on three quarters of them) stands in for a reconstruction error. On the rest
foreign patches are planted, then the frames are corrupted and treated; the noisy frames are given, so that nothing
but the treatment is measured.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from pixelkit.frames import denoise
from pixelkit.frames.corrupt import Corruption, corrupt_dataset
from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.denoise import Frame, clean_neighbours
from pixelkit.frames.ids import frame_id
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.repair import FLIP_VIEW, RepairPlan, RepairSettings, plan_repairs
from pixelkit.frames.video import MAX_GAP, View, render

VIEW = View((128, 128))
ROUNDS = 3
Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data/ped2"))
    data = parser.parse_args().data
    print(describe_machine(), "\n")
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        found_and_fast(data, room)
        treatments(FrameStore(room / "cache").decode(find_dataset(data).train, [VIEW]))


def found_and_fast(data: Path, room: Path) -> None:
    """Corrupt the data set, plan its repair, and hold the plan against the record."""
    record = corrupt_dataset(data, room / "corrupted", Corruption())
    found = find_dataset(room / "corrupted")
    videos = FrameStore(room / "cache").decode([*found.train, *found.test], [FLIP_VIEW])
    train, test = videos[: len(found.train)], videos[len(found.train) :]
    start = time.perf_counter()
    plan = plan_repairs(train, test, RepairSettings(), seed=0)
    seconds = time.perf_counter() - start
    print(*plan.summary(), sep="\n")
    print("\n| on the corrupted test frames | figure |\n|---|---|")
    for what, figure in _figures(record, plan):
        print(f"| {what} | {figure} |")
    print(f"| training and scan, seconds | {seconds:.1f} |\n")


def _figures(record: Path, plan: RepairPlan) -> list[tuple[str, str]]:
    with record.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["Missing"] == "0"]
    told_flipped = {frame_id(name, number) for name in plan.videos for number in plan.flipped_numbers(name)}
    told_noisy = {frame_id(name, number) for name in plan.videos for number in plan.noisy_numbers(name)}
    flipped, noisy = (np.array([row[key] != "0" for row in rows]) for key in ("Flipped", "Noise"))
    right = np.array([row["Id"] in told_flipped for row in rows]) == flipped
    told = np.array([row["Id"] in told_noisy for row in rows])
    groups = {
        "flipped": flipped,
        "upright": ~flipped,
        "flipped and noisy": flipped & noisy,
        "upright and noisy": ~flipped & noisy,
    }
    figures = [
        (f"{name} frames told right", f"{right[of].mean():.2%} of {of.sum():,}")
        for name, of in groups.items()
    ]
    return [*figures, ("noisy frames, F1", f"{2 * (told & noisy).sum() / (told.sum() + noisy.sum()):.4f}")]


@dataclass(frozen=True)
class Sequence128:
    """A held-out training video with a planted anomaly, in the 128×128 view, as it was and corrupted."""

    numbers: NDArray[np.int64]
    clean: Frame
    corrupted: Frame
    noisy: Marks
    anomalous: Marks


Treat = Callable[[Frame, Sequence[Frame]], Frame]
NOISE_AWARE = "noise-aware scoring: score interpolated between clean frames"
TREATMENTS: dict[str, Treat] = {
    "off": lambda frame, _: frame,
    "spatial: 3×3 median": lambda frame, _: np.asarray(cv2.medianBlur(frame, 3), np.uint8),
    "spatial: non-local means": lambda frame, _: np.asarray(
        cv2.fastNlMeansDenoising(frame, None, 9, 5, 15), np.uint8
    ),
    "spatial: bilateral": lambda frame, _: denoise.treat(frame, [], "bilateral"),
    "temporal: mean of the two nearest clean frames": lambda frame, near: (
        np.mean(near, axis=0).round().astype(np.uint8) if near else frame
    ),
    "temporal: copy of the nearest clean frame": lambda frame, near: denoise.treat(frame, near, "nearest"),
    "temporal: median with the two nearest clean frames (default)": lambda frame, near: denoise.treat(
        frame, near, "median"
    ),
}


def treatments(train: Sequence[DecodedVideo]) -> None:
    """Print what each treatment does to the ranks of noisy frames and to those of planted anomalies."""
    held_out = train[2::4]
    fitted = [video for video in train if video not in held_out]
    pca = PCA(64, svd_solver="randomized", random_state=0)
    pca.fit(
        np.concatenate([video.view(VIEW) for video in fitted])[::2].reshape(-1, 128 * 128).astype(np.float32)
    )
    rng = np.random.default_rng(0)
    footage = [_planted(video, fitted, rng, seed) for seed in range(ROUNDS) for video in held_out]
    print(
        "AUC of noisy against clean normal frames (above .5: noisy ones outrank clean ones), then AUC of planted\n"
        "anomalies, then the latter when the same frames are treated although they are clean.\n"
    )
    channels = ("mean error", "patch error", "motion")
    print("| treatment | ms |", " | ".join(f"{channel}: noisy, planted, damage" for channel in channels), "|")
    print("|---|---|" + "---|" * len(channels))
    raw = [_scores(pca, sequence.clean) for sequence in footage]
    _row("(clean frames)", 0, footage, raw, raw)
    for name, treat in TREATMENTS.items():
        start = time.perf_counter()
        treated = [_treated(sequence, sequence.corrupted, treat) for sequence in footage]
        cost = 1000 * (time.perf_counter() - start) / sum(sequence.noisy.sum() for sequence in footage)
        scores = [_scores(pca, frames) for frames in treated]
        needless = [_scores(pca, _treated(sequence, sequence.clean, treat)) for sequence in footage]
        _row(name, cost, footage, scores, needless)
        if name == "off":
            aware = [_interpolated(sequence, each) for sequence, each in zip(footage, scores, strict=True)]
            harmless = [
                _interpolated(sequence, each) for sequence, each in zip(footage, needless, strict=True)
            ]
            _row(NOISE_AWARE, 0, footage, aware, harmless)


def _row(
    name: str,
    cost: float,
    footage: Sequence[Sequence128],
    scores: Sequence[Mapping[str, Floats]],
    needless: Sequence[Mapping[str, Floats]],
) -> None:
    noisy = np.concatenate([sequence.noisy for sequence in footage])
    anomalous = np.concatenate([sequence.anomalous for sequence in footage])
    cells = []
    for channel in scores[0]:
        values = np.concatenate([each[channel] for each in scores])
        damaged = np.concatenate([each[channel] for each in needless])
        figures = (
            roc_auc_score(noisy[~anomalous], values[~anomalous]),
            roc_auc_score(anomalous, values),
            roc_auc_score(anomalous, damaged),
        )
        cells.append(", ".join(f"{figure:.3f}" for figure in figures))
    print(f"| {name} | {cost:.2f} |", " | ".join(cells), "|", flush=True)


def _planted(
    video: DecodedVideo, others: Sequence[DecodedVideo], rng: np.random.Generator, seed: int
) -> Sequence128:
    """Let a patch of another video walk through ``video`` for 30 to 60 frames, then corrupt the frames."""
    frames = list(video.stream())
    height, width = frames[0].shape[:2]
    size = rng.integers((24, 16), (45, 40))
    foreign = next(others[int(rng.integers(len(others)))].stream())
    y, x = rng.integers((0, 0), (height - size[0], width - size[1]))
    patch = foreign[y : y + size[0], x : x + size[1]] + rng.choice([-30.0, 30.0])
    mask = np.zeros(size, np.float32)
    middle = (int(size[1]) // 2, int(size[0]) // 2)
    cv2.ellipse(mask, middle, (middle[0] - 2, middle[1] - 2), 0, 0, 360, 1, -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.5), np.float32)[..., None]
    first = int(rng.integers(10, len(frames) // 2))
    anomalous = np.zeros(len(frames), bool)
    anomalous[first : first + rng.integers(30, 60)] = True
    place, speed = rng.uniform((40, 10), (190 - size[0], 150)), rng.uniform((-1, 1.5), (1, 5))
    for step, position in enumerate(np.flatnonzero(anomalous)):
        y, x = np.clip(place + step * speed, 0, (height - size[0], width - size[1])).astype(int)
        there = frames[position][y : y + size[0], x : x + size[1]]
        there[:] = (there * (1 - mask) + patch * mask).clip(0, 255)
    return _corrupted(video, frames, anomalous, Corruption(flips=0, seed=seed))


def _corrupted(
    video: DecodedVideo, frames: Sequence[Frame], anomalous: Marks, corruption: Corruption
) -> Sequence128:
    plan = corruption.plan(video.name, video.numbers.tolist())
    kept = [place for place, number in enumerate(video.numbers.tolist()) if not plan[number].missing]
    numbers = video.numbers[kept]
    clean, corrupted = [], []
    for place, number in zip(kept, numbers.tolist(), strict=True):
        clean.append(render(frames[place], VIEW))
        damaged = corruption.apply(frames[place], plan[number], video.name, number)
        _, data = cv2.imencode(".jpg", damaged, [cv2.IMWRITE_JPEG_QUALITY, 95])
        seen = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        corrupted.append(render(seen, VIEW) if plan[number].noise else clean[-1])
    noisy = np.array([plan[number].noise > 0 for number in numbers.tolist()])
    return Sequence128(numbers, np.array(clean), np.array(corrupted), noisy, anomalous[kept])


def _treated(sequence: Sequence128, frames: Frame, treat: Treat) -> Frame:
    treated = frames.copy()
    near = clean_neighbours(sequence.numbers, np.flatnonzero(sequence.noisy).tolist(), MAX_GAP)
    for position, neighbours in near.items():
        treated[position] = treat(frames[position], [frames[other] for other in neighbours])
    return treated


def _interpolated(sequence: Sequence128, scores: Mapping[str, Floats]) -> dict[str, Floats]:
    clean, numbers = ~sequence.noisy, sequence.numbers
    return {
        channel: np.interp(numbers, numbers[clean], values[clean]).astype(np.float32)
        for channel, values in scores.items()
    }


def _scores(pca: PCA, frames: Frame) -> dict[str, Floats]:
    """Return the mean and the largest 8×8-patch reconstruction error, and the largest patch difference in time."""
    pixels = frames.reshape(len(frames), -1).astype(np.float32)
    error = (pixels - pca.inverse_transform(pca.transform(pixels))).reshape(frames.shape) ** 2
    step = np.abs(np.diff(frames.astype(np.float32), axis=0))
    into = _patches(np.concatenate([step[:1], step])).max(1)
    out_of = _patches(np.concatenate([step, step[-1:]])).max(1)
    return {
        "mean error": error.mean((1, 2)),
        "patch error": _patches(error).max(1),
        "motion": np.maximum(into, out_of),
    }


def _patches(values: Floats) -> Floats:
    blocks: Floats = values.reshape(len(values), 16, 8, 16, 8).mean((2, 4))
    return blocks.reshape(len(values), -1)


if __name__ == "__main__":
    main()
