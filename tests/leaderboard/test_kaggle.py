"""Uploads by the real ``kaggle`` package to a server that behaves as Kaggle does, and to one that misbehaves."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import requests
from kaggle_server import BAD_COLUMNS, FORBIDDEN, KEY, SIGNATURE, SLUG, TOKEN, USER, Fault
from kaggle_server import Kaggle as Server
from submitted import write

from pixelkit.errors import HistoryError, KaggleError, KaggleUnreachable
from pixelkit.leaderboard.history import History, Submission
from pixelkit.leaderboard.kaggle import scores
from pixelkit.leaderboard.kaggle.client import Kaggle
from pixelkit.leaderboard.kaggle.explain import explain
from pixelkit.leaderboard.kaggle.upload import upload
from pixelkit.leaderboard_uploads import uploads_left

pytestmark = pytest.mark.usefixtures("quick")


def send(history: History, made: Submission, seconds: float = 20) -> scores.Received:
    return upload(Kaggle(SLUG, seconds=seconds), history, made.id, "wider\nsmoothing")


def test_a_csv_is_sent_after_asking_for_the_limits_and_found_by_its_id(
    server: Server, history: History
) -> None:
    made = write(history)
    received = send(history, made)
    [there] = server.submissions
    assert there["blob"] == made.csv.read_bytes()
    assert there["description"] == f"pixelkit {made.id}: wider smoothing"
    order = [call for call in server.calls if call != "IntrospectToken"]
    assert order == [
        *["ListSubmissions", "GetSubmissionLimits"],
        *["StartSubmissionUpload", "upload", "CreateSubmission", "ListSubmissions"],
    ]
    [sent] = history.find(made.id).sent
    assert (sent.competition, sent.ref) == (SLUG, str(there["ref"])) == (SLUG, received.ref)
    assert abs(sent.time - there["time"]) < timedelta(seconds=1)


def test_what_is_on_kaggle_is_not_sent_again(server: Server, history: History) -> None:
    made = write(history)
    first, again = send(history, made), send(history, made)
    assert first.ref == again.ref
    assert server.count("CreateSubmission") == 1
    assert len(history.find(made.id).sent) == 1


def test_what_another_machine_sent_is_found_on_any_page_of_the_list(server: Server, history: History) -> None:
    made = write(history)
    day = datetime(2026, 1, 5, 12, tzinfo=UTC)
    server.add(f"pixelkit {made.id}: from the laptop", when=day)
    for number in range(230):
        server.add(f"by hand {number}", when=day + timedelta(minutes=1 + number))
    received = send(history, made)
    assert server.count("CreateSubmission") == 0
    assert history.find(made.id).sent[0].time == received.time == day


def test_success_that_is_reported_for_nothing_does_not_count(server: Server, history: History) -> None:
    made = write(history)
    server.faults["CreateSubmission"] = Fault(200, "Successfully submitted to PixelPlay '26")
    with pytest.raises(
        KaggleError, match=rf"says .Successfully.*lists no submission 'pixelkit {made.id}'.*/submissions"
    ):
        send(history, made)
    assert history.find(made.id).sent == ()
    server.add(f"pixelkit {made.id}")  # there it is
    send(history, made)
    assert server.count("CreateSubmission") == 1


@pytest.mark.parametrize("code", [403, 404, 410, 500, 503])
def test_a_file_that_kaggles_storage_refuses_is_an_error_though_the_package_reports_none(
    server: Server, history: History, code: int
) -> None:
    made = write(history)
    server.faults["upload"] = Fault(code, times=1)
    with pytest.raises(KaggleError, match="did not reach Kaggle's storage, and nothing was submitted"):
        send(history, made)
    assert server.count("CreateSubmission") == 0
    assert history.find(made.id).sent == ()
    assert send(history, made).ref
    assert len(server.submissions) == 1


def test_an_error_for_what_was_taken_all_the_same_is_no_reason_to_send_it_twice(
    server: Server, history: History
) -> None:
    made = write(history)
    server.faults["CreateSubmission"] = Fault(500, after=True)
    send(history, made)
    assert len(server.submissions) == 1
    assert len(history.find(made.id).sent) == 1


def test_an_answer_that_never_comes_for_what_was_taken_is_looked_for(
    server: Server, history: History
) -> None:
    made = write(history)
    server.faults["CreateSubmission"] = Fault(hang=True, after=True)
    send(history, made, seconds=1)
    assert len(server.submissions) == 1


def test_what_did_not_come_is_sent_by_the_same_command(server: Server, history: History) -> None:
    made = write(history)
    server.faults["CreateSubmission"] = Fault(500, times=1)
    with pytest.raises(
        KaggleUnreachable, match=r"out of order \(500, 'Internal Server Error'\).*again later"
    ):
        send(history, made)
    assert (server.submissions, history.find(made.id).sent) == ([], ())
    send(history, made)
    assert len(server.submissions) == 1


def test_a_submission_that_is_listed_late_is_waited_for(server: Server, history: History) -> None:
    made = write(history)
    server.listings_until_shown = 3
    assert send(history, made).ref == str(server.submissions[0]["ref"])


def test_an_upload_that_was_cut_short_is_waited_for_before_it_is_sent_again(
    server: Server, history: History, warnings: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write(history)
    server.listings_until_shown = 5

    def stop(*_words: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pixelkit.leaderboard.kaggle.upload._appears", stop)
        with pytest.raises(KeyboardInterrupt):
            send(history, made)
    assert history.find(made.id).sent == ()
    send(history, made)
    assert len(server.submissions) == 1
    assert not list(history.root.glob(".unfinished*"))
    assert warnings() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            BAD_COLUMNS,
            "ERROR: Unexpected Column: 'Nr' (Line 1, Column 1); ERROR: Required column 'Id' could not be found",
        ),
        (
            "Evaluation Exception: Submission must have 11706 rows",
            "Evaluation Exception: Submission must have 11706 rows",
        ),
    ],
)
def test_rejected_columns_and_rows_are_told_in_kaggles_words_on_one_line(
    server: Server, history: History, text: str, said: str
) -> None:
    made = write(history)
    server.rejects = text
    with pytest.raises(KaggleError, match=re.escape(f"rejects {made.id}: {said}; is its sample")) as error:
        send(history, made)
    assert "\n" not in str(error.value)
    assert history.find(made.id).sent == ()
    server.rejects = ""
    send(history, made)
    assert [one["status"] for one in server.submissions] == ["ERROR", "PENDING"]


def test_a_csv_that_is_rejected_while_its_score_is_waited_for_does_not_count(
    server: Server, history: History
) -> None:
    made = write(history)
    received = send(history, made)
    assert history.sent_on(datetime.now(UTC).date()) == 1
    server.submissions[0] |= {"status": "ERROR", "errorDescription": "Evaluation Exception: too few rows"}
    with pytest.raises(KaggleError, match=r"rejects .*: Evaluation Exception: too few rows"):
        scores.wait(Kaggle(SLUG), history, received, 20)
    found = history.find(made.id)
    assert (found.sent, found.rejected) == ((), "Evaluation Exception: too few rows")
    assert history.sent_on(datetime.now(UTC).date()) == 0
    scores.fetch(Kaggle(SLUG), history)
    assert len(history.file.read_text().splitlines()) == 3  # written, sent, rejected: told once


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


def test_a_score_is_waited_for_and_told(server: Server, history: History) -> None:
    made = write(history)
    server.listings_until_scored = 4
    server.private = "0.61"
    received = send(history, made)
    assert history.find(made.id).public is None
    server.faults["ListSubmissions"] = Fault(500, times=2)  # a network that fails meanwhile
    scored = scores.wait(Kaggle(SLUG), history, received, 20)
    assert scored.public == "0.66881"
    assert (history.find(made.id).public, history.find(made.id).private) == (0.66881, 0.61)


def test_a_score_that_is_not_there_in_time_can_be_fetched_later(server: Server, history: History) -> None:
    made = write(history)
    server.listings_until_scored = 1_000
    received = send(history, made)
    with pytest.raises(
        KaggleError, match=rf"{made.id} has no score after 0 s, but it is on .*'pixelkit history fetch'"
    ):
        scores.wait(Kaggle(SLUG), history, received, 0.2)
    server.listings_until_scored = 1
    found = scores.fetch(Kaggle(SLUG), history)
    assert (found.told, history.find(made.id).public) == ([made.id], 0.66881)
    assert scores.fetch(Kaggle(SLUG), history).known == [made.id]


def test_fetching_tells_uploads_and_scores_of_all_that_carry_an_id(server: Server, history: History) -> None:
    by_hand, waiting, rejected, old = (write(history, name) for name in ("a", "bb", "ccc", "dddd"))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    scored = {"status": "COMPLETE", "publicScore": "0.7"}
    server.listings_until_scored = 1_000
    server.add(f"pixelkit {by_hand.id}", **scored)
    server.add(f"again, pixelkit {old.id}: renamed on the page", when=yesterday, **scored)
    server.add(f"pixelkit {rejected.id}", status="ERROR", errorDescription="no rows")
    server.add(f"pixelkit {waiting.id}")
    server.add("pixelkit ffffffffffff", **scored)
    server.add("a submission by hand", **scored)
    found = scores.fetch(Kaggle(SLUG), history)
    assert found.told == [old.id, by_hand.id]  # the oldest first
    assert (found.waiting, found.rejected, found.unknown) == (
        [waiting.id],
        {rejected.id: "no rows"},
        ["ffffffffffff"],
    )
    today = datetime.now(UTC).date()
    assert (history.sent_on(today), history.sent_on(today - timedelta(days=1))) == (2, 1)
    assert uploads_left(history, 5, today) == 3
    content = history.file.read_bytes()
    scores.fetch(Kaggle(SLUG), history)
    assert history.file.read_bytes() == content


def test_the_leaderboard_is_right_where_it_says_otherwise(
    server: Server, history: History, warnings: Callable[[], list[str]]
) -> None:
    made = write(history)
    history.tell(made.id, 0.5)
    server.add(f"pixelkit {made.id}", status="COMPLETE", publicScore="0.66881")
    scores.fetch(Kaggle(SLUG), history)
    assert history.find(made.id).public == 0.66881
    assert warnings() == [f"{made.id} was told a score of 0.5; Kaggle says 0.66881 now"]


@pytest.mark.parametrize("text", ["66.881", "abc", "-1", "nan"])
def test_what_is_no_score_is_passed_over_with_a_warning(
    server: Server, history: History, warnings: Callable[[], list[str]], text: str
) -> None:
    made = write(history)
    server.add(f"pixelkit {made.id}", status="COMPLETE", publicScore=text)
    scores.fetch(Kaggle(SLUG), history)
    assert history.find(made.id).public is None
    [warned] = warnings()
    assert f"{made.id}: the history cannot hold what Kaggle gave it: {text!r} is not a score" in warned


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


def test_only_the_very_bytes_that_the_history_knows_are_sent(server: Server, history: History) -> None:
    made = write(history)
    made.csv.write_text("Id,Predicted\n1_0,0.9\n")
    with pytest.raises(HistoryError, match="is not what it was"):
        send(history, made)
    with pytest.raises(HistoryError, match="there is no submission"):
        upload(Kaggle(SLUG), history, "0" * 12)
    assert server.submissions == []


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
