"""pixelkit: from a folder of surveillance videos to a checked leaderboard CSV.

Everything that a scorer plugin needs::

    from pixelkit import Scorer, View, Video, hookimpl
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixelkit.errors import PixelkitError
    from pixelkit.frames.video import Video, View
    from pixelkit.hooks import hookimpl
    from pixelkit.scorer import Scorer

__version__ = "0.1.0"
__all__ = ["PixelkitError", "Scorer", "Video", "View", "__version__", "hookimpl"]

_HOME = {
    "PixelkitError": "pixelkit.errors",
    "Scorer": "pixelkit.scorer",
    "Video": "pixelkit.frames.video",
    "View": "pixelkit.frames.video",
    "hookimpl": "pixelkit.hooks",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``pixelkit --help`` stays instant (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'pixelkit' has no attribute {name!r}")
