"""Leaderboard ids: ``{video}_{frame number}``, not padded, as in ``1_939``."""

from __future__ import annotations

import re

# Not int(): in Python int("1_939") is 1939, and int(" 7") is 7.
_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def video_key(name: str) -> str:
    """Return how a video is called in an id: ``"01"`` becomes ``"1"``, any other name stays as it is."""
    return str(int(name)) if _DIGITS.fullmatch(name) else name


def frame_id(video: str, number: int) -> str:
    """Return the id of one frame: ``frame_id("01", 939) == "1_939"``."""
    return f"{video_key(video)}_{int(number)}"


def parse_id(text: str) -> tuple[str, int]:
    """Return the video key and the frame number of an id.

    Raises
    ------
    ValueError
        If the id is not written as the leaderboard writes it: padded, without a number, with blanks.
    """
    video, underscore, number = text.rpartition("_")
    if not underscore or not video or not _DIGITS.fullmatch(number):
        raise ValueError(f"id {text!r} is not of the form VIDEO_NUMBER, as in '1_939'")
    if frame_id(video, int(number)) != text:
        raise ValueError(f"id {text!r} is padded: expected {frame_id(video, int(number))!r}")
    return video, int(number)
