"""Seconds and covering radius of k-center greedy, beside the obvious loop and anomalib's, all on the same vectors.

python benchmarks/coreset.py --anomalib /path/to/an/environment/with/anomalib/bin/python

The obvious loop computes one norm of differences per pick. Its differences are fresh memory each time, which the
system hands over page by page; a second loop writes them to the same place. anomalib runs in an environment of its own,
since it asks for other versions than pixelkit does; vectors of two dimensions it first projects at random, to as many
numbers as the Johnson-Lindenstrauss lemma asks for, and those of three it takes as they are. Each run is a process of
its own, because what a process did before decides how fast it gets memory; each first chooses among 500 vectors, which
starts threads and libraries, and only the choosing after that is timed. All take turns, round after round, so that what
else the machine does hits each of them. The vectors are drawn: 200 clusters of several
widths, cut off at 0 as features are after ReLU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from machine import describe_machine
from numpy.typing import NDArray

from pixelkit.models.coreset import covering_radius, k_center_greedy
from pixelkit.models.device import pick_device

CASES = [(100_000, 32, 1000), (20_000, 1536, 200)]
# Half a vector more: anomalib rounds size = n * ratio down. It draws its start and its projection at random.
ANOMALIB = """
import json, sys, time
from importlib.metadata import version
import numpy as np, torch
from anomalib.models.components.sampling import KCenterGreedy
name, file, size, device = sys.argv[1:]
vectors = torch.from_numpy(np.load(file)).to(device)
vectors = vectors[:, :, None] if "unprojected" in name else vectors
torch.manual_seed(0)
KCenterGreedy(vectors[:500], 0.02).select_coreset_idxs()
start = time.perf_counter()
sampler = KCenterGreedy(vectors, (int(size) + 0.5) / len(vectors))
picks = sampler.select_coreset_idxs()
seconds = time.perf_counter() - start
about = f"anomalib {version('anomalib')}, torch {torch.__version__}: {sampler.features.shape[1]:,} numbers a vector"
print(json.dumps([seconds, picks, about]))
"""
Choice = tuple[float, list[int], str]


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


def same_memory_loop(vectors: torch.Tensor, size: int) -> list[int]:
    """Return the same picks without asking for memory in the loop."""
    picks, nearest = [0], torch.full((len(vectors),), torch.inf, device=vectors.device)
    difference, distance = torch.empty_like(vectors), torch.empty_like(nearest)
    while len(picks) < size:
        torch.sub(vectors, vectors[picks[-1]], out=difference)
        torch.linalg.vector_norm(difference, dim=1, out=distance)
        torch.minimum(nearest, distance, out=nearest)
        picks.append(int(nearest.argmax()))
    return picks


OURS: dict[str, Callable[[torch.Tensor, int], list[int]]] = {
    "obvious loop": obvious_loop,
    "obvious loop, same memory": same_memory_loop,
    "pixelkit, exact": lambda vectors, size: k_center_greedy(vectors, size).tolist(),
    "pixelkit, batched": lambda vectors, size: k_center_greedy(vectors, size, exact=False).tolist(),
}
THEIRS = ("anomalib", "anomalib, unprojected")


def choose(name: str, file: Path, size: int) -> Choice:
    """Return how long one of our methods takes, and what it picks; reading the picks waits for the device."""
    vectors = torch.from_numpy(np.load(file)).to(pick_device())
    OURS[name](vectors[:500], 10)
    start = time.perf_counter()
    picks = OURS[name](vectors, size)
    return time.perf_counter() - start, picks, ""


def choose_apart(name: str, file: Path, size: int, anomalib: Path | None) -> Choice:
    """Return the same of any method, run in a process of its own."""
    if name in OURS:
        command = [sys.executable, __file__, "--one", name, str(file), str(size)]
    else:
        command = [str(anomalib), "-c", ANOMALIB, name, str(file), str(size), str(pick_device())]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    seconds, picks, about = json.loads(done.stdout.splitlines()[-1])
    return seconds, picks, about


def table_rows(vectors: NDArray[np.float32], size: int, found: dict[str, list[Choice]]) -> Iterator[str]:
    """Yield a row of the table for each method."""
    seconds = {name: statistics.median(run[0] for run in runs) for name, runs in found.items()}
    exact = found["obvious loop"][0][1]
    radius = covering_radius(vectors, exact)
    for name, runs in found.items():
        share = covering_radius(vectors, runs[0][1]) / radius
        same = " (same picks)" if name != "obvious loop" and runs[0][1] == exact else ""
        times = [
            f"{seconds[rival] / seconds[name]:.1f}" if rival in seconds else "not run"
            for rival in ("obvious loop", "anomalib")
        ]
        yield (
            f"| {len(vectors):,} x {vectors.shape[1]:,} | {size:,} | {name} | {seconds[name]:.2f} | "
            f"{' | '.join(times)} | {share:.4f}{same} |"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--anomalib", type=Path, help="Python of an environment that has anomalib")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, file, size = arguments.one
        print(json.dumps(choose(name, Path(file), int(size))))
        return
    print(f"{describe_machine()}, on {pick_device()}, {torch.get_num_threads()} threads\n")
    print("| vectors | picks | method | seconds | times the obvious loop | times anomalib | radius / exact |")
    print("|---|---|---|---|---|---|---|")
    notes = [] if arguments.anomalib else ["anomalib was not run: give --anomalib a Python that has it"]
    for n, d, size in CASES:
        vectors = draw(n, d)
        names = (*OURS, *(THEIRS if arguments.anomalib else ()))
        found: dict[str, list[Choice]] = {name: [] for name in names}
        with tempfile.TemporaryDirectory() as folder:
            np.save(file := Path(folder) / "vectors.npy", vectors)
            for _ in range(arguments.rounds):
                for name, runs in found.items():
                    runs.append(choose_apart(name, file, size, arguments.anomalib))
        for row in table_rows(vectors, size, found):
            print(row, flush=True)
        notes += [f"{n:,} x {d:,}, {name}: {found[name][0][2]}" for name in THEIRS if name in found]
    print("\n" + ".\n".join(notes) + ".")


if __name__ == "__main__":
    main()
