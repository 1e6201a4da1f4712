"""What machine a benchmark ran on, in one line; figures without it say nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe_machine() -> str:
    """Return processor, cores, memory and the versions that matter."""
    information = Path("/proc/cpuinfo")
    text = information.read_text(encoding="utf-8") if information.is_file() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    flags = {flag for line in text.splitlines() if line.startswith("flags") for flag in line.split()}
    vectors = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "opencv-python", "numpy"))
    return (
        f"{names[0] if names else platform.processor()} ({', '.join(vectors)}), {os.cpu_count()} cores, "
        f"{memory:.0f} GiB, Python {platform.python_version()}, {libraries}"
    )
