"""The scorer ``motion``: speed, every channel, what each attribute adds, and the moments where it is most wrong.

python benchmarks/motion.py ../shared/data/ped2 --labels ../shared/data/ped2/ped2.mat --sheet motion-worst.png

Everything is fitted on training videos. Synthetic anomalies, which defaults were chosen by, and test labels, which
they were not, stand side by side. Smoothed by a Gaussian of 3 frames per video, as in AI-VAD; scores are global.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from pixelkit.plugins.motion import Motion

from pixelkit.artifacts import RunFolder
from pixelkit.config import Settings
from pixelkit.frames.inject.truth import Takes, read_takes
from pixelkit.frames.labels import read_labels
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.video import Video
from pixelkit.models.foreground import VIEW
from pixelkit.models.objects.attributes import ATTRIBUTES
from pixelkit.models.objects.seen import Objects
from pixelkit.models.objects.surprise import together
from pixelkit.pipeline import Job, Splits, read_videos
from pixelkit.scores.metrics import evaluate, roc_auc
from pixelkit.scores.smooth import smooth

WIDTH = 3.0  # frames
WORST = 10
NEAR = 30  # frames: two moments nearer than this are one

Found = dict[str, tuple[Video, Objects, NDArray[np.float64]]]
Scores = dict[str, NDArray[np.float64]]
Combine = Callable[[Mapping[str, NDArray[np.float64]]], NDArray[np.float64]]


def read(data: Path, test: Path | None, room: Path, name: str) -> Splits:
    """Decode, repair, and inject synthetic anomalies, as a run does; a cache of its own keeps the times true."""
    (room / name).mkdir(parents=True, exist_ok=True)
    found = find_dataset(data) if test is None else find_dataset(None, train=data / "training", test=test)
    job = Job(found, Settings(), [], RunFolder(room / name), cache=room / "cache")
    return read_videos(job, [Motion()])


def score(scorer: Motion, videos: Sequence[Video]) -> Found:
    """Return the objects of each video and what they score in each channel."""
    return {video.name: (video, *scorer._of_objects(video)) for video in videos}


def frames(found: Found, combine: Combine) -> Scores:
    """Return the smoothed score of each frame: that of the object where ``combine`` of its channels is largest."""
    scores = {}
    for name, (video, objects, values) in found.items():
        column = np.zeros(len(video))
        channels = dict(zip(Motion.channels, values.T, strict=True))
        np.maximum.at(column, objects.position, combine(channels))
        whole = [slice(0, len(video))]
        scores[name] = smooth(column[:, None], video.numbers, whole, "gaussian", WIDTH)[:, 0]
    return scores


def added(*names: str) -> Combine:
    """Return what adds up the named channels as the scorer does."""
    return lambda channels: together([channels[name] for name in names])


def families(scores: Scores, takes: Takes) -> dict[str, float]:
    """Return the AUC of each kind of synthetic anomaly beside all normal takes, in per cent."""
    found = {}
    for kind in dict.fromkeys(takes.family.values()):
        names = [name for name, family in takes.family.items() if family in ("normal", kind)]
        labels, mine = (np.concatenate([each[name] for name in names]) for each in (takes.labels, scores))
        if labels.any():
            found[kind] = 100 * (roc_auc(labels, mine) or 0)
    return found


def against(labels: Mapping[str, NDArray[np.bool_]], scores: Scores) -> str:
    """Return micro AUC, macro AUC and AP, in per cent."""
    found = evaluate(scores, labels)
    figures = (found.micro.auc, found.macro_auc, found.micro.ap)
    return " / ".join("–" if figure is None else f"{100 * figure:.1f}" for figure in figures)


def truth(labels: Path, found: Found) -> dict[str, NDArray[np.bool_]]:
    """Return the labels of every frame that is there."""
    return dict(read_labels(labels, {name: video.numbers for name, (video, _, _) in found.items()}))


def quality(scored: Mapping[str, Found], labels: Path, synthetic: Found, takes: Takes) -> None:
    """Print the tables of channels and of sums."""
    known = {title: truth(labels, found) for title, found in scored.items()}
    kinds = [kind for kind in dict.fromkeys(takes.family.values()) if kind != "normal"]
    header = ["", *scored, "synthetic, mean", *kinds]
    print("\n| " + " | ".join(header) + " |\n|---" + "|---:" * (len(header) - 1) + "|")
    default = Motion().combine
    sums: dict[str, tuple[str, ...]] = {name: (name,) for name in ATTRIBUTES}
    sums |= {f"**object** ({' + '.join(default)})": default}
    sums |= {f"object without {name}": tuple(each for each in default if each != name) for name in default}
    sums |= {f"object and {name}": (*default, name) for name in ATTRIBUTES if name not in default}
    sums |= {"all": tuple(ATTRIBUTES)}
    for title, names in sums.items():
        of_kind = families(frames(synthetic, added(*names)), takes)
        cells = [against(known[each], frames(found, added(*names))) for each, found in scored.items()]
        cells += [f"{np.mean(list(of_kind.values())):.1f}", *(f"{of_kind[kind]:.0f}" for kind in kinds)]
        print(f"| {title} | {' | '.join(cells)} |")


def sheet(found: Found, labels: Path, path: Path) -> None:
    """Draw the moments at which the default is most wrong: normal frames above, anomalous frames below."""
    scores, known = frames(found, added(*Motion().combine)), truth(labels, found)
    every = np.concatenate([scores[name] for name in found])
    rank = {name: np.searchsorted(np.sort(every), values) / len(every) for name, values in scores.items()}
    rows = []
    for anomalous in (False, True):
        wrong = [
            (rank[name][at] if not anomalous else 1 - rank[name][at], name, int(at))
            for name in found
            for at in np.flatnonzero(known[name] == anomalous)
        ]
        chosen: list[tuple[float, str, int]] = []
        for moment in sorted(wrong, reverse=True):
            if all(moment[1] != name or abs(moment[2] - at) > NEAR for _, name, at in chosen):
                chosen.append(moment)
        print(f"\n{'missed' if anomalous else 'false'}: video, frame, percentile of its score")
        for _, name, at in chosen[:WORST]:
            print(f"  {name} {found[name][0].numbers[at]} {100 * rank[name][at]:.0f}")
        rows += [
            _pictures(found, chosen[:WORST], slice(0, 5)),
            _pictures(found, chosen[:WORST], slice(5, 10)),
        ]
    cv2.imwrite(str(path), np.concatenate(rows))


def _pictures(found: Found, moments: Sequence[tuple[float, str, int]], some: slice) -> NDArray[np.uint8]:
    """Return frames side by side, their worst object in a box, with its parts: uint8 (H, 5·W, 3)."""
    pictures = [np.zeros((*VIEW.size, 3), np.uint8)] * 5
    for place, (_, name, at) in enumerate(moments[some]):
        video, objects, values = found[name]
        picture = cv2.cvtColor(video.frames(VIEW)[at], cv2.COLOR_GRAY2BGR)
        here = np.flatnonzero(objects.position == at)
        if len(here):
            worst = here[values[here, -1].argmax()]
            left, top, right, bottom = objects.corners[worst].astype(int).tolist()
            cv2.rectangle(picture, (left, top), (right, bottom), (0, 200, 255), 1)
            parts = [values[worst, Motion.channels.index(each)] for each in Motion().combine]
            text = f"{name} {video.numbers[at]}: " + " + ".join(f"{part:.1f}" for part in parts)
            cv2.putText(picture, text, (4, 232), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1)
        pictures[place] = np.asarray(picture, np.uint8)
    return np.concatenate(pictures, axis=1)


def main() -> None:
    """Print machine, speed and tables; draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "data", type=Path, help="a data set; with folders training and testing if it is corrupted"
    )
    parser.add_argument("--labels", type=Path, help="its labels; without them only the speed is printed")
    parser.add_argument("--corrupted", action="store_true", help="score a corrupted copy, too")
    parser.add_argument("--sheet", type=Path, help="draw the worst moments to this PNG")
    parser.add_argument("--steps", type=int, default=Motion().steps, help="training steps of each network")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--room", type=Path, default=Path("motion-room"), help="where the cache lies")
    arguments = parser.parse_args()
    splits = read(arguments.data, None, arguments.room, "run")
    scorer = Motion(steps=arguments.steps)
    scorer.seed = arguments.seed
    start = time.perf_counter()
    scorer.fit(splits.train.videos)
    fitted = time.perf_counter()
    found = score(scorer, splits.test.videos)
    scored = time.perf_counter()
    print(describe_machine(), "\n\n| what | frames | seconds | frames/s |\n|---|---:|---:|---:|")
    for what, count, seconds in (
        ("fit", splits.train.frames, fitted - start),
        ("score", splits.test.frames, scored - fitted),
    ):
        print(f"| {what} | {count:,} | {seconds:.1f} | {count / seconds:.0f} |", flush=True)
    if not arguments.labels or splits.synthetic is None or splits.takes is None:
        return
    every = {"as it is": found}
    if arguments.corrupted:
        copy = arguments.room / "corrupted"
        if not copy.exists():
            subprocess.run([sys.executable, "-m", "pixelkit", "corrupt", arguments.data, copy], check=True)
        spoilt = read(arguments.data, copy / "testing", arguments.room, "corrupted-run")
        every["corrupted, repaired"] = score(scorer, spoilt.test.videos)
    synthetic = score(scorer, splits.synthetic.videos)
    quality(every, arguments.labels, synthetic, read_takes(splits.takes))
    if arguments.sheet:
        sheet(found, arguments.labels, arguments.sheet)


if __name__ == "__main__":
    main()
