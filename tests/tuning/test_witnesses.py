"""Witnesses: one for the anomalies of each video, which agree with the whole where they can."""

from __future__ import annotations

import numpy as np
import pytest
from scored import scored
from sklearn.metrics import average_precision_score, roc_auc_score

from pixelkit.scores.fuser import Fuser
from pixelkit.tuning.objectives import Metric, Objective, label_objective, synthetic_objective
from pixelkit.tuning.witnesses import Witnesses

VIDEOS = [f"{n:02d}" for n in range(1, 9)]
KINDS = dict(zip(VIDEOS, ("a", "a", "a", "b", "b", "normal", "normal", "normal"), strict=True))


def by_labels(metric: Metric = "ap") -> Objective:
    table, labels = scored(VIDEOS, 0)
    return label_objective(Fuser(table), labels, metric)


def synthetic(prevalence: float | None = 0.25) -> Objective:
    table, labels = scored(VIDEOS, 0)
    labels = {name: rows & (KINDS[name] != "normal") for name, rows in labels.items()}
    return synthetic_objective(Fuser(table), labels, KINDS, prevalence=prevalence)


def channel(of: Objective, name: str) -> np.ndarray:
    return of.fuser.table.channel(name).astype(float)


def test_there_is_one_for_the_anomalies_of_each_video_and_part() -> None:
    witnesses = Witnesses(synthetic())
    assert witnesses.video.tolist() == [0, 1, 2, 3, 4]
    assert witnesses.hear(channel(witnesses.whole, "bad.score")).shape == (5,)


def test_each_says_the_average_precision_of_its_video_beside_all_normal_frames() -> None:
    of = synthetic()
    scores, part = channel(of, "bad.score"), of.parts[0]
    video = np.repeat(np.arange(8), [rows.stop - rows.start for rows in of.fuser.videos.values()])[part.rows]
    said = Witnesses(of).hear(scores)
    for place in range(3):
        rows = ~part.labels | (video == place)
        labels = part.labels[rows]
        odds = 0.25 / 0.75 * np.sum(~labels) / np.sum(labels)
        wanted = average_precision_score(
            labels, scores[part.rows][rows], sample_weight=np.where(labels, odds, 1)
        )
        assert said[place] == pytest.approx(wanted, abs=1e-12)


def test_together_they_say_the_micro_auc() -> None:
    of = by_labels("auc")
    scores, (part,) = channel(of, "bad.score"), of.parts
    witnesses = Witnesses(of)
    wanted = roc_auc_score(part.labels, scores)
    assert witnesses.together(witnesses.hear(scores)) == pytest.approx([wanted], abs=1e-12)


def test_together_they_say_the_macro_auc() -> None:
    of = by_labels("macro auc")
    scores, witnesses = channel(of, "bad.score"), Witnesses(of)
    assert witnesses.together(witnesses.hear(scores)) == pytest.approx(
        of.values(of.curves(scores)), abs=1e-12
    )


def test_a_part_of_which_no_video_is_drawn_has_no_value() -> None:
    witnesses = Witnesses(synthetic())
    said = witnesses.hear(channel(witnesses.whole, "bad.score"))
    together = witnesses.together(said, np.array([2, 0, 0, 0, 0, 3, 1, 2]))
    assert together[0] == said[0]
    assert np.isnan(together[1])


def test_a_video_drawn_alone_says_what_it_says_among_others() -> None:
    """Average precision of all frames of the videos that are drawn does not: with fewer, other videos are missing."""
    of = synthetic()
    scores, witnesses = channel(of, "bad.score"), Witnesses(of)
    said = witnesses.hear(scores)
    alone = [witnesses.together(said, drawn)[0] for drawn in np.eye(8, dtype=int)[:3]]
    frames = [of.parts[0].labels[of.parts[0].rows // 60 == place].sum() for place in range(3)]
    assert np.average(alone, weights=frames) == pytest.approx(witnesses.together(said)[0])


def test_of_videos_that_are_hidden_nobody_speaks_and_their_normal_frames_do_not_count() -> None:
    of = synthetic()
    scores = channel(of, "bad.score")
    seen = np.array([1.0, 0, 1, 1, 0, 0, 1, 1])
    witnesses = Witnesses(of, seen)
    assert witnesses.video.tolist() == [0, 2, 3]
    changed = scores.copy()
    for rows, visible in zip(of.fuser.videos.values(), seen, strict=True):
        changed[rows] += 100 * (1 - visible)
    assert witnesses.hear(changed).tolist() == witnesses.hear(scores).tolist()
    good = witnesses.hear(channel(of, "good.score"))
    assert witnesses.wins(good, witnesses.hear(scores), seed=0) == 1


def test_scores_never_win_against_themselves_and_better_ones_always_do() -> None:
    witnesses = Witnesses(by_labels())
    good, bad = (witnesses.hear(channel(witnesses.whole, name)) for name in ("good.score", "bad.score"))
    assert witnesses.wins(good, good, seed=0) == 0
    assert witnesses.wins(good, bad, seed=0) == 1
    assert witnesses.wins(bad, good, seed=0) == 0


def test_takes_of_one_source_are_one_witness() -> None:
    witnesses = Witnesses(by_labels())
    good, bad = (witnesses.hear(channel(witnesses.whole, name)) for name in ("good.score", "bad.score"))
    mixed, other = good.copy(), bad.copy()
    mixed[-1], other[-1] = 0, 1
    alone = witnesses.wins(mixed, other, seed=0)
    sources = dict.fromkeys(VIDEOS[:-1], "a") | {VIDEOS[-1]: "b"}
    together = witnesses.wins(mixed, other, seed=0, sources=sources)
    assert alone > together > 0, "seven takes of one video count as one"


def test_takes_of_one_video_only_are_drawn_themselves() -> None:
    witnesses = Witnesses(by_labels())
    good, bad = (witnesses.hear(channel(witnesses.whole, name)) for name in ("good.score", "bad.score"))
    good[-1], bad[-1] = 0, 8
    assert 0 < witnesses.wins(good, bad, seed=0, sources=dict.fromkeys(VIDEOS, "a")) < 1
