"""``pixelkit history``: every submission ever written, our figure and the leaderboard's, and what changed."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pixelkit.cli.job import FILE

if TYPE_CHECKING:
    from pixelkit.leaderboard.history import History, Submission

log = logging.getLogger("pixelkit")

# Wide enough for every column when stdout is a file or a pipe, whose width nobody knows.
_PIPE_WIDTH = 120


@dataclass(frozen=True)
class Asked:
    """The history that a command is about, whether JSON is wanted, and whether the history was named."""

    history: History
    as_json: bool
    named: bool

    def find(self, text: str) -> Submission:
        """Return a submission; one that is unknown where nobody said to look may be known to another history."""
        from pixelkit.errors import UnknownSubmission

        try:
            return self.history.find(text)
        except UnknownSubmission as error:
            if self.named:
                raise
            raise UnknownSubmission(
                f"{error}; the history of a run elsewhere lies beside its folder: name it with "
                f"'pixelkit history --file FOLDER/{self.history.file.name} ...'"
            ) from None


@click.group(invoke_without_command=True)
@click.option(
    "--file",
    type=FILE,
    default="submissions/history.jsonl",
    show_default=True,
    help="Where the history lies.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def history(context: click.Context, file: Path, as_json: bool) -> None:
    """Every submission ever written, the newest last: our own figure, the leaderboard's scores, and the gap.

    An ID may be shortened to what is unique, 4 digits at least; the path of the CSV does as well.
    """
    from pixelkit.cli.messages import show_messages
    from pixelkit.leaderboard.history import History

    show_messages()
    named = context.get_parameter_source("file") is not ParameterSource.DEFAULT
    context.obj = Asked(History(file), as_json, named)
    if context.invoked_subcommand is None:
        _list(context.obj)


@history.command()
@click.argument("identity", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(asked: Asked, identity: str, as_json: bool) -> None:
    """All that is known of one, recipe and settings included."""
    _show(asked, asked.find(identity), as_json, whole=True)


@history.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def best(asked: Asked, as_json: bool) -> None:
    """The submission with the highest public score."""
    found = asked.history.best()
    if found is not None:
        _show(asked, found, as_json, whole=False)
        return
    if as_json or asked.as_json:
        click.echo("null")
    _how_to_tell(asked.history.submissions())


@history.command()
@click.argument("identity", metavar="ID")
@click.argument("text", nargs=-1, required=True)
@click.pass_obj
def note(asked: Asked, identity: str, text: tuple[str, ...]) -> None:
    """Put a note on one.

    TEXT takes the place of an earlier note; an empty one, '', removes it.
    """
    found = asked.history.note(asked.find(identity).id, " ".join(text))
    log.info("%s: %s", found.id, f"note: {found.note}" if found.note else "without a note")


# A score below 0 should be told to be none; click would take it for an option.
@history.command(context_settings={"ignore_unknown_options": True})
@click.argument("identity", metavar="ID")
@click.argument("score")
@click.option("--private", is_flag=True, help="It is the private score.")
@click.option("--replace", is_flag=True, help="It takes the place of another score, which was wrong.")
@click.pass_obj
def tell(asked: Asked, identity: str, score: str, private: bool, replace: bool) -> None:
    """Tell the leaderboard's SCORE of one, from 0 to 1."""
    from pixelkit.leaderboard.history import parse_score

    value = parse_score(score)
    identity = asked.find(identity).id
    news = asked.history.tell(identity, value, private=private, replace=replace)
    found = asked.history.find(identity)
    which = "private" if private else "public"
    if not news:
        log.info("%s was told a %s score of %s before: nothing to do", found.id, which, value)
        return
    log.info(
        "%s has a %s score of %s%s", found.id, which, value, "" if private else beside(asked.history, found)
    )


@history.command("import")
@click.argument("csv", type=FILE, required=False)
@click.option("--score", metavar="SCORE", help="Its public score, if it was uploaded before.")
@click.option("--note", "text", default="", metavar="TEXT", help="A note on it.")
@click.option("--from", "file", type=FILE, help="A CSV file,score,note of many; paths are relative to it.")
@click.pass_obj
def import_(asked: Asked, csv: Path | None, score: str | None, text: str, file: Path | None) -> None:
    """Take in a CSV that was made elsewhere, or many.

    The history keeps a copy. The ids are printed on stdout.
    """
    if (csv is None) == (file is None) or (file is not None and (score or text)):
        raise click.UsageError("name a CSV, with --score and --note if you like, or --from FILE")
    from pixelkit.leaderboard.history import parse_score
    from pixelkit.leaderboard.history.listing import import_list

    if file is not None:
        found = import_list(asked.history, file)
    elif csv is not None:
        found = [asked.history.imported(csv, None if score is None else parse_score(score), text)]
    for one in found:
        click.echo(one.id)
    log.info(
        "taken in: %s, of which %s with a public score; %s knows them",
        len(found),
        sum(one.public is not None for one in found),
        asked.history.file,
    )


@history.command()
@click.argument("competition", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def fetch(asked: Asked, competition: str | None, as_json: bool) -> None:
    """Fetch the scores of what was sent to Kaggle from here.

    It is known by the id in its message. COMPETITION is what stands after kaggle.com/competitions/ in the address of
    its page; without it, each one is asked that something was sent to from here. Uploads that the history does not
    know of yet are added to it.
    """
    from pixelkit.cli.history_fetch import fetch_all

    fetch_all(asked.history, competition, as_json=as_json or asked.as_json)


@history.command()
@click.argument("file", type=FILE)
@click.pass_obj
def merge(asked: Asked, file: Path) -> None:
    """Add what FILE knows, the history of another machine.

    CSVs that lie beside it are copied. Merging again adds nothing.
    """
    from pixelkit.errors import examples

    merged = asked.history.merge(file)
    log.info(
        "%s: new lines %s, new submissions %s, CSVs copied %s",
        asked.history.file,
        merged.lines,
        merged.submissions,
        merged.copied,
    )
    if merged.lost:
        log.warning("CSVs that lie neither here nor beside %s: %s", file, examples(merged.lost))


@history.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, every video and stretch included.")
@click.pass_obj
def diff(asked: Asked, a: str, b: str, as_json: bool) -> None:
    """What changed from A to B, and where the scores moved.

    Settings and recipe keys that differ; the rank correlation of the two CSVs; the videos and the stretches of frames
    whose ranks moved most.
    """
    from pixelkit.cli import history_view as view
    from pixelkit.errors import HistoryError
    from pixelkit.leaderboard.history.diff import changes_between, compare_scores

    one, other = asked.find(a), asked.find(b)
    changes = changes_between(one, other)
    moves = None
    try:
        moves = compare_scores(asked.history.find_csv(one), asked.history.find_csv(other))
    except HistoryError as error:  # what changed in the settings is worth telling all the same
        log.warning("the scores are not compared: %s", error)
    if as_json or asked.as_json:
        click.echo(json.dumps(view.diff_as_json(one, other, changes, moves), indent=1))
        return
    parts = [view.describe_both(one, other), view.describe_changes(changes)]
    click.echo("\n\n".join([*parts, *([view.describe_moves(moves)] if moves else [])]))


def _list(asked: Asked) -> None:
    submissions = asked.history.submissions()
    from pixelkit.cli import history_view as view

    if asked.as_json:
        click.echo(json.dumps([view.as_json(one) for one in submissions], indent=1))
    if not submissions:
        log.info(
            "%s: no submission yet: 'pixelkit run' writes one, 'pixelkit history import CSV' takes one in",
            asked.history.file,
        )
        return
    best = asked.history.best()
    if not asked.as_json:
        _print_table(submissions, best)
    if best is None:
        _how_to_tell(submissions)


def _print_table(submissions: list[Submission], best: Submission | None) -> None:
    import shutil

    from pixelkit.cli import history_view as view

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    header, *lines = view.list_lines(submissions, width)
    click.secho(header, bold=True)
    for one, line in zip(submissions, lines, strict=True):
        click.secho(line, bold=one == best or None)
    if legend := view.legend(submissions, best):
        click.echo(f"\n{legend}")


def _show(asked: Asked, found: Submission, as_json: bool, *, whole: bool) -> None:
    from pixelkit.cli import history_view as view

    if as_json or asked.as_json:
        click.echo(json.dumps(view.as_json(found), indent=1))
    else:
        click.echo(view.describe(found, whole=whole))


def _how_to_tell(submissions: list[Submission]) -> None:
    """Say how to tell a score, which nobody has done yet."""
    if submissions:
        log.info(
            "no leaderboard score is known: tell one with 'pixelkit history tell %s SCORE'",
            submissions[-1].id,
        )
    else:
        log.info("no submission yet: 'pixelkit run' writes one")


def beside(history: History, found: Submission) -> str:
    """Return how a public score that was just told stands beside our own figure and the other scores."""
    text = ""
    if found.gap is not None:
        text += f"; ours was {found.figure:.4f} ({found.figure_of}), a gap of {found.gap:+.4f}"
    best = history.best()
    if best is not None:
        text += "; the best so far" if best.id == found.id else f"; the best is {best.public} ({best.id})"
    return text
