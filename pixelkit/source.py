"""Which source files decide a result, and their hash: what a changed plugin made is made again, the rest is not."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PLUGINS = "pixelkit.plugins"


def source_hash(cls: type) -> str:
    """Return the SHA-256, in hexadecimal, of the contents of :func:`source_files`, wherever they lie."""
    return files_hash(source_files(cls))


def files_hash(files: Iterable[Path]) -> str:
    """Return the SHA-256, in hexadecimal, of the contents of ``files``, whatever they are called."""
    contents = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()


def source_files(cls: type) -> set[Path]:
    """Return the Python files that decide what ``cls`` does.

    These are the files of its base classes outside the standard library, the rest of its package (or, for a plugin
    of one file, the files beside it that it imports), and all of ``pixelkit/models`` when any of them imports that.
    """
    modules = {base.__module__ for base in cls.__mro__}
    files = {file for module in modules if (file := source_file(module)) is not None}
    files |= _package(cls.__module__)
    files |= _imported_beside(cls.__module__)
    if any({"pixelkit", "models"} <= set(_imported_words(file)) for file in files):
        files |= _python_files(Path(__file__).parent / "models")
    return files


def source_file(module: str) -> Path | None:
    """Return the Python file of a loaded module, or None for the standard library and what is not Python."""
    file = getattr(sys.modules.get(module), "__file__", None)
    in_python = module.partition(".")[0] in sys.stdlib_module_names
    return None if in_python or file is None or not file.endswith(".py") else Path(file)


def _package(module: str) -> set[Path]:
    """Return all files of the package that ``module`` is in; those in ``plugins/`` are packages of their own."""
    depth = 3 if module.startswith(f"{PLUGINS}.") else 1
    top = source_file(".".join(module.split(".")[:depth]))
    return set() if top is None or top.name != "__init__.py" else _python_files(top.parent)


def _imported_beside(module: str) -> set[Path]:
    """Return the files beside a one-file plugin that it imports, and those that they import."""
    first = source_file(module) if module.startswith(f"{PLUGINS}.") else None
    found: set[Path] = set()
    waiting = [] if first is None else [first]
    while waiting:
        file = waiting.pop()
        for word in set(_imported_words(file)):
            beside = {file.with_name(f"{word}.py")} if word != "__init__" else set()
            new = {path for path in beside | _python_files(file.with_name(word)) if path.is_file()} - found
            found |= new
            waiting += new
    return found


def _imported_words(file: Path) -> Iterator[str]:
    """Yield every part of every name that ``file`` imports, also those imported inside functions."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # a template, say, that lies in the package and is never imported
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            if isinstance(node, ast.ImportFrom):
                yield from (node.module or "").split(".")
            for alias in node.names:
                yield from alias.name.split(".")


def _python_files(folder: Path) -> set[Path]:
    return set(folder.rglob("*.py"))
