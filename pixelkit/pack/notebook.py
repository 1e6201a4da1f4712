"""The notebook of a pack: ``cells.py``, which is plain Python that tools check, as a Jupyter notebook."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from pixelkit.files import write_text

NOTEBOOK = "pixelkit.ipynb"
_BEGIN = re.compile(r"^# %%(.*)\n", re.MULTILINE)
_FOR_TOOLS = re.compile(r"  # noqa: \w+$", re.MULTILINE)


def write_notebook(folder: Path) -> Path:
    """Write the notebook into ``folder``; return its path."""
    path = folder / NOTEBOOK
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": cells(),
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    write_text(path, json.dumps(notebook, indent=1) + "\n")
    return path


def cells() -> list[dict[str, Any]]:
    """Return the cells in the form of nbformat 4."""
    _, *parts = _BEGIN.split(files("pixelkit.pack").joinpath("cells.py").read_text(encoding="utf-8"))
    kinds = zip(parts[::2], parts[1::2], strict=True)
    return [_cell(f"cell-{number}", kind.strip(), text) for number, (kind, text) in enumerate(kinds)]


def _cell(identity: str, kind: str, text: str) -> dict[str, Any]:
    if kind == "[markdown]":
        plain = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
        return {"cell_type": "markdown", "id": identity, "metadata": {}, "source": _lines(plain)}
    code = {"execution_count": None, "outputs": [], "source": _lines(_FOR_TOOLS.sub("", text))}
    return {"cell_type": "code", "id": identity, "metadata": {}, **code}


def _lines(text: str) -> list[str]:
    return text.strip("\n").splitlines(keepends=True)
