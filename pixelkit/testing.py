"""The checks that every scorer must pass, for ours and for yours.

In a test of your own::

    import pytest
    from pixelkit.testing import CHECKS, Candidate, examine

    @pytest.fixture(scope="module")
    def candidate():
        return Candidate(MyScorer)

    @pytest.mark.parametrize("check", CHECKS)
    def test_keeps_the_contract(check, candidate):
        result = examine(check, candidate)
        assert result.ok, result.message

``pixelkit check NAME`` runs the same from the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.checks import CHECKS
from pixelkit.contract import declaration_problem
from pixelkit.errors import ScorerError, did_you_mean
from pixelkit.frames.drawn import DrawnSource, draw_video
from pixelkit.frames.video import Video
from pixelkit.jobs import check_scores, seed_everything
from pixelkit.registry import explain
from pixelkit.scorer import Scorer
from pixelkit.source import source_file

__all__ = ["CHECKS", "Candidate", "Check", "CheckResult", "check_name", "examine", "run_checks"]


class Candidate:
    """A scorer that is being checked, with small drawn videos to try it on. It is fitted once, when first needed.

    Parameters
    ----------
    cls
        The scorer class.
    settings
        Keyword arguments for it, over its ``check_settings``.
    expected_failures
        Checks that it is known to fail, each with the reason, over its own ``expected_failures``.

    Raises
    ------
    ScorerError
        If ``cls`` is not a scorer class, or ``expected_failures`` names a check that does not exist.
    """

    def __init__(
        self,
        cls: type[Scorer],
        settings: Mapping[str, Any] | None = None,
        expected_failures: Mapping[str, str] | None = None,
    ) -> None:
        problem = declaration_problem(cls)
        if problem is not None:
            raise ScorerError(problem)
        self.cls = cls
        self.settings = {**cls.check_settings, **(settings or {})}
        self.expected_failures = {**cls.expected_failures, **(expected_failures or {})}
        names = [check_name(check) for check in CHECKS]
        for name in self.expected_failures:
            if name not in names:
                raise ScorerError(
                    f"{cls.name}: expected_failures: no check {name!r}{did_you_mean(name, names)}"
                )

    def make(self) -> Scorer:
        """Return a new scorer with the settings of this candidate, on the CPU, where results repeat exactly."""
        scorer = self.cls(**self.settings)
        scorer.seed, scorer.device = 0, "cpu"
        return scorer

    def video(
        self, frames: int, *, seed: int = 9, numbers: Sequence[int] | None = None, **drawn: bool
    ) -> Video:
        """Return a drawn video in the views of this scorer, its frame numbers from 0 when not given."""
        source = DrawnSource(draw_video(frames, seed, **drawn), self.make().views())
        return Video(f"{seed:02d}", range(frames) if numbers is None else numbers, source)

    def training(self) -> list[Video]:
        """Return normal videos to fit on, one of them shorter than most clips."""
        return [self.video(frames, seed=seed) for seed, frames in enumerate((80, 60, 5), start=1)]

    def fit(self, videos: Sequence[Video]) -> Scorer:
        """Return a new scorer, fitted on ``videos`` from the same seed as a run would."""
        scorer = self.make()
        seed_everything(scorer.seed)
        scorer.fit(videos)
        return scorer

    @staticmethod
    def score(scorer: Scorer, video: Video) -> NDArray[np.float32]:
        """Return the scores as a run takes them: float32 (frames, channels).

        Raises
        ------
        ScorerError
            If they have another shape or are not finite.
        """
        return check_scores(scorer, video, scorer.score(video))

    @cached_property
    def fitted(self) -> Scorer:
        """The scorer, fitted on :meth:`training`."""
        return self.fit(self.training())

    @cached_property
    def fitted_on_one(self) -> tuple[Video, Scorer]:
        """A single training video, and the scorer fitted on it."""
        video = self.video(60, seed=1)
        return video, self.fit([video])

    @cached_property
    def test(self) -> Video:
        """A video of 80 frames with a planted anomaly in frames 40 to 63."""
        return self.video(80, anomaly=True)

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """What :attr:`fitted` says about :attr:`test`."""
        return self.score(self.fitted, self.test)


@dataclass(frozen=True)
class CheckResult:
    """How one check went."""

    name: str
    passed: bool
    expected_failure: str | None
    """The reason why it was expected to fail, or None."""
    message: str
    """What is wrong and what to do, in one line; empty if nothing is."""

    @property
    def ok(self) -> bool:
        """Whether it passed, or failed as expected."""
        return self.passed == (self.expected_failure is None)


Check = Callable[[Candidate], None]


def check_name(check: Check) -> str:
    """Return the name of a check in results and in ``expected_failures``: ``one_frame`` for ``check_one_frame``."""
    return check.__name__.removeprefix("check_")


def examine(check: Check, candidate: Candidate) -> CheckResult:
    """Run one check; whatever the scorer raises is a failure of that check, and told in one line."""
    name = check_name(check)
    reason = candidate.expected_failures.get(name)
    try:
        check(candidate)
    except ScorerError as error:
        return CheckResult(name, False, reason, str(error))
    except Exception as error:
        return CheckResult(
            name, False, reason, f"raised {explain(error, source_file(candidate.cls.__module__))}"
        )
    if reason is not None:
        return CheckResult(
            name, True, reason, f"passes, but should fail ({reason}): take it off expected_failures"
        )
    return CheckResult(name, True, None, "")


def run_checks(
    cls: type[Scorer],
    settings: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> list[CheckResult]:
    """Run all of :data:`CHECKS` on a scorer class. See :class:`Candidate` for the parameters."""
    candidate = Candidate(cls, settings, expected_failures)
    return [examine(check, candidate) for check in CHECKS]
