"""Imports point one way, and nothing imports a plugin by name: that is what keeps the parts exchangeable."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = (
    ("pixelkit.errors",),
    ("pixelkit.files", "pixelkit.progress", "pixelkit.threads", "pixelkit.download"),
    ("pixelkit.frames",),
    ("pixelkit.scorer", "pixelkit.hooks", "pixelkit.weights"),
    ("pixelkit.contract", "pixelkit.source", "pixelkit.models", "pixelkit.scores"),
    ("pixelkit.tuning",),
    ("pixelkit.registry", "pixelkit.config", "pixelkit.artifacts", "pixelkit.leaderboard"),
    ("pixelkit.jobs", "pixelkit.recipes", "pixelkit.synthetic"),
    ("pixelkit.report", "pixelkit.shipping", "pixelkit.leaderboard_tuning", "pixelkit.leaderboard_uploads"),
    ("pixelkit.checks", "pixelkit.testing", "pixelkit.pipeline", "pixelkit.blend", "pixelkit.pack"),
    ("pixelkit.cli", "pixelkit.__main__"),
)
FACE = {"pixelkit"}  # the public names, each imported from its home when it is used
FOR_PLUGINS = (
    "pixelkit.errors",
    "pixelkit.files",
    "pixelkit.frames",
    "pixelkit.models",
    "pixelkit.scorer",
    "pixelkit.weights",
)
FILES = sorted((ROOT / "pixelkit").rglob("*.py"))


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(file: Path) -> Iterator[str]:
    """Yield what of pixelkit a file imports, wherever in it; not what only a type checker sees."""
    for node in ast.walk(_without_type_checking(ast.parse(file.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("pixelkit"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pixelkit"):
            whole = node.module or ""
            children = (f"{whole}.{alias.name}" for alias in node.names)
            yield from (child if _is_module(child) else whole for child in children)


def _without_type_checking(tree: ast.Module) -> ast.Module:
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    return tree


def _is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def layer(module: str) -> int:
    for height, members in enumerate(LAYERS):
        if any(module == member or module.startswith(f"{member}.") for member in members):
            return height
    raise AssertionError(f"{module} has no layer: give it one in tests/test_imports.py")


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_a_module_imports_from_its_own_layer_or_below(file: Path) -> None:
    module = module_name(file)
    if module in FACE:
        return
    for other in imported(file):
        assert other not in FACE or module.startswith("pixelkit.cli"), f"{module} imports the public face"
        if other not in FACE:
            assert layer(other) <= layer(module), f"{module} imports {other}, which is above it"


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_nothing_imports_a_plugin_by_name(file: Path) -> None:
    assert not [name for name in imported(file) if name.startswith("pixelkit.plugins")]


@pytest.mark.parametrize("file", sorted((ROOT / "plugins").glob("*.py")), ids=lambda file: file.name)
def test_plugins_import_only_what_is_there_for_them(file: Path) -> None:
    for name in imported(file):
        assert name == "pixelkit" or name.startswith(FOR_PLUGINS), f"{file.name} imports {name}"


def test_labels_are_out_of_reach_of_everything_that_does_not_ask_for_them_by_name() -> None:
    readers = {module_name(file) for file in FILES if "pixelkit.frames.labels" in set(imported(file))}
    assert readers == {"pixelkit.cli.evaluate", "pixelkit.cli.report", "pixelkit.cli.tune"}
