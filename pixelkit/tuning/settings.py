"""The ``[tuning]`` section of the settings."""

from __future__ import annotations

from dataclasses import dataclass

from pixelkit.errors import SettingsError, did_you_mean

OBJECTIVES = ("synthetic", "none")


@dataclass(frozen=True)
class TuningSettings:
    """How ``pixelkit run`` looks for the recipe. No default was chosen by looking at labels of test video.

    How each was chosen stands in ``benchmarks/tuning.md``, with the four questions that such labels had raised.
    """

    objective: str = "synthetic"
    """``synthetic`` (anomalies injected into left-out training video) or ``none`` (equal weights)."""
    trials: int = 200
    """Recipes to try, in each fold and for the recipe that ships; those of the climb before it not counted."""
    timeout: float | None = None
    """Seconds for all trials together; what was found by then counts."""
    takes: int = 4
    """Stretches of left-out video into which each kind of anomaly is injected; twice as many stay normal."""
    take_frames: int = 150
    """Frames of such a stretch, at most."""
    folds: int = 3
    """Parts of the videos, or of the kinds of synthetic anomalies, each of which judges recipes found on the others.
    The kinds of a part are judged video by video, in four parts at most."""
    prevalence: float = 0.25
    """Average precision on synthetic anomalies is that of a test set in which this part of the frames is anomalous, as
    on PixelPlay '26: with fewer, only the very highest scores would count."""
    towards_equal: float = 0.1
    """What it costs, in average precision, to order the frames in a way that has nothing to do with equal weights."""
    towards_votes: float = 1.0
    """The same for what has nothing to do with the best votes, when channels are searched one by one."""
    required: float = 0.75
    """Part of the resamples of videos in which the tuned recipe must be better, or equal weights ship; and in which it
    must be better with a scorer than without, or that has no vote."""
    per_video: bool = False
    """Also try normalising each video by itself, which assumes that every video holds an anomaly."""

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise SettingsError(
                f"tuning.objective is {self.objective!r}{did_you_mean(self.objective, OBJECTIVES)}; labels and "
                f"leaderboard are for 'pixelkit tune' on a finished run"
            )
        for name, least in (("trials", 1), ("takes", 2), ("take_frames", 16), ("folds", 2)):
            if getattr(self, name) < least:
                raise SettingsError(f"tuning.{name} is {getattr(self, name)}: expected {least} or more")
        if self.timeout is not None and self.timeout <= 0:
            raise SettingsError(f"tuning.timeout is {self.timeout}: expected seconds, above 0")
        for name in ("towards_equal", "towards_votes"):
            if not 0 <= getattr(self, name) < 100:
                raise SettingsError(f"tuning.{name} is {getattr(self, name)}: expected 0 or more")
        if not 0 < self.prevalence < 1:
            raise SettingsError(
                f"tuning.prevalence is {self.prevalence}: expected a part of the frames, above 0 and below 1"
            )
        if not 0.5 <= self.required <= 1:
            raise SettingsError(
                f"tuning.required is {self.required}: expected a part of the resamples, 0.5 to 1"
            )
