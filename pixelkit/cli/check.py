"""``pixelkit check``: hold a scorer against the contract."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pixelkit.cli.job import FOLDER

if TYPE_CHECKING:
    from pixelkit.testing import Candidate, Check, CheckResult


@click.command()
@click.argument("name")
@click.option(
    "--plugins", "folders", type=FOLDER, multiple=True, help="A folder with scorer plugins of your own."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As in --set epochs=2.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(name: str, folders: tuple[Path, ...], overrides: tuple[str, ...], as_json: bool) -> None:
    """Run the conformance checks on the scorer NAME, on small drawn videos.

    They are run with its check_settings, if it has any, and with what --set says over them.
    """
    from pixelkit.cli.messages import show_messages
    from pixelkit.errors import ScorerError

    show_messages()
    candidate = _candidate(name, folders, overrides)
    results = _run(candidate, quiet=as_json)
    if as_json:
        listed = [{**dataclasses.asdict(result), "ok": result.ok} for result in results]
        click.echo(json.dumps(listed, indent=1))
    failed = [result.name for result in results if not result.ok]
    if failed:
        raise ScorerError(f"{name} fails {len(failed)} of {len(results)} checks: {', '.join(failed)}")


def _candidate(name: str, folders: tuple[Path, ...], overrides: tuple[str, ...]) -> Candidate:
    from pixelkit.config import load_settings
    from pixelkit.registry import discover
    from pixelkit.testing import Candidate

    cls = discover(folders).get(name).cls
    named = [text if text.startswith(f"{name}.") else f"{name}.{text}" for text in overrides]
    return Candidate(cls, load_settings({name: cls}, overrides=named).scorers.get(name))


def _run(candidate: Candidate, *, quiet: bool) -> list[CheckResult]:
    from pixelkit.testing import CHECKS, check_name, examine

    width = max(len(check_name(each)) for each in CHECKS)
    results = []
    for each in CHECKS:
        results.append(examine(each, candidate))
        if not quiet:
            click.echo(_line(results[-1], _about(each), width))
    return results


def _about(check: Check) -> str:
    return (check.__doc__ or "").strip().partition("\n")[0].replace("``", "")


def _line(result: CheckResult, about: str, width: int) -> str:
    mark = "ok  " if result.ok else "FAIL"
    text = result.message or about
    if result.ok and result.expected_failure is not None:
        text = f"fails as expected: {result.expected_failure}"
    return f"{mark}  {result.name:<{width}}  {text}"
