"""Tables and sparklines as plain text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BETWEEN = "  "
BARS = "▁▂▃▄▅▆▇█"


def aligned(rows: Sequence[Sequence[str]], *, figures: bool = True, left: Collection[int] = (0,)) -> str:
    """Return rows as text in columns; all but those in ``left`` stand to the right, if they are figures.

    Names come from files: what would steer the terminal becomes a blank.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    padded = [
        [
            pad(cell, width, to_the_right=figures and place not in left)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    return "\n".join(BETWEEN.join(row).rstrip() for row in padded)


def printable(text: str) -> str:
    """Return text with a blank for each letter that cannot be printed, those that steer a terminal among them."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def pad(text: str, width: int, *, to_the_right: bool) -> str:
    """Return text with blanks up to a width in terminal cells, of which Chinese and emoji take two."""
    blank = " " * (width - cell_len(text))
    return blank + text if to_the_right else text + blank


def sparkline(values: NDArray[np.float64], width: int) -> str:
    """Return numbers from 0 to 1 as at most ``width`` bars; a bar stands for the highest of its part of them."""
    count = min(width, len(values))
    edges = [part * len(values) // count for part in range(count + 1)] if count else []
    highest = (float(values[a:b].max()) for a, b in pairwise(edges))
    return "".join(BARS[min(len(BARS) - 1, int(len(BARS) * max(0.0, value)))] for value in highest)
