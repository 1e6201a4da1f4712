"""A stand-in for Kaggle on this machine, which the real ``kaggle`` package talks to, and which can misbehave.

The package sends everything to ``http://localhost`` when ``KAGGLE_API_ENVIRONMENT`` is ``LOCALHOST``; this server is
the HTTP proxy for that address, so that nothing of the package is replaced and no port below 1024 is needed. It answers
as version 2.2 expects: errors as ``{"code": ..., "message": ...}``, scores as text that is empty until there is one,
limits per competition, a redirect to a signed address for a download.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOKEN = "KGAT_0badc0ffee0badc0ffee0badc0ffee42"
USER, KEY = "ada", "5ec2e7000000000000000000005ec2e7"
SIGNATURE = "GoogSignature5ec2e7"
SLUG = "pixel-play-26"

FORBIDDEN = "Permission 'competitions.participate' was denied"
BAD_COLUMNS = (
    "ERROR: Unexpected Column:  'Nr' (Line 1, Column 1)\nERROR: Required column 'Id' could not be found\n"
)


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class Fault:
    """How a call goes wrong, and for how often it does."""

    code: int = 500
    message: str = "Internal Server Error"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000
    after: bool = False
    """What was asked for is done all the same."""
    hang: bool = False
    """There is no answer at all."""
    page: str = ""
    """This is sent instead of JSON, as by a proxy that wants a password."""


@dataclass(frozen=True)
class Answer:
    """What is sent: JSON, a page, or the bytes of a file."""

    code: int
    content: dict[str, Any] | str | bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the bytes."""
        if isinstance(self.content, bytes):
            return self.content
        return (self.content if isinstance(self.content, str) else json.dumps(self.content)).encode()

    def all_headers(self) -> dict[str, str]:
        """Return the headers, kind and length included."""
        kind = "text/html" if isinstance(self.content, str) else "application/json; charset=utf-8"
        return {"Content-Type": kind, "Content-Length": str(len(self.body())), **self.headers}


@dataclass
class Kaggle:
    """What the server knows, and how it behaves; tests change it while it runs."""

    address: str = ""
    daily: int = 5
    total: int = 1_000
    joined: bool = True
    score: str = "0.66881"
    private: str = ""
    listings_until_shown: int = 0
    listings_until_scored: int = 1
    rejects: str = ""
    """The error text that every new submission gets instead of a score."""
    archive: bytes = b""
    archive_name: str = f"{SLUG}.zip"
    archive_breaks_at: int = 0
    """The first so many bytes are sent, then the connection breaks off; once."""
    archive_stalls_at: int = 0
    """The first so many bytes are sent, then nothing more comes; once."""
    submissions: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def count(self, call: str) -> int:
        """Return how often a call was made."""
        return Counter(self.calls)[call]

    def add(self, description: str, *, when: datetime | None = None, **more: Any) -> dict[str, Any]:
        """Add a submission, as if somebody had sent it; return it."""
        time = when or datetime.now(UTC)
        made: dict[str, Any] = {
            "ref": 56_000_000 + len(self.submissions),
            "date": time.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
            "description": description,
            "fileName": "submission.csv",
            "status": "PENDING",
            "publicScore": "",
            "privateScore": "",
            "listed": 0,
            "time": time,
            **more,
        }
        self.submissions.append(made)
        return made

    def answer(self, call: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the server answers to a call of its API."""
        slug = asked.get("competitionName", SLUG)
        if call != "IntrospectToken" and slug != SLUG:
            raise Refused(404, "NotFound")
        if call in ("StartSubmissionUpload", "CreateSubmission", "DownloadDataFiles") and not self.joined:
            raise Refused(403, FORBIDDEN)
        answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "IntrospectToken": self._introspect,
            "GetSubmissionLimits": self._limits,
            "StartSubmissionUpload": self._start,
            "CreateSubmission": self._create,
            "ListSubmissions": self._list,
            "DownloadDataFiles": lambda _asked: {},
        }
        return answers[call](asked)

    def _introspect(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"active": True, "username": USER} if asked["token"] == TOKEN else {"active": False}

    def _limits(self, _asked: dict[str, Any]) -> dict[str, Any]:
        if not self.joined:
            return {}
        today = datetime.now(UTC).date()
        valid = [one for one in self.submissions if one["status"] != "ERROR"]
        done = sum(one["time"].date() == today for one in valid)
        left = min(self.daily - done, self.total - len(valid))
        return {
            "numToday": done,
            "numTotal": len(valid),
            "numAllowedNow": max(0, left),
            "limitedByTotal": self.total - len(valid) < self.daily - done,
        }

    def _start(self, asked: dict[str, Any]) -> dict[str, Any]:
        token = f"blob-{len(self.blobs)}"
        self.blobs[token] = b""
        return {"token": token, "createUrl": f"{self.address}/upload/{token}?size={asked['contentLength']}"}

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self._limits(asked)["numAllowedNow"] == 0:
            raise Refused(400, "Submission not allowed: your team has used its daily allowance")
        description = asked.get("submissionDescription", "")
        made = self.add(description, blob=self.blobs[asked["blobFileTokens"]])
        if self.rejects:
            made |= {"status": "ERROR", "errorDescription": self.rejects}
        return {"message": "Successfully submitted to PixelPlay '26", "ref": made["ref"]}

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        shown = []
        for one in self.submissions:
            one["listed"] += 1
            if one["listed"] <= self.listings_until_shown:
                continue
            seen = one["listed"] - self.listings_until_shown
            if one["status"] == "PENDING" and seen > self.listings_until_scored:
                one |= {"status": "COMPLETE", "publicScore": self.score, "privateScore": self.private}
            shown.append(one)
        shown.sort(key=lambda one: one["time"], reverse=True)
        size, page = asked.get("pageSize", 20), asked.get("page", 1)
        hidden = ("listed", "time", "blob")
        part = shown[size * (page - 1) : size * page]
        return {"submissions": [{k: v for k, v in one.items() if k not in hidden} for one in part]}

    def environment(self, home: Path) -> dict[str, str]:
        """Return an environment in which the real package talks to this server only; its home holds nothing."""
        kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
        proxies = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
        return {
            **kept,
            **dict.fromkeys(proxies, self.address),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "KAGGLE_CONFIG_DIR": str(home / ".kaggle"),
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "KAGGLE_API_TOKEN": TOKEN,
        }


# What the person who runs the tests has set must neither be used nor be in the way.
FOREIGN = re.compile(r"KAGGLE_|VERBOSE|(http|https|all|no)_proxy$", re.IGNORECASE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kaggle: Kaggle

    def do_POST(self) -> None:
        asked = json.loads(self._body() or b"{}")
        call = urlsplit(self.path).path.rpartition("/")[2]
        self._answer(call, lambda: self._called(call, asked))

    def do_PUT(self) -> None:
        body, token = self._body(), urlsplit(self.path).path.rpartition("/")[2]
        self._answer("upload", lambda: self._stored(token, body))

    def do_GET(self) -> None:
        self._answer("file", self._archive)

    def do_CONNECT(self) -> None:
        """A way to the real network was asked for: there is none."""
        self.kaggle.calls.append(f"network {self.path}")
        self._send(Answer(502, {"code": 502, "message": "no network in tests"}))

    def log_message(self, *_words: object) -> None:
        """Say nothing."""

    def _answer(self, call: str, make: Callable[[], Answer]) -> None:
        self.kaggle.calls.append(call)
        fault = self.kaggle.faults.get(call)
        if fault is None or fault.times < 1:
            self._send(make())
            return
        fault.times -= 1
        if fault.after:
            make()
        if fault.hang:
            self.kaggle.closing.wait()
            self.close_connection = True
            return
        said = {"code": fault.code, "message": fault.message}
        self._send(Answer(fault.code, fault.page or said, fault.headers))

    def _called(self, call: str, asked: dict[str, Any]) -> Answer:
        try:
            if call != "IntrospectToken":
                self._authorise()
            found = self.kaggle.answer(call, asked)
        except Refused as error:
            return Answer(error.code, {"code": error.code, "message": error.message})
        if call != "DownloadDataFiles":
            return Answer(200, found)
        address = f"{self.kaggle.address}/files/{self.kaggle.archive_name}?X-Goog-Signature={SIGNATURE}"
        return Answer(302, "", {"Location": address})

    def _authorise(self) -> None:
        said = self.headers.get("Authorization", "")
        basic = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
        if said not in (f"Bearer {TOKEN}", f"Basic {basic}"):
            raise Refused(401, f"Unauthenticated: {said}")  # a server that repeats what it was told

    def _stored(self, token: str, body: bytes) -> Answer:
        self.kaggle.blobs[token] = body
        return Answer(201, {})

    def _archive(self) -> Answer:
        data, asked = self.kaggle.archive, self.headers.get("Range", "")
        self.kaggle.ranges.append(asked)
        wanted = re.fullmatch(r"bytes=(\d+)-", asked)
        start = int(wanted[1]) if wanted else 0
        headers = {
            "Content-Type": "application/zip",
            "Accept-Ranges": "bytes",
            "ETag": f'"{hashlib.md5(data).hexdigest()}"',
            "Last-Modified": "Wed, 07 Jan 2026 10:00:00 GMT",
        }
        return Answer(206 if wanted else 200, data[start:], headers)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.code)
        for name, value in answer.all_headers().items():
            self.send_header(name, value)
        self.end_headers()
        if isinstance(answer.content, bytes):
            self._send_file(answer.content)
        else:
            self.wfile.write(answer.body())

    def _send_file(self, content: bytes) -> None:
        breaks, self.kaggle.archive_breaks_at = self.kaggle.archive_breaks_at, 0
        stalls, self.kaggle.archive_stalls_at = self.kaggle.archive_stalls_at, 0
        stop = breaks or stalls
        with contextlib.suppress(ConnectionError):  # who asked may have gone
            self.wfile.write(content[:stop] if stop else content)
        if stalls:
            self.kaggle.closing.wait()
        self.close_connection = bool(stop)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client may keep its connection


@contextmanager
def kaggle_server() -> Iterator[Kaggle]:
    """Run the stand-in and yield what it knows."""
    kaggle = Kaggle()
    with _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"kaggle": kaggle})) as server:
        kaggle.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield kaggle
        finally:
            kaggle.closing.set()
            server.shutdown()
            thread.join()
