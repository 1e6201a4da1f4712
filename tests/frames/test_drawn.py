"""The drawn videos on which scorers are checked."""

from __future__ import annotations

import numpy as np
import pytest

from pixelkit.frames.drawn import DrawnSource, anomalous_frames, draw_video
from pixelkit.frames.video import View


def test_anomaly_changes_only_its_frames() -> None:
    normal, odd = draw_video(80, 9), draw_video(80, 9, anomaly=True)
    changed = (normal != odd).any(axis=(1, 2, 3))
    assert np.array_equal(changed, anomalous_frames(80))


def test_drawings_repeat_and_cannot_be_written() -> None:
    again = draw_video.__wrapped__(5, 1)
    assert np.array_equal(draw_video(5, 1), again)
    with pytest.raises(ValueError, match="read-only"):
        again[0] = 0


def test_view_that_was_not_named_is_refused() -> None:
    source = DrawnSource(draw_video(2, 1), [View((8, 8))])
    assert source.view(View((8, 8))).shape == (2, 8, 8)
    with pytest.raises(KeyError, match=r"frames\(8x8-rgb\) was called, but views\(\) names 8x8-gray"):
        source.view(View((8, 8), "rgb"))
