"""What is measured of an object, given what, and how it is turned into surprise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelkit.models.objects.seen import Objects
from pixelkit.models.objects.tracks import Rows, mean_along

Floats = NDArray[np.float32]
Measures = Mapping[str, Floats]

LEAST_SPEED = 0.2  # pixels a frame: what the flow of somebody who stands still shows


@dataclass(frozen=True)
class Attribute:
    """One way in which an object can be unusual.

    Parameters
    ----------
    values
        The measures whose density is estimated.
    given
        The measures that they depend on.
    components
        Of the mixture.
    above
        Only what is larger than usual counts.
    """

    values: tuple[str, ...]
    given: tuple[str, ...]
    components: int
    above: bool = False


PLACE = ("x", "y")
# Flow over few pixels is noisy, and a walker far away is small and slow: so velocity is judged given area and place.
# Three Gaussians bend a line; a crowd that walks in two directions, on several paths, needs more. For appearance one
# did as well as three on synthetic anomalies.
ATTRIBUTES: Mapping[str, Attribute] = {
    "speed": Attribute(("log_speed",), ("log_area", "y"), 3, above=True),
    "velocity": Attribute(("right", "down"), ("log_area", *PLACE), 10),
    "size": Attribute(("width", "height", "side"), PLACE, 5),
    "gait": Attribute(("straight", "unsteady"), ("speed", "log_area"), 5),
    "acceleration": Attribute(("log_change",), ("log_speed", "log_area"), 3, above=True),
    "dwell": Attribute(("dwell",), PLACE, 5, above=True),
    "appearance": Attribute(("strange",), ("log_area", "y"), 1, above=True),
}


def measure(objects: Objects, rows: Rows) -> dict[str, Floats]:
    """Return the measures of every object: float32 (k,) each, by name; lengths in pixels of the 240×320 view.

    Parameters
    ----------
    objects
        Of one video.
    rows
        int64 (k, 2·reach + 1), from :meth:`~pixelkit.models.objects.tracks.Tracks.around`. Speed and velocity are
        averaged over them, weighted by area: a leg that swings, or a fragment, is faster than its walker for a frame or
        two.
    """
    reach = rows.shape[1] // 2
    there = rows >= 0
    left, top, right, bottom = objects.corners.T
    speed = mean_along(rows, objects.speed, objects.area)
    velocity = mean_along(rows, objects.velocity, objects.area)
    apart = np.where(there, objects.speed[rows] - speed[:, None], 0)
    earlier, later = (
        mean_along(some, objects.velocity, objects.area) for some in (rows[:, :reach], rows[:, reach + 1 :])
    )
    whole = there[:, :reach].any(1) & there[:, reach + 1 :].any(1)
    change = np.where(whole, np.linalg.norm(later - earlier, axis=1), 0)
    area = mean_along(rows, objects.area, np.ones_like(objects.area))
    return {
        "x": (left + right) / 2,
        "y": bottom,
        "log_area": np.log(area),
        "width": right - left,
        "height": bottom - top,
        "side": np.sqrt(objects.area),
        "speed": speed,
        "log_speed": np.log(speed + LEAST_SPEED),
        "right": velocity[:, 0],
        "down": velocity[:, 1],
        "straight": np.linalg.norm(velocity, axis=1) / (speed + LEAST_SPEED),
        "unsteady": np.sqrt((apart**2).sum(1) / np.maximum(there.sum(1), 1)),
        "log_change": np.log(change + LEAST_SPEED),
        "dwell": objects.dwell,
    }


def columns(measures: Measures, names: Sequence[str]) -> Floats:
    """Return the named measures side by side: float32 (k, len(names))."""
    return np.stack([measures[name] for name in names], 1)
