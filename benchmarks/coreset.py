"""Seconds and covering radius of k-center greedy, beside the obvious loop and anomalib's, all on the same vectors.

python benchmarks/coreset.py --anomalib /path/to/an/environment/with/anomalib/bin/python

The obvious loop computes one norm of differences per pick on the same device. anomalib runs in an environment of its
own, as a process of its own, since it asks for other versions than pixelkit does; only its choosing is timed. All take
turns, round after round, so that what else the machine does hits each of them. The vectors are drawn: 200 clusters of
several widths, cut off at 0 as features are after ReLU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from machine import describe_machine
from numpy.typing import NDArray

from pixelkit.models.coreset import covering_radius, k_center_greedy
from pixelkit.models.device import pick_device

CASES = [(100_000, 32, 1000), (20_000, 1536, 200)]
# Half a vector more: anomalib rounds size = n * ratio down. It draws its start and its projection at random; vectors
# of three dimensions it takes as they are.
ANOMALIB = """
import json, sys, time
from importlib.metadata import version
import numpy as np, torch
from anomalib.models.components.sampling import KCenterGreedy
vectors = torch.from_numpy(np.load(sys.argv[1])).to(sys.argv[3])
vectors = vectors if sys.argv[5] == "projected" else vectors[:, :, None]
torch.manual_seed(int(sys.argv[4]))
start = time.perf_counter()
sampler = KCenterGreedy(vectors, (int(sys.argv[2]) + 0.5) / len(vectors))
picks = sampler.select_coreset_idxs()
seconds = time.perf_counter() - start
print(json.dumps([seconds, picks, sampler.features.shape[1], version("anomalib"), torch.__version__]))
"""
RIVALS = ("obvious loop", "anomalib, projected", "anomalib, unprojected")
Choice = tuple[float, list[int]]


def draw(n: int, d: int) -> NDArray[np.float32]:
    """Return drawn features: float32 (n, d)."""
    random = np.random.default_rng(0)
    centres = random.normal(0, 2, (200, d))[random.integers(200, size=n)]
    return np.maximum(centres + random.normal(size=(n, d)) * random.random((n, 1)), 0).astype(np.float32)


def obvious_loop(vectors: torch.Tensor, size: int) -> list[int]:
    """Return the picks of k-center greedy as one would write it down."""
    picks, nearest = [0], torch.full((len(vectors),), torch.inf, device=vectors.device)
    while len(picks) < size:
        nearest = torch.minimum(nearest, torch.linalg.norm(vectors - vectors[picks[-1]], dim=1))
        picks.append(int(nearest.argmax()))
    return picks


def timed(choose: Callable[[], list[int]]) -> Choice:
    """Return how long choosing took, and what was chosen; reading the picks waits for the device."""
    start = time.perf_counter()
    picks = choose()
    return time.perf_counter() - start, picks


class Anomalib:
    """anomalib's k-center greedy, by the interpreter of its environment."""

    def __init__(self, python: Path, device: torch.device) -> None:
        self.python = python
        self.device = device
        self.notes: dict[str, None] = {}

    def choose(self, file: Path, size: int, seed: int, how: str) -> Choice:
        """Return how long it took, and what was chosen; ``how`` is ``projected`` or ``unprojected``."""
        command = [str(self.python), "-c", ANOMALIB, str(file), str(size), str(self.device), str(seed), how]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"anomalib failed:\n{done.stderr[-2000:]}")
        seconds, picks, width, version, torch_version = json.loads(done.stdout.splitlines()[-1])
        self.notes[f"anomalib {version} (torch {torch_version}), {how}: {width:,} numbers a vector."] = None
        return seconds, picks


def race(
    vectors: NDArray[np.float32], size: int, rounds: int, anomalib: Anomalib | None
) -> dict[str, list[Choice]]:
    """Let each method choose once a round, and return what each took and gave."""
    device = pick_device()
    here = torch.from_numpy(vectors).to(device)
    methods: dict[str, Callable[[], list[int]]] = {
        "obvious loop": lambda: obvious_loop(here, size),
        "pixelkit, exact": lambda: k_center_greedy(here, size, device=device).tolist(),
        "pixelkit, batched": lambda: k_center_greedy(here, size, exact=False, device=device).tolist(),
    }
    found: dict[str, list[Choice]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        np.save(file := Path(folder) / "vectors.npy", vectors)
        for number in range(rounds):
            for name, choose in methods.items():
                found[name].append(timed(choose))
            if anomalib:
                for how in ("projected", "unprojected"):
                    found[f"anomalib, {how}"].append(anomalib.choose(file, size, number, how))
    return found


def table_rows(vectors: NDArray[np.float32], size: int, found: dict[str, list[Choice]]) -> Iterator[str]:
    """Yield a row of the table for each method."""
    seconds = {name: statistics.median(each for each, _ in runs) for name, runs in found.items()}
    exact = covering_radius(vectors, found["obvious loop"][0][1])
    for name, runs in found.items():
        radius = statistics.median(covering_radius(vectors, picks) for _, picks in runs) / exact
        same = " (same picks)" if name != "obvious loop" and runs[0][1] == found["obvious loop"][0][1] else ""
        times = [
            f"{seconds[rival] / seconds[name]:.1f}" if rival in seconds else "not run" for rival in RIVALS
        ]
        yield (
            f"| {len(vectors):,} x {vectors.shape[1]:,} | {size:,} | {name} | {seconds[name]:.2f} | "
            f"{' | '.join(times)} | {radius:.4f}{same} |"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--anomalib", type=Path, help="Python of an environment in which anomalib is installed"
    )
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    device = pick_device()
    anomalib = Anomalib(arguments.anomalib, device) if arguments.anomalib else None
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    )
    print(f"{describe_machine()}, on {device} ({name})\n")
    times = " | ".join(f"times {rival}" for rival in RIVALS)
    print(f"| vectors | picks | method | seconds | {times} | radius / exact greedy |")
    print("|---|---|---|---|---|---|---|---|")
    for n, d, size in CASES:
        vectors = draw(n, d)
        for row in table_rows(vectors, size, race(vectors, size, arguments.rounds, anomalib)):
            print(row, flush=True)
    missing = "anomalib was not run: give --anomalib the Python of an environment that has it."
    print("\n" + "\n".join(anomalib.notes if anomalib else [missing]))


if __name__ == "__main__":
    main()
