"""Tables as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

BETWEEN = "  "


def aligned(rows: Sequence[Sequence[str]], *, figures: bool = True) -> str:
    """Return rows as text in columns: the first to the left, the others to the right if they are figures."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    padded = [
        [
            pad(cell, width, to_the_right=figures and place > 0)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    return "\n".join(BETWEEN.join(row).rstrip() for row in padded)


def pad(text: str, width: int, *, to_the_right: bool) -> str:
    """Return text with blanks up to a width in terminal cells, of which Chinese and emoji take two."""
    blank = " " * (width - cell_len(text))
    return blank + text if to_the_right else text + blank
