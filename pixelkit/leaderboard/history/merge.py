"""Merging two histories: the union of their lines, and the CSVs that lie beside the other one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pixelkit.errors import HistoryError
from pixelkit.leaderboard.history import lines as history_lines
from pixelkit.leaderboard.history.csvs import find_csv, is_there, keep
from pixelkit.leaderboard.history.events import Events
from pixelkit.leaderboard.history.lines import Line
from pixelkit.leaderboard.history.submission import Submission

log = logging.getLogger("pixelkit")


@dataclass(frozen=True)
class Merged:
    """What came from another history."""

    lines: int
    submissions: int
    """How many of them were not known here."""
    copied: int
    """CSVs that were copied."""
    lost: tuple[str, ...]
    """Ids of submissions whose CSV lies neither here nor there."""


def merge(events: Events, other: Path) -> Merged:
    """Append what another history knows and this one does not: see ``History.merge``."""
    if not other.is_file():
        raise HistoryError(f"there is no history {other}: expected a file like submissions/history.jsonl")
    content = history_lines.read(other)
    lines, broken = history_lines.parse(content)
    if broken and not lines:
        raise HistoryError(f"{other} is no history: not one of its lines is a JSON object")
    there = Events(other).replay(content)
    with events.changing() as change:
        here, ours = change.known(), change.lines()
        news = _missing(lines, ours)
        change.append(line.text for line in news)
        after = change.known()
    for identity, which in sorted(_told(news) & _told(_missing(ours, lines))):
        if identity in here and identity in there:  # not where a told score is none
            _warn_of_conflict(which, here[identity], there[identity], after[identity])
    copied, lost = _fetch(events.file.parent, after, other.parent, there)
    return Merged(len(news), len(there.keys() - here.keys()), copied, lost)


def _fetch(
    root: Path, known: Mapping[str, Submission], other: Path, there: Mapping[str, Submission]
) -> tuple[int, tuple[str, ...]]:
    """Copy the CSVs that are there and not here; return how many, and the ids of those that are nowhere.

    They go to where imported ones are kept, never to a path that the other file names: that may be another file here.
    """
    copied, lost = 0, []
    for identity, submission in there.items():
        if is_there(root, known[identity]):
            continue
        try:
            keep(root, identity, find_csv(other, submission))
            copied += 1
        except HistoryError:
            lost.append(identity)
    return copied, tuple(lost)


def _missing(lines: list[Line], others: list[Line]) -> list[Line]:
    """Return the lines that are not among the others."""
    keys = {line.key for line in others}
    return [line for line in lines if line.key not in keys]


def _told(lines: list[Line]) -> set[tuple[str, str]]:
    """Return of which submissions a score is told, and which: public or private."""
    return {
        (str(line.fields.get("id")), "private" if line.fields.get("private") is True else "public")
        for line in lines
        if line.fields.get("event") == "told"
    }


def _warn_of_conflict(which: str, here: Submission, there: Submission, after: Submission) -> None:
    """Warn if each history was told another score that the other did not know of."""
    ours, theirs = getattr(here, which), getattr(there, which)
    if ours != theirs:
        log.warning(
            "%s: the %s score is %s here and %s there: %s was told last and stands; if that is wrong, use "
            "'pixelkit history tell %s SCORE %s--replace'",
            here.id,
            which,
            ours,
            theirs,
            getattr(after, which),
            here.id,
            "--private " if which == "private" else "",
        )
