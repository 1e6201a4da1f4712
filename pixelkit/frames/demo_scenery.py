"""The demo's scenery: sky, houses with windows and shops, paving and asphalt, trees, painted by seed."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.demo_street import CAMERA, FOCAL, HEIGHT, HORIZON, WIDTH, Image, Points, project, stroke

FINE = 2  # painted so many times larger, then shrunk
FACADE = 36.0  # metres from the camera to the houses
TREES = ((11.0, 33.5), (15.5, 34.5), (-13.5, 31.0))  # metres right of the middle and away
# From where to where in metres, windows on a floor, colour of the wall and of the awning (BGR).
HOUSES = (
    (-19.0, -7.2, 5, (128, 148, 172), (70, 80, 150)),
    (-7.2, 2.1, 4, (150, 168, 178), (120, 100, 60)),
    (2.1, 8.6, 3, (112, 122, 158), (80, 120, 70)),
)


def paint_background(rng: np.random.Generator) -> Image:
    """Paint sky, houses, ground and trees at twice the size, and shrink: uint8 (360, 640, 3)."""
    rows, columns = np.mgrid[0 : FINE * HEIGHT, 0 : FINE * WIDTH].astype(np.float32) / FINE
    curb = FINE * math.ceil(HORIZON + FOCAL * CAMERA / FACADE)
    far, near = (rows[:curb], columns[:curb]), (rows[curb:], columns[curb:])
    across, up = (far[1] - WIDTH / 2) * FACADE / FOCAL, CAMERA - (far[0] - HORIZON) * FACADE / FOCAL
    houses, walls = _houses(across, up, rng)
    above = np.where(houses[..., None], walls, _sky(far[0], rng))
    away = FOCAL * CAMERA / (near[0] - HORIZON)
    below = _ground((near[1] - WIDTH / 2) * away / FOCAL, away, rng)
    painted = np.clip(np.concatenate([above, below]), 0, 255).astype(np.uint8)
    for place in TREES:
        _plant_tree(painted, place, rng)
    small = cv2.resize(painted, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (3, 3), 0.6), np.uint8)


def _sky(rows: Points, rng: np.random.Generator) -> Points:
    """A pale sky with soft clouds, brighter at the horizon."""
    clouds = _clouds(rng, rows.shape, 240)[..., None] * 14
    height = np.clip(rows / 150, 0, 1)[..., None]
    sky: Points = np.array([222.0, 205, 190]) * (1 - height) + np.array([232.0, 228, 224]) * height + clouds
    return sky


def _houses(across: Points, up: Points, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Points]:
    """Three house fronts with windows above shops: where they are, and their colours."""
    brick = (up % 0.22 < 0.03) | ((across + 0.25 * np.floor(up / 0.22)) % 0.5 < 0.03)
    worn = (1 - 0.1 * brick) * (1 + 0.07 * _clouds(rng, up.shape, 60) + 0.05 * _clouds(rng, up.shape, 6))
    colours = np.zeros((*up.shape, 3))
    for left, right, windows, wall, awning in HOUSES:
        inside = (across >= left) & (across < right)
        colours[inside] = wall
        place = (across - left) * windows / (right - left)
        _paint_windows(colours, inside, place, up, rng)
        _paint_shops(colours, inside, place, up, awning, rng)
        worn[inside & (np.abs(across - left) < 0.12)] *= 0.7
    return across < HOUSES[-1][1], colours * worn[..., None]


def _paint_windows(
    colours: Points, inside: NDArray[np.bool_], place: Points, up: Points, rng: np.random.Generator
) -> None:
    """Two floors of windows, one in each whole number of ``place``, their glass lit differently."""
    from_middle = np.abs(place % 1 - 0.5)
    for floor, sill in enumerate((3.5, 6.4)):
        frame = inside & (from_middle < 0.27) & (up > sill) & (up < sill + 1.9)
        colours[frame] = (205, 212, 214)
        glass = frame & (from_middle < 0.21) & (from_middle > 0.015) & (up > sill + 0.12) & (up < sill + 1.75)
        lit = 40 + 70 * _scatter(np.floor(place) + 31 * floor, rng) + 25 * (up - sill)
        colours[glass] = (lit[..., None] * [1.1, 1.0, 0.9])[glass]


def _paint_shops(
    colours: Points,
    inside: NDArray[np.bool_],
    place: Points,
    up: Points,
    awning: tuple[int, int, int],
    rng: np.random.Generator,
) -> None:
    """Shop windows with something in them, under a striped awning."""
    shop = inside & (up < 2.7) & (up > 0.35) & (np.abs(place % 1 - 0.5) < 0.42)
    shade = 45 + 45 * _scatter(np.floor(place) + 7, rng) + 30 * np.abs(np.sin(place * 7 + up))
    colours[shop] = (shade[..., None] * [1.05, 1.0, 0.95])[shop]
    striped = np.where((np.floor(place * 6.5) % 2 == 0)[..., None], awning, 215)
    cloth = inside & (up >= 2.55) & (up < 3.05)
    colours[cloth] = striped[cloth]


def _ground(across: Points, away: Points, rng: np.random.Generator) -> Points:
    """Far pavement, kerb, asphalt with a patch and a line, kerb, near paving, by their distance from the camera."""
    grit = rng.normal(0, 1, (512, 512)).astype(np.float32)
    grain = _spread(grit, (across + 20) * 40 % 511, away * 40 % 511)
    worn = _spread(cv2.GaussianBlur(grit, (0, 0), 6) * 20, (across + 20) * 12, away * 12)
    row = np.floor(away / 0.8)
    column = across / 0.8 + 0.5 * row
    joint = (column % 1 < 0.05) | (away / 0.8 % 1 < 0.06)
    paving = 150 + 14 * (_scatter(np.floor(column) * 7 + row * 13, rng) - 0.5) - 38 * joint + 5 * worn
    patch = (np.abs(across + 4) < 1.6) & (np.abs(away - 20) < 1.2)
    line = (np.abs(away - 20.5) < 0.08) & (across % 3.2 < 1.8) & (worn > -1.6)
    asphalt = np.where(line, 175, 92 + 7 * worn - 12 * patch)
    road = (away > 16.2) & (away < 25.5)
    kerb = (np.abs(away - 16.1) < 0.14) | (np.abs(away - 25.6) < 0.16)
    tone = np.where(kerb, 178 + 4 * worn, np.where(road, asphalt, paving))
    tone += 5 * grain * np.minimum(1, 14 / away)
    tinted: Points = tone[..., None] * np.where(road[..., None], [1.0, 0.99, 0.97], [0.94, 0.99, 1.03])
    return tinted


def _plant_tree(image: Image, place: tuple[float, float], rng: np.random.Generator) -> None:
    """Draw a trunk and a crown of leaves, dark below and bright above, and its shadow on the ground."""
    root, per_metre = np.array([place[0], 0.0, place[1]]), FINE * FOCAL / place[1]

    def ink(points: Points) -> NDArray[np.int32]:
        return np.round(project(points) * FINE * 16).astype(np.int32)

    shade = np.zeros(image.shape[:2], np.uint8)
    for spot in ink(rng.normal(0, (1.0, 0.0, 0.4), (60, 3)).clip(-1.6, 1.6) + root + [1.6, 0, -1.2]):
        stroke(shade, spot[None], 0.5 * per_metre, (90,), False)
    lit = cv2.cvtColor(255 - cv2.GaussianBlur(shade, (21, 21), 0), cv2.COLOR_GRAY2BGR)
    cv2.multiply(image, lit, dst=image, scale=1 / 255)
    stroke(
        image, ink(np.array([root, root + np.array([0.1, 3.4, 0])])), 0.16 * per_metre, (52, 66, 80), False
    )
    twigs = rng.normal(0, 1, (40, 3)) * [1.15, 0.75, 0.3]
    leaves = (twigs[:, None] + rng.normal(0, 0.28, (40, 60, 3))).reshape(-1, 3)
    leaves = leaves[np.argsort(leaves[:, 1] + rng.normal(0, 0.8, len(leaves)))]
    for leaf, spot in zip(leaves, ink(leaves + root + [0, 4.3, 0]), strict=True):
        light = np.clip(0.75 + 0.22 * leaf[1] + rng.uniform(-0.2, 0.2), 0.3, 1.3)
        stroke(
            image,
            spot[None],
            rng.uniform(0.04, 0.1) * per_metre,
            (46 * light, 118 * light, 92 * light),
            False,
        )


def _clouds(rng: np.random.Generator, shape: tuple[int, ...], size: int) -> Points:
    """Smooth noise, mean 0 and spread 1, of about ``size`` pixels."""
    coarse = rng.normal(0, 1, (max(2, shape[0] // size), max(2, shape[1] // size))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_CUBIC), np.float64)


def _scatter(cells: Points, rng: np.random.Generator) -> Points:
    """One number in [0, 1) for every cell."""
    values = rng.random(997)
    scattered: Points = values[cells.astype(np.int64) % 997]
    return scattered


def _spread(texture: cv2.typing.MatLike, columns: Points, rows: Points) -> Points:
    """The texture at each (column, row)."""
    maps = columns.astype(np.float32), rows.astype(np.float32)
    return np.asarray(cv2.remap(texture, *maps, interpolation=cv2.INTER_LINEAR), np.float64)
