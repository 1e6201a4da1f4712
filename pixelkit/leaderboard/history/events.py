"""The events of a history, read and appended; several processes may do so at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pixelkit.errors import examples
from pixelkit.leaderboard.history import lines as history_lines
from pixelkit.leaderboard.history.lines import Appender, Line, format_line
from pixelkit.leaderboard.history.submission import Submission, choose, replay

log = logging.getLogger("pixelkit")


class Change:
    """The history while nobody else can append to it."""

    def __init__(self, file: Appender, replay: Callable[[bytes], dict[str, Submission]]) -> None:
        self.file, self._replay = file, replay
        self._known = replay(file.content)

    def lines(self) -> list[Line]:
        """Return the intact lines."""
        return history_lines.parse(self.file.content)[0]

    def known(self) -> dict[str, Submission]:
        """Return the submissions by id."""
        return self._known

    def append(self, lines: Iterable[bytes]) -> None:
        """Append lines, each without a newline."""
        self.file.append(lines)
        self._known = self._replay(self.file.content)

    def add(self, event: str, identity: str, time: datetime | None = None, **fields: Any) -> Submission:
        """Append an event of a submission and return what is known of it now."""
        before = self.known().get(identity)
        self.append([format_line(event, {"id": identity, **fields}, time or _now(before))])
        return self.known()[identity]


class Events:
    """The events in one file.

    Parameters
    ----------
    file
        The history; made when something is first appended.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._warned: set[int] = set()

    def known(self) -> dict[str, Submission]:
        """Return the submissions by id; lines that are broken are passed over with one warning."""
        return self.replay(history_lines.read(self.file))

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """Let events be appended while other processes wait, so that what was checked is still so."""
        with history_lines.appending(self.file) as file:
            yield Change(file, self.replay)

    @contextmanager
    def changing_one(self, text: str) -> Iterator[tuple[Change, Submission]]:
        """Likewise, for a submission that must be there: see :func:`choose`."""
        if not self.file.exists():  # a mistake should not leave an empty history behind
            choose(text, {}, self.file)
        with self.changing() as change:
            yield change, choose(text, change.known(), self.file)

    def replay(self, content: bytes) -> dict[str, Submission]:
        """Return the submissions by id that this content of the file tells of."""
        lines, broken = history_lines.parse(content)
        known, odd = replay(lines, self.file.parent)
        self._warn({*broken, *odd})
        return known

    def _warn(self, numbers: set[int]) -> None:
        if numbers - self._warned:
            what, they = ("line", "it is") if len(numbers) == 1 else ("lines", "they are")
            log.warning(
                "%s: %s %s cannot be understood (a crash while writing?): %s passed over, and kept in the file",
                self.file,
                what,
                examples(sorted(numbers), 10),
                they,
            )
            self._warned |= numbers


def _now(before: Submission | None) -> datetime:
    """Return the time of a new event: never before what was known, though another machine's clock be ahead."""
    now = datetime.now(UTC)
    return now if before is None else max(now, before.changed + timedelta(microseconds=1))
