"""What a run found, in the terminal: a line for each video, with a sparkline of its fused score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pixelkit.cli.tables import aligned, sparkline

if TYPE_CHECKING:
    from pixelkit.artifacts import RunFolder

WIDTH = 40


def run_table(folder: RunFolder) -> str:
    """Return a table of the test videos of a run, and below it what everybody who reads its scores has to know.

    The last column is the fused score over the video, the highest of each part of it; its bars have one scale, from
    the lowest to the highest score of all videos.
    """
    from pixelkit.report.figures import video_figures
    from pixelkit.report.scored_run import read_run

    run = read_run(folder)
    head = ["video", "frames", "mean", "highest", "at", "highest tenth", "fused score"]
    rows = [
        [
            one.name,
            f"{one.frames:,}",
            f"{one.mean:.2f}",
            f"{one.highest:.2f}",
            str(one.peak),
            f"{one.high:.0%}",
            sparkline(np.asarray(run.fused[video.rows]), WIDTH),
        ]
        for one, video in zip(video_figures(run), run.videos, strict=True)
    ]
    return "\n".join([aligned([head, *rows], left=(0, len(head) - 1)), *run.caveats])
