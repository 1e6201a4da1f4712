"""The official ``kaggle`` package with time limits, and with errors where it prints, exits or reports success."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pixelkit.errors import KaggleError, KaggleUnreachable
from pixelkit.leaderboard.kaggle import explain
from pixelkit.leaderboard.kaggle.patience import NoAnswer, within

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import KaggleApi

T = TypeVar("T")
# Without an answer, before Kaggle counts as silent; its answers take one to five.
SECONDS = 60.0
# The slowest line on which an upload is waited for.
_BYTES_A_SECOND = 20_000
_PAGE_SIZE = 100
_ID = re.compile(r"\bpixelkit ([0-9a-f]{12})\b")


@dataclass(frozen=True)
class Limits:
    """How many uploads there were, and how many are left.

    Parameters
    ----------
    today, total
        Those of the team since midnight UTC, and ever; what Kaggle rejected does not count.
    left
        How many more today.
    by_total
        What is left is what a team may upload in all, not in a day.
    """

    today: int
    total: int
    left: int
    by_total: bool


@dataclass(frozen=True)
class Received:
    """A submission as Kaggle lists it.

    Parameters
    ----------
    ref
        Kaggle's number of it.
    id
        Ours, from the message; None for one that was not sent from here.
    time
        When it came, in UTC.
    public, private
        Scores as text; empty until there is one.
    rejected
        Why it is not scored, in Kaggle's words; empty for all others.
    """

    ref: str
    id: str | None
    time: datetime
    public: str
    private: str
    rejected: str


@dataclass(frozen=True)
class Archive:
    """The files of a competition, as one file that is open for reading.

    Parameters
    ----------
    name
        Of the file.
    size
        In bytes; 0 when the server does not say.
    version
        Another one when the files have changed; empty when the server does not say.
    response
        For the package.
    """

    name: str
    size: int
    version: str
    response: Any

    def close(self) -> None:
        """Let go of the connection, if nothing is to be read."""
        self.response.close()


class Kaggle:
    """Kaggle, asked about one competition.

    Parameters
    ----------
    competition
        Its name, as in the address of its page.
    seconds
        How long to wait for an answer.

    Raises
    ------
    KaggleError
        If the package is not installed, or there are no credentials, or Kaggle refuses them.
    KaggleUnreachable
        If there is no network or no answer.
    """

    def __init__(self, competition: str, *, seconds: float = SECONDS) -> None:
        self.competition = competition
        self._seconds = seconds
        self._api: KaggleApi = self._ask(_authenticated)

    def limits(self) -> Limits:
        """Return how many uploads are left.

        Raises
        ------
        KaggleError
            If there is no such competition, or its rules are not accepted.
        """
        found = self._ask(lambda: self._api.competition_get_submission_limits(self.competition))
        return Limits(found.num_today, found.num_total, found.num_allowed_now, found.limited_by_total)

    def submissions(self) -> Iterator[Received]:
        """Yield what the team sent, the newest first, page by page as it is asked for."""
        seen: set[str] = set()
        for page in range(1, 1_000_000):
            call = self._api.competition_submissions
            listed = self._ask(partial(call, self.competition, page_number=page, page_size=_PAGE_SIZE))
            new = [one for one in map(_received, listed or []) if one.ref not in seen]
            if not new:  # a server may repeat its last page, or cut pages short: only an empty one is the end
                return
            seen.update(one.ref for one in new)
            yield from new

    def submit(self, csv: Path, identity: str, text: str = "") -> str:
        """Send a CSV and return what Kaggle says to that, which need not be so: look for it in the list.

        Parameters
        ----------
        csv
            What to send.
        identity
            Its id, which comes first in the message: Kaggle may cut a long one.
        text
            What else to say.

        Raises
        ------
        KaggleError
            If Kaggle says no.
        KaggleUnreachable
            If nobody knows whether it came.
        """
        message = f"pixelkit {identity}{': ' if text else ''}{' '.join(text.split())}"
        seconds = self._seconds + csv.stat().st_size / _BYTES_A_SECOND
        printed = io.StringIO()
        answer = self._ask(
            lambda: self._api.competition_submit(str(csv), message, self.competition, quiet=True),
            seconds=seconds,
            printed=printed,
        )
        if answer.message == self._api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
            why = explain.system_cause(printed.getvalue())
            raise KaggleError(
                f"the CSV did not reach Kaggle's storage{f' ({why})' if why else ''}, and nothing was submitted: give "
                f"the same command again"
            )
        return explain.one_line(answer.message)

    def archive(self) -> Archive:
        """Return what holds the competition's files, not fetched yet.

        Raises
        ------
        KaggleError
            If there is no such competition, or its rules are not accepted.
        """
        return self._ask(self._open_archive)

    def fetch(self, archive: Archive, file: Path, moved: Callable[[], object]) -> None:
        """Fetch an archive to ``file``, from where an earlier try left off; ``moved`` changes as it grows.

        Raises
        ------
        KaggleUnreachable
            If the connection breaks off for good, or nothing comes.
        """
        self._ask(lambda: self._fetch(archive, file), seconds=2 * self._seconds, moved=moved)

    def _open_archive(self) -> Archive:
        from kagglesdk.competitions.types.competition_api_service import ApiDownloadDataFilesRequest

        with self._api.build_kaggle_client() as client:
            request = ApiDownloadDataFilesRequest()
            request.competition_name = self.competition
            response = client.competitions.competition_api_client.download_data_files(request)
        headers = response.headers
        return Archive(
            name=unquote(urlsplit(response.url).path).rpartition("/")[2] or "data",
            size=int(headers.get("Content-Length") or 0),
            version=headers.get("ETag") or headers.get("Last-Modified") or "",
            response=response,
        )

    def _fetch(self, archive: Archive, file: Path) -> None:
        try:
            self._api.download_file(archive.response, str(file), None, quiet=True, resume=True)
        except ValueError:  # it fetched the page of an error in the place of the file, and saw it by the size
            raise KaggleUnreachable(
                f"{archive.name} did not come whole: give the same command again"
            ) from None

    def _ask(
        self,
        call: Callable[[], T],
        *,
        seconds: float | None = None,
        printed: io.StringIO | None = None,
        moved: Callable[[], object] = lambda: None,
    ) -> T:
        """Return what a call of the package returns; what it prints goes to ``printed``, or nowhere."""
        limit = seconds or self._seconds
        try:
            with contextlib.redirect_stdout(printed or io.StringIO()):
                return within(limit, call, moved)
        except NoAnswer:
            raise explain.no_answer(limit) from None
        except ImportError as error:
            raise explain.not_installed(error) from None
        except SystemExit:
            raise explain.no_credentials() from None
        except Exception as error:
            raise _explained(error, self.competition) from None


def _authenticated() -> KaggleApi:
    """Import the package, which signs in at once and ignores how that ends, and sign in where it can be seen.

    With VERBOSE it would print every request, credentials included.
    """
    for name in ("VERBOSE", "VERBOSE_OUTPUT"):
        os.environ.pop(name, None)
    from kaggle.api.kaggle_api_extended import KaggleApi

    api = KaggleApi()
    api.authenticate()
    return api


def _explained(error: Exception, competition: str) -> KaggleError:
    """Return a failure in one line; ``requests`` is there when the package is."""
    from requests import RequestException

    if isinstance(error, KaggleError):
        return error
    if isinstance(error, RequestException):
        return explain.explain(error, competition)
    if isinstance(error, ValueError | KeyError):  # no JSON, or none of Kaggle's
        return explain.not_understood()
    return explain.package_fails(error)


def _received(found: Any) -> Received:
    named = _ID.search(found.description)
    time = found.date or datetime.now(UTC)
    return Received(
        ref=str(found.ref),
        id=named[1] if named else None,
        time=time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC),
        public=found.public_score.strip(),
        private=found.private_score.strip(),
        rejected=_rejected(found),
    )


def _rejected(found: Any) -> str:
    if found.status.name != "ERROR":
        return ""
    return explain.one_line(found.error_description) or "no reason given"
