"""Films takes: streams each source once, draws what happens, corrupts and encodes every frame, on all cores."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.corrupt import Corruption, Damage, write_image
from pixelkit.frames.inject.families import (
    NORMAL,
    OBJECT_FAMILIES,
    PASTED_FAMILIES,
    TIME_FAMILIES,
    Event,
)
from pixelkit.frames.inject.pasted import Overlay, Surroundings, patch, thrown
from pixelkit.frames.inject.plan import Take, take_seed
from pixelkit.frames.inject.reel import Frame, Reel, Source, record
from pixelkit.frames.inject.replays import Cast, Replay, replay
from pixelkit.frames.inject.truth import Row, frame_file, take_folder
from pixelkit.progress import bar
from pixelkit.threads import cores, in_order

VISIBLE = 12  # gray levels by which a pixel must differ for anybody to see it; encoding changes it by about 2
LEAST_SHOWN = 2e-4  # of the picture's values must differ so: 46 pixels of 640×360
LIGHT = (0.5, 2.0)  # least and most of a take, relative to its source
AHEAD = 4  # frames a core that wait for their turn

NOBODY = "nothing that moves could be cut out of any held-out video"
UNSEEN = "what was injected cannot be seen: nothing moves in this stretch, or it looks like what is behind it"


def film(
    folder: Path,
    sources: Sequence[Source],
    takes: Sequence[Take],
    corruption: Corruption,
    seed: int,
    brightness: Sequence[float],
) -> tuple[list[Row], dict[str, str]]:
    """Write the frames of all takes below ``folder``.

    Returns
    -------
    rows, dropped
        What is known about each frame, in the order of the takes; by name, why a take was dropped.
    """
    with (
        ThreadPoolExecutor(cores(), "pixelkit-inject") as pool,
        bar(sum(map(len, takes)), "inject", "frame") as done,
    ):
        studio = _Studio(folder, takes, corruption, seed, brightness, pool, done)
        for reel, other in _reels(sources, takes, folder):
            studio.shoot(reel, other.stills)
        return studio.finish()


def _reels(sources: Sequence[Source], takes: Sequence[Take], folder: Path) -> Iterator[tuple[Reel, Reel]]:
    """Yield what each source gave, and what the next one gave: its pictures are foreign here. The last meets the first.

    So at most two sources, and the one that objects are borrowed from, lie on disk at a time.
    """
    needed: dict[str, set[int]] = {}
    for take in takes:
        # One more than is shown: what would have come next tells whether a change of time can be seen
        needed.setdefault(take.source, set()).update(range(min(take.positions), max(take.positions) + 2))
    used = [source for source in sources if source.name in needed]
    first = last = record(used[0], needed[used[0].name], folder / "0.frames")
    for number, source in enumerate(used[1:], 1):
        reel = record(source, needed[source.name], folder / f"{number}.frames")
        yield last, reel
        last = reel
    yield last, first


@dataclass(frozen=True, eq=False)
class _Job:
    """A take that is ready to be filmed: its frames, their numbers, their damage, who walks through, what is pasted."""

    take: Take
    cast: Cast
    numbers: NDArray[np.int64]
    damage: Mapping[int, Damage]
    extra: Replay | None
    overlays: Mapping[Event, Overlay]
    light: float

    def picture(self, position: int) -> Frame:
        """Return a frame of the source with the extra in it."""
        frame = self.cast.reel.frame(position)
        if self.extra is None:
            return frame
        return self.extra.draw(frame, position - min(self.take.positions), self.cast.blobs[position])


class _Studio:
    """Films the takes of one source after another, and moves those that find nobody to cut out to another source."""

    def __init__(
        self,
        folder: Path,
        takes: Sequence[Take],
        corruption: Corruption,
        seed: int,
        brightness: Sequence[float],
        pool: ThreadPoolExecutor,
        done: Any,
    ) -> None:
        self._folder = folder
        self._takes = takes
        self._corruption = corruption
        self._seed = seed
        self._brightness = brightness
        self._pool = pool
        self._done = done
        self._waiting: list[Take] = []
        self._lender: Cast | None = None
        self._rows: dict[str, list[Row]] = {}
        self._dropped: dict[str, str] = {}

    def shoot(self, reel: Reel, foreign: Sequence[Frame]) -> None:
        """Film what is planned from a source, and what waits for somebody to be cut out."""
        own = [take for take in self._takes if take.source == reel.name]
        cast = Cast.find(reel, partial(in_order, self._pool, ahead=AHEAD * cores()))
        if cast.tracks:
            self._lend(cast)
        else:
            self._waiting += [take for take in own if take.family in OBJECT_FAMILIES]
            own = [take for take in own if take.family not in OBJECT_FAMILIES]
        self._film([(take, cast) for take in own], foreign)
        if self._lender is not None:
            lender, waiting, self._waiting = self._lender, self._waiting, []
            self._film([(_moved(take, lender.reel, self._seed), lender) for take in waiting], foreign)
        if self._lender is not cast:
            reel.remove()

    def finish(self) -> tuple[list[Row], dict[str, str]]:
        """Return what is known about each frame, and what was dropped."""
        if self._lender is not None:
            self._lender.reel.remove()
        self._dropped |= {take.name: NOBODY for take in self._waiting}
        rows = [row for take in self._takes for row in self._rows.get(take.name, ())]
        return rows, {
            take.name: self._dropped[take.name] for take in self._takes if take.name in self._dropped
        }

    def _lend(self, cast: Cast) -> None:
        if self._lender is not None:
            self._lender.reel.remove()
        self._lender = cast

    def _film(self, takes: Sequence[tuple[Take, Cast]], foreign: Sequence[Frame]) -> None:
        jobs: list[_Job] = []

        def calls() -> Iterator[partial[tuple[int, Row]]]:
            for take, cast in takes:
                job = self._prepare(take, cast, foreign)
                jobs.append(job)
                for index, number in enumerate(job.numbers.tolist()):
                    if not job.damage[number].missing:
                        yield partial(self._shot, job, index)

        found: dict[str, dict[int, Row]] = {}
        with closing(in_order(self._pool, calls(), AHEAD * cores())) as shots:
            for index, row in shots:
                found.setdefault(row.take, {})[index] = row
                self._done.update()
        for job in jobs:
            self._keep(job.take, found[job.take.name])

    def _prepare(self, take: Take, cast: Cast, foreign: Sequence[Frame]) -> _Job:
        reel = cast.reel
        numbers = _numbers(take, reel)
        damage = self._corruption.plan(take.name, numbers.tolist())
        overlay_rng, light_rng, extra_rng = (
            np.random.default_rng(take_seed(self._seed, take.name, purpose)) for purpose in (1, 3, 4)
        )
        overlays = {
            event: _overlay(take, event, cast, foreign, overlay_rng)
            for event in take.events
            if take.family in PASTED_FAMILIES
        }
        take_folder(self._folder, take.name).mkdir(parents=True)
        light = _light(reel, self._brightness, light_rng)
        return _Job(take, cast, numbers, damage, _extra(take, cast, extra_rng), overlays, light)

    def _shot(self, job: _Job, index: int) -> tuple[int, Row]:
        """Write one frame and return what is known about it."""
        take, number = job.take, int(job.numbers[index])
        frame, label = _draw(job, index)
        damage = job.damage[number]
        lit = np.asarray(cv2.convertScaleAbs(frame, alpha=job.light), np.uint8)
        damaged = self._corruption.apply(lit, damage, take.name, number)
        path = take_folder(self._folder, take.name) / frame_file(number)
        write_image(path, np.ascontiguousarray(damaged[..., ::-1]))
        return index, Row(take.name, number, label, take.family, take.source, damage)

    def _keep(self, take: Take, rows: dict[int, Row]) -> None:
        """Keep the rows of a take, or drop it if nothing is to be seen in it."""
        if take.family in TIME_FAMILIES:
            rows = _from_first_to_last(take, rows)
        if take.family == NORMAL or any(row.label for row in rows.values()):
            self._rows[take.name] = list(rows.values())
        else:
            shutil.rmtree(take_folder(self._folder, take.name))
            self._dropped[take.name] = UNSEEN


def _light(reel: Reel, brightness: Sequence[float], rng: np.random.Generator) -> float:
    """Return by which factor a take is brighter than its source: as bright as some other video of the data set is.

    What is normal varies more from video to video than within the few that were left out.
    """
    if not brightness:
        return 1.0
    drawn = float(brightness[int(rng.integers(len(brightness)))])
    return float(np.clip(drawn / max(float(reel.samples.mean()), 1.0), *LIGHT))


def _moved(take: Take, reel: Reel, seed: int) -> Take:
    """Return a take from another source, from a stretch of it that was kept, its events in proportion."""
    rng = np.random.default_rng(take_seed(seed, take.name, 2))
    start, stop = max(reel.stretches(), key=lambda stretch: stretch[1] - stretch[0])
    frames = min(len(take), stop - start)
    start += int(rng.integers(stop - start - frames + 1))
    part = frames / len(take)
    events = tuple(
        replace(
            event,
            start=int(event.start * part),
            stop=max(int(event.start * part) + 1, int(event.stop * part)),
        )
        for event in take.events
    )
    return replace(take, source=reel.name, positions=tuple(range(start, start + frames)), events=events)


def _numbers(take: Take, reel: Reel) -> NDArray[np.int64]:
    """Return the frame numbers of a take, from 0, with the gaps that its source has."""
    positions = np.array(take.positions)
    every = np.diff(reel.numbers)
    usual = int(np.median(every)) if len(every) else 1
    steps = np.where(np.diff(positions) == 1, np.diff(reel.numbers[positions]), usual)
    return np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)


def _extra(take: Take, cast: Cast, rng: np.random.Generator) -> Replay | None:
    """Return who walks through a take; None where nobody could be cut out."""
    if not cast.tracks:
        return None
    # One frame more than is shown, as in what is recorded
    there = np.arange(min(take.positions), max(take.positions) + 2)
    return replay(take.family, take.events, cast, there, rng)


def _overlay(
    take: Take, event: Event, cast: Cast, foreign: Sequence[Frame], rng: np.random.Generator
) -> Overlay:
    around = Surroundings(cast.reel.frame(take.positions[event.start]), foreign, cast.reel.gray)
    return patch(event, around, rng) if take.family == "patch" else thrown(event, around, rng)


def _draw(job: _Job, index: int) -> tuple[Frame, bool]:
    """Return a frame of a take, undamaged, and whether what happens in it can be seen."""
    take, position = job.take, job.take.positions[index]
    frame = job.picture(position)
    event = next((event for event in take.events if event.start <= index < event.stop), None)
    if event is None:
        return frame, False
    if take.family in TIME_FAMILIES:
        return frame, _differs(frame, _next(job, index))
    if take.family in OBJECT_FAMILIES:
        return frame, _differs(job.cast.reel.frame(position), frame)
    drawn = job.overlays[event].draw(frame, index - event.start)
    return drawn, _differs(frame, drawn)


def _next(job: _Job, index: int) -> Frame | None:
    """Return what would follow the frame before, if time went on as ever; None where the video ends."""
    position = job.take.positions[index - 1] + 1
    return job.picture(position) if job.cast.reel.holds(position) else None


def _differs(frame: Frame, other: Frame | None) -> bool:
    if other is None or other is frame:
        return False
    changed = np.count_nonzero(cv2.absdiff(frame, other) > VISIBLE)
    return int(changed) >= max(4, LEAST_SHOWN * frame.size)


def _from_first_to_last(take: Take, rows: Mapping[int, Row]) -> dict[int, Row]:
    """Label each event from the first to the last frame on which it shows: in between, people may pause."""
    labels = dict.fromkeys(rows, False)
    for event in take.events:
        shown = [index for index in range(event.start, event.stop) if index in rows and rows[index].label]
        if shown:
            labels |= {index: True for index in rows if shown[0] <= index <= shown[-1]}
    return {index: replace(row, label=labels[index]) for index, row in rows.items()}
