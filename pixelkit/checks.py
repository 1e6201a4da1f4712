"""What every scorer must keep to, as plain functions: each raises a ScorerError that says what is wrong."""

from __future__ import annotations

import multiprocessing
import pickle
import pickletools
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import ScorerError
from pixelkit.frames.drawn import anomalous_frames
from pixelkit.frames.video import Video, View
from pixelkit.jobs import check_scores
from pixelkit.scorer import Scorer

if TYPE_CHECKING:
    from pixelkit.testing import Candidate

Scores = NDArray[np.float32]


def require(condition: object, message: str) -> None:
    """Raise a ScorerError with ``message`` unless ``condition`` holds."""
    if not condition:
        raise ScorerError(message)


def require_equal(first: Scores, second: Scores, what: str, remedy: str) -> None:
    """Raise a ScorerError unless both arrays hold the same numbers, bit by bit."""
    if not np.array_equal(first, second):
        raise ScorerError(f"{what}, scores differ by up to {np.abs(first - second).max():.3g}: {remedy}")


def check_settings(candidate: Candidate) -> None:
    """Settings are stored as they are, under their own names, and the defaults work."""
    for given in ({}, candidate.settings):
        scorer = candidate.cls(**given)
        for key, value in {**candidate.cls.default_settings(), **given}.items():
            stored = getattr(scorer, key, "nothing")
            require(
                stored is value, f"__init__ stores {stored!r} for {key}={value!r}: write self.{key} = {key}"
            )


def check_views(candidate: Candidate) -> None:
    """``views()`` returns a tuple of views."""
    for scorer in (candidate.cls(), candidate.make()):
        views = scorer.views()
        right = isinstance(views, tuple) and all(isinstance(view, View) for view in views)
        require(right, f"views() returned {views!r}: expected a tuple, as in (View((128, 128), 'gray'),)")


def check_length(candidate: Candidate) -> None:
    """Every frame gets one row of finite float32 scores."""
    candidate.score(candidate.fitted, candidate.test)
    dtype = np.asarray(candidate.fitted.score(candidate.test)).dtype
    require(
        dtype == np.float32, f"score() returned {dtype}: expected float32, as from array.astype(np.float32)"
    )


def check_one_frame(candidate: Candidate) -> None:
    """A video of one frame is scored."""
    candidate.score(candidate.fitted, candidate.video(1, numbers=[939]))


def check_short_video(candidate: Candidate) -> None:
    """A video shorter than a clip is scored."""
    candidate.score(candidate.fitted, candidate.video(3))


def check_gaps(candidate: Candidate) -> None:
    """Late starts, single missing frames, long gaps, and a stretch of two frames at the end are scored."""
    numbers = [*range(939, 950), *range(951, 970), *range(1100, 1128), 2000, 2001]
    candidate.score(candidate.fitted, candidate.video(len(numbers), numbers=numbers))


def check_single_training_video(candidate: Candidate) -> None:
    """Fitting on a single video works, and what was fitted scores."""
    _, scorer = candidate.fitted_on_one
    candidate.score(scorer, candidate.test)


def check_deterministic(candidate: Candidate) -> None:
    """The same seed gives the same scores."""
    again = candidate.score(candidate.fit(candidate.training()), candidate.test)
    remedy = "draw every random number from self.seed, and iterate over no set"
    require_equal(candidate.scores, again, "fitted twice from the same seed", remedy)


def check_order(candidate: Candidate) -> None:
    """A video's scores do not depend on which videos were scored before."""
    before = candidate.scores
    candidate.score(candidate.fitted, candidate.video(30, seed=5))
    after = candidate.score(candidate.fitted, candidate.test)
    require_equal(
        before, after, "scored again after another video", "score() must not change self or draw numbers"
    )


def check_input_untouched(candidate: Candidate) -> None:
    """Neither ``fit`` nor ``score`` changes the frames or their numbers."""
    video, scorer = candidate.fitted_on_one
    scorer.score(video)
    fresh = candidate.video(len(video), seed=int(video.name))
    same = np.array_equal(video.numbers, fresh.numbers)
    for view in candidate.make().views():
        same = same and np.array_equal(video.frames(view), fresh.frames(view))
    require(same, "fit() or score() changed the frames: other scorers share them, work on a copy")


def check_anomaly_is_higher(candidate: Candidate) -> None:
    """Frames with a large, bright, fast foreign thing score higher than the others.

    One channel must rank them above normal frames in 3 of 4 pairs. The others may miss them (1 of 2, an AUC of .5)
    but not rank them below: an AUC under .4 says that lower is more anomalous there.
    """
    odd = anomalous_frames(len(candidate.test))
    areas = {}
    for channel, scores in zip(candidate.fitted.channels, candidate.scores.T, strict=True):
        difference = scores[odd][:, None] - scores[~odd]
        areas[channel] = float((difference > 0).mean() + (difference == 0).mean() / 2)
    told = ", ".join(f"{channel} {area:.2f}" for channel, area in areas.items())
    require(min(areas.values()) >= 0.4, f"a planted anomaly scores lower (AUC: {told}): turn the sign round")
    require(
        max(areas.values()) >= 0.75,
        f"a planted anomaly is not found (AUC: {told}): expected .75 in one channel",
    )


def check_save_and_load(candidate: Candidate) -> None:
    """A new scorer that loads what was saved gives the same scores."""
    with tempfile.TemporaryDirectory() as folder:
        candidate.fitted.save(Path(folder))
        loaded = candidate.make()
        loaded.load(Path(folder))
        scores = candidate.score(loaded, candidate.test)
    require_equal(candidate.scores, scores, "saved and loaded", "save everything that score() reads")


def check_nothing_pickled(candidate: Candidate) -> None:
    """What ``save`` writes holds no pickle: loading a file must run no code."""
    with tempfile.TemporaryDirectory() as folder:
        candidate.fitted.save(Path(folder))
        for file in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            found = _holds_pickle(file.read_bytes())
            require(not found, f"save() wrote {file.name} with pickle: use safetensors and JSON")


def _holds_pickle(data: bytes) -> bool:
    """Tell whether a file, or one inside it (torch.save and npz write zip files), can be unpickled."""
    if zipfile.is_zipfile(BytesIO(data)):
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return any(_holds_pickle(archive.read(name)) for name in archive.namelist())
    if data.startswith(b"\x93NUMPY"):
        try:
            np.load(BytesIO(data), allow_pickle=False)
        except ValueError:
            return True
        return False
    try:
        return any(code.name == "STOP" for code, _, _ in pickletools.genops(data))
    except Exception:  # genops raises all sorts of things on what is no pickle
        return False


def check_spawned_process(candidate: Candidate) -> None:
    """Pickled, or saved and loaded, into a spawned process, it gives the same scores."""
    with tempfile.TemporaryDirectory() as folder:
        candidate.fitted.save(Path(folder))
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            job = pool.submit(
                _score_there, pickle.dumps(candidate.fitted), candidate.make(), Path(folder), candidate.test
            )
            pickled, loaded = job.result()
    require_equal(
        candidate.scores, pickled, "pickled into a spawned process", "keep what score() reads in self"
    )
    require_equal(
        candidate.scores, loaded, "loaded in a spawned process", "save everything that score() reads"
    )


def _score_there(pickled: bytes, empty: Scorer, folder: Path, video: Video) -> tuple[Scores, Scores]:
    scorer: Scorer = pickle.loads(pickled)
    empty.load(folder)
    return check_scores(scorer, video, scorer.score(video)), check_scores(empty, video, empty.score(video))


def check_heatmap(candidate: Candidate) -> None:
    """``heatmap`` returns None, or where on the frame the score comes from: finite float32 (H, W)."""
    heat = candidate.fitted.heatmap(candidate.test, len(candidate.test) // 2)
    right = heat is None or (heat.dtype == np.float32 and heat.ndim == 2 and np.isfinite(heat).all())
    require(
        right,
        f"heatmap() returned {getattr(heat, 'dtype', type(heat))}: expected finite float32 (H, W) or None",
    )


CHECKS: tuple[Callable[[Candidate], None], ...] = (
    check_settings,
    check_views,
    check_length,
    check_one_frame,
    check_short_video,
    check_gaps,
    check_single_training_video,
    check_deterministic,
    check_order,
    check_input_untouched,
    check_anomaly_is_higher,
    check_save_and_load,
    check_nothing_pickled,
    check_spawned_process,
    check_heatmap,
)
