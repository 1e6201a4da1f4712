"""The demo's figures, as strokes in metres: people who walk, run, ride, drive and throw, a bicycle, a cart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Colour = tuple[int, int, int]  # BGR, as OpenCV draws
Point = tuple[float, float, float]  # metres forward, left, up

TYRE: Colour = (38, 36, 36)
METAL: Colour = (150, 150, 152)


@dataclass(frozen=True)
class Shape:
    """A thick line through points, or a filled convex outline with round corners.

    Parameters
    ----------
    points
        Metres forward, left and up of a figure that stands at the origin; one point is a ball.
    radius
        Half the thickness of the line, metres.
    colour
        BGR, 0 to 255.
    filled
        Fill the convex hull of the points as well.
    """

    points: tuple[Point, ...]
    radius: float
    colour: Colour
    filled: bool = False


@dataclass(frozen=True)
class Look:
    """How a person looks and moves.

    Parameters
    ----------
    height
        Metres.
    build
        Thickness of body and limbs, 1 is average.
    stride
        Metres between two steps of the same foot when walking.
    coat
        How far the coat or skirt hangs below the hip, as a share of the leg: 0 is none.
    luggage
        ``"none"``, ``"backpack"`` or ``"bag"``.
    """

    height: float
    build: float
    stride: float
    skin: Colour
    hair: Colour
    top: Colour
    legs: Colour
    shoes: Colour
    coat: float
    luggage: str
    luggage_colour: Colour


@dataclass(frozen=True)
class Pose:
    """Where hip, hands and feet are, for a person of 1.75 m: metres forward, left, up.

    ``lean`` is the angle of the trunk from upright, radians; the first hand and foot are the left ones.
    """

    hip: tuple[float, float]  # forward, up
    lean: float
    hands: tuple[Point, Point]
    feet: tuple[Point, Point]


LEG, TRUNK, ARM = 0.44, 0.52, 0.31  # lengths of thigh and shin, hip to shoulder, upper and lower arm


def walking(phase: float, stride: float, pace: float = 1.0) -> Pose:
    """A step of the walk.

    A foot on the ground stays where it is while the body passes over it, so that feet do not slide.

    Parameters
    ----------
    phase
        Strides walked so far.
    stride
        Metres between two steps of the same foot.
    pace
        0 stands still, 1 walks at the usual speed.
    """
    feet = [_foot(phase + half, stride * pace, stance=0.58, lift=0.12 * pace) for half in (0.0, 0.5)]
    swing = 0.5 * pace * math.sin(2 * math.pi * phase)
    hands = [_hanging(angle, reach=0.6, lean=0.04) for angle in (-swing, swing)]
    rise = 0.02 * pace * math.cos(4 * math.pi * phase)  # lowest with the legs apart
    return Pose((0.0, 0.93 - rise), 0.04, _pair(hands, 0.24), _pair(feet, 0.09))


def running(phase: float, stride: float) -> Pose:
    """A step of the run: longer strides, both feet off the ground in between, arms bent."""
    feet = [_foot(phase + half, stride, stance=0.34, lift=0.42) for half in (0.0, 0.5)]
    swing = 0.9 * math.sin(2 * math.pi * phase)
    hands = [_hanging(angle + 0.5, reach=0.42, lean=0.22) for angle in (-swing, swing)]
    rise = 0.05 * math.cos(4 * math.pi * phase)
    return Pose((0.0, 0.9 - rise), 0.22, _pair(hands, 0.25), _pair(feet, 0.09))


def tossing(height: float) -> Pose:
    """Standing with both arms raised towards something ``height`` metres above the ground."""
    reach = min(max(height, 0.9), 1.95)
    forward = 0.38 if reach < 1.6 else 0.22
    return Pose(
        (0.0, 0.9), 0.0, _pair([(forward, reach)] * 2, 0.16), _pair([(0.05, 0.0), (-0.06, 0.0)], 0.13)
    )


def riding(phase: float) -> Pose:
    """On a bicycle, with ``phase`` turns of the pedals."""
    angles = [2 * math.pi * (phase + half) for half in (0.0, 0.5)]
    feet = [(0.1 + 0.17 * math.cos(angle), 0.28 - 0.17 * math.sin(angle)) for angle in angles]
    return Pose((-0.18, 0.98), 0.62, _pair([(0.52, 1.06)] * 2, 0.2), _pair(feet, 0.1))


def driving() -> Pose:
    """Seated, hands on a wheel."""
    return Pose((-0.25, 0.86), -0.08, _pair([(0.22, 1.16)] * 2, 0.14), _pair([(0.42, 0.4)] * 2, 0.12))


def person(look: Look, pose: Pose) -> list[Shape]:
    """Return the shapes of a person of 1.75 m in ``pose``, dressed as ``look`` says."""
    build = look.build
    hip, lean = pose.hip, (math.sin(pose.lean), math.cos(pose.lean))

    def trunk(up: float, side: float = 0.0, ahead: float = 0.0) -> Point:
        return hip[0] + up * lean[0] + ahead, side, hip[1] + up * lean[1]

    shapes = [
        Shape(
            (trunk(0, 0.08), trunk(0, -0.08), trunk(TRUNK, 0.1), trunk(TRUNK, -0.1)),
            0.115 * build,
            look.top,
            True,
        ),
        Shape((trunk(TRUNK), trunk(TRUNK + 0.1)), 0.055, look.skin),
        Shape((trunk(TRUNK + 0.2, 0, 0.03), trunk(TRUNK + 0.23, 0, 0.03)), 0.1, look.skin),
        Shape((trunk(TRUNK + 0.25, 0, -0.02), trunk(TRUNK + 0.27, 0, -0.02)), 0.098, look.hair),
    ]
    for side, hand, foot in zip((1.0, -1.0), pose.hands, pose.feet, strict=True):
        shoulder, joint = trunk(TRUNK - 0.04, 0.19 * side), trunk(0, 0.09 * side)
        ankle = (foot[0], foot[1], foot[2] + 0.08)
        knee = _bend(joint, ankle, LEG, forward=1.0)
        elbow = _bend(shoulder, hand, ARM, forward=-1.0)
        shoe = ((ankle[0] - 0.04, ankle[1], ankle[2] - 0.03), (ankle[0] + 0.15, ankle[1], ankle[2] - 0.04))
        shapes += [
            Shape((joint, knee), 0.085 * build, look.legs),
            Shape((knee, ankle), 0.06 * build, look.legs),
            Shape(shoe, 0.045, look.shoes),
            Shape((shoulder, elbow), 0.055 * build, look.top),
            Shape((elbow, hand), 0.045 * build, look.top),
            Shape((hand,), 0.05, look.skin),
        ]
    if look.coat:
        hem, flare = hip[1] - 2 * LEG * look.coat, 0.13 * look.coat + 0.04
        for side in (1, -1):  # two panels, the far one behind the legs
            waist, corners = (
                trunk(0.1, 0.11 * side),
                [(hip[0] + way * flare, 0.15 * side, hem) for way in (1, -1)],
            )
            shapes.append(Shape((waist, *corners), 0.09 * build, look.top, True))
    if look.luggage == "backpack":
        shapes.append(Shape((trunk(0.14, 0, -0.17), trunk(0.42, 0, -0.17)), 0.12, look.luggage_colour))
    elif look.luggage == "bag":
        ahead, side, up = pose.hands[1]
        corners = [(ahead + way * 0.1, side, up - below) for way in (1, -1) for below in (0.18, 0.34)]
        shapes.append(Shape(tuple(corners), 0.04, look.luggage_colour, True))
    return shapes


def bicycle(phase: float) -> list[Shape]:
    """Return a bicycle whose pedals turned ``phase`` times."""
    rear, front, crank = (-0.5, 0.34), (0.55, 0.34), (0.1, 0.28)
    saddle, bar = (-0.2, 0.92), (0.45, 1.0)
    tubes = [(rear, crank), (rear, saddle), (saddle, crank), (crank, bar), (saddle, bar), (bar, front)]
    shapes = [Shape(_upright(tube), 0.025, (40, 40, 170)) for tube in tubes]
    for centre in (rear, front):
        shapes.append(Shape(_upright([_turned(centre, 0.33, turn / 24) for turn in range(25)]), 0.026, TYRE))
        for turn in (2 * phase, 2 * phase + 0.25):
            spoke = [_turned(centre, 0.31, turn), _turned(centre, 0.31, turn + 0.5)]
            shapes.append(Shape(_upright(spoke), 0.008, METAL))
    return [*shapes, Shape(((0.45, 0.25, 1.06), (0.45, -0.25, 1.06)), 0.025, TYRE)]


def cart(phase: float, paint: Colour) -> list[Shape]:
    """Return an electric cart whose wheels turned ``phase`` times, with its roof on four posts."""
    hood = [(-1.15, 0.35), (1.15, 0.35), (1.2, 0.62), (0.75, 0.85)]
    trunk = [(-1.15, 0.35), (-0.2, 0.35), (-0.2, 0.7), (-1.15, 0.85)]
    posts = [[(-1.0, 0.8), (-0.8, 1.85)], [(0.85, 0.8), (0.68, 1.85)]]
    shapes = []
    for side in (-0.55, 0.55):
        shapes += [Shape(_upright(part, side), 0.06, paint, True) for part in (hood, trunk)]
        shapes += [Shape(_upright(post, side), 0.03, METAL) for post in posts]
        for axle in ((-0.75, 0.27), (0.75, 0.27)):
            spoke = [_turned(axle, 0.15, phase), _turned(axle, 0.15, phase + 0.5)]
            shapes += [
                Shape(_upright([axle], side * 1.06), 0.27, TYRE),
                Shape(_upright(spoke, side * 1.1), 0.04, METAL),
            ]
    roof = _upright([(-1.05, 1.88), (0.9, 1.88)], 0.6) + _upright([(-1.05, 1.88), (0.9, 1.88)], -0.6)
    return [*shapes, Shape(roof, 0.06, (215, 220, 222), True)]


def bag(height: float, turn: float, colour: Colour) -> list[Shape]:
    """Return a bag ``height`` metres above the ground, in front of a figure, after ``turn`` turns."""
    corners = [_turned((0.32, height), 0.27, turn + corner) for corner in (0.1, 0.4, 0.6, 0.9)]
    return [Shape(_upright(corners), 0.05, colour, True)]


def _foot(phase: float, stride: float, stance: float, lift: float) -> tuple[float, float]:
    """Forward and up of a foot: on the ground for ``stance`` of the stride, then swung forward."""
    at, reach = phase % 1.0, stance * stride / 2
    if at < stance:
        return reach * (1 - 2 * at / stance), 0.0
    swing = (at - stance) / (1 - stance)
    return reach * (2 * swing * swing * (3 - 2 * swing) - 1), lift * math.sin(math.pi * swing)


def _hanging(angle: float, reach: float, lean: float) -> tuple[float, float]:
    """Forward and up of a hand that hangs from the shoulder, swung forward by ``angle``."""
    shoulder = (TRUNK * math.sin(lean), 0.9 + TRUNK * math.cos(lean) - 0.04)
    return shoulder[0] + reach * math.sin(angle), shoulder[1] - reach * math.cos(angle)


def _pair(ends: Sequence[tuple[float, float]], apart: float) -> tuple[Point, Point]:
    """Put the left end and the right end on their sides of the body."""
    (forward, up), (forward2, up2) = ends
    return (forward, apart, up), (forward2, -apart, up2)


def _bend(start: Point, end: Point, length: float, forward: float) -> Point:
    """The knee or elbow of a limb of two parts of ``length`` each, bent forward (1) or backward (-1)."""
    ahead, up = end[0] - start[0], end[2] - start[2]
    reach = max(math.hypot(ahead, up), 1e-6)
    out = forward * math.sqrt(length**2 - min(reach / 2, length) ** 2) / reach
    return (start[0] + end[0]) / 2 - up * out, (start[1] + end[1]) / 2, (start[2] + end[2]) / 2 + ahead * out


def _turned(centre: tuple[float, float], radius: float, turns: float) -> tuple[float, float]:
    """A point (forward, up) on a wheel that rolls forward, after so many turns."""
    angle = 2 * math.pi * turns
    return centre[0] + radius * math.cos(angle), centre[1] - radius * math.sin(angle)


def _upright(points: Sequence[tuple[float, float]], side: float = 0.0) -> tuple[Point, ...]:
    """Points (forward, up) in the plane ``side`` metres left of the middle."""
    return tuple((forward, side, up) for forward, up in points)
