"""The page of one run, from its run folder and, where it still is, its data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pixelkit.files import write_text
from pixelkit.frames.inventory import find_gaps
from pixelkit.report import figures, page, payload
from pixelkit.report.footage import Footage, find_footage
from pixelkit.report.heatmaps import HeatMaps, heat_maps
from pixelkit.report.moments import Moment, highest_moments
from pixelkit.report.pictures import (
    data_url,
    large_pictures,
    picture_blocks,
    picture_size,
    pictures_note,
    small_pictures,
)
from pixelkit.report.scored_run import ScoredRun
from pixelkit.report.summary import summarise, video_in_words


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
        run=run,
        missing=missing,
        moments=_cards(run, moments, footage, heat),
        heat_names=heat.names,
        figures=lines,
        summary=summarise(run, lines, footage),
        words=[video_in_words(run, video, find_gaps(video.numbers), footage) for video in run.videos],
        sizes={video.name: picture_size(footage.videos.get(video.name)) for video in run.videos},
        pictures_note=pictures_note(pictures, frames=bool(footage.videos), served=options.served),
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


def _cards(
    run: ScoredRun, moments: Sequence[Moment], footage: Footage, heat: HeatMaps
) -> list[dict[str, Any]]:
    videos = {video.name: (index, video) for index, video in enumerate(run.videos)}
    pictures = large_pictures(footage.videos, [(moment.video, moment.number) for moment in moments])
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
                "picture": pictures.get((moment.video, moment.number)),
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
