"""Finds flipped and noisy test frames, by what the training frames look like, and repairs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import examples
from pixelkit.frames.denoise import Treatment, clean_neighbours
from pixelkit.frames.noise import noise_threshold
from pixelkit.frames.recording import nearest_good
from pixelkit.frames.repair_plan import RepairPlan, VideoRepair
from pixelkit.frames.repaired import RepairedFrames, Repairs
from pixelkit.frames.video import Video, View

if TYPE_CHECKING:
    from pixelkit.frames.decode import DecodedVideo

__all__ = ["FLIP_VIEW", "RepairPlan", "RepairSettings", "apply_repairs", "plan_repairs", "repairs_of"]

FLIP_VIEW = View((64, 64), "gray")


@dataclass(frozen=True)
class RepairSettings:
    """What is repaired; the treatment is the one that served best on left-out training videos of Ped2.

    There it was measured with planted anomalies, two reconstruction errors and two of motion: see
    ``benchmarks/repair.py``.
    """

    flips: bool = True
    """Turn test frames that are upside down."""
    noise: Literal["off", "median", "nearest", "bilateral"] = "median"
    """What becomes of noisy test frames: ``median`` (with their two nearest clean frames), ``nearest`` (clean
    frame), ``bilateral`` (filter) or ``off``."""


def plan_repairs(
    train: Sequence[DecodedVideo], test: Sequence[DecodedVideo], settings: RepairSettings, *, seed: int
) -> RepairPlan:
    """Find the test frames that are upside down and those that are noisy.

    Parameters
    ----------
    train
        The training videos, upright; ``FLIP_VIEW`` must have been decoded when flips are looked for.
    test
        The test videos.
    settings
        What to look for.
    seed
        Decides the training of the flip detector.
    """
    flipped, flips_report = _find_flips(train, test, seed) if settings.flips else ({}, "switched off")
    noisy, noise_report = _find_noise(train, test) if settings.noise != "off" else ({}, "switched off")
    return RepairPlan(
        {video.name: VideoRepair(flipped.get(video.name, ()), noisy.get(video.name, ())) for video in test},
        settings.noise,
        {"flips": flips_report, "noise": noise_report},
        sum(len(video.numbers) for video in test),
    )


def apply_repairs(videos: Sequence[DecodedVideo], plan: RepairPlan | None, *, max_gap: int) -> list[Video]:
    """Return ``videos`` as scorers see them, repaired as ``plan`` says; None repairs nothing.

    Parameters
    ----------
    videos
        Decoded videos.
    plan
        Made by :func:`plan_repairs` or read from a file.
    max_gap
        A gap of more missing frames than this breaks clips; noisy frames get no help from beyond it.
    """
    return [
        Video(video.name, video.numbers, _source(video, plan, max_gap), max_gap=max_gap) for video in videos
    ]


def repairs_of(video: DecodedVideo, plan: RepairPlan, *, max_gap: int) -> Repairs:
    """Return what ``plan`` does to the frames of one video, by position."""
    flipped = np.flatnonzero(np.isin(video.numbers, plan.flipped_numbers(video.name))).tolist()
    noisy = np.flatnonzero(np.isin(video.numbers, plan.noisy_numbers(video.name))).tolist()
    if plan.noise == "off":
        return Repairs(frozenset(flipped), {})
    neighbours = clean_neighbours(video.numbers, noisy, max_gap)
    return Repairs(frozenset(flipped), neighbours, cast(Treatment, plan.noise))


def _source(video: DecodedVideo, plan: RepairPlan | None, max_gap: int) -> DecodedVideo | RepairedFrames:
    """Return the frames of a video: the decoded ones themselves where nothing is to be repaired."""
    if plan is None:
        return video
    repairs = repairs_of(video, plan, max_gap=max_gap)
    return RepairedFrames(video, repairs) if repairs else video


def _find_flips(
    train: Sequence[DecodedVideo], test: Sequence[DecodedVideo], seed: int
) -> tuple[dict[str, tuple[int, ...]], str]:
    """Return the frame numbers that are upside down, by test video, and how well that is known."""
    from pixelkit.frames.flips import REQUIRED_ACCURACY, train_flip_detector

    detector = train_flip_detector([video.view(FLIP_VIEW) for video in train], seed=seed)
    known = (
        f"the detector is right on {detector.accuracy:.2%} of {detector.tested_on}, left out of its training"
    )
    if not detector.is_reliable:
        return {}, f"nothing is flipped: {known}, and {REQUIRED_ACCURACY:.0%} are asked for"
    found = {video.name: detector.upside_down(video.view(FLIP_VIEW)) for video in test}
    # Frame by frame about a tenth is flipped. Where most are, the scene may be one that the training has not shown.
    odd = [name for name, flipped in found.items() if np.mean(flipped) > 0.5]
    doubt = (
        f"; most frames of {examples(odd)} look upside down: look at them, and edit the plan" if odd else ""
    )
    return {video.name: _numbers(video, found[video.name]) for video in test}, known + doubt


def _find_noise(
    train: Sequence[DecodedVideo], test: Sequence[DecodedVideo]
) -> tuple[dict[str, tuple[int, ...]], str]:
    """Return the frame numbers that are noisy, by test video, and by what they were told."""
    levels = np.concatenate([video.noise for video in train])
    threshold = noise_threshold(levels)
    found = {video.name: _numbers(video, _shown_noise(video) > threshold) for video in test}
    usual = float(np.nanmedian(levels))
    return found, f"noise above {threshold:.1f} gray levels; training frames have {usual:.1f}"


def _shown_noise(video: DecodedVideo) -> NDArray[np.float32]:
    """Return the noise level of the pixels that each position shows: float32 (n,).

    A file that did not decode shows the nearest frame that did, with its noise.
    """
    return video.noise[nearest_good(video.numbers, video.undecodable)]


def _numbers(video: DecodedVideo, chosen: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(number) for number in video.numbers[chosen])
