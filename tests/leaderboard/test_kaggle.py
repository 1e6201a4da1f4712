"""Uploads by the real ``kaggle`` package to a server that behaves as Kaggle does, and to one that misbehaves."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from kaggle_server import BAD_COLUMNS, SLUG, Fault
from kaggle_server import Kaggle as Server
from submitted import write

from pixelkit.errors import HistoryError, KaggleError, KaggleUnreachable
from pixelkit.leaderboard.history import History, Submission
from pixelkit.leaderboard.kaggle.client import Kaggle, Received
from pixelkit.leaderboard.kaggle.upload import upload

pytestmark = pytest.mark.usefixtures("quick")


def send(history: History, made: Submission, seconds: float = 20) -> Received:
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


def test_only_the_very_bytes_that_the_history_knows_are_sent(server: Server, history: History) -> None:
    made = write(history)
    made.csv.write_text("Id,Predicted\n1_0,0.9\n")
    with pytest.raises(HistoryError, match="is not what it was"):
        send(history, made)
    with pytest.raises(HistoryError, match="there is no submission"):
        upload(Kaggle(SLUG), history, "0" * 12)
    assert server.submissions == []
