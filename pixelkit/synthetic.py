"""A run's synthetic anomalies: filmed into its left-out training videos, with the corruption of its test videos."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pixelkit.artifacts import RunFolder, digest
from pixelkit.config import Settings
from pixelkit.files import atomic
from pixelkit.frames import corrupt, inject
from pixelkit.frames.decode import DecodedVideo, FrameStore
from pixelkit.frames.inject import Takes, measured_corruption, plan_takes, write_takes
from pixelkit.frames.repair import FLIP_VIEW, RepairPlan
from pixelkit.frames.room import mark_used
from pixelkit.source import files_hash

log = logging.getLogger("pixelkit")


def film_takes(
    train: Sequence[DecodedVideo],
    heldout: Sequence[DecodedVideo],
    test: Sequence[DecodedVideo],
    plan: RepairPlan,
    settings: Settings,
    store: FrameStore,
    folder: RunFolder,
) -> tuple[Takes, Path] | None:
    """Inject anomalies into the left-out videos; return the takes, and the folder in the run that says what is in them.

    The takes suffer what the test videos do: as many flips, as much noise, as many missing frames as the plan and the
    frame numbers show; and their light differs as that of the training videos does. None where no training video was
    left out.
    """
    if not heldout:
        log.warning(
            "no training video was left out to inject synthetic anomalies into, so nothing is tuned: raise holdout, or "
            "add training videos"
        )
        return None
    corruption = measured_corruption(plan, test, heldout, settings.seed, max_gap=settings.max_gap)
    brightness = [round(float(video.view(FLIP_VIEW).mean()), 2) for video in train]
    key = digest(
        files_hash([*Path(inject.__file__).parent.glob("*.py"), Path(corrupt.__file__)]),
        [video.key for video in heldout],
        brightness,
        asdict(corruption),
        settings.tuning.takes,
        settings.tuning.take_frames,
        settings.seed,
    )
    planned = plan_takes(
        {video.name: len(video) for video in heldout},
        per_family=settings.tuning.takes,
        frames=settings.tuning.take_frames,
        seed=settings.seed,
    )
    filmed = store.folder / f"takes-{key}"
    mark_used(filmed)
    takes = write_takes(filmed, heldout, planned, corruption, settings.seed, brightness=brightness)
    kept = folder.takes(key)
    if not kept.is_dir():
        with atomic(kept) as temporary:
            temporary.mkdir()
            for file in filmed.glob("*.csv"):
                shutil.copyfile(file, temporary / file.name)
    return takes, kept
