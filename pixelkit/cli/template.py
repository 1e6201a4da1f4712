"""What ``pixelkit new`` writes: a working scorer, and its test."""

SCORER = '''"""{NAME}: how far a frame is from the mean training frame. Put your idea in its place."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pixelkit import Scorer, Video, View, hookimpl


class {CLASS}(Scorer):
    """Mean absolute difference to the mean training frame, in gray levels."""

    name = "{NAME}"

    def __init__(self, *, size: int = 64) -> None:
        self.size = size  # a setting: --set {NAME}.size=96

    def views(self) -> tuple[View, ...]:
        return (View((self.size, self.size), "gray"),)

    def fit(self, videos: Sequence[Video]) -> None:
        """Learn what is normal; save() keeps every attribute that ends in an underscore."""
        (view,) = self.views()
        self.mean_ = np.mean([video.frames(view).mean(axis=0) for video in videos], axis=0)

    def score(self, video: Video) -> NDArray[np.float32]:
        """Return one row a frame, one column a channel; higher is more anomalous."""
        (view,) = self.views()
        return np.array([[np.abs(frame - self.mean_).mean()] for frame in video.frames(view)], np.float32)


@hookimpl
def pixelkit_scorers() -> list[type[Scorer]]:
    return [{CLASS}]
'''

TEST = '''"""{NAME} keeps the contract of a scorer."""

{PATHS}import pytest

from pixelkit.registry import discover
from pixelkit.testing import CHECKS, Candidate, Check, examine


@pytest.fixture(scope="module")
def candidate() -> Candidate:
    return Candidate(discover({FOLDERS}).get("{NAME}").cls)


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract(check: Check, candidate: Candidate) -> None:
    result = examine(check, candidate)
    assert result.ok, result.message
'''
