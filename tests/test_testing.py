"""Each conformance check passes a sound scorer and fails one that breaks just that part of the contract."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pixelkit import Scorer, Video, View
from pixelkit.errors import ScorerError
from pixelkit.testing import CHECKS, Candidate, check_name, examine, run_checks

VIEW = View((24, 32))


class Sound(Scorer):
    """Distance to the mean training frame."""

    name = "sound"

    def __init__(self, *, power: float = 1.0) -> None:
        self.power = power

    def views(self) -> tuple[View, ...]:
        return (VIEW,)

    def fit(self, videos: Sequence[Video]) -> None:
        self.mean_ = np.mean([video.frames(VIEW).mean(axis=0) for video in videos], axis=0)

    def score(self, video: Video) -> NDArray[np.float32]:
        distance = np.abs(video.frames(VIEW) - self.mean_).mean(axis=(1, 2))
        return (distance**self.power)[:, None].astype(np.float32)


class ChangesSetting(Sound):
    def __init__(self, *, power: float = 1.0) -> None:
        self.power = 2 * power


class ListOfViews(Sound):
    def views(self) -> Any:
        return [VIEW]


class Doubles(Sound):
    def score(self, video: Video) -> Any:
        return super().score(video).astype(np.float64)


class NeedsTwoFrames(Sound):
    def score(self, video: Video) -> NDArray[np.float32]:
        return super().score(video) / np.float32(len(video) > 1)


class NeedsAClip(Sound):
    def score(self, video: Video) -> NDArray[np.float32]:
        return super().score(video)[np.lib.stride_tricks.sliding_window_view(np.arange(len(video)), 16)[:, 0]]


class IndexesByNumber(Sound):
    def score(self, video: Video) -> NDArray[np.float32]:
        return super().score(video)[video.numbers - video.numbers[0]]


class NeedsTwoVideos(Sound):
    def fit(self, videos: Sequence[Video]) -> None:
        super().fit(videos)
        self.mean_ = self.mean_ / (len(videos) - 1)


class DrawsUnseeded(Sound):
    def fit(self, videos: Sequence[Video]) -> None:
        super().fit(videos)
        self.mean_ = self.mean_ + np.random.default_rng().normal()


class CountsCalls(Sound):
    calls = 0

    def score(self, video: Video) -> NDArray[np.float32]:
        self.calls += 1
        return super().score(video) + np.float32(self.calls)


class WritesIntoFrames(Sound):
    def score(self, video: Video) -> NDArray[np.float32]:
        frames = video.frames(VIEW)
        frames.flags.writeable = True
        frames //= 2
        return super().score(video)


class Similarity(Sound):
    def score(self, video: Video) -> NDArray[np.float32]:
        return -super().score(video)


class Forgets(Sound):
    def fit(self, videos: Sequence[Video]) -> None:
        super().fit(videos)
        self.offset = 3.0  # no underscore at the end: not saved

    def score(self, video: Video) -> NDArray[np.float32]:
        return super().score(video) + np.float32(self.offset)


class Pickles(Sound):
    def save(self, folder: Path) -> None:
        (folder / "fitted.bin").write_bytes(pickle.dumps(self.mean_))


class SavesWithTorch(Sound):
    def save(self, folder: Path) -> None:
        import torch

        torch.save({"mean": torch.from_numpy(self.mean_)}, folder / "fitted.pt")


class SavesObjects(Sound):
    def save(self, folder: Path) -> None:
        np.savez(folder / "fitted.npz", mean=np.array([self.mean_, None], dtype=object))


class LearnsIntoTheClass(Sound):
    mean_: Any

    def fit(self, videos: Sequence[Video]) -> None:
        super().fit(videos)
        type(self).mean_ = vars(self).pop("mean_")


class HeatmapOfDoubles(Sound):
    def heatmap(self, video: Video, position: int) -> Any:
        return video.frames(VIEW)[position] - self.mean_


BREAKERS = [
    ("settings", ChangesSetting, "write self.power = power"),
    ("views", ListOfViews, "expected a tuple"),
    ("length", Doubles, "returned float64: expected float32"),
    ("one_frame", NeedsTwoFrames, "1 scores are not finite, the first at frame 939"),
    ("short_video", NeedsAClip, "raised ValueError: window shape cannot be larger"),
    ("gaps", IndexesByNumber, "raised IndexError"),
    ("single_training_video", NeedsTwoVideos, "not finite"),
    ("deterministic", DrawsUnseeded, "draw every random number from self.seed"),
    ("order", CountsCalls, "scored again after another video, scores differ by up to"),
    ("input_untouched", WritesIntoFrames, "work on a copy"),
    ("anomaly_is_higher", Similarity, "turn the sign round"),
    ("save_and_load", Forgets, "AttributeError: 'Forgets' object has no attribute 'offset'"),
    ("nothing_pickled", Pickles, "save() wrote fitted.bin with pickle"),
    ("nothing_pickled", SavesWithTorch, "save() wrote fitted.pt with pickle"),
    ("nothing_pickled", SavesObjects, "save() wrote fitted.npz with pickle"),
    ("spawned_process", LearnsIntoTheClass, "AttributeError"),
    ("heatmap", HeatmapOfDoubles, "expected finite float32"),
]


@pytest.fixture(scope="module")
def sound() -> Candidate:
    return Candidate(Sound)


@pytest.mark.filterwarnings("ignore:divide by zero|invalid value:RuntimeWarning")
@pytest.mark.parametrize(("name", "cls", "message"), BREAKERS, ids=[cls.__name__ for _, cls, _ in BREAKERS])
def test_check_fails_who_breaks_it(name: str, cls: type[Scorer], message: str) -> None:
    [check] = [check for check in CHECKS if check_name(check) == name]
    result = examine(check, Candidate(cls))
    assert not result.ok
    assert message in result.message
    assert "\n" not in result.message


@pytest.mark.parametrize("check", CHECKS)
def test_sound_scorer_passes(check: Any, sound: Candidate) -> None:
    result = examine(check, sound)
    assert result.ok, result.message


def test_flat_scores_of_one_channel_are_taken() -> None:
    class Flat(Sound):
        def score(self, video: Video) -> NDArray[np.float32]:
            return super().score(video)[:, 0]

    assert Candidate(Flat).scores.shape == (80, 1)


def test_every_check_has_a_scorer_that_fails_it_and_a_docstring() -> None:
    assert {name for name, _, _ in BREAKERS} == {check_name(check) for check in CHECKS}
    assert all(check.__doc__ for check in CHECKS)


def test_settings_go_over_check_settings() -> None:
    class Tuned(Sound):
        check_settings = MappingProxyType({"power": 2.0})

    assert Candidate(Tuned).settings == {"power": 2.0}
    assert Candidate(Tuned, {"power": 3.0}).settings == {"power": 3.0}


def test_expected_failure_is_ok_and_keeps_its_reason() -> None:
    results = run_checks(Doubles, expected_failures={"length": "wants doubles"})
    length = next(result for result in results if result.name == "length")
    assert (length.ok, length.passed, length.expected_failure) == (True, False, "wants doubles")


def test_expected_failure_that_passes_is_reported() -> None:
    [check] = [check for check in CHECKS if check_name(check) == "views"]
    result = examine(check, Candidate(Sound, expected_failures={"views": "no reason"}))
    assert not result.ok
    assert result.message == "passes, but should fail (no reason): take it off expected_failures"


def test_expected_failure_of_an_unknown_check_is_an_error() -> None:
    with pytest.raises(ScorerError, match=r"no check 'gap' \(did you mean 'gaps'\?\)"):
        Candidate(Sound, expected_failures={"gap": "typo"})


def test_class_that_is_no_scorer_is_an_error() -> None:
    with pytest.raises(ScorerError, match="class dict is no scorer"):
        Candidate(dict)  # type: ignore[arg-type]
