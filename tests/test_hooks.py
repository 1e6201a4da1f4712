"""Every hook has a word on what it is for, a place in the README, and a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pixelkit import hooks
from pixelkit.registry import discover, hook_names
from pixelkit.testing import run_checks

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_scorers_hook_is_known() -> None:
    assert "pixelkit_scorers" in hook_names()


@pytest.mark.parametrize("name", hook_names())
def test_hook_has_a_docstring(name: str) -> None:
    assert getattr(hooks, name).__doc__


@pytest.mark.parametrize("name", hook_names())
def test_hook_is_documented_in_the_readme(name: str) -> None:
    assert f"def {name}(" in README


@pytest.mark.parametrize("name", hook_names())
def test_hook_has_a_test(name: str) -> None:
    assert f"test_{name}" in globals(), f"write test_{name} in this file"


def test_pixelkit_scorers(plugin_folder: Path) -> None:
    (plugin_folder / "pair.py").write_text(
        "from pixelkit import Scorer, hookimpl\n"
        "class One(Scorer):\n    name = 'one'\n    fit = score = lambda self, video: None\n"
        "class Two(One):\n    name = 'two'\n"
        "@hookimpl\ndef pixelkit_scorers():\n    return [One, Two]\n"
    )
    assert {"one", "two"} <= set(discover([plugin_folder]).scorers)


def test_plugin_of_the_readme_keeps_the_contract(plugin_folder: Path) -> None:
    [plugin] = [block for block in re.findall(r"```python\n(.*?)```", README, re.S) if "@hookimpl" in block]
    (plugin_folder / "offset.py").write_text(plugin, encoding="utf-8")
    results = run_checks(discover([plugin_folder]).get("offset").cls)
    assert [result.message for result in results if not result.ok] == []
