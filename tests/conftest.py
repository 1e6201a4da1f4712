"""What many tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def ped2() -> Path:
    """UCSD Ped2 in the common re-pack; a test that wants it is skipped where it does not lie."""
    folder = SHARED / "ped2"
    if not folder.is_dir():
        pytest.skip("needs UCSD Ped2 in ../shared/data/ped2, which is distributed for research only")
    return folder


@pytest.fixture(scope="session")
def pixelplay_sample() -> Path:
    """The 11,706 ids that the PixelPlay '26 leaderboard expects."""
    file = SHARED / "pixelplay26" / "sample_submission.csv"
    if not file.is_file():
        pytest.skip("needs the PixelPlay '26 sample submission in ../shared/data/pixelplay26")
    return file
