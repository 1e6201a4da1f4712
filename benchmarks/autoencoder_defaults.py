"""Which settings should be the default: synthetic anomalies in held-out training video, at equal compute.

python benchmarks/autoencoder_defaults.py ../shared/data/ped2 convae width=16,background=true width=32

Every candidate trains on the same twelve of Ped2's training videos for the same number of multiplications, then scores
the other four with synthetic anomalies in them. Test video and labels are not read.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from machine import describe_machine
from numpy.typing import NDArray
from pixelkit.plugins.convae import ConvAE
from pixelkit.plugins.dae import DAE
from pixelkit.plugins.ffp import FFP
from pixelkit.plugins.stae import STAE
from sklearn.metrics import roc_auc_score
from torch.utils.flop_counter import FlopCounterMode

from pixelkit.frames.video import KeptInMemory, Video, View, render
from pixelkit.models.reconstruction import ReconstructionScorer

SCORERS: dict[str, type[ReconstructionScorer]] = {"convae": ConvAE, "dae": DAE, "stae": STAE, "ffp": FFP}
FAMILIES = ("patch", "skipped", "region")
SIDE = 128
EPOCHS = 4
Frames = NDArray[np.uint8]


@dataclass
class GrayFrames(KeptInMemory):
    """Gray frames in memory, as a source of the one view that autoencoders ask for."""

    gray: Frames

    def view(self, _: View) -> Frames:
        """Return the frames."""
        return self.gray

    def stream(self) -> Iterator[Frames]:
        """Yield the frames."""
        yield from self.gray


@dataclass
class Trial:
    """A held-out video with one synthetic anomaly, and which frames hold it."""

    family: str
    frames: Frames
    anomalous: NDArray[np.bool_]


def read(folder: Path) -> Frames:
    """Return the frames of a folder as uint8 (n, 128, 128)."""
    view = View((SIDE, SIDE), "gray")
    files = [np.fromfile(file, np.uint8) for file in sorted(folder.glob("*.jpg"))]
    return np.stack(
        [render(np.asarray(cv2.imdecode(f, cv2.IMREAD_GRAYSCALE), np.uint8), view) for f in files]
    )


def soft_window(side: int) -> NDArray[np.float64]:
    """Return a square window that falls to zero at its borders, (side, side)."""
    ramp = np.clip(np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)) / 4, 0, 1)
    window: NDArray[np.float64] = np.outer(ramp, ramp)
    return window


def inject(frames: Frames, other: Frames, family: str, rng: np.random.Generator) -> Trial:
    """Return ``frames`` with one synthetic anomaly of random place, length and strength.

    ``patch``: a square cut from another video moves through. ``skipped``: everything moves at two to four times its
    speed. ``region``: a square does.
    """
    count = int(rng.integers(12, 40))
    start = int(rng.integers(20, len(frames) - count - 20))
    side = {"patch": int(rng.integers(12, 28)), "skipped": SIDE, "region": int(rng.integers(24, 60))}[family]
    pace, speed = int(rng.integers(2, 5)), rng.uniform(-3, 3, 2)
    place, cut = rng.integers(0, SIDE - side + 1, 2), rng.integers(0, SIDE - side + 1, 2)
    window = soft_window(side) if side < SIDE else np.ones((SIDE, SIDE))
    made = frames.astype(np.float64)
    for step, position in enumerate(range(start, start + count)):
        if family == "patch":
            top, left = np.clip(place + step * speed, 0, SIDE - side).astype(int)
            pasted = other[position % len(other), cut[0] : cut[0] + side, cut[1] : cut[1] + side]
        else:
            top, left = place
            pasted = frames[(start + step * pace) % len(frames), top : top + side, left : left + side]
        here = made[position, top : top + side, left : left + side]
        here += window * (pasted - here)
    anomalous = np.zeros(len(frames), bool)
    anomalous[start : start + count] = True
    return Trial(family, np.rint(made).astype(np.uint8), anomalous)


def gflop(scorer: ReconstructionScorer) -> float:
    """Return the multiplications and additions of one reconstruction, in 1e9."""
    settings = scorer.resolved()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        scorer.build_network().eval()(torch.zeros(1, settings.length, settings.size, settings.size))
    return float(counter.get_total_flops()) / 1e9


def areas(scorer: ReconstructionScorer, trials: list[Trial]) -> list[str]:
    """Return for each family the area under the ROC curve of each channel, over all its trials together."""
    cells = []
    for family in FAMILIES:
        chosen = [trial for trial in trials if trial.family == family]
        scores = [scorer.score(Video("x", range(len(t.frames)), GrayFrames(t.frames))) for t in chosen]
        truth = np.concatenate([trial.anomalous for trial in chosen])
        columns = np.concatenate(scores).T
        cells.append(" / ".join(f"{100 * roc_auc_score(truth, column):.1f}" for column in columns))
    return cells


def main() -> None:
    """Print a row for each candidate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="Ped2 in the common re-pack")
    parser.add_argument("scorer", choices=SCORERS)
    parser.add_argument("candidates", nargs="*", default=[""], help="settings, as in width=16,epochs=3")
    parser.add_argument(
        "--tflop", type=float, default=1.5, help="multiplications and additions of a training"
    )
    arguments = parser.parse_args()
    folders = sorted(path for path in (arguments.data / "training" / "frames").iterdir() if path.is_dir())
    videos = [read(folder) for folder in folders]
    learn = [Video(f"{i:02}", range(len(v)), GrayFrames(v)) for i, v in enumerate(videos) if i % 4 != 1]
    rng = np.random.default_rng(0)
    trials = [
        inject(videos[i], videos[(i + 7) % len(videos)], family, rng)
        for i in range(1, len(videos), 4)
        for family in FAMILIES
    ]
    print(describe_machine())
    print("\n| scorer | settings | GFLOP/clip | clips | held-out loss |", " | ".join(FAMILIES), "|")
    print("|---" * (5 + len(FAMILIES)) + "|")
    for text in arguments.candidates:
        settings = tomllib.loads(text.replace(",", "\n"))
        scorer = SCORERS[arguments.scorer](
            **{"score_stride": 4, "patience": EPOCHS, "epochs": EPOCHS, **settings}
        )
        cost = gflop(scorer)
        clips = 1e3 * arguments.tflop / (3 * cost)
        scorer.clips_per_epoch = int(clips / scorer.resolved().epochs)
        scorer.fit(learn)
        loss = min(epoch["held_out_loss"] or np.inf for epoch in scorer.history_)
        row = [arguments.scorer, text, f"{cost:.2f}", f"{clips:.0f}", f"{loss:.5f}", *areas(scorer, trials)]
        print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    main()
