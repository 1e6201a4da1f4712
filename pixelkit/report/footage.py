"""Full-size repaired frames of a run's test videos, one by one: only those that are asked for are decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import DataError, PixelkitError
from pixelkit.frames.cache import cache_folder
from pixelkit.frames.decode import FrameStore
from pixelkit.frames.denoise import REACH
from pixelkit.frames.layouts import VideoFiles, read_video
from pixelkit.frames.reading import Undecodable, decode_image, read_bytes
from pixelkit.frames.recording import nearest_good
from pixelkit.frames.repair import apply_repairs, repairs_of
from pixelkit.frames.repair_plan import RepairPlan
from pixelkit.frames.repaired import RepairedFrames
from pixelkit.frames.video import Video, View, render
from pixelkit.report.scored_run import ScoredRun, ScoredVideo
from pixelkit.threads import cores, in_order

Frame = NDArray[np.uint8]

# Frames that are read ahead of the one that is used, 0.7 MB each at 640x360.
AHEAD = 4


@dataclass(frozen=True, eq=False)
class RunFrames(RepairedFrames):
    """The frames of one test video after its repairs, at any position and at full size."""

    @property
    def is_film(self) -> bool:
        """Whether the frames lie in one video file, which is read from its beginning."""
        return self.decoded.files.is_video_file

    def at(self, positions: Sequence[int]) -> Iterator[Frame]:
        """Yield the repaired frames at increasing positions: uint8 (H, W, 3), RGB, all of one size.

        Raises
        ------
        DataError
            If a file was changed or removed meanwhile.
        """
        return self._from_film(positions) if self.is_film else self._from_images(positions)

    def _from_images(self, positions: Sequence[int]) -> Iterator[Frame]:
        sources = nearest_good(self.decoded.numbers, self.decoded.undecodable)
        with (
            ThreadPoolExecutor(min(AHEAD, cores()), "pixelkit-report") as pool,
            closing(
                in_order(pool, (partial(self._repaired, sources, at) for at in positions), AHEAD)
            ) as frames,
        ):
            yield from frames

    def _repaired(self, sources: NDArray[np.int64], position: int) -> Frame:
        files, view = self.decoded.files.files, View(self.decoded.size, "rgb")
        needed = {at: _read(files[sources[at]]) for at in self.repairs.needs(position)}
        return self.repairs.repair(position, {at: render(frame, view) for at, frame in needed.items()})

    def _from_film(self, positions: Sequence[int]) -> Iterator[Frame]:
        waiting, held = deque(positions), dict[int, Frame]()
        with closing(self.decoded.stream()) as stream:  # type: ignore[type-var]  # it is a generator
            for at, frame in enumerate(stream):
                held[at] = frame
                held.pop(at - 2 * REACH - 1, None)
                while waiting and max(self.repairs.needs(waiting[0])) <= at:
                    yield self.repairs.repair(waiting.popleft(), held)
                if not waiting:
                    return


@dataclass(frozen=True)
class Footage:
    """The test videos of a run that can be shown, and why the others cannot.

    Parameters
    ----------
    videos
        By name.
    missing
        A sentence for each that is not there any more.
    """

    videos: dict[str, RunFrames]
    missing: tuple[str, ...]


def find_footage(run: ScoredRun, cache: Path | None = None) -> Footage:
    """Return the frames of a run's test videos, if they still lie where the run found them.

    Parameters
    ----------
    run
        The run.
    cache
        Where decoded frames lie; None for the usual place.
    """
    files, missing = [], []
    for video in run.videos:
        try:
            files.append(_find(run, video))
        except PixelkitError as error:
            missing.append(f"Frames of video {video.name} are not shown: {error}.")
    if not run.record.videos or not files:
        return Footage({}, _all_missing(run, missing))
    try:
        decoded = FrameStore(cache or cache_folder()).decode(files, ())
    except DataError as error:
        return Footage({}, (*missing, f"Frames are not shown: {error}."))
    plan, shown = run.repairs or RepairPlan({}), {}
    numbers = {video.name: video.numbers for video in run.videos}
    for one in decoded:
        if np.array_equal(one.numbers, numbers[one.name]):
            shown[one.name] = RunFrames(one, repairs_of(one, plan, max_gap=run.record.max_gap))
        else:
            missing.append(f"Frames of video {one.name} are not shown: it holds others than were scored.")
    return Footage(shown, tuple(missing))


def as_scorers_see(run: ScoredRun, frames: RunFrames, views: Sequence[View], cache: Path | None) -> Video:
    """Return a video as a scorer sees it, decoded in its views if the cache does not hold them."""
    (decoded,) = FrameStore(cache or cache_folder()).decode([frames.decoded.files], views)
    (video,) = apply_repairs([decoded], run.repairs, max_gap=run.record.max_gap)
    return video


def _find(run: ScoredRun, video: ScoredVideo) -> VideoFiles:
    place = run.record.videos.get(video.name)
    if place is None:
        raise DataError("the run does not say where it lies")
    return read_video(Path(place))


def _all_missing(run: ScoredRun, missing: Sequence[str]) -> tuple[str, ...]:
    """Return one sentence for all videos together."""
    if not run.record.videos:
        return () if run.missing else ("Frames are not shown: the run does not say where its videos lie.",)
    gone = (
        f"Frames are not shown: the data set is no longer in {run.record.data}. If it lies elsewhere now, give the "
        f"same 'pixelkit run' again with its new place; what is finished is not made again."
    )
    return (gone,) if len(missing) > 1 else tuple(missing)


def _read(file: Path) -> Frame:
    try:
        return decode_image(read_bytes(file), "rgb")
    except Undecodable as reason:
        raise DataError(
            f"{file} was changed while it was in use ({reason}): give the same command again"
        ) from None
