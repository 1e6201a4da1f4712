"""Ids as the leaderboard writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.frames.ids import frame_id, parse_id, video_key


def test_ids_are_not_padded() -> None:
    assert frame_id("01", 939) == "1_939"
    assert frame_id("01_0014", 3) == "01_0014_3"


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1), st.integers(0, 10**7))
def test_ids_are_read_back(video: str, number: int) -> None:
    assert parse_id(frame_id(video, number)) == (video_key(video), number)


@pytest.mark.parametrize(
    "text", ["1939", "01_00939", "1_0939", "1_", "_5", "1_ 5", "1_5 ", "1_-5", "1_5.0", ""]
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="id"):
        parse_id(text)
