"""Scorer plugins: every file here, and in the folders of ``PIXELKIT_PLUGINS``, is one.

The folders are joined to this package's path, so that a class from any of them can be imported by name, also in
a freshly spawned process (which pickling needs).
"""

import os
from pathlib import Path

__path__.extend(
    str(Path(folder).expanduser().resolve())
    for folder in os.environ.get("PIXELKIT_PLUGINS", "").split(os.pathsep)
    if folder
)
