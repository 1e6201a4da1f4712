"""Every scorer that is installed keeps the contract: a new plugin is checked without anyone writing it down."""

from __future__ import annotations

from functools import cache

import pytest

from pixelkit.registry import discover
from pixelkit.testing import CHECKS, Candidate, Check, examine

REGISTRY = discover()


@cache
def candidate(name: str) -> Candidate:
    return Candidate(REGISTRY.get(name).cls)  # fitted once for all checks


def test_every_plugin_loads() -> None:
    assert [str(failure) for failure in REGISTRY.failures] == []


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", REGISTRY.scorers)
def test_keeps_the_contract(name: str, check: Check) -> None:
    result = examine(check, candidate(name))
    assert result.ok, result.message
