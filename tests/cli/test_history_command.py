"""``pixelkit history``: data on stdout, messages on stderr, one clear line for a mistake."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from street import pixelkit

from pixelkit.cli import main
from pixelkit.cli.history import history as command
from pixelkit.leaderboard.history import FILE_NAME, History, Submission
from pixelkit.scores.recipe import Recipe

NOTE = (
    "wider smoothing, more epochs for the autoencoder, and the third seed left out because it never converged"
)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """The history that the command line finds when nobody names one."""
    monkeypatch.chdir(tmp_path)
    return History(Path("submissions") / FILE_NAME)


@pytest.fixture
def run(
    history: History, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run ``pixelkit history`` with these words; return exit code, stdout, stderr."""
    log = logging.getLogger("pixelkit")
    before = log.propagate, log.level, log.handlers[:]

    def do(*words: object) -> tuple[int, str, str]:
        code: object = 0
        try:
            main(["history", *map(str, words)])
        except SystemExit as stop:
            code = stop.code
        return int(str(code or 0)), *capsys.readouterr()

    assert history.submissions() == []
    yield do
    log.propagate, log.level, log.handlers[:] = before


def make_csv(path: Path, *scores: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("Id,Predicted\n" + "".join(f"1_{i},{score}\n" for i, score in enumerate(scores)))
    return path


def write(
    history: History, name: str, *scores: float, epochs: int = 5, figure_of: str = "synthetic AP"
) -> Submission:
    csv = make_csv(history.root / name / f"{name}.csv", *scores)
    return history.written(
        csv,
        run=csv.parent,
        recipe=Recipe.untuned(["convae.mean", "dae.mean"]),
        settings={"seed": 0, "convae": {"epochs": epochs}},
        figure=sum(scores) / len(scores),
        figure_of=figure_of,
        rows=len(scores),
    )


def test_without_any_submission_it_says_so_and_json_is_an_empty_list(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, said = run()
    assert (code, out) == (0, "")
    assert "no submission yet: 'pixelkit run' writes one" in said
    assert run("--json")[:2] == (0, "[]\n")
    assert run("best")[:2] == (0, "")
    assert run("best", "--json")[:2] == (0, "null\n")


def test_the_table_has_our_figure_the_leaderboard_s_and_the_gap_newest_last(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    first, second = write(history, "ped2", 0.5, 0.25), write(history, "avenue", 0.75, 0.5)
    code, out, said = run()
    assert code == 0
    assert f"tell one with 'pixelkit history tell {second.id} SCORE'" in said
    header, *lines = out.splitlines()
    assert header.split() == ["id", "when", "(UTC)", "run", "ours", "public"]
    assert [line.split()[::3][:2] for line in lines[:2]] == [[first.id, "ped2"], [second.id, "avenue"]]
    history.tell(first.id, 0.275)
    history.note(second.id, "a note")
    _, out, said = run()
    assert said == ""
    header, *lines = out.splitlines()
    assert lines[0].split()[3:] == ["ped2", "0.3750", "0.27500", "-0.1000"]
    assert lines[1].split()[3:] == ["avenue", "0.6250", "a", "note"]
    assert lines[-1] == f"ours: synthetic AP; gap: public - ours; best: {first.id} with 0.27500"


def test_figures_of_two_kinds_are_told_apart(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    write(history, "a", 0.5)
    write(history, "b", 0.75, figure_of="labels AP")
    header, first, second, *rest = run()[1].splitlines()
    assert header.split()[4:6] == ["ours", "of"]
    assert "synthetic AP" in first
    assert "labels AP" in second
    assert rest[-1].startswith("ours: synthetic AP or labels AP; gap")


@pytest.mark.parametrize("width", [80, 109, 110, 120])
def test_no_line_of_the_table_is_wider_than_the_terminal(history: History, width: int) -> None:
    """In a real terminal: a long run name and a long note, with letters that take two cells, are cut."""
    pty, fcntl, termios, struct = map(pytest.importorskip, ("pty", "fcntl", "termios", "struct"))
    made = write(history, "videopatchcore-with-three-seeds", 0.5)
    history.note(made.id, f"异常检测 {NOTE}")
    history.tell(made.id, 0.5)
    history.tell(made.id, 0.5, private=True)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-m", "pixelkit", "history"]
    done = subprocess.run(command, env=environment, stdout=theirs, stderr=subprocess.PIPE, check=True)
    out = click.unstyle(os.read(ours, 100_000).decode())
    os.close(theirs)
    os.close(ours)
    lines = out.splitlines()
    cells = [len(line) + sum(letter in "异常检测" for letter in line) for line in lines]
    assert max(cells) <= width
    assert lines[1].startswith(made.id[:8])
    assert lines[1].endswith("…")
    assert done.stderr == b""


def test_in_a_pipe_the_table_has_room_for_120_columns_and_no_colours(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    made = write(history, "ped2", 0.5)
    history.note(made.id, f"\x1b[31mred\n{NOTE}")
    history.tell(made.id, 0.5)
    line = run()[1].splitlines()[1]
    assert 110 < len(line) <= 120
    assert "\x1b" not in line


def test_json_has_everything(history: History, run: Callable[..., tuple[int, str, str]]) -> None:
    made = write(history, "ped2", 0.5)
    history.tell(made.id, 0.4)
    history.sent(made.id, "pixel-play-26", "123")
    [found] = json.loads(run("--json")[1])
    assert (found["id"], found["run"], found["public"]) == (made.id, "submissions/ped2", 0.4)
    assert found["gap"] == pytest.approx(-0.1)
    assert found["sent"][0]["competition"] == "pixel-play-26"
    assert found["recipe"]["channels"]["convae.mean"]["weight"] == 1
    for words in (("show", made.id[:4], "--json"), ("best", "--json"), ("--json", "best")):
        assert json.loads(run(*words)[1]) == found


def test_show_tells_all_and_whether_the_csv_is_still_there(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    made = write(history, "ped2", 0.5)
    history.proposed(made.id, {"expected": 0.7})
    code, out, _ = run("show", made.csv)
    assert code == 0
    for said in (
        f"submission  {made.id}",
        "ours        0.5000 synthetic AP",
        'proposed    {"expected": 0.7}',
        "recipe: smooth gaussian, width 10, fusion rank average",
        "  convae.mean  rank       global  1      1",
        "  convae.epochs = 5",
    ):
        assert said in out
    assert "(gone)" not in out
    assert "proposed for upload" in run()[1]
    made.csv.unlink()
    assert "ped2.csv (gone)" in run("show", made.id)[1]


def test_tell_says_how_far_off_we_were_and_twice_is_no_mistake(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    first, second = write(history, "a", 0.5), write(history, "b", 0.75)
    code, out, said = run("tell", first.id[:6], "0.45")
    assert (code, out) == (0, "")
    assert f"{first.id} has a public score of 0.45; ours was 0.5000 (synthetic AP), a gap of -0.0500" in said
    assert "the best so far" in said
    assert f"the best is 0.45 ({first.id})" in run("tell", second.id, "0.4")[2]
    code, _, said = run("tell", second.id, "0.4")
    assert code == 0
    assert "was told a public score of 0.4 before: nothing to do" in said
    assert run("tell", second.id, "0.6")[0] == 1
    assert run("tell", second.id, "0.6", "--replace")[0] == 0
    assert "has a private score of 0.3" in run("tell", second.id, "0.3", "--private")[2]
    assert (history.find(second.id).public, history.find(second.id).private) == (0.6, 0.3)
    assert run("best")[1].startswith(f"submission  {second.id}")


def test_a_note_is_put_on_and_taken_off(history: History, run: Callable[..., tuple[int, str, str]]) -> None:
    made = write(history, "a", 0.5)
    assert "note: two words" in run("note", made.id, "two words")[2]
    assert history.find(made.id).note == "two words"
    assert "note: three more words" in run("note", made.id, "three", "more", "words")[2]
    assert "without a note" in run("note", made.id, "")[2]
    assert run("note", made.id)[0] == 2


def test_import_prints_the_ids(history: History, run: Callable[..., tuple[int, str, str]]) -> None:
    csv = make_csv(Path("old.csv"), 0.5)
    code, out, said = run("import", csv, "--score", "0.79", "--note", "pooled")
    [made] = history.submissions()
    assert (code, out) == (0, f"{made.id}\n")
    assert (made.public, made.note) == (0.79, "pooled")
    assert "taken in: 1, of which 1 with a public score" in said
    make_csv(Path("older.csv"), 0.25)
    Path("list.csv").write_text("file,score\nold.csv,0.79\nolder.csv,\n")
    assert run("import", "--from", "list.csv")[1].split() == [one.id for one in history.submissions()]
    assert "(imported)" in run()[1]


def test_diff_tells_what_changed_and_where_the_scores_moved(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    a = write(history, "a", 0.1, 0.2, 0.3, 0.4)
    b = write(history, "b", 0.9, 0.2, 0.3, 0.4, epochs=9)
    history.tell(a.id, 0.5)
    history.tell(b.id, 0.6)
    code, out, _ = run("diff", a.id, b.id)
    assert code == 0
    for said in (
        "the public score moved by +0.10000",
        "settings and recipe: 1 value differs\n  convae.epochs  5  ->  9",
        "scores: a rank correlation of -0.2000 over 4 frames",
        "1      0 to 0       1  +75.0 %",
    ):
        assert said in out
    found = json.loads(run("diff", a.id, b.id, "--json")[1])
    assert found["changes"] == {"convae.epochs": {"a": 5, "b": 9}}
    assert found["scores"]["stretches"][0]["mean"] == 0.75
    assert (found["a"]["id"], found["b"]["id"]) == (a.id, b.id)
    same = run("diff", a.id, a.id)[1]
    assert "settings and recipe: the same" in same
    assert "no frame has another rank" in same


def test_diff_without_a_csv_still_tells_what_changed(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    a, b = write(history, "a", 0.1), write(history, "b", 0.2, epochs=9)
    b.csv.unlink()
    code, out, said = run("diff", a.id, b.id)
    assert code == 0
    assert "1 value differs" in out
    assert "the scores are not compared" in said
    assert f"pixelkit submit {b.run}" in said
    assert json.loads(run("diff", a.id, b.id, "--json")[1])["scores"] is None


def test_diff_with_an_imported_csv_compares_the_scores(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    a, b = write(history, "a", 0.1, 0.2), history.imported(make_csv(Path("b.csv"), 0.3, 0.4))
    out = run("diff", a.id, b.id)[1]
    assert "not known of both, for one was made elsewhere" in out
    assert "a rank correlation of 1.0000 over 2 frames" in out


def test_merge_tells_what_came_and_what_is_nowhere(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    other = History(Path("stick") / FILE_NAME)
    write(other, "a", 0.1)
    lost = write(other, "b", 0.2)
    lost.csv.unlink()
    code, _, said = run("merge", other.file)
    assert code == 0
    assert "new lines 2, new submissions 2, CSVs copied 1" in said
    assert f"CSVs that lie neither here nor beside stick/history.jsonl: {lost.id}" in said
    assert "new lines 0, new submissions 0" in run("merge", other.file)[2]
    assert len(history.submissions()) == 2


def test_another_history_can_be_named(run: Callable[..., tuple[int, str, str]]) -> None:
    made = write(History(Path("elsewhere") / FILE_NAME), "a", 0.5)
    assert json.loads(run("--file", f"elsewhere/{FILE_NAME}", "show", made.id, "--json")[1])["id"] == made.id


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "0000"), "there is no submission '0000' in submissions/history.jsonl"),
        (("note", "0000", "x"), "there is no submission '0000'"),
        (("tell", "0000", "0.5"), "there is no submission '0000'"),
        (("tell", "ID", "abc"), "'abc' is not a score: expected a number from 0 to 1"),
        (("tell", "ID", "-0.5"), "'-0.5' is not a score"),
        (("tell", "ID", "66.9"), "66.9 % is 0.669"),
        (("tell", "abc", "0.5"), "id 'abc' is too short"),
        (("diff", "ID", "0000"), "there is no submission '0000'"),
        (("import", "none.csv"), "none.csv: cannot be read as a CSV"),
        (("import", "none.csv", "--score", "x"), "'x' is not a score"),
        (("import", "--from", "none.csv"), "none.csv: cannot be read as a CSV"),
        (("merge", "none.jsonl"), "there is no history none.jsonl"),
    ],
)
def test_a_mistake_is_one_clear_line(
    history: History, run: Callable[..., tuple[int, str, str]], words: tuple[str, ...], said: str
) -> None:
    made = write(history, "a", 0.5)
    code, out, complaint = run(*(made.id if word == "ID" else word for word in words))
    assert (code, out) == (1, "")
    assert said in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("import",),
        ("import", "a.csv", "--from", "b.csv"),
        ("import", "--from", "b.csv", "--score", "1"),
        ("forget", "x"),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Callable[..., tuple[int, str, str]], words: tuple[str, ...]) -> None:
    assert run(*words)[0] == 2


def test_a_broken_line_is_told_once_on_stderr(
    history: History, run: Callable[..., tuple[int, str, str]]
) -> None:
    made = write(history, "a", 0.5)
    with history.file.open("ab") as file:
        file.write(b'{"key":"ab')
    code, out, said = run("--json")
    assert code == 0
    assert [one["id"] for one in json.loads(out)] == [made.id]
    assert said.count("line 2 cannot be understood") == 1


def test_every_command_and_option_has_help_that_fits_a_line() -> None:
    assert isinstance(command, click.Group)
    for name, sub in command.commands.items():
        assert "..." not in sub.get_short_help_str(68), name
        assert all(option.help for option in sub.params if isinstance(option, click.Option)), name


def test_it_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = "{'torch', 'pandas', 'sklearn', 'optuna', 'cv2', 'numpy'}"
    script = (
        "import sys; from pixelkit.cli import main\n"
        "try: main(['history'])\n"
        f"finally: print({heavy} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
    assert pixelkit("history", "--json", cwd=tmp_path).stdout == "[]\n"
