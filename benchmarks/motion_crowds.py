"""What taking blobs apart gains ``motion``: somebody fast who passes through people, in training video only.

python benchmarks/motion_crowds.py ../shared/data/ped2

Somebody is cut out of one training video and glides through another one, 1.8 to 3.5 times as fast, where most people
are in the way. The scorer learns from every second video, and is asked about the others, as they are and with the
intruder. No label of a test video is read, and no network trained: speed and velocity are what is split.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import describe_machine
from numpy.typing import NDArray
from pixelkit.plugins.motion import Motion

from pixelkit import Video
from pixelkit.frames.decode import FrameStore
from pixelkit.frames.inject.reel import record
from pixelkit.frames.inject.replays import Cast, Replay
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.repair import apply_repairs
from pixelkit.frames.video import ArraySource
from pixelkit.models.foreground import VIEW, Foreground
from pixelkit.models.objects import pieces
from pixelkit.models.objects.seen import observe
from pixelkit.scores.metrics import roc_auc
from pixelkit.scores.smooth import smooth

PACE = (1.8, 3.5)  # times as fast as the one who was cut out walked
LENGTH = (12, 60)  # frames
EVENTS, TRIES = 3, 150  # in each video; places that are drawn for each, of which the most crowded counts
WIDTH = 3.0  # frames, of the Gaussian that smooths scores


@dataclass(frozen=True, eq=False)
class Event:
    """Somebody who passes, from position ``start`` on."""

    start: int
    intruder: Replay


def draw_event(
    video: Video, boxes: Sequence[NDArray[np.floating]], casts: Mapping[str, Cast], rng: np.random.Generator
) -> Event:
    """Return the event at the most crowded, walked-on place inside the picture of many that are drawn."""
    best: tuple[float, Event] | None = None
    others = [cast for name, cast in casts.items() if name != video.name and cast.tracks]
    for _ in range(TRIES if others else 0):
        event = _event(len(video), others[rng.integers(len(others))], rng)
        if event is None:
            continue
        height, width = casts[video.name].size
        inside = np.mean(((event.intruder.boxes > 0) & (event.intruder.boxes < [width, height] * 2)).all(1))
        met = [_met(box, boxes[event.start + at]) for at, box in enumerate(event.intruder.boxes)]
        good = inside + np.mean(met) + casts[video.name].trodden(event.intruder.feet).mean()
        if best is None or good > best[0]:
            best = float(good), event
    if best is None:
        raise SystemExit(
            f"video {video.name}: nobody who was cut out elsewhere fits into its {len(video)} frames"
        )
    return best[1]


def _event(frames: int, cast: Cast, rng: np.random.Generator) -> Event | None:
    clean = [track for track in cast.tracks if track.quality >= 0.3 * cast.best]
    track = clean[rng.integers(len(clean))]
    pace = rng.uniform(*PACE)
    length = int(np.clip(1.5 * len(track) / pace, *LENGTH))
    step = (track.feet[-1] - track.feet[0]) / len(track) * pace
    if length > frames - 2 or abs(step[0]) < 0.5:
        return None
    start = track.feet[rng.integers(len(track))] + (rng.uniform(-150, 150), rng.uniform(-10, 10))
    feet = start + np.arange(length)[:, None] * step
    # Half of its own pace: a rider's legs are slow
    there = np.arange(length) // 2 % (2 * (len(track) - 1))
    shown = np.minimum(there, 2 * (len(track) - 1) - there)
    return Event(int(rng.integers(1, frames - length)), Replay(cast, track, shown, feet, np.ones(length)))


def _met(box: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """Return how much of a box the others cover, 0 to 1."""
    shared = np.minimum(others[:, 2:], box[2:]) - np.maximum(others[:, :2], box[:2])
    return min(1.0, float(shared.clip(0).prod(1).sum() / (box[2:] - box[:2]).prod()))


def with_intruders(
    videos: Sequence[Video], casts: Mapping[str, Cast], seed: int
) -> Iterator[tuple[Video, NDArray[np.bool_]]]:
    """Yield copies of the videos with one event each, and which frames are anomalous."""
    rng = np.random.default_rng(seed)
    for video in videos:
        frames = np.stack(list(video.stream()))
        find = Foreground().begin(video)
        boxes = [each.corners for each in find(range(len(video)), list(frames))]
        for number in range(EVENTS):
            event = draw_event(video, boxes, casts, rng)
            there = np.zeros(len(video), bool)
            changed = frames.copy()
            for at in range(len(event.intruder.boxes)):
                others = casts[video.name].blobs[event.start + at]
                changed[event.start + at] = event.intruder.draw(frames[event.start + at], at, others)
                there[event.start + at] = True
            yield Video(f"{video.name}-{number}", video.numbers, ArraySource(changed)), there


def anew(video: Video) -> Video:
    """Return the same frames in memory, with nothing that was seen of them."""
    return Video(video.name, video.numbers, ArraySource(np.stack(list(video.stream()))))


def channels(scorer: Motion, video: Video) -> NDArray[np.float64]:
    """Return the smoothed scores for speed, velocity and their sum: float64 (n, 3)."""
    objects, found = scorer._of_objects(video)
    speed, velocity = (found[:, scorer.channels.index(each)] for each in ("speed", "velocity"))
    scores = np.zeros((len(video), 3))
    np.maximum.at(scores, objects.position, np.stack([speed, velocity, speed + velocity], 1))
    return smooth(scores, video.numbers, [slice(0, len(video))], "gaussian", WIDTH)


def areas(videos: Sequence[Video], copies: Sequence[tuple[Video, NDArray[np.bool_]]]) -> list[float]:
    """Return the AUC of frames with an intruder beside all frames without one, for each of the channels."""
    scores, labels = [], []
    for half in range(2):
        scorer = Motion(steps=0)
        scorer.fit(videos[1 - half :: 2])
        asked = [(video, np.zeros(len(video), bool)) for video in videos[half::2]]
        asked += [pair for number, pair in enumerate(copies) if number // EVENTS % 2 == half]
        for number, (video, there) in enumerate(asked):
            chosen = there if number >= len(videos[half::2]) else ~there
            scores.append(channels(scorer, video)[chosen])
            labels.append(there[chosen])
    columns = np.concatenate(scores).T
    return [100 * (roc_auc(np.concatenate(labels), column) or 0) for column in columns]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of the events")
    arguments = parser.parse_args()
    print(describe_machine(), "\n\n| blobs | objects | speed | velocity | both |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        decoded = FrameStore(room).decode(find_dataset(arguments.data).train, (VIEW,))
        videos = [anew(video) for video in apply_repairs(decoded, None, max_gap=4)]
        casts = {}
        for video in videos:
            reel = record(video, range(len(video)), room / video.name)
            casts[video.name] = Cast.find(reel, lambda calls: [call() for call in calls])
        copies = list(with_intruders(videos, casts, arguments.seed))
        usual = pieces.LEAST_PIECE
        for title, least in (("whole", 10**9), ("taken apart", usual)):
            pieces.LEAST_PIECE = least
            normal, spoilt = [anew(video) for video in videos], [(anew(video), at) for video, at in copies]
            found = areas(normal, spoilt)
            count = sum(len(observe(video)) for video in (*normal, *(video for video, _ in spoilt)))
            print(f"| {title} | {count:,} | {' | '.join(f'{area:.1f}' for area in found)} |", flush=True)


if __name__ == "__main__":
    main()
