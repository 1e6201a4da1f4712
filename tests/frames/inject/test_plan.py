"""Takes are planned from the seed: what happens where, when, and how much."""

from __future__ import annotations

import logging
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from filmed_walks import NONE
from hypothesis import given
from hypothesis import strategies as st

from pixelkit.errors import DataError, SettingsError
from pixelkit.frames.ids import frame_id, parse_id
from pixelkit.frames.inject import plan as inject_plan
from pixelkit.frames.inject import plan_takes, write_takes
from pixelkit.frames.inject.families import FAMILIES


def test_a_plan_has_every_family_and_twice_as_many_normal_takes() -> None:
    takes = plan_takes({"01": 300, "02": 200, "03": 400}, per_family=3, seed=1)
    assert Counter(take.family for take in takes) == {"normal": 6, **dict.fromkeys(FAMILIES, 3)}
    assert all(bool(take.events) == (take.family != "normal") for take in takes)
    for take in takes:
        assert parse_id(frame_id(take.name, 7)) == (take.name, 7)
    assert len({take.name for take in takes}) == len(takes)


def test_sources_are_used_in_turn() -> None:
    takes = plan_takes({"01": 300, "02": 200, "03": 400}, per_family=3, seed=1)
    for family in ("normal", *FAMILIES):
        used = Counter(take.source for take in takes if take.family == family)
        assert set(used.values()) == {2 if family == "normal" else 1}


def test_the_seed_decides_and_a_family_more_changes_no_other_take(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = {"01": 300, "02": 200, "03": 400}
    takes = plan_takes(lengths, per_family=2, seed=1)
    assert takes == plan_takes(lengths, per_family=2, seed=1)
    assert takes != plan_takes(lengths, per_family=2, seed=2)
    monkeypatch.setattr(inject_plan, "FAMILIES", (*FAMILIES, "another"))
    more = plan_takes(lengths, per_family=2, seed=1)
    assert [take for take in more if take.family != "another"] == takes


@given(
    st.dictionaries(
        st.text("0123456789", min_size=1, max_size=3), st.integers(0, 400), min_size=1, max_size=4
    ),
    st.integers(1, 200),
    st.integers(0, 5),
)
def test_a_take_fits_its_source_and_its_events_fit_the_take(
    lengths: dict[str, int], frames: int, seed: int
) -> None:
    if not any(lengths.values()):
        return
    for take in plan_takes(lengths, per_family=1, frames=frames, seed=seed):
        assert 1 <= len(take) <= frames
        assert 0 <= min(take.positions) <= max(take.positions) < lengths[take.source]
        ends = [0, *(end for event in take.events for end in (event.start, event.stop)), len(take) + 1]
        assert all(one < other for one, other in pairwise(ends))


def test_event_lengths_cover_a_wide_prior() -> None:
    takes = plan_takes({"01": 2000}, per_family=60, frames=200, seed=0)
    single = [len(take.events[0]) for take in takes if len(take.events) == 1]
    twice = [len(event) for take in takes if len(take.events) == 2 for event in take.events]
    assert min(single) <= 9
    assert max(single) >= 110
    assert max(single) <= 120
    assert 0.1 < len(twice) / 2 / (9 * 60) < 0.3
    # Log-uniform: as many below the geometric mean as above it
    assert np.mean(np.array(single) < math.sqrt(8 * 120)) == pytest.approx(0.5, abs=0.06)


def test_events_may_lie_anywhere_and_be_of_any_strength() -> None:
    takes = plan_takes({"01": 2000}, per_family=30, frames=200, seed=0)
    events = [event for take in takes for event in take.events]
    assert min(event.start for event in events) < 10
    assert max(event.stop for event in events) > 190
    assert np.histogram([event.strength for event in events], 4, (0, 1))[0].min() > 40


def test_a_video_of_one_frame_can_only_be_normal(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pixelkit"):
        takes = plan_takes({"01": 1}, per_family=1, seed=0)
    assert {take.family for take in takes} == {"normal"}
    assert [len(take) for take in takes] == [1, 1]
    assert "too short" in caplog.text
    mixed = plan_takes({"01": 1, "02": 50}, per_family=2, seed=0)
    assert {take.source for take in mixed if take.family != "normal"} == {"02"}


@pytest.mark.parametrize("lengths", [{}, {"01": 0}])
def test_nothing_held_out_is_an_error_that_says_what_to_do(lengths: dict[str, int]) -> None:
    with pytest.raises(DataError, match="raise holdout, or add training videos"):
        plan_takes(lengths, per_family=1, seed=0)
    with pytest.raises(DataError, match="raise holdout, or add training videos"):
        write_takes(Path("unused"), [], [], NONE, 0)


@pytest.mark.parametrize("name", ["per_family", "frames"])
def test_wrong_settings_are_named(name: str) -> None:
    settings = {"per_family": 1, "frames": 10, name: 0}
    with pytest.raises(SettingsError, match=name):
        plan_takes({"01": 5}, per_family=settings["per_family"], frames=settings["frames"], seed=0)
