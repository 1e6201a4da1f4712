"""The page of one run, from its run folder and, where it still is, its data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pixelkit.files import write_text
from pixelkit.frames.inventory import find_gaps
from pixelkit.report import figures, page, payload
from pixelkit.report.footage import Footage, TestFrames, find_footage
from pixelkit.report.heatmaps import HeatMaps, heat_maps
from pixelkit.report.moments import Moment, highest_moments
from pixelkit.report.pictures import LONGER_SIDE, Pictures, data_url, encode, small_pictures
from pixelkit.report.scored_run import ScoredRun
from pixelkit.report.summary import summarise, video_in_words

MOMENT_SIDE, MOMENT_QUALITY = 640, 70


@dataclass(frozen=True)
class Options:
    """How a page is made.

    Parameters
    ----------
    served
        For ``pixelkit view``: frames come from the server, and none but those of the moments lie in the page.
    heat
        Ask the scorers for heat maps.
    plugins
        Plugin folders besides the usual ones.
    cache
        Where decoded frames lie; None for the usual place.
    """

    served: bool = False
    heat: bool = True
    plugins: Sequence[Path] = ()
    cache: Path | None = None


@dataclass(frozen=True)
class Written:
    """A page that was written: where, and what it lacks, a sentence each."""

    file: Path
    bytes: int
    missing: tuple[str, ...]


def write_report(run: ScoredRun, file: Path, options: Options | None = None) -> Written:
    """Write the page of a run as one file that asks the network for nothing.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    chosen = options or Options()
    html, missing = make_report(run, find_footage(run, chosen.cache), chosen)
    write_text(file, html)
    return Written(file, file.stat().st_size, missing)


def make_report(run: ScoredRun, footage: Footage, options: Options) -> tuple[str, tuple[str, ...]]:
    """Return the page of a run as HTML, and what it lacks."""
    moments = highest_moments(run.videos, run.fused, max_gap=run.record.max_gap)
    heat = HeatMaps([{} for _ in moments])
    if options.heat and footage.videos:
        heat = heat_maps(run, moments, footage, plugins=options.plugins, cache=options.cache)
    pictures = {} if options.served else small_pictures(footage.videos)
    missing = (*run.missing, *footage.missing, *heat.missing)
    ranks, lines = figures.ranks(run), figures.video_figures(run)
    data = payload.page_data(run, served=options.served)
    html = page.render(
        "report.html",
        served=options.served,
        **common_facts(),
        run=run,
        missing=missing,
        moments=_cards(run, moments, moment_pictures(moments, footage), heat),
        heat_names=heat.names,
        figures=lines,
        summary=summarise(run, lines, footage),
        words=[video_in_words(run, video, find_gaps(video.numbers), footage) for video in run.videos],
        sizes={video.name: picture_size(footage.videos.get(video.name)) for video in run.videos},
        pictures_note=pictures_note(pictures, footage, served=options.served),
        curve_rows=_curve_rows(run),
        channel_rows=_channel_rows(run),
        spread_rows=_spread_rows(run),
        correlation=data["correlation"],
        settings_text=_settings_text(run),
        data=data,
        video_blocks=[
            payload.video_data(run, video, ranks, footage, pictures.get(video.name)) for video in run.videos
        ],
        picture_blocks=picture_blocks([video.name for video in run.videos], pictures),
    )
    return html, missing


def common_facts() -> dict[str, Any]:
    """Return what every page says about itself."""
    return {"version": version("pixelkit"), "time": f"{datetime.now():%Y-%m-%d %H:%M}"}


def picture_blocks(names: Sequence[str], pictures: Mapping[str, Pictures]) -> list[list[str]]:
    """Return the small pictures of each video as text."""
    return [pictures[name].to_text() if name in pictures else [] for name in names]


def picture_size(frames: TestFrames | None) -> tuple[int, int] | None:
    """Return width and height of the small pictures of a video; None if it has none."""
    if frames is None:
        return None
    height, width = frames.decoded.size
    scale = min(1.0, LONGER_SIDE / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def pictures_note(pictures: Mapping[str, Pictures], footage: Footage, *, served: bool) -> str:
    """Return which frames the page shows, in words."""
    if served:
        return "Every frame is shown." if footage.videos else "No frame can be shown."
    every = max((one.every for one in pictures.values()), default=0)
    if not every:
        return "No frame can be shown."
    if every == 1:
        return "Every frame lies in this file, repaired and small; “pixelkit view” shows them at full size."
    return (
        f"One frame in {every} lies in this file, repaired and small, the nearest is shown; “pixelkit view” shows "
        f"every one at full size."
    )


def moment_pictures(moments: Sequence[Moment], footage: Footage) -> dict[Moment, str]:
    """Return a picture of each moment, as far as its video is there."""
    pictures: dict[Moment, str] = {}
    for name, frames in footage.videos.items():
        mine = sorted((one for one in moments if one.video == name), key=lambda one: one.position)
        for moment, frame in zip(mine, frames.at([one.position for one in mine]), strict=True):
            pictures[moment] = data_url(encode(frame, MOMENT_SIDE, MOMENT_QUALITY))
    return pictures


def _cards(
    run: ScoredRun, moments: Sequence[Moment], pictures: Mapping[Moment, str], heat: HeatMaps
) -> list[dict[str, Any]]:
    videos = {video.name: (index, video) for index, video in enumerate(run.videos)}
    cards = []
    for moment, maps in zip(moments, heat.pictures, strict=True):
        index, video = videos[moment.video]
        repair = run.repair_of(video)
        done = [
            word
            for word, numbers in (("turned", repair.flipped), ("noisy", repair.noisy))
            if moment.number in numbers
        ]
        cards.append(
            {
                "moment": moment,
                "index": index,
                "picture": pictures.get(moment),
                "heat": {name: data_url(picture) for name, picture in maps.items()},
                "repaired": ", ".join(done),
                "labelled": None if run.labels is None else bool(run.labels[video.name][moment.position]),
            }
        )
    return cards


def _curve_rows(run: ScoredRun) -> list[dict[str, Any]]:
    rows = []
    for name, curve in run.curves.items():
        held_out = [epoch["held_out_loss"] for epoch in curve if epoch.get("held_out_loss") is not None]
        losses = [epoch.get("train_loss") for epoch in curve]
        rows.append(
            {
                "name": name,
                "epochs": len(curve),
                "first": _loss(losses[0]),
                "last": _loss(losses[-1]),
                "best": _loss(min(held_out, default=None)),
            }
        )
    return rows


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _channel_rows(run: ScoredRun) -> list[tuple[str, Any]]:
    return [
        (name, found) for name, column in run.columns.items() if (found := run.evaluate(column)) is not None
    ]


def _spread_rows(run: ScoredRun) -> list[tuple[str, list[str]]]:
    parts = (0.0, 0.05, 0.5, 0.95, 1.0)
    return [
        (name, [f"{np.quantile(column, part):.4g}" for part in parts]) for name, column in run.columns.items()
    ]


def _settings_text(run: ScoredRun) -> str:
    try:
        return run.folder.settings.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "settings.toml is not in the run any more"
