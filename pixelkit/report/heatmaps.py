"""Where on a frame its score comes from: the heat maps of the fitted scorers of a run, as pictures to lay over it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pixelkit import jobs
from pixelkit.config import Settings, coerce, make_scorer, scorer_hints
from pixelkit.errors import PixelkitError, StorageError
from pixelkit.progress import bar
from pixelkit.registry import Registry, discover
from pixelkit.report.footage import Footage, as_scorers_see
from pixelkit.report.moments import Moment
from pixelkit.report.pictures import encode_transparent
from pixelkit.report.scored_run import ScoredRun
from pixelkit.scorer import Scorer
from pixelkit.scores.recipe import scorer_of

log = logging.getLogger("pixelkit")

ALL = "all scorers"
LONGER_SIDE = 320  # the map of all scorers, which may be of several sizes
OPACITY = 0.55  # of the hottest place; above, a box of one colour hides the object that people look for


@dataclass
class HeatMaps:
    """The heat maps of some moments.

    Parameters
    ----------
    pictures
        For each moment, by scorer (and :data:`ALL` where there are several), a WebP file.
    missing
        What has none, a sentence each.
    """

    pictures: list[dict[str, bytes]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """What there is to choose from."""
        return list(dict.fromkeys(name for one in self.pictures for name in one))


def heat_maps(
    run: ScoredRun,
    moments: Sequence[Moment],
    footage: Footage,
    *,
    plugins: Sequence[Path] = (),
    cache: Path | None = None,
) -> HeatMaps:
    """Let every fitted scorer of a run that has heat maps say where the score of each moment comes from.

    Parameters
    ----------
    run, moments, footage
        What was scored, the frames in question, and where their pixels are.
    plugins
        Plugin folders besides the usual ones.
    cache
        Where decoded frames lie; None for the usual place.
    """
    found, registry = HeatMaps(), discover(plugins)
    shown = [moment for moment in moments if moment.video in footage.videos]
    maps: dict[str, dict[Moment, NDArray[np.float32]]] = {}
    weights = _weights(run)
    scorers = [name for name in run.record.scores if weights.get(name, 0) > 0]
    with bar(len(scorers) * len(shown), "heat maps", "frame") as done:
        for name in scorers:
            try:
                scorer = load_fitted(run, name, registry)
                maps[name] = _maps_of(scorer, run, shown, footage, cache, done)
            except PixelkitError as error:
                found.missing.append(f"{name} has no heat maps: {error}.")
                log.warning("%s has no heat maps: %s", name, error)
    found.pictures = [
        _pictures({name: one[m] for name, one in maps.items() if m in one}, weights) for m in moments
    ]
    return found


def load_fitted(run: ScoredRun, name: str, registry: Registry) -> Scorer:
    """Return a scorer of a run with its settings, and what it learned.

    Raises
    ------
    PixelkitError
        If its plugin, its settings or what it learned is not there or does not fit any more.
    """
    fitted = run.record.fitted.get(name)
    if fitted is None or not (run.folder.path / fitted).is_dir():
        raise StorageError("what it learned is not in the run any more")
    cls = registry.get(name).cls
    section = run.settings.get(name, {})
    hints = scorer_hints(cls)
    known = {
        key: coerce(value, hints[key], f"{name}.{key}") for key, value in section.items() if key in hints
    }
    settings = Settings(
        seed=run.record.seed,
        device=str(run.settings.get("device", "auto")),
        weights=str(run.settings.get("weights", "")),
        offline=True,
        scorers={name: known},
    )
    with jobs.blame(cls):
        scorer = make_scorer(cls, settings)
        scorer.load(run.folder.path / fitted)
    return scorer


def _maps_of(
    scorer: Scorer,
    run: ScoredRun,
    moments: Sequence[Moment],
    footage: Footage,
    cache: Path | None,
    done: tqdm[Any],
) -> dict[Moment, NDArray[np.float32]]:
    maps: dict[Moment, NDArray[np.float32]] = {}
    if type(scorer).heatmap is Scorer.heatmap:
        return maps
    with jobs.blame(type(scorer)):
        videos = {
            name: as_scorers_see(run, footage.videos[name], scorer.views(), cache)
            for name in dict.fromkeys(moment.video for moment in moments)
        }
        for moment in moments:
            heat = scorer.heatmap(videos[moment.video], moment.position)
            if heat is not None:
                maps[moment] = _unit(np.asarray(heat, np.float32))
            done.update(1)
    return maps


def _weights(run: ScoredRun) -> dict[str, float]:
    """Return what each scorer weighs in the recipe, all its channels together."""
    weights: dict[str, float] = {}
    for name, channel in run.recipe.channels.items():
        scorer = scorer_of(name)
        weights[scorer] = weights.get(scorer, 0.0) + channel.weight
    return weights


def _unit(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a map from 0 to 1, its hottest 200th alike: single pixels rule otherwise."""
    heat = np.nan_to_num(heat, nan=0.0, posinf=0.0, neginf=0.0) - max(0.0, float(np.nanmin(heat)))
    top = float(np.quantile(heat, 0.995)) or float(heat.max())
    return np.clip(heat / top, 0, 1).astype(np.float32) if top > 0 else np.zeros_like(heat, np.float32)


def _pictures(maps: Mapping[str, NDArray[np.float32]], weights: Mapping[str, float]) -> dict[str, bytes]:
    pictures = {name: _picture(heat) for name, heat in maps.items()}
    if len(maps) < 2:
        return pictures
    height, width = max((heat.shape for heat in maps.values()), key=max)
    scale = min(1.0, LONGER_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    total = sum(weights[name] for name in maps)
    mean = sum(weights[name] / total * cv2.resize(heat, size) for name, heat in maps.items())
    return {ALL: _picture(_unit(np.asarray(mean, np.float32))), **pictures}


def _picture(heat: NDArray[np.float32]) -> bytes:
    """Return a map from 0 to 1 as a picture that hides nothing where it is cold."""
    colours = cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_INFERNO)
    alpha = (255 * OPACITY * heat**0.7).astype(np.uint8)
    return encode_transparent(np.asarray(colours, np.uint8), alpha)
