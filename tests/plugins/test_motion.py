"""Motion: the worst object of a frame, settings, empty streets, and a training that was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pixelkit.plugins import motion as motion_plugin
from pixelkit.plugins.motion import Motion

from pixelkit import Video
from pixelkit.errors import ScorerError, SettingsError
from pixelkit.frames.drawn import DrawnSource, anomalous_frames, draw_video
from pixelkit.models.foreground import VIEW
from pixelkit.models.objects import appearance


def video(frames: int, seed: int, *, anomaly: bool = False) -> Video:
    return Video(
        f"{seed:02d}", range(frames), DrawnSource(draw_video(frames, seed, anomaly=anomaly), (VIEW,))
    )


def fitted(videos: int = 3, **settings: Any) -> Motion:
    scorer = Motion(**{"steps": 0, **settings})
    scorer.device = "cpu"
    scorer.fit([video(60, 1 + number) for number in range(videos)])
    return scorer


@pytest.fixture(scope="module")
def motion() -> Motion:
    return fitted(10)  # one object in a thousand is the unit: of three videos that is the oddest one


@pytest.fixture(scope="module")
def odd() -> Video:
    return video(80, 9, anomaly=True)


def test_fast_and_large_thing_is_found_by_speed_size_and_their_sum(motion: Motion, odd: Video) -> None:
    scores = motion.score(odd)
    there = anomalous_frames(80)
    for channel in ("speed", "velocity", "size", "object"):
        column = scores[:, motion.channels.index(channel)]
        assert np.median(column[there]) > 2 * np.median(column[~there]), channel


def test_object_adds_up_what_combine_names(odd: Video) -> None:
    both = fitted(combine=("speed", "size"))
    objects, found = both._of_objects(odd)
    speed, size, total = (found[:, both.channels.index(each)] for each in ("speed", "size", "object"))
    assert len(objects) == len(total)
    usual = (speed <= 1) & (size <= 1)
    assert total[usual] == pytest.approx((speed + size)[usual])
    assert (~usual).any()
    assert (total[~usual] < (speed + size)[~usual]).all(), "what is rarer than one in a thousand is tempered"


def test_top_averages_the_worst_objects_of_a_frame(motion: Motion, odd: Video) -> None:
    two = fitted(10, top=2)
    assert (two.score(odd) <= motion.score(odd) + 1e-6).all()
    assert (two.score(odd) < motion.score(odd)).any()


def test_heat_lies_on_the_worst_object(motion: Motion, odd: Video) -> None:
    position = int(np.flatnonzero(anomalous_frames(80))[10])
    heat = motion.heatmap(odd, position)
    every, found = motion._of_objects(odd)
    near, theirs = motion._of_objects(odd, around=position)
    assert theirs[near.position == position] == pytest.approx(found[every.position == position])
    assert len(near) < len(every)
    assert heat.shape == VIEW.size
    assert heat.max() == pytest.approx(motion.score(odd)[position, -1])
    assert (heat == 0).mean() > 0.5


def test_crops_of_a_long_video_are_looked_at_in_parts(odd: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = fitted(steps=3, precision="float32")
    whole = scorer.score(odd)
    monkeypatch.setattr(motion_plugin, "AT_ONCE", 7)
    assert scorer.score(odd) == pytest.approx(whole, abs=1e-3)


def test_street_without_objects_scores_zero_and_can_be_learnt_from(
    odd: Video, caplog: pytest.LogCaptureFixture
) -> None:
    empty = Video("empty", range(20), DrawnSource(np.full((20, 96, 128, 3), 90, np.uint8), (VIEW,)))
    scorer = Motion(steps=5)
    scorer.device = "cpu"
    scorer.fit([empty, empty])
    assert "appearance will be 0 everywhere" in caplog.text
    assert (scorer.score(empty) == 0).all()
    assert np.isfinite(scorer.score(odd)).all()


def test_without_networks_appearance_is_zero(motion: Motion, odd: Video) -> None:
    assert motion.score(odd)[:, motion.channels.index("appearance")].max() < 1e-6


def test_training_that_was_stopped_goes_on_with_the_networks_that_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: Video
) -> None:
    trained = []
    train = appearance.train

    def stopped(*arguments: Any, **settings: Any) -> Any:
        if trained == ["motion: fit network 1 of 2"]:
            raise KeyboardInterrupt
        trained.append(settings["label"])
        return train(*arguments, **settings)

    def counted(*arguments: Any, **settings: Any) -> Any:
        trained.append(settings["label"])
        return train(*arguments, **settings)

    def scorer() -> Motion:
        made = Motion(steps=4, precision="float32")
        made.device, made.workspace = "cpu", tmp_path
        return made

    videos = [video(60, seed) for seed in (1, 2)]
    monkeypatch.setattr(appearance, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        scorer().fit(videos)
    monkeypatch.setattr(appearance, "train", counted)
    again = scorer()
    again.fit(videos)
    assert trained == ["motion: fit network 1 of 2", "motion: fit network 2 of 2"]
    whole = Motion(steps=4, precision="float32")
    whole.device = "cpu"
    whole.fit(videos)
    assert (whole.score(odd) == again.score(odd)).all()


def test_course_of_the_training_is_kept_for_the_report(tmp_path: Path) -> None:
    scorer = fitted(2, steps=45, precision="float32")
    scorer.save(tmp_path)
    course = json.loads((tmp_path / "history.json").read_text(encoding="utf-8"))
    assert [epoch["epoch"] for epoch in course] == [1, 2, 3]
    assert course[0]["train_loss"] == pytest.approx(np.mean([losses[0] for losses in scorer.losses_]))
    (tmp_path / "again").mkdir()
    loaded = Motion(steps=45)
    loaded.load(tmp_path)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "history.json").read_bytes() == (tmp_path / "history.json").read_bytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"combine": ("sped",)}, "no attribute 'sped' (did you mean 'speed'?)"),
        ({"combine": ()}, "motion.combine is empty"),
        ({"top": 0}, "motion.top is 0: expected at least 1"),
        ({"reach": 0}, "motion.reach is 0: expected at least 1"),
        ({"steps": -1}, "motion.steps is -1: expected at least 0"),
    ],
)
def test_setting_out_of_range_is_one_clear_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match="motion") as error:
        Motion(**settings).views()
    assert message in str(error.value)


def test_scoring_before_fitting_says_so(odd: Video) -> None:
    with pytest.raises(ScorerError, match="motion is not fitted"):
        Motion().score(odd)
