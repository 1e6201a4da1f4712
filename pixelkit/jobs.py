"""Fitting and scoring one scorer: resumable, checked, and never done twice for the same inputs."""

from __future__ import annotations

import logging
import math
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.artifacts import RunFolder, digest
from pixelkit.errors import PixelkitError, RecipeError, ScorerError, StorageError, did_you_mean
from pixelkit.files import atomic, content_digest
from pixelkit.frames.footage import Footage
from pixelkit.frames.video import Video
from pixelkit.progress import bar
from pixelkit.registry import explain
from pixelkit.scorer import Scorer
from pixelkit.scores.table import ScoreTable, fill
from pixelkit.source import source_file, source_hash
from pixelkit.tuning.space import check_narrow

log = logging.getLogger("pixelkit")


def fit(scorer: Scorer, train: Footage, folder: RunFolder) -> str:
    """Fit ``scorer`` on ``train``, or load what was fitted before; return the key of the fitted scorer.

    A kill loses at most what the scorer had not yet left in its workspace.

    Raises
    ------
    ScorerError
        If the scorer raises anything: names it, the reason, and the line.
    """
    key = digest(
        scorer.name,
        scorer.resolved_settings(),
        scorer.seed,
        source_hash(type(scorer)),
        train.key,
        *input_digests(scorer),
    )
    fitted = folder.fitted(scorer.name, key)
    if fitted.is_dir():
        try:
            scorer.load(fitted)
        except Exception as error:
            log.warning("%s cannot be loaded (%s): it is fitted again", fitted, error)
            shutil.rmtree(fitted)
        else:
            log.info("%s: fitted before, loaded", scorer.name)
            return key
    scorer.workspace = folder.workspace(scorer.name, key)
    seed_everything(scorer.seed)
    start = time.monotonic()
    with blame(type(scorer)):
        scorer.fit(train.videos)
    log.info("%s: fitted on %s frames in %.0f s", scorer.name, f"{train.frames:,}", time.monotonic() - start)
    with blame(type(scorer)), atomic(fitted) as temporary:
        temporary.mkdir()
        scorer.save(temporary)
    shutil.rmtree(scorer.workspace, ignore_errors=True)
    return key


def score(scorer: Scorer, fitted_key: str, footage: Footage, folder: RunFolder) -> tuple[ScoreTable, Path]:
    """Return the scores of every frame of ``footage`` and where they are stored; each finished video is kept."""
    key = digest(fitted_key, footage.key)
    stored = folder.scores(scorer.name, key)
    channels = channel_names(scorer)
    if stored.is_file():
        try:
            table = ScoreTable.read_csv(stored)
            if table.channels == channels and len(table) == footage.frames:
                return table, stored
            log.warning("%s: does not hold every frame: it is made again", stored)
        except PixelkitError as error:
            log.warning("%s: it is made again", error)
    workspace = folder.workspace(scorer.name, f"scores-{key}")
    seed_everything(scorer.seed)
    arrays = []
    with bar(footage.frames, f"score with {scorer.name}", "frame") as done:
        for video in footage.videos:
            arrays.append(_score_video(scorer, video, footage.undecodable(video), workspace))
            done.update(len(video))
    table = ScoreTable.from_videos(channels, footage.videos, arrays)
    table.write_csv(stored)
    shutil.rmtree(workspace, ignore_errors=True)
    return table, stored


def input_digests(scorer: Scorer) -> list[str]:
    """Return what stands for the content of each file of ``scorer.inputs()``: other weights, another artifact.

    Raises
    ------
    PluginError
        If one is missing or cannot be read.
    """
    with blame(type(scorer)):
        paths = scorer.inputs()
    digests = []
    for path in paths:
        try:
            digests.append(content_digest(path))
        except FileNotFoundError:
            raise ScorerError(
                f"scorer {scorer.name!r} reads {path}, which is not there: correct its settings"
            ) from None
        except OSError as error:
            raise ScorerError(
                f"scorer {scorer.name!r} reads {path}, which cannot be read ({error.strerror}): expected a file"
            ) from None
    return digests


def channel_shares(scorer: Scorer) -> dict[str, float]:
    """Return what each channel of a scorer weighs in the untuned recipe, by its full name.

    Raises
    ------
    ScorerError
        If there is not one weight a channel, or they are not finite, 0 or more, and one of them above 0.
    """
    names, weights = channel_names(scorer), scorer.channel_weights or (1.0,) * len(scorer.channels)
    good = all(math.isfinite(weight) and weight >= 0 for weight in weights) and any(weights)
    if len(weights) != len(names) or not good:
        raise ScorerError(
            f"scorer {scorer.name!r}: channel_weights is {weights!r}: expected {len(names)} numbers, 0 or more and "
            f"one of them above 0, in the order of channels"
        )
    return dict(zip(names, weights, strict=True))


def channel_choices(scorer: Scorer) -> dict[str, dict[str, Sequence[Any]]]:
    """Return what a scorer wants tuning to try for each channel, by its full name; nothing for everything.

    Raises
    ------
    ScorerError
        If ``search_space`` names a channel or a choice that does not exist.
    """
    known = {"*", *scorer.channels}
    for channel, narrow in scorer.search_space.items():
        if channel not in known:
            raise ScorerError(
                f"scorer {scorer.name!r}: search_space: there is no channel {channel!r}{did_you_mean(channel, known)}"
            )
        try:
            check_narrow(f"scorer {scorer.name!r}: search_space[{channel!r}]", narrow)
        except RecipeError as error:
            raise ScorerError(str(error)) from None
    everywhere = scorer.search_space.get("*", {})
    return {
        f"{scorer.name}.{channel}": {**everywhere, **scorer.search_space.get(channel, {})}
        for channel in scorer.channels
    }


def channel_names(scorer: Scorer) -> tuple[str, ...]:
    """Return the full names of a scorer's channels, as in ``convae.mean``."""
    return tuple(f"{scorer.name}.{channel}" for channel in scorer.channels)


def _score_video(scorer: Scorer, video: Video, bad: Sequence[int], workspace: Path) -> NDArray[np.float32]:
    kept = workspace / f"{video.name}.npy"
    try:
        before: NDArray[np.float32] = np.load(kept, allow_pickle=False)
        if before.shape == (len(video), len(scorer.channels)):
            return before
    except (OSError, ValueError, EOFError):  # not there, or damaged: the video is scored
        pass
    with blame(type(scorer)):
        scores = fill(check_scores(scorer, video, scorer.score(video)), bad)
    try:
        with atomic(kept) as temporary, temporary.open("wb") as file:
            np.save(file, scores)
    except (
        StorageError
    ) as error:  # a run of the same work that was faster took the workspace away: it is done
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
    return scores


@contextmanager
def blame(cls: type[Scorer]) -> Iterator[None]:
    """Turn whatever a scorer raises into a ScorerError of one line: a plugin is other people's code."""
    try:
        yield
    except PixelkitError:
        raise
    except (Exception, SystemExit) as error:
        raise ScorerError(
            f"scorer {cls.name!r} failed: {explain(error, source_file(cls.__module__))}"
        ) from error


def check_scores(scorer: Scorer, video: Video, scores: object) -> NDArray[np.float32]:
    """Return ``scores`` as float32 (len(video), len(channels)).

    Raises
    ------
    ScorerError
        If they have another shape or hold values that are not finite: names the scorer, the video and the frame.
    """
    where = f"scorer {scorer.name!r}, video {video.name!r}"
    array = np.asarray(scores)
    wanted = (len(video), len(scorer.channels))
    if array.shape == (len(video),) and wanted[1] == 1:
        array = array[:, None]
    if array.shape != wanted or array.dtype.kind not in "fiub":
        raise ScorerError(
            f"{where}: score() returned {array.dtype} {array.shape}, expected float32 {wanted} "
            f"(frames, channels): see 'pixelkit check {scorer.name}'"
        )
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        position, channel = bad[0]
        raise ScorerError(
            f"{where}: {len(bad)} scores are not finite, the first at frame {video.numbers[position]} in channel "
            f"{scorer.channels[channel]!r} ({array[position, channel]}): every frame needs a finite score"
        )
    return array


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and, where it is loaded, torch's global random numbers."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        import torch

        torch.manual_seed(seed)
