"""What the history knows of one submission, read from the events that its lines tell."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pixelkit.errors import HistoryError, UnknownSubmission, examples
from pixelkit.leaderboard.history.csvs import ID_DIGITS, kept_csv, submission_id
from pixelkit.leaderboard.history.lines import Line

LEAST_DIGITS = 4
_ID = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}")


@dataclass(frozen=True)
class Sent:
    """An upload to the leaderboard."""

    time: datetime
    competition: str
    ref: str
    """What Kaggle calls it."""


@dataclass(frozen=True)
class Submission:
    """A leaderboard CSV and all that is known of it; what is None or empty was never told."""

    id: str
    """12 hexadecimal digits of the SHA-256 of its bytes."""
    csv: Path
    """Where it was put; :meth:`pixelkit.leaderboard.history.History.find_csv` looks whether it still lies there."""
    time: datetime
    """When it was first written, imported, sent or proposed; UTC, as all times."""
    changed: datetime
    """The time of the newest event."""
    run: Path | None = None
    recipe: Mapping[str, Any] | None = None
    """The JSON object that :meth:`pixelkit.scores.recipe.Recipe.to_json` makes."""
    settings: Mapping[str, Any] | None = None
    """The resolved settings of the run, as in its ``settings.toml``."""
    rows: int | None = None
    commit: str | None = None
    """The git commit of the working directory when it was written, 40 digits."""
    dirty: bool | None = None
    """Whether tracked files differed from the commit; None when git did not say."""
    figure: float | None = None
    """Our own figure, from 0 to 1."""
    figure_of: str = ""
    """What the figure is: ``synthetic AP``."""
    public: float | None = None
    """The public leaderboard score, from 0 to 1."""
    private: float | None = None
    """The private leaderboard score, from 0 to 1."""
    public_told: datetime | None = None
    """When the public score that stands was told."""
    private_told: datetime | None = None
    """When the private score that stands was told."""
    note: str = ""
    sent: tuple[Sent, ...] = ()
    """Uploads that count; one that Kaggle rejected does not."""
    rejected: str = ""
    """Why Kaggle rejected it, if it did and nothing was sent since."""
    proposed: Mapping[str, Any] | None = None
    """Why the tuner proposed it for upload, if it did; the newest proposal."""
    imported: bool = False
    """It was made elsewhere, and handed over."""
    counted: datetime | None = None
    """When a public score was first told that was not one of an earlier submission: see ``History.sent_on``."""

    @property
    def gap(self) -> float | None:
        """The public score minus our own figure: below 0 where the leaderboard was less kind."""
        return None if self.public is None or self.figure is None else self.public - self.figure


def parse_score(score: object) -> float:
    """Return a leaderboard score, an AP or AUC: a number from 0 to 1.

    Raises
    ------
    HistoryError
        If it is none.
    """
    text = str(score).strip()
    try:
        # Python takes 0_6 for 6 and digits of other scripts for numbers; nobody else does
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if 0 <= value <= 1:
        return value + 0.0  # never -0.0
    hint = f": {value} % is {value / 100:g}" if 1 < value <= 100 else ""
    raise HistoryError(f"{text!r} is not a score: expected a number from 0 to 1, as in 0.66881{hint}")


def replay(lines: Iterable[Line], root: Path) -> tuple[dict[str, Submission], list[int]]:
    """Return the submissions by id that lines tell of, and the numbers of the lines that cannot be understood.

    The order is that of the times (and of the keys, where times agree), so that a merged history says the same
    whichever way it was merged. Events of kinds that are unknown here are passed over.

    Parameters
    ----------
    lines
        Intact lines.
    root
        The folder that relative paths start from.
    """
    events, odd = [], []
    for line in lines:
        if str(line.fields.get("event")) in _APPLY:
            try:
                events.append((_time(line.fields), line.key, line))
            except (ValueError, OverflowError):
                odd.append(line.number)
    known: dict[str, Submission] = {}
    for time, _, line in sorted(events, key=lambda event: event[:2]):
        identity = str(line.fields["id"])
        before = known.get(identity) or Submission(identity, kept_csv(root, identity), time, time)
        try:
            known[identity] = replace(apply(before, line.fields, time, root), changed=time)
        except (HistoryError, OverflowError):
            odd.append(line.number)
    return known, sorted(odd)


def apply(before: Submission, fields: Mapping[str, Any], time: datetime, root: Path) -> Submission:
    """Return a submission after an event.

    Raises
    ------
    HistoryError
        If the event tells of a score that is none.
    """
    return _APPLY[str(fields["event"])](before, fields, time, root)


def choose(text: str, known: Mapping[str, Submission], file: Path) -> Submission:
    """Return the submission of an id, of a unique beginning of one, or of the path of a CSV.

    Raises
    ------
    HistoryError
        If there is none, or more than one; ``file`` is the history that the message names.
    """
    digits = text.strip().lower()
    if digits.endswith(".csv") and Path(text).is_file():
        digits = submission_id(Path(text))
    elif digits.endswith(".csv"):
        raise HistoryError(f"there is no file {text}: expected a CSV, or the id of a submission in {file}")
    if len(digits) < LEAST_DIGITS:
        raise HistoryError(f"id {text!r} is too short: expected {LEAST_DIGITS} to {ID_DIGITS} digits")
    found = [identity for identity in known if identity.startswith(digits)]
    if not found and Path(text).is_file():
        raise HistoryError(f"{text} is not in {file}: add it with 'pixelkit history import {text}'")
    if not found:
        raise UnknownSubmission(f"there is no submission {text!r} in {file}{_nearest(digits, known)}")
    if len(found) > 1:
        raise HistoryError(f"id {text!r} may be any of {examples(found, 5)}: give more digits")
    return known[found[0]]


def check_told(before: Submission, score: float, *, private: bool) -> None:
    """Raise a HistoryError if another leaderboard score was told before."""
    which = "private" if private else "public"
    known, when = getattr(before, which), getattr(before, f"{which}_told")
    if known is not None and known != score:
        again = f"pixelkit history tell {before.id} {score} {'--private ' if private else ''}--replace"
        raise HistoryError(
            f"{before.id} was told a {which} score of {known} on {when:%Y-%m-%d}, and now {score}: use '{again}' if "
            f"that one was wrong"
        )


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings, keys joined by dots."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _nearest(digits: str, known: Mapping[str, Submission]) -> str:
    """Return what to say beside an unknown id: the nearest known one, or the newest."""
    if not known:
        return ": it holds none"
    near = get_close_matches(digits, known, n=1, cutoff=0.75)
    if near:
        return f" (did you mean {near[0]!r}?)"
    newest = sorted(known.values(), key=lambda submission: submission.time, reverse=True)
    return f" (the newest are {', '.join(submission.id for submission in newest[:3])})"


def _time(fields: Mapping[str, Any]) -> datetime:
    """Return the time of an event; ValueError if it has none, or is of no submission."""
    if not _ID.fullmatch(str(fields.get("id"))):
        raise ValueError("no id")
    time = datetime.fromisoformat(str(fields.get("time")))
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _written(before: Submission, fields: Mapping[str, Any], _time: datetime, root: Path) -> Submission:
    return replace(
        before,
        csv=_path(fields.get("csv"), root) or before.csv,
        run=_path(fields.get("run"), root),
        recipe=_mapping(fields.get("recipe")),
        settings=_mapping(fields.get("settings")),
        rows=_whole(fields.get("rows")),
        commit=_text(fields.get("commit")) or None,
        dirty=fields.get("dirty") if isinstance(fields.get("dirty"), bool) else None,
        figure=_figure(fields.get("figure")),
        figure_of=_text(fields.get("figure_of")),
    )


def _imported(before: Submission, fields: Mapping[str, Any], _time: datetime, root: Path) -> Submission:
    if before.run is not None:  # a run of ours wrote it: what that says stays
        return replace(before, imported=True)
    csv = _path(fields.get("csv"), root) or before.csv
    return replace(before, csv=csv, rows=_whole(fields.get("rows")), imported=True)


def _sent(before: Submission, fields: Mapping[str, Any], time: datetime, _root: Path) -> Submission:
    upload = Sent(time, _text(fields.get("competition")), _text(fields.get("ref")))
    return replace(before, sent=(*before.sent, upload), rejected="")


def _rejected(before: Submission, fields: Mapping[str, Any], _time: datetime, _root: Path) -> Submission:
    upload = (_text(fields.get("competition")), _text(fields.get("ref")))
    left = tuple(one for one in before.sent if (one.competition, one.ref) != upload)
    return replace(before, sent=left, rejected="" if left else _text(fields.get("reason")))


def _told(before: Submission, fields: Mapping[str, Any], time: datetime, _root: Path) -> Submission:
    score = parse_score(fields.get("score"))
    if fields.get("private") is True:
        return replace(before, private=score, private_told=time)
    counted = before.counted or (None if fields.get("earlier") is True else time)
    return replace(before, public=score, public_told=time, counted=counted)


def _noted(before: Submission, fields: Mapping[str, Any], _time: datetime, _root: Path) -> Submission:
    return replace(before, note=_text(fields.get("note")))


def _proposed(before: Submission, fields: Mapping[str, Any], _time: datetime, _root: Path) -> Submission:
    return replace(before, proposed=_mapping(fields.get("details")) or {})


_APPLY: dict[str, Callable[[Submission, Mapping[str, Any], datetime, Path], Submission]] = {
    "written": _written,
    "imported": _imported,
    "sent": _sent,
    "rejected": _rejected,
    "told": _told,
    "note": _noted,
    "proposed": _proposed,
}


def _path(value: object, root: Path) -> Path | None:
    return root / value if isinstance(value, str) and value else None


def _mapping(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _figure(value: object) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None  # type: ignore[arg-type]
