"""Which git commit a submission was made at."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# A repository on a slow disk must not hold up a run for what is only nice to know.
PATIENCE = 3.0


def commit_of(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit of the repository that ``folder`` lies in, and whether tracked files differ from it.

    Either is None where git does not say: no git, no repository, no commit yet, or no answer within seconds.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None, None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def _git(folder: Path, *words: str) -> str | None:
    """Return what git prints, or None if it fails or takes too long; it takes no locks of the repository."""
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
