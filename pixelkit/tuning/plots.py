"""Pictures of a search: what mattered, how the best was found, and what it does to the scores of the test videos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.files import atomic, write_text
from pixelkit.scores.table import ScoreTable

if TYPE_CHECKING:
    import optuna
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pixelkit.tuning.space import SearchSpace

SLICES = 6  # the parameters that mattered most
BEFORE, AFTER, SHADE = "#9a9a9a", "#1f77b4", "#d62728"
# Fewer trials than this say nothing about what matters.
LEAST_TRIALS = 20


def draw_study(study: optuna.Study, space: SearchSpace, folder: Path) -> list[Path]:
    """Draw what a search found: ``history.png``, and with enough trials ``importances.png`` and ``slices.png``.

    ``importances.json`` holds the numbers, or none where the trials were too few. Importances are those of PED-ANOVA
    (Watanabe, Bansal and Hutter, IJCAI 2023): how unlike all trials the best tenth of them is in each parameter.
    """
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.value is not None]
    drawn = [_draw_history(trials, folder / "history.png")]
    importances = _importances(study) if len(trials) >= LEAST_TRIALS else {}
    write_text(folder / "importances.json", json.dumps(importances, indent=1) + "\n")
    if importances:
        drawn.append(_draw_importances(importances, folder / "importances.png"))
        drawn.append(_draw_slices(trials, list(importances)[:SLICES], space, folder / "slices.png"))
    return drawn


def draw_timelines(
    table: ScoreTable,
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    path: Path,
    labels: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Path:
    """Draw the fused score of every test video over its frame numbers, by equal weights and by the recipe that ships.

    Parameters
    ----------
    table
        Says which row is which frame.
    before, after
        (rows,) scores, 0 to 1.
    path
        Where to draw.
    labels
        By video bool (n,), shaded where true; None when there are none.
    """
    videos = table.videos()
    columns = 1 if len(videos) == 1 else 3
    rows = -(-len(videos) // columns)
    figure, axes = _figure(12, 1.6 * rows + 0.6, rows, columns)
    for axis, (name, part) in zip(axes, videos.items(), strict=False):
        number = table.number[part]
        axis.plot(number, before[part], color=BEFORE, lw=0.9, label="equal weights")
        axis.plot(number, after[part], color=AFTER, lw=1.1, label="this recipe")
        if labels is not None:
            axis.fill_between(
                number, 0, 1, where=labels[name].tolist(), color=SHADE, alpha=0.15, lw=0, label="labelled"
            )
        axis.set_ylim(0, 1)
        axis.set_title(name, fontsize=8, loc="left")
    for axis in axes[len(videos) :]:
        axis.set_visible(False)
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, fontsize=8, frameon=False
    )
    figure.supxlabel("frame number", fontsize=8)
    return _save(figure, path)


def _draw_history(trials: list[optuna.trial.FrozenTrial], path: Path) -> Path:
    figure, (axis,) = _figure(7, 3.5)
    values = [float(trial.value or 0) for trial in trials]
    numbers = [trial.number for trial in trials]
    axis.plot(numbers, values, ".", color=BEFORE, ms=3, label="a recipe")
    axis.plot(numbers, np.maximum.accumulate(values), color=AFTER, label="the best so far")
    axis.axhline(values[0], color=SHADE, lw=0.8, ls="--", label="equal weights")
    low = np.quantile(values, 0.1)
    axis.set_ylim(low - 0.1 * (max(values) - low), max(values) + 0.1 * (max(values) - low) + 1e-6)
    axis.set(xlabel="trial", ylabel="objective")
    axis.legend(fontsize=8, frameon=False, loc="lower right")
    return _save(figure, path)


def _draw_importances(importances: Mapping[str, float], path: Path) -> Path:
    shown = dict(list(importances.items())[:20])
    figure, (axis,) = _figure(7, 0.25 * len(shown) + 1)
    axis.barh(list(shown)[::-1], list(shown.values())[::-1], color=AFTER)
    axis.set_xlabel("importance (PED-ANOVA), in all 1")
    return _save(figure, path)


def _draw_slices(
    trials: list[optuna.trial.FrozenTrial], names: list[str], space: SearchSpace, path: Path
) -> Path:
    figure, axes = _figure(12, 6, 2, 3)
    values = np.array([float(trial.value or 0) for trial in trials])
    low = np.quantile(values, 0.1)
    for axis, name in zip(axes, names, strict=False):
        chosen: list[Any] = [trial.params[name] for trial in trials]
        known = sorted(set(chosen))
        places = np.array([known.index(choice) for choice in chosen], float)
        jitter = np.random.default_rng(0).uniform(-0.2, 0.2, len(places))
        dots = axis.scatter(places + jitter, values, c=np.arange(len(values)), s=5, cmap="viridis")
        texts = [space.text(name, choice) for choice in known]
        axis.set_xticks(range(len(known)), texts, rotation=60, ha="right", fontsize=6)
        axis.set_ylim(low, values.max() + 0.05 * (values.max() - low) + 1e-6)
        axis.set_title(name, fontsize=8)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    figure.colorbar(dots, ax=axes, label="trial", fraction=0.02)
    return _save(figure, path)


def _importances(study: optuna.Study) -> dict[str, float]:
    import warnings

    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is marked experimental, and tells of parameters with one value
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, without the state that pyplot keeps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axis in axes:
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> Path:
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return path
