"""What a plugin can implement: the hook specifications (pluggy).

A plugin is a file whose functions are marked with ``hookimpl``::

    from pixelkit import Scorer, hookimpl

    @hookimpl
    def pixelkit_scorers():
        return [MyScorer]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from pixelkit.scorer import Scorer

PROJECT = "pixelkit"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def pixelkit_scorers() -> Iterable[type[Scorer]]:  # type: ignore[empty-body]
    """Return the scorer classes of this plugin, as a list of classes (not of instances)."""
