"""``pixelkit submit --upload``, ``history fetch``: sent once, scored, remembered; nothing secret is written."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kaggle_server import KEY, SLUG, TOKEN, Fault, kaggle_server
from kaggle_server import Kaggle as Server
from scored import write_run

from pixelkit.artifacts import RunFolder
from pixelkit.cli import main
from pixelkit.leaderboard.history import FILE_NAME, History


@pytest.fixture
def server() -> Iterator[Server]:
    with kaggle_server() as server:
        yield server


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = write_run(tmp_path / "submissions" / "run")
    run.settings.write_text(f'competition = "{SLUG}"\n')
    return run


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "pixelkit", *map(str, words)]


def pixelkit(server: Server, run: RunFolder, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line beside the run; whatever it says or writes holds no credentials."""
    root = run.path.parents[1]
    environment = {**server.environment(root / "home"), **more}
    done = subprocess.run(
        command(*words), cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    written = [file.read_bytes() for file in run.path.parent.rglob("*") if file.is_file()]
    for secret in (TOKEN, KEY):
        assert secret not in done.stdout + done.stderr
        assert not any(secret.encode() in content for content in written)
    return done


def history_of(run: RunFolder) -> History:
    return History(run.path.parent / FILE_NAME)


def test_it_is_sent_scored_and_remembered(server: Server, run: RunFolder) -> None:
    done = pixelkit(server, run, "submit", run.path, "--upload", "--message", "first try", "--wait")
    assert done.returncode == 0, done.stderr
    [made] = history_of(run).submissions()
    assert done.stdout == f"{made.csv}\n"
    assert f"sent: {made.id} is on https://www.kaggle.com/competitions/{SLUG}/submissions" in done.stderr
    assert f"{made.id} has a public score of 0.66881; the best so far" in done.stderr
    assert (made.public, made.sent[0].competition) == (0.66881, SLUG)
    assert server.submissions[0]["description"] == f"pixelkit {made.id}: first try"
    assert server.submissions[0]["blob"] == made.csv.read_bytes()
    assert "0.66881" in run.log.read_text()
    assert not any(call.startswith("network") for call in server.calls)


def test_without_waiting_the_score_is_fetched_later_and_counts_as_an_upload_of_its_day(
    server: Server, run: RunFolder
) -> None:
    run.settings.write_text("seed = 0\n")
    done = pixelkit(
        server, run, "submit", "--upload", "--competition", f"https://www.kaggle.com/c/{SLUG}/rules"
    )
    assert "no score yet: 'pixelkit history fetch' tells it" in done.stderr
    [made] = history_of(run).submissions()
    listed = pixelkit(server, run, "history")
    assert "sent, no score yet" in listed.stdout
    fetched = pixelkit(server, run, "history", "fetch", "--json")
    assert fetched.returncode == 0, fetched.stderr
    assert json.loads(fetched.stdout)[SLUG]["told"] == [made.id]
    assert f"{made.id} has a public score of 0.66881" in fetched.stderr
    assert history_of(run).find(made.id).public == 0.66881
    assert history_of(run).sent_on(datetime.now(UTC).date()) == 1
    again = pixelkit(server, run, "submit", "--upload")  # where the run was last sent
    assert "not sent again" in again.stderr
    assert server.count("CreateSubmission") == 1


def test_a_csv_that_is_only_checked_can_be_sent_too_and_is_known_from_then_on(
    server: Server, run: RunFolder
) -> None:
    first = pixelkit(server, run, "submit", run.path)
    other = run.path.parents[1] / "other.csv"
    other.write_text(Path(first.stdout.strip()).read_text().replace("0.", "0.0"))
    done = pixelkit(server, run, "submit", run.path, "--check", other, "--upload")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{other}\n"
    imported = next(one for one in history_of(run).submissions() if one.imported)
    assert imported.sent
    assert server.submissions[0]["blob"] == other.read_bytes()


def test_the_settings_beside_the_data_may_name_the_competition_after_the_run(
    server: Server, run: RunFolder
) -> None:
    run.settings.write_text('competition = ""\n')
    data = run.path.parents[1] / "data"
    data.mkdir()
    run.write_record(replace(run.read_record(), data=str(data)))
    without = pixelkit(server, run, "submit", run.path, "--upload")
    assert (without.returncode, without.stdout) == (1, "")
    assert "which competition is" in without.stderr
    (data / "pixelkit.toml").write_text(f'competition = "{SLUG}"\n')
    assert pixelkit(server, run, "submit", run.path, "--upload").returncode == 0
    assert server.count("CreateSubmission") == 1


def test_what_the_leaderboard_would_reject_is_not_sent(server: Server, run: RunFolder) -> None:
    bad = run.path.parents[1] / "bad.csv"
    bad.write_text("Id,Predicted\n1_0,nan\n")
    done = pixelkit(server, run, "submit", run.path, "--check", bad, "--upload")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the leaderboard would reject this" in done.stderr
    assert server.calls == []


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_an_upload_that_is_stopped_after_the_csv_was_sent_is_not_sent_twice(
    server: Server, run: RunFolder, stop: signal.Signals
) -> None:
    server.faults["CreateSubmission"] = Fault(after=True, hang=True)
    server.listings_until_shown = 1
    root = run.path.parents[1]
    words = command("submit", run.path, "--upload")
    process = subprocess.Popen(
        words, cwd=root, env=server.environment(root / "home"), stderr=subprocess.PIPE, text=True
    )
    while not server.submissions and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(stop)
    said = process.communicate()[1]
    assert process.returncode == (130 if stop == signal.SIGINT else -stop), said
    assert "Traceback" not in said
    [made] = history_of(run).submissions()
    assert made.sent == ()
    done = pixelkit(server, run, "submit", run.path, "--upload")
    assert done.returncode == 0, done.stderr
    assert f"an upload of {made.id} was cut short: looking whether it came" in done.stderr
    assert "not sent again" in done.stderr
    assert len(server.submissions) == 1
    assert history_of(run).find(made.id).sent[0].ref == str(server.submissions[0]["ref"])


@pytest.mark.parametrize(
    ("more", "faults", "said"),
    [
        ({"KAGGLE_API_TOKEN": ""}, {}, "no Kaggle credentials: make a token"),
        (
            {"KAGGLE_API_TOKEN": "expired"},
            {},
            "refuses the credentials in KAGGLE_API_TOKEN, or they have expired",
        ),
        ({"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"}, {}, "cannot be reached"),
        (
            {"PYTHONPATH": "WITHOUT"},
            {},
            "the kaggle package is not installed: pip install 'pixelkit[kaggle]'",
        ),
        (
            {},
            {"GetSubmissionLimits": Fault(401, f"Unauthenticated: Bearer {TOKEN}")},
            "401, 'Unauthenticated: Bearer ***'",
        ),
        ({}, {"upload": Fault(404)}, "did not reach Kaggle's storage"),
    ],
)
def test_a_failure_is_one_line_and_the_csv_is_there_all_the_same(
    server: Server,
    run: RunFolder,
    tmp_path: Path,
    more: dict[str, str],
    faults: dict[str, Fault],
    said: str,
) -> None:
    without = tmp_path / "without" / "kaggle.py"
    without.parent.mkdir()
    without.write_text("raise ModuleNotFoundError(\"No module named 'kaggle'\", name='kaggle')\n")
    more = {name: str(without.parent) if value == "WITHOUT" else value for name, value in more.items()}
    server.faults = {call: Fault(**vars(fault)) for call, fault in faults.items()}
    done = pixelkit(server, run, "submit", run.path, "--upload", **more)
    [made] = history_of(run).submissions()
    assert made.csv.is_file()
    assert (done.returncode, done.stdout) == (1, f"{made.csv}\n")
    complaint = done.stderr.splitlines()[-1]
    assert said in complaint
    assert "Traceback" not in done.stderr
    assert (made.sent, server.submissions) == ((), [])


def test_a_traceback_that_was_asked_for_holds_no_credentials(server: Server, run: RunFolder) -> None:
    server.faults["GetSubmissionLimits"] = Fault(401, f"Unauthenticated: Bearer {TOKEN}")
    done = pixelkit(
        server, run, "--debug", "submit", run.path, "--upload"
    )  # looks for them in all that is said
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "pixelkit.errors.KaggleError: Kaggle refuses the credentials"
    )


def test_a_score_that_is_not_there_in_time_is_exit_code_1(server: Server, run: RunFolder) -> None:
    server.listings_until_scored = 1_000
    done = pixelkit(server, run, "submit", run.path, "--upload", "--wait", "1")
    [made] = history_of(run).submissions()
    assert (done.returncode, done.stdout) == (1, f"{made.csv}\n")
    assert "has no score after 1 s, but it is on Kaggle" in done.stderr
    assert made.sent


def test_fetching_without_any_upload_asks_which_competition(server: Server, run: RunFolder) -> None:
    done = pixelkit(server, run, "history", "fetch")
    assert done.returncode == 1
    assert "knows of no upload: name the competition" in done.stderr
    assert server.calls == []


def test_a_run_behind_wait_is_told_where_it_belongs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["submit", "--upload", "--wait", "submissions/run"])
    assert "'submissions/run' is no number of seconds: put RUN before --wait" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("--wait",), ("--competition", SLUG), ("--message", "x"), ("--upload", "--wait", "-1")]
)
def test_wrong_usage_is_exit_code_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["submit", *words])
    assert stop.value.code == 2
    assert capsys.readouterr().out == ""
