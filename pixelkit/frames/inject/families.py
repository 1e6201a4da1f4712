"""Synthetic anomalies, in families: what is done to held-out normal video, so as to tune without labels.

Injecting anomalies of several kinds into normal data and ranking models by how well they find them serves about as
well as a few labels do (Goswami, Challu, Callot, Minorics, Kan: Unsupervised Model Selection for Time-series Anomaly
Detection, ICLR 2023). They inject into time series; here the same is done to video. No family stands for all
anomalies: what is chosen should do well on each. "Somebody" is an extra who was cut out of the video and walks through
every take, normal ones too, as everybody does when nothing happens.

============  =====================================================================  ====================
family        what one sees                                                          what it stands for
============  =====================================================================  ====================
patch         a foreign patch with smooth borders, moving                            a thing never seen
skip          everything two to five times as fast                                   haste, panic
faster        somebody goes two to four times as fast, running or gliding            runners, cyclists
larger        somebody grows to 1.5 to 2.5 times the size                            carts, cars
backwards     somebody walks backwards                                               the wrong way
freeze        the picture stands still, or a few frames repeat                       a failing camera
reverse       time runs backwards, then forwards again                               the wrong way, for all
thrown        a small thing that flies to and fro, turning                           things thrown
loiter        somebody stops where people walk                                       loitering
============  =====================================================================  ====================

All sizes and speeds are relative to the height of the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NORMAL = "normal"
# New ones go to the end: which video a take is cut from depends on the place of its family here.
FAMILIES = ("patch", "skip", "faster", "larger", "backwards", "freeze", "reverse", "thrown", "loiter")
OBJECT_FAMILIES = frozenset({"faster", "larger", "backwards", "loiter"})
PASTED_FAMILIES = frozenset({"patch", "thrown"})

SKIP_SPEED = (2.0, 5.0)
STUTTER = (2, 8)  # frames that repeat


@dataclass(frozen=True)
class Event:
    """When something happens in a take.

    Parameters
    ----------
    start, stop
        Positions in the take; ``stop`` is exclusive.
    strength
        0 to 1, the mildest to the wildest that the family knows.
    """

    start: int
    stop: int
    strength: float

    def __len__(self) -> int:
        return self.stop - self.start

    def between(self, mildest: float, wildest: float) -> float:
        """Return the value of the event's strength on this scale."""
        return mildest + self.strength * (wildest - mildest)


Steps = NDArray[np.int64]


def skip(event: Event, rng: np.random.Generator) -> Steps:  # noqa: ARG001
    """Leave out frames, so that everything moves two to five times as fast; not only by whole numbers."""
    speed = event.between(*SKIP_SPEED)
    reached = np.floor(speed * np.arange(len(event) + 1)).astype(np.int64)
    return np.append(np.diff(reached), 1)


def reverse(event: Event, rng: np.random.Generator) -> Steps:  # noqa: ARG001
    """Let time run backwards from the event's start, and forwards again from where it got: without a jump."""
    return np.append(np.full(len(event), -1, np.int64), 1)


def freeze(event: Event, rng: np.random.Generator) -> Steps:
    """Repeat one frame, or the last few over and over; then the picture jumps to the present, or goes on as if nothing
    had been.
    """
    length = len(event)
    loop = int(rng.integers(*STUTTER, endpoint=True)) if rng.random() < 0.5 else 1
    loop = min(loop, event.start)
    shown = np.arange(length) % loop - loop  # relative to the present at the event's start
    after = length if rng.random() < 0.5 else 0
    return np.diff(np.concatenate([[-1], shown, [after]])).astype(np.int64)


# By family, by how many source frames each of the event's frames, and the one after, lie after the frame before them.
TIME_FAMILIES: Mapping[str, Callable[[Event, np.random.Generator], Steps]] = {
    "skip": skip,
    "freeze": freeze,
    "reverse": reverse,
}


def source_positions(
    family: str, frames: int, events: Sequence[Event], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return which frame of its source each frame of a take shows: int64 (frames,), the smallest 0.

    Events must not touch each other, nor begin with the take: what they do is told from the frame before.
    """
    steps = np.ones(frames + 1, np.int64)
    if family in TIME_FAMILIES:
        for event in events:
            steps[event.start : event.stop + 1] = TIME_FAMILIES[family](event, rng)
    positions = np.cumsum(steps[:frames])
    return np.asarray(positions - positions.min())
