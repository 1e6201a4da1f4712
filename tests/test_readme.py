"""The README says only what is so: its commands parse, its targets and files exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from pixelkit.cli import COMMANDS, pixelkit

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINES = re.findall(r"^\$ pixelkit (.*)$", README, re.MULTILINE)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_of_the_readme_parses(line: str) -> None:
    name, *words = shlex.split(line, comments=True)
    context = click.Context(pixelkit)
    command = pixelkit.get_command(context, name)
    assert command is not None, f"no such command: {name}"
    command.make_context(name, words, parent=context)


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|\$ )make ([a-z]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_linked_file_exists() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_its_line_in_the_list(name: str) -> None:
    command = pixelkit.get_command(click.Context(pixelkit), name)
    assert command is not None
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help or option.show_default, f"{name} {option.opts[0]} has no help"
