"""Small drawn videos on which scorers are checked: textured walkers on a street, and a planted anomaly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import KeptInMemory, View, render

HEIGHT, WIDTH = 96, 128
FIRST_ODD, ODD_FRAMES = 40, 24


@lru_cache(maxsize=16)
def draw_video(frames: int, seed: int, *, anomaly: bool = False) -> NDArray[np.uint8]:
    """Return uint8 (frames, 96, 128, 3), RGB, read-only: three walkers in a street that is the same for every seed.

    Parameters
    ----------
    frames
        How many, at least 1.
    seed
        Draws the walkers: their looks, places and speeds of 0.5 to 1.5 pixels a frame.
    anomaly
        Plant something large, bright and fast (6 pixels a frame): see :func:`anomalous_frames`.
    """
    rng = np.random.default_rng(seed)
    video = np.repeat(_street()[None], frames, axis=0)
    for _ in range(3):
        looks = rng.integers(30, 160, (rng.integers(14, 20), rng.integers(8, 12), 3))
        start, speed = rng.uniform(0, WIDTH), rng.choice([-1, 1]) * rng.uniform(0.5, 1.5)
        _walk(video, looks, top=int(rng.integers(30, 70)), places=start + speed * np.arange(frames))
    if anomaly:
        odd = video[FIRST_ODD : FIRST_ODD + ODD_FRAMES]
        looks = np.random.default_rng(seed).integers(
            200, 256, (30, 28, 3)
        )  # leaves the other numbers as they are
        _walk(odd, looks, top=40, places=6.0 * np.arange(len(odd)) - 8)
    drawn = (video + rng.normal(0, 2, video.shape)).clip(0, 255).astype(np.uint8)
    drawn.flags.writeable = False
    return drawn


def anomalous_frames(frames: int) -> NDArray[np.bool_]:
    """Return bool (frames,): where :func:`draw_video` plants its anomaly."""
    positions = np.arange(frames)
    return (positions >= FIRST_ODD) & (positions < FIRST_ODD + ODD_FRAMES)


def _street() -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    shade = np.linspace(150, 80, HEIGHT)[:, None, None]
    return shade + np.kron(rng.normal(0, 10, (HEIGHT // 4, WIDTH // 4, 3)), np.ones((4, 4, 1)))


def _walk(
    video: NDArray[np.float64], looks: NDArray[np.int64], *, top: int, places: NDArray[np.floating]
) -> None:
    """Draw ``looks`` into each frame with its left edge at ``places``; who leaves on one side enters on the other."""
    height, width = looks.shape[:2]
    for frame, place in zip(video, places, strict=True):
        columns = (round(place) + np.arange(width)) % WIDTH
        frame[top : top + height, columns] = looks[: HEIGHT - top]


class DrawnSource(KeptInMemory):
    """Frames in memory that, like those of a run, can be had only in the views that a scorer named.

    Parameters
    ----------
    frames
        uint8 (n, H, W, 3), RGB.
    views
        The views that the scorer named.
    """

    def __init__(self, frames: NDArray[np.uint8], views: Iterable[View]) -> None:
        self._frames = frames
        self._views = {view: _rendered(frames, view) for view in views}

    def view(self, view: View) -> NDArray[np.uint8]:
        """Return all frames in ``view``, read-only.

        Raises
        ------
        KeyError
            If the scorer did not name this view.
        """
        if view not in self._views:
            named = ", ".join(map(str, self._views)) or "none"
            raise KeyError(f"frames({view}) was called, but views() names {named}: add it there")
        return self._views[view]

    def stream(self) -> Iterator[NDArray[np.uint8]]:
        """Yield a copy of every frame."""
        return (frame.copy() for frame in self._frames)


def _rendered(frames: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    rendered = np.stack([render(frame, view) for frame in frames])
    rendered.flags.writeable = False
    return rendered
