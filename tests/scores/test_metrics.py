"""AP and AUC: the numbers of scikit-learn, ties included."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from pixelkit.scores.metrics import average_precision, evaluate, roc_auc


@st.composite
def frames(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes, scores with many ties or none."""
    levels = draw(st.sampled_from([st.integers(0, 3).map(float), st.floats(-(2.0**99), 2.0**99, width=32)]))
    pairs = draw(st.lists(st.tuples(st.booleans(), levels), max_size=60))
    labels, scores = zip(*[*pairs, (True, draw(levels)), (False, draw(levels))], strict=True)
    return np.array(labels), np.array(scores)


@given(frames())
def test_equal_to_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = pair
    assert average_precision(labels, scores) == average_precision_score(labels, scores), "to the last bit"
    assert roc_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-15)


@given(frames(), st.data())
def test_weighted_frames_equal_scikit_learn_and_frames_there_as_often(
    pair: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    labels, scores = pair
    times = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(labels), max_size=len(labels))))
    again = np.repeat(labels, times), np.repeat(scores, times)
    assert average_precision(labels, scores, times) == pytest.approx(average_precision(*again), abs=1e-12)
    assert roc_auc(labels, scores, times) == pytest.approx(roc_auc(*again), abs=1e-12)
    if labels[times > 0].any() and not labels[times > 0].all():
        theirs = average_precision_score(labels, scores, sample_weight=times)
        assert average_precision(labels, scores, times) == pytest.approx(theirs, abs=1e-12)
        theirs = roc_auc_score(labels, scores, sample_weight=times)
        assert roc_auc(labels, scores, times) == pytest.approx(theirs, abs=1e-12)


@given(frames())
def test_only_the_order_of_scores_matters(pair: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = pair
    _, ranks = np.unique(scores, return_inverse=True)
    assert average_precision(labels, scores) == average_precision(labels, ranks**3)
    assert roc_auc(labels, scores) == roc_auc(labels, ranks**3)
    assert roc_auc(labels, scores) == pytest.approx(1 - roc_auc(~labels, scores), abs=1e-12)  # type: ignore[operator]


def test_a_constant_score_is_a_coin() -> None:
    labels = np.array([True, False, False, False])
    assert average_precision(labels, np.ones(4)) == 0.25
    assert roc_auc(labels, np.ones(4)) == 0.5


def test_one_class_has_no_auc() -> None:
    none, every = np.zeros(3, bool), np.ones(3, bool)
    scores = np.arange(3.0)
    assert (roc_auc(none, scores), roc_auc(every, scores)) == (None, None)
    assert (average_precision(none, scores), average_precision(every, scores)) == (None, 1)
    assert roc_auc(np.empty(0, bool), np.empty(0)) is None


def test_micro_is_over_all_frames_and_macro_over_videos_with_both_classes() -> None:
    scores = {"01": [0.1, 0.9], "02": [0.8, 0.2], "03": [0.5, 0.5], "04": [0.0, 0.3]}
    labels = {"01": [0, 1], "02": [0, 1], "03": [1, 1], "04": [0, 0]}
    found = evaluate(scores, labels)
    assert [video.auc for video in found.videos.values()] == [1, 0, None, None]
    assert (found.macro_auc, found.macro_ap, len(found.both_classes)) == (0.5, 0.75, 2)
    flat = [np.concatenate([side[name] for name in scores]) for side in (labels, scores)]
    assert found.micro.ap == pytest.approx(average_precision_score(*flat))
    assert found.micro.auc == pytest.approx(roc_auc_score(*flat))
    assert (found.micro.frames, found.micro.anomalous, found.micro.prevalence) == (8, 4, 0.5)


def test_no_video_with_both_classes_has_no_macro_average() -> None:
    found = evaluate({"01": [1, 2]}, {"01": [1, 1]})
    assert (found.macro_auc, found.macro_ap, found.micro.auc) == (None, None, None)


def test_measuring_does_not_import_scikit_learn() -> None:
    code = "import pixelkit.scores.metrics, sys; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
