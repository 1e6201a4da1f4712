"""A data set's own corruption as it was found in its test videos, so that synthetic takes can suffer the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.corrupt import JPEG_QUALITY, Corruption, Damage
from pixelkit.frames.noise import noise_level
from pixelkit.frames.reading import decode_image
from pixelkit.frames.repair_plan import RepairPlan
from pixelkit.frames.video import MAX_GAP

if TYPE_CHECKING:
    from pixelkit.frames.decode import DecodedVideo

# Gray levels of noise that are tried on a real frame, to learn what each measures. Steps of a third: in between, the
# measured level is a straight line to within one gray level of amplitude.
TRIED = (1, 2, 4, 6, 8, 11, 15, 20, 26, 35, 46, 61, 80, 105, 127)
SPREAD = (10, 90)  # percentiles of the measured levels: single ones are off by a few percent


def measured_corruption(
    plan: RepairPlan,
    test: Sequence[DecodedVideo],
    train: Sequence[DecodedVideo],
    seed: int,
    *,
    max_gap: int = MAX_GAP,
) -> Corruption:
    """Return the corruption that makes normal video as flipped, noisy and full of gaps as the test videos are.

    Parameters
    ----------
    plan
        Which test frames are flipped and noisy.
    test
        The test videos.
    train
        The training videos; at least one. What is noise and a gap there is normal.
    seed
        Of the corruption that is returned.
    max_gap
        A gap of more missing frames than this is no single frame left out, but a cut.

    Returns
    -------
    Corruption
        Nothing where nothing was found. The amplitude is that which, drawn anew for each pixel and channel, gives the
        noise level that was measured, after encoding.
    """
    frames = sum(len(video.numbers) for video in test)
    noisy = [video.noise[np.isin(video.numbers, plan.noisy_numbers(video.name))] for video in test]
    flipped = sum(int(np.isin(v.numbers, plan.flipped_numbers(v.name)).sum()) for v in test)
    levels = np.concatenate([np.empty(0, np.float32), *noisy])
    levels = levels[np.isfinite(levels)]
    return Corruption(
        flips=flipped / max(1, frames),
        noise=sum(map(len, noisy)) / max(1, frames),
        amplitude=_amplitude(levels, train) if len(levels) else Corruption.amplitude,
        missing=_missing([video.numbers for video in test], max_gap),
        seed=seed,
    )


def _missing(videos: Sequence[NDArray[np.int64]], max_gap: int) -> float:
    """Return the share of frames that are missing in short gaps inside the videos.

    A data set that kept every second frame misses none: numbers are counted in their usual steps.
    """
    steps = [np.diff(numbers) for numbers in videos]
    together = np.concatenate([np.empty(0, np.int64), *steps])
    if not len(together):
        return 0.0
    gaps = np.rint(together / max(1.0, float(np.median(together)))).astype(np.int64) - 1
    lost = int(gaps[(gaps > 0) & (gaps <= max_gap)].sum())
    return lost / (lost + sum(map(len, videos)))


def _amplitude(levels: NDArray[np.float32], train: Sequence[DecodedVideo]) -> tuple[int, int]:
    """Return the amplitudes, in gray levels, whose noise measures like most of ``levels``."""
    frame = next(train[0].stream())
    measured = np.maximum.accumulate([_level_with(frame, amplitude) for amplitude in TRIED])
    found = np.interp(np.percentile(levels, SPREAD), measured, TRIED)
    low, high = found.round().astype(int).tolist()
    return low, high


def _level_with(frame: NDArray[np.uint8], amplitude: int) -> float:
    """Return the noise level of a frame that gets noise of this amplitude and is encoded, as injection does it."""
    noisy = Corruption().apply(frame, Damage(noise=amplitude), "", 0)
    _, data = cv2.imencode(".jpg", noisy[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return noise_level(decode_image(data.tobytes(), "gray"))
