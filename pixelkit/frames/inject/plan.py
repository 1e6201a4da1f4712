"""Decides which stretch of which held-out video becomes a take, and when something happens in it."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pixelkit.errors import DataError, SettingsError, examples
from pixelkit.frames.inject.families import FAMILIES, NORMAL, Event, source_positions

log = logging.getLogger("pixelkit")

NO_HELDOUT = (
    "no training video is held out, so there is nothing to inject synthetic anomalies into: raise holdout, or add "
    "training videos (a single one is never held out)"
)

NORMAL_TAKES = 2  # for each take of a family, so that not every video holds an anomaly
SHORTEST, LONGEST = 8, 0.6  # an event's frames, and its part of the take
LEAST_FRAMES = 4  # of a take with an event
TWICE, TWICE_FROM = 0.2, 60  # share of takes with two events, among those of so many frames


@dataclass(frozen=True)
class Take:
    """A stretch of one held-out training video in which something happens, or nothing.

    Parameters
    ----------
    name
        Family and number, ``patch-1``: what the video will be called.
    family
        One of ``FAMILIES``, or ``"normal"``.
    source
        Name of the held-out video.
    positions
        Which frame of the source each frame of the take shows, by position.
    events
        What happens when; none in a normal take.
    """

    name: str
    family: str
    source: str
    positions: tuple[int, ...]
    events: tuple[Event, ...] = ()

    def __len__(self) -> int:
        return len(self.positions)


def plan_takes(lengths: Mapping[str, int], *, per_family: int, frames: int = 150, seed: int) -> list[Take]:
    """Plan ``per_family`` takes of each family, and twice as many normal ones.

    Sources are used in turn. Which stretch a take is, and what happens when, comes from the seed and the take's name:
    a family more changes no other take. How long an event lasts is drawn from a wide prior, log-uniform from 8 frames
    to 60 % of the take (or half of what there is), since it decides which smoothing will serve best.

    Parameters
    ----------
    lengths
        By name, how many frames each held-out video has.
    per_family
        How many takes of each family.
    frames
        How long a take is, in frames; a shorter video is taken whole.
    seed
        Decides everything.

    Returns
    -------
    list of Take
        Normal ones first. A family for which every video is too short is left out, with a warning.

    Raises
    ------
    DataError
        If there is no held-out video.
    SettingsError
        If ``per_family`` or ``frames`` is below 1.
    """
    if not lengths or not any(lengths.values()):
        raise DataError(NO_HELDOUT)
    for name, value in (("per_family", per_family), ("frames", frames)):
        if value < 1:
            raise SettingsError(f"synthetic anomalies: {name} is at least 1: got {value}")
    takes: list[Take] = []
    short: list[str] = []
    for name, family, turn in _names(per_family):
        rng = np.random.default_rng(take_seed(seed, name))
        tries = (
            _plan(name, family, source, lengths[source], frames, rng) for source in _turned(lengths, turn)
        )
        take = next((take for take in tries if take is not None), None)
        if take is None:
            short.append(name)
        else:
            takes.append(take)
    if short:
        log.warning("every held-out video is too short for the synthetic takes %s", examples(short))
    return takes


def take_seed(seed: int, name: str, *more: int) -> tuple[int, ...]:
    """Return what random numbers about a take start from."""
    return seed, zlib.crc32(name.encode()), *more


def _names(per_family: int) -> Iterator[tuple[str, str, int]]:
    """Yield name, family and turn of each take; normal ones come first, so that families can be added to the end."""
    turn = 0
    for family in (NORMAL, *FAMILIES):
        for number in range(per_family * (NORMAL_TAKES if family == NORMAL else 1)):
            yield f"{family}-{number + 1}", family, turn
            turn += 1


def _turned(lengths: Mapping[str, int], turn: int) -> list[str]:
    names = [name for name, length in lengths.items() if length > 0]
    first = turn % len(names)
    return names[first:] + names[:first]


def _plan(
    name: str, family: str, source: str, length: int, frames: int, rng: np.random.Generator
) -> Take | None:
    """Return a take from a source of ``length`` frames; None if it is too short for the family."""
    if family == NORMAL:
        frames = min(frames, length)
        start = int(rng.integers(length - frames + 1))
        return Take(name, family, source, tuple(range(start, start + frames)))
    events_seed, order_seed = rng.integers(2**32, size=2).tolist()
    frames = min(frames, length)
    while frames >= LEAST_FRAMES:
        events = _events(frames, np.random.default_rng(events_seed))
        shown = source_positions(family, frames, events, np.random.default_rng(order_seed))
        span = int(shown.max()) + 1
        if span <= length:
            shown += int(rng.integers(length - span + 1))
            return Take(name, family, source, tuple(shown.tolist()), events)
        # Skipping needs more of the source than there is: a shorter take, with the same events in proportion
        frames = min(frames - 1, max(LEAST_FRAMES, frames * length // span))
    return None


def _events(frames: int, rng: np.random.Generator) -> tuple[Event, ...]:
    """Draw one event, sometimes two that do not touch; none begins with the take."""
    count = 2 if rng.random() < TWICE and frames >= TWICE_FROM else 1
    room = frames // count
    events = []
    for number in range(count):
        shortest = min(SHORTEST, room // 2)
        longest = max(shortest, int(LONGEST * room))
        length = round(math.exp(rng.uniform(math.log(shortest), math.log(longest))))
        start = number * room + int(rng.integers(1, room - length, endpoint=True))
        events.append(Event(start, start + length, float(rng.random())))
    return tuple(events)
