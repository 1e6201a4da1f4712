"""Peak memory on Ped2 and on Ped2 linked ten times over: it should not grow with the length of the data set.

python benchmarks/memory.py ../shared/data/ped2
python benchmarks/memory.py ../shared/data/ped2 --scorers motion --times 4
python benchmarks/memory.py ../shared/data/ped2 --scorers videopatchcore --videos 2 6 --objective none \
    --set videopatchcore.preset=paper --set 'videopatchcore.weights="random"' --set videopatchcore.detector=foreground

Both runs decode, repair, fit and score with every autoencoder, or with the scorers that are named. Training and scoring
are cut short (fewer clips, of all videos), since how long they go on does not change what is resident at once. Where
one run over Ped2 takes an hour, the first few videos of each split stand in for it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe_machine

SHORT = [
    *(
        f"{name}.{key}"
        for name in ("convae", "dae", "stae")
        for key in ("epochs=1", "clips_per_epoch=640", "score_stride=8")
    ),
    "motion.steps=20",
]


def link(source: Path, target: Path, times: int, first: int | None) -> None:
    """Make ``target`` a data set that holds the first videos of ``source``, or all, ``times`` over, by links."""
    for split in ("training", "testing"):
        folder = target / split / "frames"
        folder.mkdir(parents=True)
        videos = sorted((source / split / "frames").iterdir())[:first]
        for number, video in enumerate(videos * times, start=1):
            (folder / f"{number:03d}").symlink_to(video.resolve(), target_is_directory=True)


def peak_of_run(data: Path, room: Path, options: list[str]) -> tuple[float, float]:
    """Run the main job in a process of its own; return its peak resident memory in MiB and its seconds."""
    command = [sys.executable, "-m", "pixelkit", "run", str(data), *options]
    command += ["--out", str(room / "run"), "--cache", str(room / "cache")]
    for setting in SHORT:
        command += ["--set", setting]
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"the run failed with exit code {child.returncode}")
    return usage.ru_maxrss / 1024, time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="Ped2 in the common re-pack")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--scorers", default="convae,dae,stae", help="as 'pixelkit run' takes them")
    parser.add_argument(
        "--videos", type=int, nargs=2, metavar="FIRST", help="so many videos of each split, not --times"
    )
    parser.add_argument("--objective", help="as 'pixelkit run' takes it")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="as 'pixelkit run' takes it"
    )
    arguments = parser.parse_args()
    options = ["--scorers", arguments.scorers]
    options += ["--objective", arguments.objective] if arguments.objective else []
    options += [part for setting in arguments.set for part in ("--set", setting)]
    print(describe_machine())
    print("\n| data | peak resident MiB | seconds |\n|---|---|---|")
    peaks = []
    for part in arguments.videos or (1, arguments.times):
        times, first = (1, part) if arguments.videos else (part, None)
        with tempfile.TemporaryDirectory() as name:
            room = Path(name)
            link(arguments.data, room / "data", times, first)
            peak, seconds = peak_of_run(room / "data", room, options)
        peaks.append(peak)
        what = f"first {part} videos" if arguments.videos else f"× {part}"
        print(f"| Ped2 {what} | {peak:.0f} | {seconds:.0f} |", flush=True)
    print(f"\nratio {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
