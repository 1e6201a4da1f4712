"""How long a user waits for words: the median of ten starts of each command.

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from machine import describe_machine

COMMANDS = (["--help"], ["run", "--help"], ["plugins"], ["plugins", "--json"])
IDLE = [sys.executable, "-c", "pass"]


def median_seconds(command: list[str], times: int = 10) -> float:
    """Return the median wall-clock seconds of ``command`` after one start that is not counted."""
    taken = []
    for _ in range(times + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def main() -> None:
    """Print the table."""
    print(describe_machine())
    print("\n| command | seconds |\n|---|---|")
    print(f"| python -c pass | {median_seconds(IDLE):.3f} |")
    for words in COMMANDS:
        seconds = median_seconds([sys.executable, "-m", "pixelkit", *words])
        print(f"| pixelkit {' '.join(words)} | {seconds:.3f} |")


if __name__ == "__main__":
    main()
