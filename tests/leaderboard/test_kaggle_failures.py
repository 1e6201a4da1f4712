"""Every failure of an upload is one line that says its cause and what to do, and nothing that is secret."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest
import requests
from kaggle_server import FORBIDDEN, KEY, SIGNATURE, SLUG, TOKEN, USER, Fault
from kaggle_server import Kaggle as Server
from submitted import write

from pixelkit.errors import KaggleError, KaggleUnreachable
from pixelkit.leaderboard.history import History, Submission
from pixelkit.leaderboard.kaggle.client import Kaggle, Received
from pixelkit.leaderboard.kaggle.explain import explain
from pixelkit.leaderboard.kaggle.upload import upload

pytestmark = pytest.mark.usefixtures("quick")


def send(history: History, made: Submission, seconds: float = 20) -> Received:
    return upload(Kaggle(SLUG, seconds=seconds), history, made.id)


def test_a_reached_limit_says_when_the_next_upload_is_allowed(server: Server, history: History) -> None:
    made = write(history)
    for number in range(5):
        server.add(f"by hand {number}")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d} 00:00 UTC"
    with pytest.raises(
        KaggleError, match=rf"no more uploads today \(5 of 5 made\): .* from {tomorrow} on, in \d+ h"
    ):
        send(history, made)
    assert server.count("StartSubmissionUpload") == 0


def test_a_limit_in_all_has_no_next_upload(server: Server, history: History) -> None:
    made = write(history)
    server.total = 2
    for number in range(2):
        server.add(f"by hand {number}", when=datetime(2026, 1, 1 + number, tzinfo=UTC))
    with pytest.raises(KaggleError, match="takes no more uploads: all 2 that a team may make"):
        send(history, made)


def test_rules_that_are_not_accepted_name_the_page(server: Server, history: History) -> None:
    made = write(history)
    server.joined = False
    with pytest.raises(KaggleError) as error:
        send(history, made)
    assert FORBIDDEN in str(error.value)
    assert f"accept the rules of {SLUG} at https://www.kaggle.com/competitions/{SLUG}/rules" in str(
        error.value
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(401, "Unauthenticated"), "refuses the credentials in KAGGLE_API_TOKEN (401"),
        (Fault(400, "Submission not allowed"), "refuses it (400, 'Submission not allowed'): see https://"),
        (
            Fault(429, headers={"Retry-After": "17"}),
            "asked too often (429): give the same command again in 17 s",
        ),
        (Fault(429), "asked too often (429): give the same command again in some minutes"),
        (
            Fault(502, page="<html>Bad Gateway</html>"),
            "out of order (502): give the same command again later",
        ),
        (Fault(200, page="<html>Sign in to Hotel</html>"), "does a proxy or the sign-in page"),
        (Fault(hang=True), "does not answer: nothing for 1 s"),
    ],
)
@pytest.mark.parametrize("call", ["ListSubmissions", "GetSubmissionLimits", "StartSubmissionUpload"])
def test_every_failure_is_one_line_with_its_cause_and_what_to_do(
    server: Server, history: History, call: str, fault: Fault, said: str
) -> None:
    made = write(history)
    server.faults[call] = Fault(**{**vars(fault)})
    with pytest.raises(KaggleError) as error:
        send(history, made, seconds=1)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert (server.submissions, history.find(made.id).sent) == ([], ())


def test_a_wrong_name_says_what_was_expected(server: Server) -> None:
    with pytest.raises(
        KaggleError, match=r"404, 'NotFound'.*no competition 'pixel-play-62'.*address of its page"
    ):
        Kaggle("pixel-play-62").limits()
    assert server.count("GetSubmissionLimits") == 1


def test_no_network_is_one_line(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(KaggleUnreachable, match=r"proxy .*\(Connection refused\): check HTTPS_PROXY"):
        Kaggle(SLUG)
    assert server.calls == []


def test_no_connection_without_a_proxy_says_what_the_system_said() -> None:
    with requests.Session() as session, pytest.raises(requests.RequestException) as error:
        session.trust_env = False
        session.get(f"http://127.0.0.1:1/upload?X-Goog-Signature={SIGNATURE}", timeout=5)
    said = str(explain(error.value, SLUG))
    assert said.startswith("no connection to Kaggle (Connection refused): check the network and give")
    assert SIGNATURE not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            requests.ConnectionError(
                "HTTPSConnectionPool(host='api.kaggle.com', port=443): Max retries exceeded with url: /v1/x (Caused by "
                "NameResolutionError(\"Failed to resolve 'api.kaggle.com' ([Errno -3] Temporary failure in name "
                'resolution)"))'
            ),
            "no connection to Kaggle (Temporary failure in name resolution): check the network",
        ),
        (
            requests.exceptions.SSLError(
                "HTTPSConnectionPool(host='api.kaggle.com', port=443): Max retries exceeded (Caused by "
                "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
                "self-signed certificate in certificate chain (_ssl.c:1006)')))"
            ),
            "no safe connection to Kaggle (self-signed certificate in certificate chain): check the clock, and REQ",
        ),
        (requests.ReadTimeout("x"), "no connection to Kaggle (ReadTimeout): check the network"),
    ],
)
def test_errors_that_only_a_real_network_has(error: requests.RequestException, said: str) -> None:
    assert str(explain(error, SLUG)).startswith(said)


@pytest.mark.parametrize("module", ["kaggle", "six"])
def test_a_package_that_is_missing_says_how_to_install_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(KaggleError, match=r"pip install 'pixelkit\[kaggle\]'") as error:
        Kaggle(SLUG)
    assert module in str(error.value)
    assert server.calls == []


def test_a_package_that_is_too_old_says_so(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    kaggle = Kaggle(SLUG)
    package = sys.modules["kaggle.api.kaggle_api_extended"]
    monkeypatch.delattr(package.KaggleApi, "competition_get_submission_limits")
    with pytest.raises(KaggleError, match=r"fails \(AttributeError: .*\): pip install --upgrade kaggle"):
        kaggle.limits()
    assert server.count("GetSubmissionLimits") == 0


def test_nothing_that_is_secret_is_in_a_message(server: Server, history: History) -> None:
    made = write(history)
    for call in ("ListSubmissions", "GetSubmissionLimits", "StartSubmissionUpload"):
        server.faults = {
            call: Fault(400, f"token {TOKEN}, key {KEY}, Bearer {TOKEN[:9]}, Basic YWRhOjEyMzQ= for {USER}")
        }
        with pytest.raises(KaggleError) as error:
            send(history, made)
        assert "token ***, key" in str(error.value)
        assert TOKEN not in str(error.value)
        assert "YWRhOjE" not in str(error.value)
