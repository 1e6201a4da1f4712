"""AP and AUC on Ped2, clean and corrupted, with repair on and off: each channel and the fused CSV, equal weights.

python benchmarks/ped2.py ../shared/data/ped2

The labels are read here, after every score is written, and nowhere else. The scorers are fitted once: corruption is
in the test videos only. On Ped2 82 % of the test frames are anomalous, so that is the AP of a coin.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from machine import describe_machine

SWITCHED_OFF = ["--set", "repair.flips=false", "--set", "repair.noise=off"]
FIGURES = (("micro", "ap"), ("micro", "auc"), ("macro", "auc"))


def pixelkit(*words: object) -> str:
    """Run the command line and return what it printed on stdout."""
    command = [sys.executable, "-m", "pixelkit", *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def evaluate(csv: Path, labels: Path) -> dict[str, list[float]]:
    """Return micro AP, micro AUC and macro AUC of each channel of a CSV, in per cent."""
    found = json.loads(pixelkit("evaluate", csv, "--labels", labels, "--json"))
    return {
        name: [100 * channel[over][figure] for over, figure in FIGURES] for name, channel in found.items()
    }


def figures_of_run(options: list[object], labels: Path, folder: Path) -> dict[str, list[float]]:
    """Run the main job and return the figures of every channel and of the fused CSV."""
    csv = Path(
        pixelkit(
            "run", "--out", folder, "--scorers", "convae,dae,stae,ffp", "--objective", "none", *options
        ).splitlines()[-1]
    )
    tables = json.loads((folder / "run.json").read_text(encoding="utf-8"))["scores"].values()
    figures = {name: row for table in tables for name, row in evaluate(folder / table, labels).items()}
    return figures | {"**fused**": evaluate(csv, labels)["Predicted"]}


def main() -> None:
    """Print one table: channels down, variants across."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="Ped2 in the common re-pack")
    parser.add_argument(
        "--room", type=Path, default=Path("ped2-room"), help="where runs lie; a second call goes on"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the corruption")
    arguments = parser.parse_args()
    data, room, labels = arguments.data, arguments.room, arguments.data / "ped2.mat"
    corrupted = room / f"corrupted-{arguments.seed}"
    if not corrupted.exists():
        pixelkit("corrupt", data, corrupted, "--seed", arguments.seed)
    columns: dict[str, dict[str, list[float]]] = {}
    seconds = []
    for title, test, options in (
        ("clean", data / "testing", []),
        ("clean, repair off", data / "testing", SWITCHED_OFF),
        ("corrupted", corrupted / "testing", []),
        ("corrupted, repair off", corrupted / "testing", SWITCHED_OFF),
    ):
        start = time.perf_counter()
        columns[title] = figures_of_run(
            ["--train", data / "training", "--test", test, *options], labels, room / "run"
        )
        seconds.append(f"{title} {time.perf_counter() - start:.0f} s")
    print(describe_machine())
    print("\nEach cell: micro AP / micro AUC / macro AUC.\n")
    print("| channel | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    for channel in columns["clean"]:
        cells = [" / ".join(f"{figure:.1f}" for figure in column[channel]) for column in columns.values()]
        print(f"| {channel} | " + " | ".join(cells) + " |")
    print(f"\nSeconds, the first with all fitting: {', '.join(seconds)}")


if __name__ == "__main__":
    main()
