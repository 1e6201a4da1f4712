"""Pictures of a search: what mattered, how the best was found, and what it does to the scores of the test videos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pixelkit.files import atomic
from pixelkit.scores.table import ScoreTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pixelkit.tuning.course import Course

SLICES = 6  # parameters, those that mattered most first
BEFORE, AFTER, SHADE = "#9a9a9a", "#1f77b4", "#d62728"


def draw_course(course: Course, folder: Path) -> list[Path]:
    """Draw what a search found: ``history.png``, ``slices.png``, and ``importances.png`` where it changed anything."""
    drawn = [
        _draw_history(course, folder / "history.png"),
        _draw_slices(course, folder / "slices.png"),
    ]
    importances = folder / "importances.png"
    if course.importances:
        drawn.append(_draw_importances(course.importances, importances))
    else:
        importances.unlink(missing_ok=True)
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


def _draw_history(course: Course, path: Path) -> Path:
    figure, (axis,) = _figure(7, 3.5)
    values = course.values
    axis.plot(values, ".", color=BEFORE, ms=3, label="a recipe")
    axis.plot(np.maximum.accumulate(values), color=AFTER, label="the best so far")
    axis.axhline(course.equal, color=SHADE, lw=0.8, ls="--", label="equal weights")
    low = min(float(np.quantile(values, 0.1)), course.equal)
    axis.set_ylim(low - 0.1 * (max(values) - low) - 1e-6, max(values) + 0.1 * (max(values) - low) + 1e-6)
    axis.set(xlabel="trial", ylabel="objective")
    axis.legend(fontsize=8, frameon=False, loc="lower right")
    return _save(figure, path)


def _draw_importances(importances: Mapping[str, float], path: Path) -> Path:
    shown = dict(list(importances.items())[:20])
    figure, (axis,) = _figure(7, 0.25 * len(shown) + 1)
    axis.barh(list(shown)[::-1], list(shown.values())[::-1], color=AFTER)
    axis.set_xlabel("what the objective loses with this as in equal weights", fontsize=8)
    return _save(figure, path)


def _draw_slices(course: Course, path: Path) -> Path:
    names = list({**course.importances, **course.choices})[:SLICES]
    figure, axes = _figure(12, 6, 2, 3)
    values = np.array(course.values)
    low = float(np.quantile(values, 0.1))
    for axis, name in zip(axes, names, strict=False):
        known = sorted(set(course.chosen[name]))
        places = np.searchsorted(known, course.chosen[name])
        jitter = np.random.default_rng(0).uniform(-0.2, 0.2, len(places))
        dots = axis.scatter(places + jitter, values, c=np.arange(len(values)), s=5, cmap="viridis")
        texts = [course.choices[name][choice] for choice in known]
        axis.set_xticks(range(len(known)), texts, rotation=60, ha="right", fontsize=6)
        axis.set_ylim(low - 1e-6, values.max() + 0.05 * (values.max() - low) + 1e-6)
        axis.set_title(name, fontsize=8)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    figure.colorbar(dots, ax=axes, label="trial", fraction=0.02)
    return _save(figure, path)


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
