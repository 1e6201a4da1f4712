"""What a scorer class must declare before anything is run: a name, channels, settings, fit and score."""

from __future__ import annotations

import re
from typing import Any

from pixelkit.scorer import Scorer

RULE = "lower-case letters, digits and '_', beginning with a letter"
# Names of settings outside any scorer's section: [repair] in pixelkit.toml must mean one thing.
RESERVED = frozenset(
    {
        "seed",
        "device",
        "holdout",
        "max_holdout",
        "refit",
        "max_gap",
        "offline",
        "weights",
        "leave_out",
        "competition",
        "repair",
        "recipe",
        "tuning",
        "scorers",
    }
)


def declaration_problem(cls: object) -> str | None:
    """Return why ``cls`` cannot be registered as a scorer, in one line, or None if it can."""
    if not isinstance(cls, type):
        kind = type(cls).__name__
        is_scorer = isinstance(cls, Scorer)
        return f"{spell(cls)}: write {kind}, without ()" if is_scorer else f"{spell(cls)} is no scorer class"
    if not issubclass(cls, Scorer):
        return f"{spell(cls)} is no scorer: make it a subclass of pixelkit.Scorer"
    name = getattr(cls, "name", None)
    if name is None:
        return f"{spell(cls)} has no name: give it one, as in name = {cls.__name__.lower()!r}"
    if not is_name(name):
        return f"{spell(cls)} has the name {name!r}: expected {RULE}"
    if name in RESERVED:
        return f"{spell(cls)} has the name {name!r}, which is a setting of pixelkit: choose another"
    for method in ("fit", "score"):
        if getattr(cls, method) is getattr(Scorer, method):
            return f"{spell(cls)} does not implement {method}()"
    return _channels_problem(cls) or _settings_problem(cls)


def _channels_problem(cls: type[Scorer]) -> str | None:
    channels: Any = cls.channels
    if not isinstance(channels, list | tuple) or not channels:
        return f"{spell(cls)}.channels is {channels!r}: expected a tuple of names, as in ('score',)"
    for channel in channels:
        if not is_name(channel):
            return f"{spell(cls)} has the channel {channel!r}: expected {RULE}"
    if len(set(channels)) < len(channels):
        return f"{spell(cls)}.channels is {channels!r}: each must have a name of its own"
    return None


def _settings_problem(cls: type[Scorer]) -> str | None:
    try:
        cls.default_settings()
    except TypeError as error:
        return " ".join(str(error).split())
    return None


def is_name(name: object) -> bool:
    """Tell whether ``name`` keeps to :data:`RULE`."""
    return isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]*", name) is not None


def spell(value: object) -> str:
    """Return how to speak of what a hook returned."""
    if value is None:
        return "None"
    return f"class {value.__name__}" if isinstance(value, type) else f"an instance of {type(value).__name__}"
