"""Progress bars on stderr, with rate and time left."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


class _Bar(tqdm):  # type: ignore[misc]
    """A bar without tqdm's watching thread: after Ctrl-C inside the bar's lock, that would be waited for, for ever."""

    monitor_interval = 0


def bar(total: int | None, what: str, unit: str) -> tqdm[Any]:
    """Return a bar: ``with bar(2010, "decode", "frame") as done: done.update(32)``.

    A terminal sees it move; a log file or notebook gets a line every ten seconds, so that it stays readable. Bytes
    are shown as kB, MB, GB; a total that nobody knows is None. Of nothing there is no bar.
    """
    live = sys.stderr.isatty()
    return _Bar(
        total=total,
        desc=what,
        unit="B" if unit == "byte" else f" {unit}s",
        unit_scale=unit == "byte",
        file=sys.stderr,
        dynamic_ncols=live,
        mininterval=0.1 if live else 10.0,
        miniters=1,
        leave=True,
        disable=total == 0,
    )
