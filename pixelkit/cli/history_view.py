"""The history as text for people and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from pixelkit.cli.tables import BETWEEN, aligned, pad, printable

if TYPE_CHECKING:
    from pixelkit.leaderboard.history.diff import ScoreMoves
    from pixelkit.leaderboard.history.submission import Submission

# Below this many columns, ids and times are shortened so that there is room for the note.
NARROW = 110
ALWAYS = ("id", "when (UTC)", "run", "public")
NUMBERS = ("ours", "public", "private", "gap")
LEAST, LONGEST = 8, 24
MOST_VIDEOS = 10
MOST_STRETCHES = 5


def as_json(submission: Submission) -> dict[str, Any]:
    """Return a submission as JSON can hold it, its gap included."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(submission), default=_json_text))
    plain.pop("counted")
    return {**plain, "gap": submission.gap}


def list_lines(submissions: Sequence[Submission], width: int) -> list[str]:
    """Return the names of the columns and a line for each submission, none wider than ``width`` where that can be.

    Columns that would be empty are left out, and a long note is cut: ``pixelkit history show`` has all of it.
    """
    shown = {
        name: [name, *map(text, submissions)]
        for name, text in _columns(submissions, width < NARROW).items()
        if name in ALWAYS or any(map(text, submissions))
    }
    widths = {name: max(map(cell_len, cells)) for name, cells in shown.items()}
    room = width - sum(widths[name] + len(BETWEEN) for name in shown if name not in ("run", "note"))
    widths["run"] = min(widths["run"], max(LEAST, room // 2 if "note" in shown else room))
    widths["note"] = max(LEAST, room - widths["run"] - len(BETWEEN))
    padded = [
        [pad(_cut(cell, widths[name]), widths[name], to_the_right=name in NUMBERS) for cell in cells]
        for name, cells in shown.items()
    ]
    return [BETWEEN.join(row).rstrip() for row in zip(*padded, strict=True)]


def _columns(submissions: Sequence[Submission], narrow: bool) -> dict[str, Callable[[Submission], str]]:
    day, digits = ("%m-%d", 8) if narrow else ("%Y-%m-%d", 12)
    several = len({one.figure_of for one in submissions if one.figure is not None}) > 1
    return {
        "id": lambda one: one.id[:digits],
        "when (UTC)": lambda one: f"{one.time:{day} %H:%M}",
        "run": lambda one: _cut(_run(one).rpartition(os.sep)[2], LONGEST),
        "ours": lambda one: _figure(one.figure),
        "of": lambda one: _cut(_clean(one.figure_of), LONGEST) if several and not narrow else "",
        "public": lambda one: _score(one.public),
        "private": lambda one: _score(one.private),
        "gap": lambda one: _gap(one.gap),
        "note": _remark,
    }


def legend(submissions: Iterable[Submission], best: Submission | None) -> str:
    """Return one line that says what our figure is, what the gap is, and which submission is best."""
    kinds = list(
        dict.fromkeys(one.figure_of or "own figure" for one in submissions if one.figure is not None)
    )
    parts = []
    if kinds:
        parts += [f"ours: {_clean(' or '.join(kinds))}", "gap: public - ours"]
    if best is not None:
        parts.append(f"best: {best.id} with {_score(best.public)}")
    return "; ".join(parts)


def describe(submission: Submission, *, whole: bool = True) -> str:
    """Return all that is known of a submission, a line for each thing; with its recipe and settings if ``whole``."""
    one = submission
    lines = {
        "submission": one.id,
        "csv": f"{one.csv}{'' if one.csv.is_file() else ' (gone)'}",
        "rows": "" if one.rows is None else f"{one.rows:,}",
        "when": _when(one.time),
        "run": _run(one),
        "commit": _commit(one),
        "ours": f"{_figure(one.figure)} {_clean(one.figure_of)}".strip(),
        "public": _told(one.public, one.public_told),
        "private": _told(one.private, one.private_told),
        "gap": _gap(one.gap),
        "sent": "; ".join(
            f"{_when(to.time)} to {_clean(to.competition)} {_clean(to.ref)}" for to in one.sent
        ),
        "rejected": _clean(one.rejected),
        "proposed": "" if one.proposed is None else json.dumps(one.proposed, ensure_ascii=False),
        "note": _clean(one.note),
    }
    text = aligned([[key, value] for key, value in lines.items() if value], figures=False)
    if whole and one.recipe:
        text += f"\n\n{_recipe(one.recipe)}"
    if whole and one.settings:
        text += f"\n\nsettings\n{_settings(one.settings)}"
    return text


def describe_both(a: Submission, b: Submission) -> str:
    """Return two submissions side by side."""
    rows = [
        ["when", _when(a.time), _when(b.time)],
        ["run", _run(a), _run(b)],
        ["commit", _commit(a, 9), _commit(b, 9)],
        ["ours", f"{_figure(a.figure)} {a.figure_of}".strip(), f"{_figure(b.figure)} {b.figure_of}".strip()],
        ["public", _score(a.public), _score(b.public)],
        ["private", _score(a.private), _score(b.private)],
        ["note", _clean(a.note), _clean(b.note)],
    ]
    told = [["", a.id, b.id], *(row for row in rows if any(row[1:]))]
    text = aligned(told, figures=False)
    if a.public is not None and b.public is not None and a.public != b.public:
        text += f"\nthe public score moved by {b.public - a.public:+.5f}"
    return text


def describe_changes(changes: Sequence[tuple[str, Any, Any]] | None) -> str:
    """Return the keys that differ, with both values; None stands for a submission whose settings nobody knows."""
    if changes is None:
        return "settings and recipe: not known of both, for one was made elsewhere"
    if not changes:
        return "settings and recipe: the same"
    rows = [[f"  {key}", _value(a), "->", _value(b)] for key, a, b in changes]
    noun = "value differs" if len(changes) == 1 else "values differ"
    return f"settings and recipe: {len(changes)} {noun}\n{aligned(rows, figures=False)}"


def describe_moves(moves: ScoreMoves) -> str:
    """Return where the scores moved: the rank correlation, the videos and the stretches that moved most."""
    same = "not defined" if moves.correlation is None else f"{moves.correlation:.4f}"
    text = f"scores: a rank correlation of {same} over {moves.frames:,} frames"
    if moves.only_a or moves.only_b:
        text += f" (left out: {moves.only_a:,} only in the first, {moves.only_b:,} only in the second)"
    if not any(video.absolute for video in moves.videos):
        return f"{text}: no frame has another rank"
    videos = [
        [f"  {video.video}", f"{video.frames:,}", _percent(video.mean), f"{100 * video.absolute:.1f} %"]
        for video in moves.videos[:MOST_VIDEOS]
    ]
    stretches = [
        [f"  {one.video}", f"{one.first} to {one.last}", f"{one.frames:,}", _percent(one.mean)]
        for one in moves.stretches[:MOST_STRETCHES]
    ]
    left = len(moves.videos) - len(videos)
    return "\n".join(
        [
            text,
            "\nranks moved by, in % of all frames (+: more anomalous in the second)",
            aligned([["  video", "frames", "mean", "up or down"], *videos]),
            *([f"  and {left} more, which moved less"] if left else []),
            "\nstretches that moved most",
            aligned([["  video", "from", "frames", "mean"], *stretches]),
        ]
    )


def diff_as_json(
    a: Submission, b: Submission, changes: Sequence[tuple[str, Any, Any]] | None, moves: ScoreMoves | None
) -> dict[str, Any]:
    """Return what changed between two submissions as JSON can hold it."""
    return {
        "a": as_json(a),
        "b": as_json(b),
        "changes": changes and {key: {"a": before, "b": after} for key, before, after in changes},
        "scores": None if moves is None else asdict(moves),
    }


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def _recipe(recipe: Mapping[str, Any]) -> str:
    channels = recipe.get("channels")
    rest = ", ".join(
        f"{key} {_value(value)}" for key, value in recipe.items() if key not in ("channels", "version")
    )
    if not isinstance(channels, dict) or not all(isinstance(one, dict) for one in channels.values()):
        return f"recipe: {rest}"
    keys = list(dict.fromkeys(key for one in channels.values() for key in one))
    rows = [[f"  {name}", *(_value(one.get(key)) for key in keys)] for name, one in channels.items()]
    return f"recipe: {rest}\n{aligned([['  channel', *keys], *rows], figures=False)}"


def _settings(settings: Mapping[str, Any]) -> str:
    from pixelkit.leaderboard.history.submission import flatten

    return "\n".join(f"  {key} = {_value(value)}" for key, value in flatten(settings))


def _json_text(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _value(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return (
        _clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
        or '""'
    )


def _clean(text: str) -> str:
    """Return text on one line, without what would steer the terminal."""
    return " ".join(printable(text).split())


def _remark(submission: Submission) -> str:
    state = ""
    if submission.rejected:
        state = f"rejected: {_clean(submission.rejected)}"
    elif submission.public is None and submission.sent:
        state = "sent, no score yet"
    elif submission.public is None and submission.proposed is not None:
        state = "proposed for upload"
    return "; ".join(filter(None, [state, _clean(submission.note)]))


def _run(submission: Submission) -> str:
    return _clean(str(submission.run)) if submission.run else "(imported)" if submission.imported else ""


def _commit(submission: Submission, digits: int = 40) -> str:
    changed = " with changes" if submission.dirty else ""
    return f"{submission.commit[:digits]}{changed}" if submission.commit else ""


def _told(score: float | None, when: datetime | None) -> str:
    return "" if score is None or when is None else f"{_score(score)}, told {_when(when)}"


def _when(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.5f}"


def _gap(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


def _percent(part: float) -> str:
    return f"{100 * part:+.1f} %"
