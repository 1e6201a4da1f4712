"""Who walks through the demo's videos: ordinary walkers, and what breaks their order, each on its way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.demo_figures import (
    Colour,
    Look,
    Shape,
    bag,
    bicycle,
    cart,
    driving,
    person,
    riding,
    running,
    tossing,
    walking,
)
from pixelkit.frames.demo_street import Actor, Image

FPS = 25
# Distance from the camera in metres (a strip as many metres wide is seen there), and people per metre of it.
WALKWAYS = (((10.5, 15.2), 0.2), ((17.0, 24.5), 0.11), ((27.0, 33.5), 0.11))
TOSS = 28  # frames from hand to hand: 1.1 s, 1.5 m up

SKINS: Sequence[Colour] = ((150, 178, 214), (122, 152, 196), (88, 116, 160), (56, 76, 112))
HAIRS: Sequence[Colour] = ((28, 30, 34), (40, 58, 84), (78, 112, 146), (120, 126, 130))
TOPS: Sequence[Colour] = (
    (62, 54, 50), (120, 92, 66), (70, 70, 150), (88, 120, 84), (190, 192, 194), (148, 140, 130), (60, 96, 150),
    (140, 104, 118), (96, 132, 156), (104, 84, 54), (52, 60, 104), (172, 150, 128), (84, 88, 92), (120, 160, 178),
)  # fmt: skip
LEGS: Sequence[Colour] = (
    (92, 66, 50), (50, 46, 44), (112, 86, 66), (84, 84, 86), (88, 112, 132), (52, 66, 82), (66, 72, 62),
)  # fmt: skip


@dataclass(frozen=True)
class Route:
    """A way along the street: where at which frame, straight in between.

    Parameters
    ----------
    frames
        (k,) ascending.
    places
        (k, 2) metres right of the middle and away from the camera.
    """

    frames: NDArray[np.float64]
    places: NDArray[np.float64]

    def at(self, frame: float) -> tuple[float, float]:
        """The place at one frame."""
        right, away = (float(np.interp(frame, self.frames, self.places[:, axis])) for axis in (0, 1))
        return right, away

    @cached_property
    def _gone(self) -> NDArray[np.float64]:
        steps = np.hypot(*np.diff(self.places, axis=0).T)
        return np.concatenate([[0.0], np.cumsum(steps)])

    def travelled(self, frame: float) -> float:
        """Metres gone until one frame."""
        return float(np.interp(frame, self.frames, self._gone))

    def heading(self, frame: float) -> float:
        """Radians, 0 to the right, pi/2 away; somebody who stands looks where they came from and go to."""
        for span in (6, 60, 600):
            before, after = self.at(frame - span), self.at(frame + span)
            if math.dist(before, after) > 0.02 * span:
                break
        return math.atan2(after[1] - before[1], after[0] - before[0])


@dataclass(frozen=True)
class Role:
    """Somebody on the street, from the first frame to the last.

    Parameters
    ----------
    route
        Their way.
    figure
        Draws them at one frame of their way.
    texture
        uint8 (h, w): their clothes.
    size
        How much taller than 1.75 m they are.
    kind
        What is anomalous about them; empty for nothing.
    anomalous
        The frames in which it is, ``(start, stop)``.
    """

    route: Route
    figure: Callable[[Route, int], list[Shape]]
    texture: Image
    size: float = 1.0
    kind: str = ""
    anomalous: tuple[int, int] = (0, 0)

    def act(self, frame: int) -> Actor | None:
        """Return how they look at one frame, ``None`` when they are out of sight."""
        right, away = self.route.at(frame)
        if abs(right) > away / 2 + 2:
            return None
        shapes, heading = self.figure(self.route, frame), self.route.heading(frame)
        return Actor(shapes, (right, away), heading, self.texture, self.size)


def crowd(frames: int, rng: np.random.Generator) -> list[Role]:
    """Return the ordinary walkers of a video, some in pairs, both ways along the street at 1 to 1.6 m/s."""
    roles = []
    for (near, far), density in WALKWAYS:
        for direction in (-1, 1):
            speed, span = direction * rng.uniform(1.15, 1.4), far + 6 + 1.6 * frames / FPS
            # Evenly spread, so that videos differ in who is there more than in how many.
            for place in np.arange(rng.random(), span * density / 2) / (density / 2):
                away, start = rng.uniform(near, far), direction * (far / 2 + 3 - place - rng.uniform(0, 2))
                pace = speed * rng.uniform(0.88, 1.12)
                roles.append(_walker(_stroll(start, away, pace, frames, rng), rng))
                if rng.random() < 0.2:
                    beside = (start + rng.uniform(-0.3, 0.3), min(away + 0.75, far))
                    roles.append(_walker(_stroll(*beside, pace, frames, rng), rng))
    return roles


def _walker(
    route: Route, rng: np.random.Generator, kind: str = "", anomalous: tuple[int, int] = (0, 0)
) -> Role:
    look = _look(rng)
    return Role(route, partial(_walk, look), _texture(rng), look.height / 1.75, kind, anomalous)


def _walk(look: Look, route: Route, frame: int) -> list[Shape]:
    gone, speed = route.travelled(frame), (route.travelled(frame + 3) - route.travelled(frame - 3)) / 6 * FPS
    return person(look, walking(gone / (look.stride * look.height / 1.75), look.stride, min(1.0, speed)))


def runner(frames: int, rng: np.random.Generator) -> Role:
    """Somebody who runs."""
    look, away = _look(rng, coat=0.0), rng.uniform(11.5, 14.0)

    def run(route: Route, frame: int) -> list[Shape]:
        return person(look, running(route.travelled(frame) / 2.5, 2.5))

    return _passing("running", away, rng.uniform(4.3, 5.0), run, frames, rng)


def cyclist(frames: int, rng: np.random.Generator) -> Role:
    """Somebody who rides a bicycle among the walkers."""
    look, away = _look(rng, coat=0.0), rng.uniform(12.0, 17.0)

    def ride(route: Route, frame: int) -> list[Shape]:
        gone = route.travelled(frame)
        return bicycle(gone / 2.1) + person(look, riding(gone / 5))

    return _passing("cyclist", away, rng.uniform(5.2, 6.2), ride, frames, rng)


def cart_driver(frames: int, rng: np.random.Generator) -> Role:
    """An electric cart."""
    look, paint = _look(rng, coat=0.0), _pick(((205, 214, 218), (150, 110, 60), (70, 120, 80)), rng)

    def drive(route: Route, frame: int) -> list[Shape]:
        return cart(route.travelled(frame) / 1.7, paint) + person(replace(look, luggage="none"), driving())

    return _passing("cart", rng.uniform(15.6, 17.0), rng.uniform(4.8, 5.4), drive, frames, rng)


def thrower(frames: int, rng: np.random.Generator) -> Role:
    """Somebody who stops, throws a bag up and catches it, twice, and walks on."""
    look = replace(_look(rng, coat=0.0), luggage="bag")
    route, (start, stop) = _with_stop(2 * TOSS, frames, rng)

    def throw(route: Route, frame: int) -> list[Shape]:
        if not start <= frame < stop:
            return _walk(look, route, frame)
        seconds = (frame - start) % TOSS / FPS
        height = 1.45 + seconds * 9.81 / 2 * (TOSS / FPS - seconds)
        thrown = bag(height, 1.5 * seconds, look.luggage_colour)
        return person(replace(look, luggage="none"), tossing(height)) + thrown

    return Role(route, throw, _texture(rng), kind="throwing", anomalous=(start, stop))


def loiterer(frames: int, rng: np.random.Generator) -> Role:
    """Somebody who stops where all walk, and stays."""
    route, anomalous = _with_stop(int(rng.integers(55, 66)), frames, rng)
    return _walker(route, rng, "loitering", anomalous)


def wrong_way(frames: int, rng: np.random.Generator) -> Role:
    """Somebody who walks across the walkway, towards the camera, where all walk along it."""
    speed, direction = rng.uniform(1.5, 1.7), rng.choice((-1, 1))
    far, near = rng.uniform(14.6, 15.2), rng.uniform(10.3, 10.8)
    start, right = int(rng.uniform(0.2, 0.4) * frames), -direction * rng.uniform(0, 2)
    stop = start + round((far - near) / speed * FPS)
    along = np.array([direction * 1.2, 0.0])
    turn, end = np.array([right, far]), np.array([right + 0.5 * direction, near])
    corners = np.stack([turn - along * start / FPS, turn, end, end + along * 400 / FPS])
    route = Route(np.array([0.0, start, stop, stop + 400]), corners)
    return _walker(route, rng, "wrong way", (start, stop))


ANOMALIES = (runner, cyclist, cart_driver, thrower, wrong_way, loiterer)


def _passing(
    kind: str,
    away: float,
    speed: float,
    figure: Callable[[Route, int], list[Shape]],
    frames: int,
    rng: np.random.Generator,
) -> Role:
    """Somebody who crosses the whole picture at a steady speed, anomalous while their middle is in it."""
    middle, direction = rng.uniform(0.35, 0.65) * frames, rng.choice((-1, 1))
    ends = np.array([-20.0, frames + 20.0])
    right = direction * speed * (ends - middle) / FPS
    route = Route(ends, np.stack([right, np.full(2, away)], axis=1))
    half = away / 2 / speed * FPS
    seen = (max(0, round(middle - half)), min(frames, round(middle + half)))
    return Role(route, figure, _texture(rng), kind=kind, anomalous=seen)


def _stroll(right: float, away: float, speed: float, frames: int, rng: np.random.Generator) -> Route:
    """A walk along the street that wavers a little; ``speed`` is negative to the left, m/s."""
    times = np.arange(-25.0, frames + 50, 25)
    wander = np.cumsum(rng.normal(0, 0.06, len(times)))
    steps = speed * rng.uniform(0.92, 1.08, len(times))
    return Route(times, np.stack([right + np.cumsum(steps) - speed, away + wander], axis=1))


def _with_stop(pause: int, frames: int, rng: np.random.Generator) -> tuple[Route, tuple[int, int]]:
    """A walk with a stop of ``pause`` frames in sight, and the frames of the stop."""
    start = int(rng.uniform(0.25, 0.7) * (frames - pause))
    right, away = rng.uniform(-3, 3), rng.uniform(10.5, 13.5)
    speed = rng.choice((-1, 1)) * rng.uniform(1.1, 1.4)
    times = np.array([0, start, start + pause, frames + 50])
    places = right + speed * np.array([-start, 0, 0, frames + 50 - start - pause]) / FPS
    route = Route(times.astype(np.float64), np.stack([places, np.full(4, away)], axis=1))
    return route, (start, start + pause)


def _look(rng: np.random.Generator, coat: float | None = None) -> Look:
    """Draw what somebody looks like."""
    if coat is None:
        coat = float(rng.uniform(0.3, 0.75)) if rng.random() < 0.35 else 0.0
    luggage = str(rng.choice(["none", "none", "backpack", "bag"]))
    height = float(np.clip(rng.normal(1.72, 0.09), 1.5, 1.95))
    return Look(
        height=height,
        build=float(rng.uniform(0.85, 1.25)),
        stride=float(rng.uniform(1.15, 1.35)),
        skin=_pick(SKINS, rng),
        hair=_pick(HAIRS, rng),
        top=_pick(TOPS, rng),
        legs=_pick(LEGS, rng),
        shoes=_pick(LEGS[:3], rng),
        coat=coat,
        luggage=luggage,
        luggage_colour=_pick(TOPS, rng),
    )


def _pick(colours: Sequence[Colour], rng: np.random.Generator) -> Colour:
    """One of the colours, lighter or darker and a little off."""
    colour = np.array(colours[int(rng.integers(len(colours)))]) * rng.uniform(0.85, 1.15) + rng.integers(
        -5, 6, 3
    )
    blue, green, red = colour.clip(15, 235).astype(int).tolist()
    return blue, green, red


def _texture(rng: np.random.Generator) -> Image:
    """Cloth: folds, weave, a lit and a dark side, and often stripes or checks on the upper body; uint8 (128, 64)."""
    rows, columns = np.mgrid[0:128, 0:64] / np.array([128.0, 64.0])[:, None, None]
    folds = cv2.resize(rng.normal(0, 1, (16, 8)), (64, 128), interpolation=cv2.INTER_CUBIC)
    cloth = 214 + 16 * folds + rng.normal(0, 7, (128, 64)) - 46 * (columns - 0.5) - 24 * (rows - 0.4)
    across, along = (np.sin(2 * np.pi * 26 * rows) > 0), (np.sin(2 * np.pi * 9 * columns) > 0)
    patterns = (np.zeros_like(across), np.zeros_like(across), across, along, across ^ along)
    chest = (rows > 0.27) & (rows < 0.52)
    return np.asarray((cloth - 55 * patterns[rng.integers(5)] * chest).clip(60, 255), np.uint8)
