"""VideoPatchCore: presets as the table has them, scores of clips and frames, memory, bad input."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pixelkit.plugins.videopatchcore import VideoPatchCore, first_clip, paint

from pixelkit import Video
from pixelkit.errors import PixelkitError, ScorerError, SettingsError, WeightsError, WeightsMissing
from pixelkit.frames.drawn import draw_video
from pixelkit.frames.video import ArraySource
from pixelkit.models.extraction import VideoVectors
from pixelkit.models.memory import MemoryBank
from pixelkit.weights import CLIP_RN101, WeightStore

BOXES = "video,frame,left,top,right,bottom\n"
SMALL: dict[str, Any] = {"weights": "random", "precision": "float32", "size": 64, "length": 4}


def video(frames: int, name: str = "1", *, seed: int = 1, numbers: Any = None) -> Video:
    return Video(name, range(frames) if numbers is None else numbers, ArraySource(draw_video(frames, seed)))


def boxes(folder: Path, *lines: str) -> str:
    """Write a CSV of boxes, the detector of most tests here: it finds what it is told."""
    path = folder / "boxes.csv"
    path.write_text(BOXES + "\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def fitted(detector: str, *videos: Video, **settings: Any) -> VideoPatchCore:
    scorer = VideoPatchCore(**{**SMALL, "detector": detector, **settings})
    scorer.device = "cpu"
    scorer.fit(list(videos))
    return scorer


@pytest.fixture
def one_box(tmp_path: Path) -> str:
    """One object in frame 2 of video 1, and one in frame 2 of video 2."""
    return boxes(tmp_path, "1,2,10,20,40,60", "2,2,30,20,60,60")


def test_default_preset_is_pooled_and_decides_the_channels() -> None:
    assert VideoPatchCore().channels == VideoPatchCore.channels == ("person", "frame")
    assert VideoPatchCore().channel_weights == (0.7, 0.3)
    for preset in ("paper", "seed"):
        scorer = VideoPatchCore(preset=preset)
        assert scorer.channels == ("spatial", "temporal", "global")
        assert scorer.channel_weights == (0.49, 0.21, 0.3)


def test_paper_preset_has_the_authors_settings_for_avenue() -> None:
    paper = VideoPatchCore(preset="paper").resolved()
    assert (paper.length, paper.crop, paper.size, paper.grid, 1536 // paper.group) == (10, 64, 224, 7, 32)
    assert (paper.classes, paper.train_confidence, paper.test_confidence) == ((0, 1, 2, 3, 7), 0.7, 0.6)
    assert (paper.grow, paper.scaling, paper.align_corners, paper.noise) == ((1.0, 1.0), "bgr", True, 0)
    assert (paper.absolute, paper.coreset, paper.per_video) == (False, (0.01, 0.01, 0.01), True)
    assert (paper.random_start, paper.coresets, paper.power) == (False, 1, 4)


def test_seed_preset_has_the_settings_of_the_seed() -> None:
    seed = VideoPatchCore(preset="seed").resolved()
    assert (seed.length, seed.crop, seed.size, seed.grid, 1536 // seed.group) == (10, 64, 224, 7, 32)
    assert (seed.classes, seed.train_confidence, seed.test_confidence) == ((0,), 0.4, 0.4)
    assert (seed.grow, seed.scaling, seed.align_corners) == ((1.5, 1.2), "clip", False)
    assert (seed.noise, seed.noisy_share, seed.absolute) == (0.1373, 0.4, True)
    assert (seed.coreset, seed.per_video, seed.random_start) == ((3000, 2000, 1000), False, True)
    assert seed.power == 4


def test_pooled_preset_has_the_settings_of_the_best_published_score() -> None:
    pooled = VideoPatchCore().resolved()
    assert (pooled.length, pooled.coreset, pooled.coresets, pooled.power) == (1, (0.01, 0.01), 3, 1)
    assert pooled.random_start
    assert not pooled.per_video


def test_resolved_settings_can_be_given_again() -> None:
    scorer = VideoPatchCore(preset="paper", length=5)
    resolved = {key: value for key, value in scorer.resolved_settings().items() if value is not None}
    assert VideoPatchCore(**resolved).resolved() == scorer.resolved()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "papr"}, r"videopatchcore\.preset: .*did you mean 'paper'"),
        ({"size": 100}, r"videopatchcore\.size must be a multiple of 32"),
        ({"coreset": (0.1,)}, r"videopatchcore\.coreset must hold .* person, frame"),
        ({"preset": "seed", "length": 2}, r"videopatchcore\.length must be at least 3"),
        ({"preset": "paper", "coresets": 3}, r"videopatchcore\.coresets above 1"),
        ({"scaling": "rgb"}, r"videopatchcore\.scaling: there is no 'rgb'"),
        ({"detector": "yollo"}, r"videopatchcore\.detector: .*did you mean 'yolo'"),
        ({"group": 50}, r"videopatchcore\.group must divide"),
        ({"pool": 5, "size": 64}, r"videopatchcore\.pool must be at most 4"),
        (
            {"weights": "openia"},
            r"videopatchcore\.weights: there are no weights 'openia'.*did you mean 'openai'",
        ),
    ],
)
def test_wrong_setting_is_explained_before_anything_is_decoded(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        VideoPatchCore(**settings).views()


def test_it_says_which_weights_it_needs() -> None:
    def names(**settings: Any) -> list[str]:
        return [file.name for file in VideoPatchCore(**settings).pretrained()]

    assert names() == ["CLIP RN101 by OpenAI", "yolov5lu by Ultralytics"]
    assert names(detector="foreground") == ["CLIP RN101 by OpenAI"]
    assert names(weights="random", detector="foreground") == []
    assert names(weights="random", detector="auto", yolo="yolo11n.pt") == ["yolo11n by Ultralytics"]


def test_a_detector_of_ones_own_is_a_path_and_never_fetched(tmp_path: Path) -> None:
    own = tmp_path / "best.pt"
    scorer = VideoPatchCore(weights="random", yolo=str(own))
    assert scorer.pretrained() == ()
    with pytest.raises(WeightsError, match=f"no file {own}; a name alone, such"):
        scorer.inputs()
    own.write_bytes(b"")
    assert scorer.inputs() == (own,)


def test_missing_weights_are_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WeightStore, "find", lambda _self, file: _missing(file.name))
    with pytest.raises(WeightsMissing, match=CLIP_RN101.name):
        VideoPatchCore(detector="foreground").fit([video(3)])


def _missing(name: str) -> Path:
    raise WeightsMissing(f"{name} is nowhere")


def test_boxes_from_a_csv_are_an_input(one_box: str) -> None:
    assert VideoPatchCore(weights="random", detector=one_box).inputs() == (Path(one_box),)


def scorer_of(memories: dict[str, list[list[float]]], **settings: Any) -> VideoPatchCore:
    """A scorer that remembers what it is told."""
    scorer = VideoPatchCore(**settings)
    scorer.memories_ = {}
    for channel, vectors in memories.items():
        bank = MemoryBank(device="cpu")
        scorer.memories_[channel] = [bank.fit([np.array(vectors, np.float32)])] if vectors else []
    return scorer


def seen(vectors: dict[str, Any], clip: list[int]) -> VideoVectors:
    arrays = {channel: np.array(each, np.float32) for channel, each in vectors.items()}
    corners = np.array([[0, 0, 4, 4]] * len(clip), np.int32).reshape(-1, 4)
    return VideoVectors(arrays, np.array(clip, np.int64), corners, np.array([8, 8]))


def test_a_clip_scores_the_largest_distance_of_its_objects_to_the_power() -> None:
    scorer = scorer_of({"spatial": [[0.0, 0.0], [10.0, 0.0]]}, preset="paper")
    found = seen({"spatial": [[[0, 1], [3, 0]], [[0, 2], [10, 1]], [[5, 0], [0, 0]]]}, clip=[0, 0, 2])
    assert scorer._score_clips(found, "spatial", 3).tolist() == [3.0**4, 0.0, 5.0**4]


def test_whole_frames_belong_to_their_clips() -> None:
    scorer = scorer_of({"frame": [[0.0]]})
    found = seen({"frame": [[[1]], [[2]], [[3]]]}, clip=[])
    assert scorer._score_clips(found, "frame", 3).tolist() == [1, 2, 3]


def test_scores_of_several_memories_are_averaged() -> None:
    scorer = scorer_of({"frame": [[0.0]]})
    scorer.memories_["frame"].append(MemoryBank(device="cpu").fit([np.float32([[4.0]])]))
    found = seen({"frame": [[[1]], [[4]]]}, clip=[])
    assert scorer._score_clips(found, "frame", 2).tolist() == [(1 + 3) / 2, (4 + 0) / 2]


def test_a_frame_has_the_score_of_the_first_clip_that_holds_it() -> None:
    clips = np.array([[0, 1, 2], [3, 4, 5], [4, 5, 6]])
    assert first_clip(clips, 7).tolist() == [0, 0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize("preset", ["pooled", "seed", "paper"])
def test_scores_of_a_video_are_those_of_the_steps_taken_one_by_one(preset: str, one_box: str) -> None:
    from pixelkit.models.extraction import Extractor

    scorer = fitted(one_box, video(4), preset=preset, coreset=(0.5,) * (2 if preset == "pooled" else 3))
    test = video(6, "2", seed=5)
    scores = scorer.score(test)
    looks: Extractor = scorer._extractor(training=False)
    (found,) = looks.vectors([test])
    power = scorer.resolved().power
    for column, channel in enumerate(scorer.channels):
        expected = np.zeros((len(looks.clips(test)), len(scorer.memories_[channel])))
        vectors, owner = found.of(channel)
        for each, clip in zip(vectors, owner, strict=True):
            for number, memory in enumerate(scorer.memories_[channel]):
                nearest = [np.linalg.norm(memory.vectors - vector, axis=1).min() for vector in each]
                expected[clip, number] = max(expected[clip, number], max(nearest) ** power)
        frames = [expected[0].mean()] * 4 + [expected[1].mean()] * 2
        assert np.allclose(scores[:, column], frames, rtol=1e-4)


def test_paper_chooses_per_video_and_seed_from_all_videos(one_box: str) -> None:
    videos = [video(4), video(4, "2", seed=2)]
    paper = fitted(one_box, *videos, preset="paper", coreset=(0.1, 0.1, 0.1))
    assert [len(paper.memories_[channel][0]) for channel in paper.channels] == [2 * 4, 2, 2]
    seed = fitted(one_box, *videos, preset="seed", coreset=(3, 1000, 2))
    assert [len(seed.memories_[channel][0]) for channel in seed.channels] == [3, 6, 2]


def test_pooled_remembers_from_three_random_starts(one_box: str) -> None:
    scorer = fitted(one_box, video(8), length=1, coreset=(1, 2))
    starts = [memory.vectors[0].tolist() for memory in scorer.memories_["frame"]]
    assert len(starts) == 3
    assert starts[0] != starts[1] or starts[1] != starts[2]


def test_no_object_in_training_leaves_its_channels_at_zero_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    detector = boxes(tmp_path, "2,2,10,20,40,60")
    scorer = fitted(detector, video(4), preset="seed")
    assert [record.message for record in caplog.records if "no object" in record.message] != []
    scores = scorer.score(video(4, "2", seed=5))
    assert (scores[:, :2] == 0).all()
    assert (scores[:, 2] > 0).all()


def test_frames_without_an_object_have_no_person(tmp_path: Path) -> None:
    detector = boxes(tmp_path, "1,0,10,20,40,60", "2,1,10,20,40,60")
    scorer = fitted(detector, video(4), length=1)
    scores = scorer.score(video(3, "2", seed=5))
    assert (scores[:, 0] > 0).tolist() == [False, True, False]
    assert (scores[:, 1] > 0).all()


@pytest.mark.parametrize("preset", ["pooled", "seed", "paper"])
def test_a_video_in_which_nothing_is_found_has_no_score_of_objects(preset: str, one_box: str) -> None:
    scorer = fitted(one_box, video(8), preset=preset)
    scores = scorer.score(video(9, "3", seed=5))
    assert (scores[:, :-1] == 0).all()
    assert (scores[:, -1] > 0).all()


@pytest.mark.parametrize("preset", ["seed", "paper"])
def test_nine_frames_are_a_clip_of_ten(preset: str, tmp_path: Path) -> None:
    detector = boxes(tmp_path, *(f"{name},{frame},10,20,40,60" for name in (1, 2) for frame in range(9)))
    scorer = fitted(detector, video(9), preset=preset, length=10)
    scores = scorer.score(video(9, "2", seed=5))
    assert scores.shape == (9, 3)
    assert (scores[:, [0, 2]] > 0).all()


@pytest.mark.parametrize("preset", ["pooled", "paper"])
@pytest.mark.parametrize("numbers", [[5], range(3), [*range(4), *range(100, 103), 200]])
def test_short_videos_and_gaps_are_fitted_and_scored(preset: str, numbers: Any) -> None:
    scorer = fitted("foreground", _watched(numbers), preset=preset)
    scores = scorer.score(_watched(numbers))
    assert scores.shape == (len(numbers), len(scorer.channels))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


def _watched(numbers: Any) -> Video:
    return video(len(numbers), numbers=list(numbers))


def test_random_weights_are_said_loudly(one_box: str, caplog: pytest.LogCaptureFixture) -> None:
    scorer = fitted(one_box, video(4))
    assert caplog.text.count("UNTRAINED") == 1
    assert "UNTRAINED" in scorer.caveat
    assert VideoPatchCore().caveat == ""


def test_saved_and_loaded_it_scores_the_same(one_box: str, tmp_path: Path) -> None:
    scorer, test = fitted(one_box, video(4), preset="seed"), video(4, "2", seed=5)
    scorer.save(tmp_path / "fitted")
    loaded = VideoPatchCore(**scorer.settings())
    loaded.device = "cpu"
    loaded.load(tmp_path / "fitted")
    assert np.array_equal(loaded.score(test), scorer.score(test))


def test_other_weights_than_it_was_fitted_with_are_refused(one_box: str) -> None:
    scorer = fitted(one_box, video(4))
    scorer.backbone_ = "another"
    with pytest.raises(ScorerError, match="other weights"):
        scorer.score(video(4))


def test_it_must_be_fitted_first() -> None:
    with pytest.raises(ScorerError, match="not fitted"):
        VideoPatchCore(**SMALL).score(video(4))


def test_a_pickle_of_it_holds_no_network(one_box: str) -> None:
    assert len(pickle.dumps(fitted(one_box, video(4)))) < 10**6


def test_settings_of_memory_look_at_nothing_again(one_box: str, monkeypatch: pytest.MonkeyPatch) -> None:
    train = video(4)
    fitted(one_box, train)
    looked: list[object] = []
    monkeypatch.setattr("pixelkit.models.extraction.tubes", lambda *seen, **_: looked.append(seen))
    fitted(one_box, train, coreset=(1, 1), coresets=1, power=2)
    assert not looked


def test_heatmap_is_warm_in_the_box_and_zero_elsewhere(one_box: str) -> None:
    scorer = fitted(one_box, video(4), preset="seed")
    heat = scorer.heatmap(video(4, "2", seed=5), 1)
    assert heat.shape == (120, 160)  # of frames of 96 x 128
    left, top, right, bottom = (int(value * 160 / 128) for value in (15, 10, 75, 70))  # grown, made a square
    assert heat[top + 2 : bottom - 2, left + 2 : right - 2].min() > 0
    assert heat[bottom + 2 :].max() == 0
    assert heat[:, right + 2 :].max() == heat[:, : left - 2].max() == 0


def test_of_overlapping_boxes_the_larger_distance_is_shown() -> None:
    heat = np.zeros((10, 10), np.float32)
    paint(heat, [0, 0, 8, 8], np.float32([2.0]))
    paint(heat, [4, 4, 12, 12], np.float32([1.0]))
    assert heat[5, 5] == 2
    assert heat[9, 9] == 1
    assert heat[9, 0] == 0


def test_many_boxes_on_a_frame_are_scored(tmp_path: Path) -> None:
    many = [
        f"1,0,{left},{top},{left + 9},{top + 9}" for left in range(0, 100, 10) for top in range(0, 80, 10)
    ]
    outside = ["1,0,500,500,600,600", "1,0,-50,-50,-20,-20", "1,0,7,7,7,7"]
    scorer = fitted(boxes(tmp_path, *many, *outside), video(1), length=1)
    scores: NDArray[np.float32] = scorer.score(video(1))
    assert np.isfinite(scores).all()


def test_errors_are_ours(tmp_path: Path) -> None:
    with pytest.raises(PixelkitError, match=r"boxes\.csv"):
        fitted(str(tmp_path / "boxes.csv"), video(2))
