"""Forgets the plugins that a test loaded: plugin folders belong to the process, and the next test shares it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def forgotten_after(folder: Path) -> Iterator[None]:
    """Forget, at the end, the plugin folders that were named meanwhile, and what was loaded from below ``folder``."""
    import pixelkit.plugins

    path, named, before = (
        list(pixelkit.plugins.__path__),
        os.environ.get("PIXELKIT_PLUGINS"),
        set(sys.modules),
    )
    try:
        yield
    finally:
        pixelkit.plugins.__path__[:] = path
        os.environ.pop("PIXELKIT_PLUGINS", None)
        if named is not None:
            os.environ["PIXELKIT_PLUGINS"] = named
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(str(folder)):
                del sys.modules[name]
                vars(pixelkit.plugins).pop(name.rpartition(".")[2], None)
