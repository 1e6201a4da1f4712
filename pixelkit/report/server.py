"""Serves the page of a run, and every frame of its test videos at full size, on the loopback interface only."""

from __future__ import annotations

import errno
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import unquote, urlsplit

import cv2
import numpy as np

from pixelkit.errors import PixelkitError, ViewError
from pixelkit.report.footage import Footage, Frame, RunFrames
from pixelkit.report.pictures import LONGER_SIDE, QUALITY, encode

log = logging.getLogger("pixelkit")

LOOPBACK = "127.0.0.1"
JPEG_QUALITY = 92
# Repaired frames that are kept of a video file, so that stepping back does not read it from its beginning.
KEPT = 64
# Nothing of the page may be used from another origin, shown in a frame, or taken for something else.
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Film:
    """The repaired frames of one video file, which can be read from its beginning only.

    Parameters
    ----------
    frames
        Those of the video file.
    """

    def __init__(self, frames: RunFrames) -> None:
        self._frames = frames
        self._lock = Lock()
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._next = 0
        self._rest: Iterator[Frame] = iter(())

    def at(self, position: int) -> Frame:
        """Return the frame at ``position``: at once when it is the next one, or was shown just before."""
        with self._lock:
            if position not in self._kept:
                self._read_to(position)
            return self._kept[position]

    def _read_to(self, position: int) -> None:
        if position < self._next or self._next == 0:
            self._next, self._rest = 0, self._frames.at(range(len(self._frames.decoded)))
        while self._next <= position:
            try:
                frame = next(self._rest)
            except PixelkitError:
                self._next = 0  # the file was changed; once it is there again, it is read from its beginning
                raise
            self._kept[self._next] = frame
            self._kept.move_to_end(self._next)
            self._next += 1
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)


class PageServer(ThreadingHTTPServer):
    """A server for one page and the frames of one run, on 127.0.0.1.

    Parameters
    ----------
    footage
        The videos; a request names one of them and a frame number, never a file.
    port
        0 for any that is free.

    Raises
    ------
    ViewError
        If the port is in use, or may not be used.
    """

    daemon_threads = True

    def __init__(self, footage: Footage, port: int) -> None:
        self.page = b""
        self.footage = footage
        self._films = {name: Film(one) for name, one in footage.videos.items() if one.is_film}
        try:
            super().__init__((LOOPBACK, port), PageHandler)
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise ViewError(
                f"port {port} of {LOOPBACK} {why}: choose another with --port, or 0 for any"
            ) from None

    def show(self, html: str, missing: Sequence[str] = ()) -> None:
        """Take the page to serve, and tell what it lacks."""
        self.page = html.encode()
        for text in missing:
            log.warning("%s", text)

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, str]:
        """What a request may call this server: another name is somebody else's page, whose name leads here."""
        return f"{LOOPBACK}:{self.server_port}", f"localhost:{self.server_port}"

    def frame(self, video: str, number: str) -> Frame | None:
        """Return a repaired frame by its video's name and its number; None if there is none."""
        frames = self.footage.videos.get(video)
        if frames is None or not (number.isascii() and number.isdigit() and len(number) < 19):
            return None
        found = np.flatnonzero(frames.decoded.numbers == int(number))
        if not len(found):
            return None
        position = int(found[0])
        return self._films[video].at(position) if frames.is_film else next(frames.at([position]))


class PageHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of the page and of frames, to this machine's own browser."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version = "pixelkit"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """Answer with the page, or with a frame."""
        if self.headers.get_all("Host", []) not in [[host] for host in self.server.hosts]:
            self._say(HTTPStatus.FORBIDDEN, f"this page answers to {' and '.join(self.server.hosts)} only\n")
            return
        address = urlsplit(self.path)
        parts = [unquote(part) for part in address.path.split("/")[1:]]
        if parts == [""]:
            self._answer(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)
        elif len(parts) == 3 and parts[0] == "frames":
            self._frame(parts[1], parts[2], small=address.query == "small")
        else:
            self._say(HTTPStatus.NOT_FOUND, "there is the page, at /, and /frames/VIDEO/NUMBER\n")

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self.do_GET()

    def refuse(self) -> None:
        """Answer to a method that would change something."""
        self.close_connection = True  # what it sent along is not read
        self._say(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD\n", Allow="GET, HEAD", Connection="close")

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Refuse every other method."""
        if name.startswith("do_"):
            return self.refuse
        raise AttributeError(name)

    def log_message(self, *_words: object) -> None:
        """Say nothing: every frame is a request."""

    def _frame(self, video: str, number: str, *, small: bool) -> None:
        try:
            frame = self.server.frame(video, number)
        except PixelkitError as error:
            log.warning("%s", error)
            self._say(HTTPStatus.GONE, f"{error}\n")
            return
        if frame is None:
            self._say(HTTPStatus.NOT_FOUND, "the run has no such frame\n")
        elif small:
            self._answer(HTTPStatus.OK, "image/webp", encode(frame, LONGER_SIDE, QUALITY))
        else:
            self._answer(HTTPStatus.OK, "image/jpeg", _jpeg(frame))

    def _say(self, status: HTTPStatus, text: str, **headers: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", text.encode(), **headers)

    def _answer(self, status: HTTPStatus, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for key, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **HEADERS,
            **headers,
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_one_request(self) -> None:
        """Answer one request; a browser that went away meanwhile is no error."""
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True


def _jpeg(frame: Frame) -> bytes:
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])
