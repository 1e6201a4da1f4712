"""The served page: this machine only, the run's frames only, and nothing but reading."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from loaded_plugins import forgotten_after
from pages import HOSTILE, Open

from pixelkit.artifacts import RunFolder
from pixelkit.errors import DataError, ViewError
from pixelkit.frames.video import View
from pixelkit.report.footage import Footage, find_footage
from pixelkit.report.report import Options, make_report
from pixelkit.report.scored_run import ScoredRun, read_run
from pixelkit.report.server import PageServer


@pytest.fixture(scope="module")
def scored(run: Path) -> ScoredRun:
    """The run."""
    return read_run(RunFolder(run))


@pytest.fixture(scope="module")
def footage(scored: ScoredRun, room: Path) -> Footage:
    """Its frames."""
    return find_footage(scored, room / "cache")


@pytest.fixture(scope="module")
def server(scored: ScoredRun, footage: Footage, room: Path) -> Iterator[PageServer]:
    """A server with the page of the run."""
    with forgotten_after(room), PageServer(footage, 0) as server:
        options = Options(served=True, plugins=[room / "plugins"], cache=room / "cache")
        server.show(*make_report(scored, footage, options))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: PageServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read(), {key.lower(): value for key, value in answer.getheaders()}
    connection.close()
    return found


def test_a_frame_comes_repaired_and_at_full_size(server: PageServer, room: Path) -> None:
    status, body, headers = ask(server, "/frames/01/9")
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    shown = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    on_disk = cv2.imread(str(room / "street" / "testing_videos" / "01" / "frame_00009.jpg"))
    assert shown is not None
    assert on_disk is not None
    assert np.abs(shown.astype(int) - cv2.flip(on_disk, 0)).mean() < 3


def test_frames_of_a_video_with_a_hostile_name(server: PageServer) -> None:
    assert ask(server, f"/frames/{quote(HOSTILE, safe='')}/3?small")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/frames/01/21",
        "/frames/01/-9",
        "/frames/01/9.0",
        "/frames/01/٩",
        "/frames/01/99999999999999999999",
        "/frames/1/9",
        "/frames/02/9",
        "/frames/../9",
        "/frames/..%2f..%2fetc%2fpasswd/9",
        "/frames/01/9/..",
        "/frames/",
        "//etc/passwd",
        "/../run.json",
        "/run.json",
        "/%2e%2e/run.json",
        "/report.html",
    ],
)
def test_nothing_but_the_page_and_the_frames_of_the_run(server: PageServer, path: str) -> None:
    assert ask(server, quote(path, safe="/%."))[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", ""])
def test_another_host_name_is_refused(server: PageServer, host: str) -> None:
    status, body, _ = ask(server, "/", Host=host)
    assert status == 403
    assert b"<html" not in body


def test_this_machine_may_be_called_localhost(server: PageServer) -> None:
    assert ask(server, "/", Host=f"localhost:{server.server_port}")[0] == 200


def test_two_host_names_at_once_are_refused(server: PageServer) -> None:
    own = f"127.0.0.1:{server.server_port}"
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as line:
        line.sendall(f"GET / HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\n\r\n".encode())
        assert b" 403 " in line.recv(100)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "ANYTHING"])
def test_only_reading(server: PageServer, method: str) -> None:
    status, _, headers = ask(server, "/", method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_head_has_no_body(server: PageServer) -> None:
    status, body, headers = ask(server, "/", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 1_000_000


def test_no_other_page_may_use_the_answers(server: PageServer) -> None:
    for path in ("/", "/frames/01/9", "/nothing"):
        headers = ask(server, path)[2]
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_it_listens_on_the_loopback_interface_only(server: PageServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_in_use_is_one_line(server: PageServer, footage: Footage) -> None:
    with pytest.raises(
        ViewError, match=rf"port {server.server_port} of 127\.0\.0\.1 is in use: choose another"
    ):
        PageServer(footage, server.server_port)


def test_a_file_that_went_away_is_told(server: PageServer, room: Path) -> None:
    file = room / "street" / "testing_videos" / "01" / "frame_00012.jpg"
    data = file.read_bytes()
    file.unlink()
    try:
        status, body, _ = ask(server, "/frames/01/12")
    finally:
        file.write_bytes(data)
    assert status == 410
    assert b"frame_00012.jpg was changed while it was in use" in body


def test_the_served_page_steps_through_every_frame(server: PageServer, opened: Open) -> None:
    with opened(server.address) as page:
        button = page.locator('.timeline[data-video="0"] .full-size')
        button.scroll_into_view_if_needed()
        page.locator('.timeline[data-video="0"] .main-svg').first.wait_for()
        button.click()
        image = page.locator("#viewer img")
        size: Any = image.evaluate(
            "async (image) => (await image.decode(), [image.naturalWidth, image.naturalHeight])"
        )
        assert size == [128, 96]
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        assert (image.get_attribute("src") or "").endswith("/frames/01/8")
        page.keyboard.press("Escape")
        assert not page.locator("#viewer").is_visible()
        moved = page.locator('.timeline[data-video="0"] .slider')
        assert moved.get_attribute("aria-valuenow") == "2"


def test_a_video_file_can_be_stepped_both_ways(tmp_path: Path) -> None:
    from pixelkit.frames.decode import FrameStore
    from pixelkit.frames.layouts import read_video
    from pixelkit.frames.repaired import Repairs
    from pixelkit.report.footage import RunFrames
    from pixelkit.report.server import Film

    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for number in range(100):
        writer.write(np.full((48, 64, 3), 2 * number, np.uint8))
    writer.release()
    (decoded,) = FrameStore(tmp_path / "cache").decode([read_video(path)], [View((8, 8))])
    frames = RunFrames(decoded, Repairs(frozenset({5}), {7: (6, 8)}))
    film = Film(frames)
    for position in (50, 51, 49, 3, 99, 10, 0):
        assert film.at(position).mean() == pytest.approx(2 * position, abs=4)
    chosen = [frame.mean() for frame in frames.at([0, 7, 99])]
    assert chosen == pytest.approx([0, 14, 198], abs=4)
    whole, fresh = path.read_bytes(), Film(frames)
    path.write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        with pytest.raises(DataError, match="was changed while it was in use"):
            fresh.at(99)
    path.write_bytes(whole)
    assert fresh.at(99).mean() == pytest.approx(198, abs=4)
