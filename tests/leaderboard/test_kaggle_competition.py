"""Which competition a run is for: named, in its settings, or where it was sent last."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from submitted import write

from pixelkit.errors import KaggleError
from pixelkit.leaderboard.history import History
from pixelkit.leaderboard.kaggle.competition import competition_of, slug


@pytest.mark.parametrize(
    "text",
    [
        "pixel-play-26",
        " Pixel-Play-26 ",
        "https://www.kaggle.com/competitions/pixel-play-26",
        "https://www.kaggle.com/competitions/pixel-play-26/leaderboard?tab=public#top",
        "https://www.kaggle.com/c/pixel-play-26/rules",
        "kaggle.com/competitions/pixel-play-26/",
    ],
)
def test_a_name_or_the_address_of_a_page(text: str) -> None:
    assert slug(text) == "pixel-play-26"


@pytest.mark.parametrize(
    "text", ["", "pixel play", "../pixel", "a--b", "-a", "https://example.com/c/x", "kaggle.com/datasets/a/b"]
)
def test_what_is_no_name_says_what_was_expected(text: str) -> None:
    with pytest.raises(KaggleError, match=r"expected what stands after kaggle\.com/competitions/"):
        slug(text)


def test_what_is_named_goes_before_settings_before_the_last_upload_of_the_run(history: History) -> None:
    made, other = write(history, "ped2"), write(history, "avenue")
    assert made.run is not None
    with pytest.raises(KaggleError, match=r"which competition is .*ped2 for\? Name it with --competition"):
        competition_of(made.run, None, history, None)
    history.sent(other.id, "another", "1")
    history.sent(made.id, "second", "2", datetime(2026, 1, 2, tzinfo=UTC))
    history.sent(made.id, "first", "3", datetime(2026, 1, 1, tzinfo=UTC))
    assert competition_of(made.run, None, history, None) == "second"
    assert competition_of(made.run, "", history, None) == "second"
    assert competition_of(made.run, "third", history, None) == "third"
    assert competition_of(made.run, "third", history, "fourth") == "fourth"
