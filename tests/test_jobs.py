"""Fitting and scoring one scorer: never twice, resumable by video, and nothing of a broken plugin gets through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pixelkit import Scorer, Video, View, jobs
from pixelkit.artifacts import RunFolder
from pixelkit.errors import ScorerError
from pixelkit.frames.footage import Footage, split_heldout
from pixelkit.frames.video import ArraySource

VIEW = View((6, 8))


class Brightness(Scorer):
    """Distance of the mean brightness from that of training."""

    name = "brightness"
    fitted = 0
    scored: list[str]

    def __init__(self, *, gain: float = 1.0) -> None:
        self.gain = gain
        self.scored = []

    def views(self) -> tuple[View, ...]:
        return (VIEW,)

    def fit(self, videos: Sequence[Video]) -> None:
        self.fitted += 1
        self.mean_ = np.float32(np.mean([video.frames(VIEW).mean() for video in videos]))

    def score(self, video: Video) -> NDArray[np.float32]:
        self.scored.append(video.name)
        return self.gain * np.abs(video.frames(VIEW).mean((1, 2), dtype=np.float32) - self.mean_)


def footage(count: int = 3, bad: dict[str, tuple[int, ...]] | None = None) -> Footage:
    rng = np.random.default_rng(0)
    videos = [
        Video(f"{i:02d}", range(5), ArraySource(rng.integers(0, 255, (5, 6, 8, 3), np.uint8)))
        for i in range(count)
    ]
    return Footage(videos, f"key{count}", bad or {})


def test_what_is_fitted_and_scored_is_not_made_again(tmp_path: Path) -> None:
    folder, data = RunFolder(tmp_path), footage()
    first, second = Brightness(), Brightness()
    tables = [
        jobs.score(scorer, jobs.fit(scorer, data, folder), data, folder)[0] for scorer in (first, second)
    ]
    assert (first.fitted, second.fitted) == (1, 0)
    assert (len(first.scored), len(second.scored)) == (3, 0)
    assert np.array_equal(tables[0].values, tables[1].values)
    assert not list((tmp_path / "unfinished").iterdir())


def test_other_settings_seed_or_footage_are_other_artifacts(tmp_path: Path) -> None:
    folder, data = RunFolder(tmp_path), footage()
    seeded = Brightness()
    seeded.seed = 1
    keys = {
        jobs.fit(Brightness(), data, folder),
        jobs.fit(Brightness(gain=2.0), data, folder),
        jobs.fit(seeded, data, folder),
        jobs.fit(Brightness(), footage(2), folder),
    }
    assert len(keys) == 4


def test_a_default_that_is_spelt_out_is_the_same_artifact(tmp_path: Path) -> None:
    """The settings file of a run spells all of them out; on another machine it finds what was fitted here."""

    class Preset(Brightness):
        def __init__(self, *, gain: float | None = None) -> None:
            super().__init__()
            self.gain = gain

        def resolved_settings(self) -> dict[str, Any]:
            return {"gain": 3.0 if self.gain is None else self.gain}

    folder, data = RunFolder(tmp_path), footage()
    assert jobs.fit(Preset(), data, folder) == jobs.fit(Preset(gain=3.0), data, folder)
    assert jobs.fit(Preset(), data, folder) != jobs.fit(Preset(gain=4.0), data, folder)


def test_scoring_that_was_stopped_goes_on_with_the_next_video(tmp_path: Path) -> None:
    folder, data = RunFolder(tmp_path), footage()

    class Stopped(Brightness):
        def score(self, video: Video) -> NDArray[np.float32]:
            if video.name == "02" and not self.scored[2:]:
                self.scored.append("stopped")
                raise KeyboardInterrupt
            return super().score(video)

    scorer = Stopped()
    key = jobs.fit(scorer, data, folder)
    with pytest.raises(KeyboardInterrupt):
        jobs.score(scorer, key, data, folder)
    table, _ = jobs.score(scorer, key, data, folder)
    assert scorer.scored == ["00", "01", "stopped", "02"]
    whole = RunFolder(tmp_path / "other")
    fresh = Brightness()
    expected, _ = jobs.score(fresh, jobs.fit(fresh, data, whole), data, whole)
    assert np.array_equal(table.values, expected.values)


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_damaged_piece_of_unfinished_scoring_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    folder, data = RunFolder(tmp_path), footage(1)
    scorer = Brightness()
    key = jobs.fit(scorer, data, folder)
    expected, file = jobs.score(scorer, key, data, folder)
    piece = folder.workspace(scorer.name, f"scores-{file.stem.rpartition('-')[2]}") / "00.npy"
    if damage is None:
        np.save(piece, np.zeros((2, 1), np.float32))
    else:
        piece.write_bytes(damage)
    file.unlink()
    again, _ = jobs.score(scorer, key, data, folder)
    assert np.array_equal(again.values, expected.values)
    assert len(scorer.scored) == 2


def test_a_corrupt_fitted_scorer_is_fitted_again(tmp_path: Path) -> None:
    folder, data = RunFolder(tmp_path), footage()
    key = jobs.fit(Brightness(), data, folder)
    (folder.fitted("brightness", key) / "fitted.safetensors").write_bytes(b"rubbish")
    again = Brightness()
    jobs.fit(again, data, folder)
    assert again.fitted == 1


def test_a_corrupt_score_table_is_made_again(tmp_path: Path) -> None:
    folder, data = RunFolder(tmp_path), footage()
    scorer = Brightness()
    key = jobs.fit(scorer, data, folder)
    table, file = jobs.score(scorer, key, data, folder)
    file.write_text(file.read_text()[:40])
    again, _ = jobs.score(scorer, key, data, folder)
    assert np.array_equal(table.values, again.values)


def test_a_frame_that_did_not_decode_takes_its_neighbours_score(tmp_path: Path) -> None:
    folder, data = RunFolder(tmp_path), footage(1, {"00": (2,)})
    scorer = Brightness()
    table, _ = jobs.score(scorer, jobs.fit(scorer, data, folder), data, folder)
    values = table.values[:, 0]
    assert min(values[1], values[3]) <= values[2] <= max(values[1], values[3])


def test_a_file_of_other_content_is_another_artifact(tmp_path: Path) -> None:
    class Reader(Brightness):
        def inputs(self) -> tuple[Path, ...]:
            return (tmp_path / "boxes.csv",)

    (tmp_path / "boxes.csv").write_text("video,frame")
    folder, data = RunFolder(tmp_path / "run"), footage()
    before = jobs.fit(Reader(), data, folder)
    assert jobs.fit(Reader(), data, folder) == before
    (tmp_path / "boxes.csv").write_text("video,number")
    assert jobs.fit(Reader(), data, folder) != before
    (tmp_path / "boxes.csv").unlink()
    with pytest.raises(ScorerError, match=r"'brightness' reads .*boxes.csv, which is not there"):
        jobs.fit(Reader(), data, folder)
    (tmp_path / "boxes.csv").mkdir()
    with pytest.raises(ScorerError, match=r"'brightness' reads .*boxes.csv, which cannot be read \(Is a dir"):
        jobs.fit(Reader(), data, folder)


@pytest.mark.parametrize("weights", [(1.0,), (0.0, 0.0), (-1.0, 2.0), (float("nan"), 1.0)])
def test_channel_weights_that_make_no_sense_are_told(weights: tuple[float, ...]) -> None:
    scorer = Brightness()
    scorer.channels = ("person", "frame")
    assert jobs.channel_shares(scorer) == {"brightness.person": 1.0, "brightness.frame": 1.0}
    scorer.channel_weights = weights
    with pytest.raises(ScorerError, match=r"channel_weights is .*: expected 2 numbers"):
        jobs.channel_shares(scorer)


@pytest.mark.parametrize("error", [RuntimeError("no such layer"), SystemExit(3), MemoryError()])
def test_whatever_a_scorer_raises_is_told_in_one_line(tmp_path: Path, error: BaseException) -> None:
    class Broken(Brightness):
        def fit(self, videos: Sequence[Video]) -> None:
            assert videos
            raise error

    with pytest.raises(ScorerError, match=r"scorer 'brightness' failed: .*line") as caught:
        jobs.fit(Broken(), footage(), RunFolder(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (np.zeros(4), r"\(4,\), expected float32 \(5, 1\)"),
        (np.zeros((5, 2)), r"\(5, 2\)"),
        (np.full((5, 1), np.nan), r"5 scores are not finite, the first at frame 10 .*'score' \(nan\)"),
        (np.array([[0.0], [1e300], [0], [0], [0]]), "1 scores are not finite, the first at frame 11"),
        (None, "expected float32"),
        (np.array(list("abcde")), "expected float32"),
    ],
)
def test_scores_that_break_the_contract_name_scorer_video_and_frame(returned: Any, said: str) -> None:
    video = Video("07", range(10, 15), ArraySource(np.zeros((5, 6, 8, 3), np.uint8)))
    with pytest.raises(ScorerError, match=said) as caught:
        jobs.check_scores(Brightness(), video, returned)
    assert "'brightness', video '07'" in str(caught.value)


def test_one_channel_may_be_one_dimensional() -> None:
    video = Video("07", range(5), ArraySource(np.zeros((5, 6, 8, 3), np.uint8)))
    assert jobs.check_scores(Brightness(), video, np.arange(5)).shape == (5, 1)


def test_heldout_split_is_by_whole_videos_and_leaves_some_on_each_side() -> None:
    names = [f"{i:02d}" for i in range(1, 17)]
    train, heldout = split_heldout(names, 0.1, 16)
    assert len(heldout) == 2
    assert sorted(train + heldout) == names
    assert split_heldout(["01"], 0.5, 16) == (["01"], [])
    assert [len(side) for side in split_heldout(["01", "02"], 0.9, 16)] == [1, 1]
    assert split_heldout(names, 0, 16) == (names, [])
    assert split_heldout(names, 0.5, 2)[1] == [names[len(names) // 4], names[3 * len(names) // 4]], "evenly"
