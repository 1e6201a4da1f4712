"""The demo's street: a fixed camera above it, its light and shadows, and how figures are drawn into it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.demo_figures import Shape

Image = NDArray[np.uint8]
Points = NDArray[np.float64]

HEIGHT, WIDTH = 360, 640  # as PixelPlay '26
HORIZON, FOCAL, CAMERA = 80.0, 640.0, 4.0  # row of the horizon; pixels; metres above the ground
SUN = (0.5, -0.7)  # where the shadow of a point one metre up falls: metres to the right, metres away


def project(points: Points) -> Points:
    """Return pixel (column, row) of world points (right, up, away), metres: (..., 3) to (..., 2)."""
    away = np.maximum(points[..., 2], 0.5)
    column = WIDTH / 2 + FOCAL * points[..., 0] / away
    row = HORIZON + FOCAL * (CAMERA - points[..., 1]) / away
    return np.stack([column, row], axis=-1)


@dataclass(frozen=True)
class Actor:
    """A figure somewhere on the street at one moment.

    Parameters
    ----------
    shapes
        In metres: forward, left, up.
    place
        Metres right of the middle and away from the camera.
    heading
        Radians: 0 walks right, pi/2 away from the camera.
    texture
        uint8 (h, w): how light its cloth is at each place, 255 leaves the colour as it is.
    size
        How many times larger it is than its shapes.
    """

    shapes: Sequence[Shape]
    place: tuple[float, float]
    heading: float
    texture: Image
    size: float = 1.0

    def world(self) -> Points:
        """The points of all shapes in world coordinates (right, up, away), metres: (n, 3)."""
        cosine, sine = math.cos(self.heading), math.sin(self.heading)
        turn = np.array([[cosine, 0, sine], [-sine, 0, cosine], [0, 1, 0]])
        points = np.array([point for shape in self.shapes for point in shape.points])
        world: Points = points @ (turn * self.size) + (self.place[0], 0, self.place[1])
        return world


@dataclass(frozen=True)
class Light:
    """The light of one moment: overall brightness, its colour (BGR gains), and how dark shadows are (0 to 1)."""

    brightness: float
    tint: tuple[float, float, float]
    shadow: float


@dataclass(frozen=True)
class Sprite:
    """A drawn figure: where it goes on the frame, and its BGR and alpha, uint8 (h, w, 4), colours times alpha."""

    left: int
    top: int
    pixels: Image
    away: float


class Street:
    """The street as one fixed camera sees it.

    Parameters
    ----------
    background
        The street without anybody: uint8 (360, 640, 3), BGR.
    rng
        Draws the grain of the sensor.
    """

    def __init__(self, background: Image, rng: np.random.Generator) -> None:
        self.background = background
        grain = np.round(rng.normal(0, 3.0, (HEIGHT + 64, WIDTH + 64, 3)))
        # Apart, so that both are uint8: adding int8 to uint8 takes OpenCV five times as long.
        self._brighter, self._darker = (side.clip(0).astype(np.uint8) for side in (grain, -grain))

    def frame(self, actors: Sequence[Actor], light: Light, rng: np.random.Generator) -> Image:
        """Return the street with ``actors``: uint8 (360, 640, 3), BGR, with sensor noise drawn from ``rng``."""
        image = self.background.copy()
        sprites = [_draw(actor) for actor in sorted(actors, key=lambda actor: -actor.place[1])]
        seen = [sprite for sprite in sprites if sprite is not None]
        _cast_shadows(image, seen, light.shadow)
        for sprite in seen:
            _blend(image, sprite)
        lit = cv2.transform(image, np.diag(light.tint) * light.brightness)
        row, column = rng.integers(64, size=2)
        crop = np.s_[row : row + HEIGHT, column : column + WIDTH]
        return np.asarray(cv2.subtract(cv2.add(lit, self._brighter[crop]), self._darker[crop]), np.uint8)


def _cast_shadows(image: Image, sprites: Sequence[Sprite], depth: float) -> None:
    """Darken the ground where the sun does not reach it: each outline, laid down flat in front of its feet."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for sprite in sprites:
        height, width = sprite.pixels.shape[:2]
        feet = HORIZON + FOCAL * CAMERA / sprite.away - sprite.top  # rows below the top of the sprite
        fall = -SUN[1] * CAMERA / sprite.away  # rows down for each row up
        right, top = sprite.left + math.floor(SUN[0] * min(0, feet - height)), sprite.top + int(feet)
        left, top = max(0, right), max(0, top - int(0.1 * height))
        region = mask[
            top : top + int(fall * feet + 0.2 * height) + 2, left : left + width + int(SUN[0] * feet) + 2
        ]
        if not region.size:
            continue
        shear = np.array(
            [
                [1, -SUN[0], sprite.left - left + SUN[0] * feet],
                [0, -fall, sprite.top - top + feet + fall * feet],
            ]
        )
        laid = cv2.warpAffine(np.ascontiguousarray(sprite.pixels[..., 3]), shear, region.shape[::-1])
        cv2.max(region, laid, dst=region)
    lit = cv2.convertScaleAbs(cv2.GaussianBlur(mask, (5, 5), 0), alpha=-depth, beta=255)
    cv2.multiply(image, cv2.cvtColor(lit, cv2.COLOR_GRAY2BGR), dst=image, scale=1 / 255)


def _draw(actor: Actor) -> Sprite | None:
    """Draw one figure, antialiased, its texture moving with it; ``None`` when it is out of sight."""
    world = actor.world()
    flat, per_metre = project(world), FOCAL / actor.place[1]
    low, high = flat.min(axis=0) - 0.3 * per_metre, flat.max(axis=0) + 0.3 * per_metre
    left, top = np.maximum(np.floor(low), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(high), (WIDTH, HEIGHT)).astype(int).tolist()
    if left >= right or top >= bottom:
        return None
    # Thickness is a whole number of pixels in OpenCV: draw larger, so that a far leg is not too thick or too thin.
    fine = 1 if per_metre > 42 else 2 if per_metre > 24 else 3
    canvas = np.zeros(((bottom - top) * fine, (right - left) * fine, 4), np.uint8)
    counts = [len(shape.points) for shape in actor.shapes]
    starts = [0, *accumulate(counts[:-1])]
    ink = np.round((flat - (left, top)) * (fine * 16)).astype(np.int32)
    depth = np.add.reduceat(world[:, 2], starts) / counts
    for index in np.argsort(-depth, kind="stable").tolist():
        shape, start = actor.shapes[index], starts[index]
        radius = shape.radius * per_metre * fine
        stroke(canvas, ink[start : start + counts[index]], radius, (*shape.colour, 255), shape.filled)
    shrunk = cv2.resize(canvas, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    sprite = np.asarray(shrunk, np.uint8)
    _dress(sprite, actor.texture, low, high, (left, top))
    return Sprite(left, top, sprite, actor.place[1])


def _dress(sprite: Image, texture: Image, low: Points, high: Points, corner: tuple[int, int]) -> None:
    """Multiply the colours by the texture, which spans the figure from ``low`` to ``high`` (column, row)."""
    stretch = np.array(texture.shape[1::-1]) / (high - low)
    offset = (np.array(corner) - low) * stretch
    place = np.array([[stretch[0], 0, offset[0]], [0, stretch[1], offset[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cloth = cv2.warpAffine(texture, place, sprite.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    gains = cv2.merge([cloth, cloth, cloth, np.full_like(cloth, 255)])
    cv2.multiply(sprite, gains, dst=sprite, scale=1 / 255)


def _blend(image: Image, sprite: Sprite) -> None:
    """Put the sprite over what is behind it."""
    height, width = sprite.pixels.shape[:2]
    patch = image[sprite.top : sprite.top + height, sprite.left : sprite.left + width]
    behind = cv2.cvtColor(255 - sprite.pixels[..., 3], cv2.COLOR_GRAY2BGR)
    colours = cv2.cvtColor(sprite.pixels, cv2.COLOR_BGRA2BGR)
    cv2.add(cv2.multiply(patch, behind, scale=1 / 255), colours, dst=patch)


def stroke(
    canvas: Image, ends: NDArray[np.int32], radius: float, ink: tuple[float, ...], filled: bool
) -> None:
    """Draw a line of ``2 * radius`` pixels through ``ends`` (n, 2), in sixteenths of a pixel, or their hull."""
    if len(ends) == 1:
        cv2.circle(canvas, ends[0].tolist(), round(radius * 16), ink, -1, cv2.LINE_AA, 4)
        return
    if filled:
        ends = np.asarray(cv2.convexHull(ends)[:, 0], np.int32)
        cv2.fillConvexPoly(canvas, ends, ink, cv2.LINE_AA, 4)
    cv2.polylines(canvas, [ends], filled, ink, max(1, round(2 * radius)), cv2.LINE_AA, 4)
