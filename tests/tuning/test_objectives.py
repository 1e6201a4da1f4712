"""What a recipe is judged by: the numbers of scikit-learn, family by family, and no family rules."""

from __future__ import annotations

import numpy as np
import pytest
from scored import scored
from sklearn.metrics import average_precision_score, roc_auc_score

from pixelkit.errors import LabelsError, TuningError
from pixelkit.scores.fuser import Fuser
from pixelkit.tuning.objectives import label_objective, synthetic_objective

VIDEOS = ["01", "02", "03", "04"]
TAKES = ["patch-1", "patch-2", "skip-1", "skip-2", "normal-1", "normal-2"]


def family(name: str) -> str:
    return name.partition("-")[0]


def takes() -> tuple[Fuser, dict[str, np.ndarray], dict[str, str]]:
    table, labels = scored(TAKES, seed=0)
    labels |= {name: np.zeros_like(labels[name]) for name in TAKES if family(name) == "normal"}
    return Fuser(table), labels, {name: family(name) for name in TAKES}


def test_micro_figures_are_those_of_scikit_learn_over_all_frames() -> None:
    table, labels = scored(VIDEOS, seed=0)
    every = np.concatenate([labels[name] for name in VIDEOS])
    scores = table.channel("good.score").astype(float)
    for metric, theirs in (("ap", average_precision_score), ("auc", roc_auc_score)):
        objective = label_objective(Fuser(table), labels, metric)
        assert objective.values(objective.curves(scores)) == pytest.approx([theirs(every, scores)], abs=1e-12)


def test_macro_auc_is_the_mean_over_videos_with_both_classes() -> None:
    table, labels = scored(VIDEOS, seed=0)
    labels["02"][:] = True
    labels["03"][:] = False
    scores = table.channel("good.score").astype(float)
    objective = label_objective(Fuser(table), labels, "macro auc")
    expected = [roc_auc_score(labels[name], scores[table.videos()[name]]) for name in ("01", "04")]
    assert objective.figure_of(objective.values(objective.curves(scores))) == pytest.approx(np.mean(expected))


def test_each_family_is_judged_beside_all_normal_takes() -> None:
    fuser, labels, families = takes()
    objective = synthetic_objective(fuser, labels, families)
    assert [part.name for part in objective.parts] == ["patch", "skip"]
    scores = fuser.table.channel("weak.score").astype(float)
    mine = [part for name, part in fuser.videos.items() if family(name) in ("patch", "normal")]
    rows = np.concatenate([np.arange(part.start, part.stop) for part in mine])
    truth = np.concatenate([labels[name] for name in fuser.videos])
    value = objective.values(objective.curves(scores))[0]
    assert value == pytest.approx(average_precision_score(truth[rows], scores[rows]), abs=1e-12)


def test_a_prevalence_makes_a_coin_worth_as_much_whatever_was_injected() -> None:
    fuser, labels, families = takes()
    objective = synthetic_objective(fuser, labels, families, prevalence=0.25)
    constant = objective.curves(np.zeros(len(fuser.table)))
    assert objective.values(constant) == pytest.approx([0.25, 0.25])
    once = np.ones(len(fuser.videos))
    scores = objective.curves(fuser.table.channel("weak.score").astype(float))
    assert objective.values(scores, once) == pytest.approx(objective.values(scores))


def test_a_family_without_a_video_that_counts_has_no_value_and_no_say() -> None:
    fuser, labels, families = takes()
    objective = synthetic_objective(fuser, labels, families)
    curves = objective.curves(fuser.table.channel("good.score").astype(float))
    counts = np.array([0.0 if families[name] == "skip" else 1.0 for name in fuser.videos])
    values = objective.values(curves, counts)
    assert np.isnan(values).tolist() == [False, True]
    assert objective.figure_of(values) == values[0]


def test_videos_that_count_twice_are_as_good_as_there_twice() -> None:
    table, labels = scored(VIDEOS, seed=0)
    objective = label_objective(Fuser(table), labels, "ap")
    scores = table.channel("good.score").astype(float)
    counts = np.array([2.0, 0.0, 1.0, 3.0])
    rows = np.concatenate(
        [
            np.tile(np.arange(part.start, part.stop), int(n))
            for part, n in zip(table.videos().values(), counts, strict=True)
        ]
    )
    truth = np.concatenate([labels[name] for name in VIDEOS])
    expected = average_precision_score(truth[rows], scores[rows])
    assert objective.values(objective.curves(scores), counts) == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize(("every", "word"), [(True, "anomalous"), (False, "normal")])
def test_labels_of_one_class_are_an_error(every: bool, word: str) -> None:
    table, labels = scored(VIDEOS, seed=0)
    one = {name: np.full_like(truth, every) for name, truth in labels.items()}
    with pytest.raises(LabelsError, match=f"every frame {word}"):
        label_objective(Fuser(table), one, "ap")


def test_macro_auc_without_a_video_of_both_classes_is_an_error() -> None:
    table, labels = scored(VIDEOS, seed=0)
    one = {name: np.full_like(truth, name < "03") for name, truth in labels.items()}
    with pytest.raises(LabelsError, match="ap or auc"):
        label_objective(Fuser(table), one, "macro auc")


def test_takes_without_any_anomaly_are_an_error() -> None:
    fuser, labels, families = takes()
    with pytest.raises(TuningError, match="no synthetic anomaly"):
        synthetic_objective(fuser, labels, dict.fromkeys(families, "normal"))
