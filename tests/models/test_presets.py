"""A setting out of its range is explained before anything is decoded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pixelkit.errors import SettingsError
from pixelkit.models.presets import AutoencoderSettings

GOOD = AutoencoderSettings(width=8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, r"tiny\.epochs must be at least 1: got 0"),
        ({"size": 100}, r"tiny\.size must be a multiple of 16"),
        ({"size": 16}, r"tiny\.size must be at least 32"),
        ({"noise": 35.0}, r"tiny\.noise must lie between 0 and 1"),
        ({"score_stride": 17}, r"must not be above length \(16\)"),
        ({"learning_rate": -1.0}, r"tiny\.learning_rate must be at least 0"),
    ],
)
def test_setting_out_of_range_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        replace(GOOD, **change).check("tiny", multiple_of_16=("size",))


def test_length_is_bound_to_sixteens_only_where_time_is_halved() -> None:
    short = replace(GOOD, length=10)
    short.check("tiny", multiple_of_16=("size",))
    with pytest.raises(SettingsError, match=r"tiny\.length must be a multiple of 16"):
        short.check("tiny", multiple_of_16=("size", "length"))
