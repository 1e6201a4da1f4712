"""Anomalies that are pasted over the picture and come from elsewhere: foreign patches, and things thrown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.inject.families import Event
from pixelkit.frames.inject.reel import Frame

Floats = NDArray[np.float32]

PATCH_SIDE = (0.08, 0.5)  # of the frame's height and width
PATCH_SPEED = 10 / 300  # frame heights a frame: facts of 240 to 360 lines allow 10 pixels
FOREIGN = (
    25.0  # gray levels by which a patch differs from what it covers, on average, if any that is drawn does
)
DRAWS = 6
FADE = 3  # frames in which a thing appears and goes, at most a quarter of the event each

CONSPICUOUS = 45.0  # as FOREIGN, for what is small
THING_SIDE = (0.035, 0.09)  # of the frame's height
FLIGHT = (12, 30)  # frames: half a second to one
SHUTTER = 0.6  # of the time between frames, in which the camera sees motion as blur
EXPOSURES = 7


class Overlay(Protocol):
    """Something pasted over the frames of an event."""

    def draw(self, frame: Frame, at: int) -> Frame:
        """Return ``frame``, uint8 (H, W, 3), with the thing as it is ``at`` frames after the event's start."""
        ...


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What a pasted thing is made from and for.

    Parameters
    ----------
    frame
        The first frame of the event, as it was: uint8 (H, W, 3).
    stills
        Frames from elsewhere, of any size.
    gray
        Whether the video has no colour.
    """

    frame: Frame
    stills: Sequence[Frame]
    gray: bool


def opacity(at: int, length: int) -> float:
    """Return how opaque a thing is that fades in and out over an event: above 0 to 1."""
    ramp = max(1, min(FADE, length // 4))
    return min(1.0, (at + 1) / ramp, (length - at) / ramp)


def texture(
    around: Surroundings, height: int, width: int, unlike: Floats, rng: np.random.Generator, *, enough: float
) -> Floats:
    """Return a foreign texture, the first that is unlike enough or the most unlike of a few: (height, width, 3).

    A place of a picture from elsewhere, turned by a multiple of 90°, mirrored or not, zoomed, and in another tone.
    """
    drawn = [_tone(_cut(around, height, width, rng), around, rng) for _ in range(DRAWS)]
    apart = [float(np.abs(each - unlike).mean()) for each in drawn]
    unlike_enough = (number for number, levels in enumerate(apart) if levels >= enough)
    return drawn[next(unlike_enough, int(np.argmax(apart)))]


def _cut(around: Surroundings, height: int, width: int, rng: np.random.Generator) -> Frame:
    still = around.stills[int(rng.integers(len(around.stills)))]
    turns = int(rng.integers(4))
    zoom = still.shape[0] / around.frame.shape[0] * rng.uniform(0.6, 1.4)
    sides = (height, width) if turns % 2 == 0 else (width, height)
    wanted = [max(2, min(round(side * zoom), edge)) for side, edge in zip(sides, still.shape, strict=False)]
    top, left = (
        int(rng.integers(edge - side + 1)) if edge >= side else 0
        for side, edge in zip(wanted, still.shape, strict=False)
    )
    piece = np.rot90(still[top : top + wanted[0], left : left + wanted[1]], turns)
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    if around.gray:
        piece = np.repeat(_luma(piece)[..., None], 3, axis=2)
    return np.asarray(cv2.resize(np.ascontiguousarray(piece), (width, height), interpolation=cv2.INTER_AREA))


def _luma(piece: Frame) -> Frame:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(piece), cv2.COLOR_RGB2GRAY), np.uint8)


def _tone(piece: Frame, around: Surroundings, rng: np.random.Generator) -> Floats:
    """Change brightness, contrast and, unless the video is gray, the tint; one in four becomes a negative.

    It stays as bright as the video is, so that it is its structure that is foreign and not a glaring light.
    """
    levels = piece.astype(np.float32)
    if rng.random() < 0.25:
        levels = 255 - levels
    middle = levels.mean()
    tint = np.ones(3) if around.gray else rng.uniform(0.85, 1.15, 3)
    darkest, usual, brightest = np.percentile(around.frame[::4, ::4], (2, 50, 98))
    target = rng.uniform(0.6, 1.4) * (middle + usual) / 2
    levels = (levels - middle) * rng.uniform(0.7, 1.4) + target * tint
    return np.asarray(levels.clip(darkest, max(brightest, darkest + 1)), np.float32)


@dataclass(frozen=True, eq=False)
class Patch:
    """A foreign patch: float32 texture (h, w, 3), softness (h, w) 0 to 1, and its centres (n, 2), x and y."""

    texture: Floats
    alpha: Floats
    centres: NDArray[np.float64]

    def draw(self, frame: Frame, at: int) -> Frame:
        """Return the frame with the patch."""
        height, width = self.alpha.shape
        x, y = self.centres[at] - (width / 2, height / 2)
        shift = np.array([[1, 0, x], [0, 1, y]])
        alpha = self.alpha * opacity(at, len(self.centres))
        return blend(frame, self.texture, alpha, shift)


def patch(event: Event, around: Surroundings, rng: np.random.Generator) -> Patch:
    """A foreign patch that moves by at most 10 pixels a frame (at 300 lines), up to half of the frame high and wide.

    Something that no training video shows, at a random place; the borders are smooth, so that no edge gives it away.
    """
    height, width = around.frame.shape[:2]
    # Small ones are as frequent as large ones, and none is drawn out to a line
    share = math.exp(event.between(*np.log(PATCH_SIDE)))
    stretch = math.exp(rng.uniform(-0.4, 0.4))
    tall = _side(share / math.sqrt(stretch) * height, height)
    wide = _side(share * math.sqrt(stretch) * height, width)
    centres = _stroll(len(event), (height, width), (tall, wide), rng)
    left, top = (centres[0] - (wide / 2, tall / 2)).round().astype(int)
    covered = around.frame[max(top, 0) : top + tall, max(left, 0) : left + wide].astype(np.float32)
    foreign = texture(around, tall, wide, covered.mean((0, 1)), rng, enough=FOREIGN)
    return Patch(foreign, _soft_shape(tall, wide, rng) * np.float32(rng.uniform(0.8, 1)), centres)


def _side(wanted: float, edge: int) -> int:
    return int(max(min(4, edge), min(round(wanted), edge // 2)))


def _stroll(
    length: int, frame: tuple[int, int], size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return centres of a patch that moves steadily, turns slowly, and is reflected at the picture's edges: (n, 2)."""
    height, width = frame
    speed = rng.uniform(0.1, 1) * PATCH_SPEED * height
    heading = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, 0.06, length))
    start = rng.uniform(0, 1, 2) * (width - size[1], height - size[0]) + (size[1] / 2, size[0] / 2)
    way = start + np.cumsum(speed * np.stack([np.cos(heading), np.sin(heading)], 1), axis=0)
    edges = np.array([width, height], float)
    return np.asarray(edges - np.abs(way % (2 * edges) - edges))


def _soft_shape(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Return the opacity of a shape between an ellipse and a rectangle: 1 inside, smooth to 0 at the borders."""
    power, soft = rng.uniform(2, 5), rng.uniform(0.25, 0.5)
    y = np.abs(np.linspace(-1, 1, height))[:, None]
    x = np.abs(np.linspace(-1, 1, width))
    inside = (1 - (x**power + y**power) ** (1 / power)) / soft
    return _smoothstep(inside)


def _smoothstep(values: NDArray[np.float64]) -> Floats:
    clipped = values.clip(0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped), np.float32)


def blend(frame: Frame, colours: Floats, alpha: Floats, placing: NDArray[np.float64]) -> Frame:
    """Return ``frame`` with a picture laid over it.

    Parameters
    ----------
    frame
        uint8 (H, W, 3); not changed.
    colours, alpha
        float32 (h, w, 3) and (h, w), the opacity 0 to 1.
    placing
        (2, 3) the affine map from the picture's pixels to those of the frame.
    """
    left, top, right, bottom = bounds(placing, alpha.shape, frame.shape)
    if left >= right or top >= bottom:
        return frame
    inner = placing - np.array([[0, 0, left], [0, 0, top]])
    size = (right - left, bottom - top)
    shown = cv2.warpAffine(colours, inner, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = cv2.warpAffine(alpha, inner, size, flags=cv2.INTER_LINEAR)[..., None]
    return _mix(frame, shown * weight, weight, (left, top, right, bottom))


def bounds(
    placing: NDArray[np.float64], shape: Sequence[int], frame: Sequence[int]
) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of what a placed picture covers of a frame; empty when it is outside."""
    height, width = shape[0], shape[1]
    corners = placing @ np.array([[-1, width, -1, width], [-1, -1, height, height], [1, 1, 1, 1]])
    left, top = np.floor(corners.min(1)).astype(int)
    right, bottom = np.ceil(corners.max(1)).astype(int) + 1
    return max(0, int(left)), max(0, int(top)), min(frame[1], int(right)), min(frame[0], int(bottom))


def _mix(frame: Frame, weighted: NDArray[Any], weight: NDArray[Any], box: tuple[int, int, int, int]) -> Frame:
    left, top, right, bottom = box
    mixed = frame.copy()
    region = mixed[top:bottom, left:right]
    region[:] = np.rint(region * (1 - weight) + weighted).clip(0, 255)
    return mixed


@dataclass(frozen=True, eq=False)
class Thrown:
    """A small thing in flight: float32 texture (h, w, 3), softness (h, w), and its poses."""

    texture: Floats
    alpha: Floats
    path: NDArray[np.float64]
    """(n · EXPOSURES, 3) x, y and angle (radians) at the times at which the camera sees it, frame after frame."""

    def draw(self, frame: Frame, at: int) -> Frame:
        """Return the frame with the thing, blurred by its motion."""
        poses = [self._placing(pose) for pose in self.path[at * EXPOSURES : (at + 1) * EXPOSURES]]
        boxes = np.array([bounds(placing, self.alpha.shape, frame.shape) for placing in poses])
        left, top = boxes[:, :2].min(0).tolist()
        right, bottom = boxes[:, 2:].max(0).tolist()
        if left >= right or top >= bottom:
            return frame
        lit = np.dstack([self.texture * self.alpha[..., None], self.alpha])
        seen = np.zeros((bottom - top, right - left, 4), np.float32)
        for placing in poses:
            inner = placing - np.array([[0, 0, left], [0, 0, top]])
            seen += cv2.warpAffine(lit, inner, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        seen /= EXPOSURES
        return _mix(frame, seen[..., :3], seen[..., 3:], (left, top, right, bottom))

    def _placing(self, pose: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y, angle = pose
        height, width = self.alpha.shape
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return np.column_stack([turn, (x, y) - turn @ ((width - 1) / 2, (height - 1) / 2)])


def thrown(event: Event, around: Surroundings, rng: np.random.Generator) -> Thrown:
    """A small textured thing that is thrown to and fro for as long as the event lasts, turning, with motion blur.

    As the bags and papers of CUHK Avenue (Lu, Shi, Jia: Abnormal Event Detection at 150 FPS in Matlab, ICCV 2013).
    Each flight is a parabola that takes half a second to a second, and starts where the one before has ended.
    """
    height, width = around.frame.shape[:2]
    side = max(3, round(event.between(*THING_SIDE) * height))
    tall, wide = max(3, round(side * rng.uniform(0.6, 1))), side
    path = _flights(len(event), height, width, rng)
    x, y = path[len(path) // 2, :2].astype(int)
    behind = around.frame[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)].astype(np.float32)
    return Thrown(
        texture(around, tall, wide, behind, rng, enough=CONSPICUOUS), _soft_polygon(tall, wide, rng), path
    )


def _flights(length: int, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the poses of flights to and fro: (length · EXPOSURES, 3) x, y, angle."""
    count = max(1, round(length / rng.uniform(*FLIGHT)))
    one = np.array([rng.uniform(0.1, 0.9) * width, rng.uniform(0.45, 0.8) * height])
    reach = rng.uniform(0.25, 1.0) * height * (1 if one[0] < width / 2 else -1)
    far = np.clip(one[0] + reach, 0.05 * width, 0.95 * width)
    other = np.array([far, one[1] + rng.uniform(-0.08, 0.08) * height])
    apex = rng.uniform(0.08, 0.4) * height
    exposed = np.linspace(0, SHUTTER, EXPOSURES, endpoint=False)
    times = (np.arange(length)[:, None] + exposed).ravel() / length * count
    flight, along = np.floor(times), times % 1
    forth = np.where(flight % 2 == 0, along, 1 - along)
    way = one + (other - one) * forth[:, None]
    way[:, 1] -= 4 * apex * along * (1 - along)
    spin = rng.uniform(0.5, 2) * 2 * math.pi * rng.choice([-1, 1])
    return np.column_stack([way, spin * times + rng.uniform(0, 6)])


def _soft_polygon(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Return the opacity of an irregular shape with a border that is a pixel soft: float32 (height, width)."""
    corners = int(rng.integers(5, 9))
    angles = np.sort(rng.uniform(0, 2 * math.pi, corners)) * 0.5 + np.arange(corners) * math.pi / corners
    radii = rng.uniform(0.75, 1, corners)
    points = np.column_stack([np.cos(angles) * radii * width, np.sin(angles) * radii * height]) / 2
    points += ((width - 1) / 2, (height - 1) / 2)
    shape = np.zeros((height, width), np.uint8)
    cv2.fillPoly(shape, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(shape, (3, 3), 0).astype(np.float32) / 255, np.float32)
