"""Draws the README's picture: the fused score of a demo video over its frames, anomalies shaded.

make submit && python benchmarks/timeline.py submissions/demo-data/demo-data-*.csv demo-data-labels.csv
"""

from __future__ import annotations

import argparse
import csv
from itertools import groupby
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from pixelkit.frames.ids import parse_id
from pixelkit.leaderboard.csv import read_submission

INK, LINE, SHADE = "#555b66", "#2563eb", "#f59e0b"


def anomalies(labels: Path, video: str) -> list[tuple[int, int, str]]:
    """Return first frame, last frame and kind of each anomaly of one video."""
    with labels.open(newline="", encoding="utf-8") as file:
        rows = [(*parse_id(row["Id"]), row["Kind"]) for row in csv.DictReader(file)]
    frames = sorted((number, kind) for name, number, kind in rows if name == video)
    spans = []
    for kind, group in groupby(frames, key=lambda frame: frame[1]):
        numbers = [number for number, _ in group]
        if kind:
            spans.append((numbers[0], numbers[-1], kind))
    return spans


def main() -> None:
    """Write benchmarks/timeline.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--videos", nargs="+", default=["2", "3"])
    arguments = parser.parse_args()
    table = read_submission(arguments.csv)
    rows = table.videos()
    figure, axes = plt.subplots(
        1, len(arguments.videos), figsize=(9, 2.2), dpi=150, sharey=True, layout="constrained"
    )
    for axis, video in zip(axes, arguments.videos, strict=True):
        part = rows[video]
        axis.plot(table.number[part], table.values[part, 0], color=LINE, linewidth=1.6)
        for first, last, kind in anomalies(arguments.labels, video):
            axis.axvspan(first, last, color=SHADE, alpha=0.25, linewidth=0)
            axis.text((first + last) / 2, 1.03, kind, ha="center", va="bottom", color=INK, fontsize=9)
        axis.set(xlabel=f"frame of video {video}", ylim=(0, 1))
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(colors=INK, labelsize=8)
    axes[0].set_ylabel("anomaly score")
    figure.savefig(Path(__file__).with_suffix(".png"), facecolor="white")


if __name__ == "__main__":
    main()
