"""``pixelkit submit``: the CSV of a run, from its stored scores, and on to Kaggle."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixelkit.cli.job import FILE, FOLDER

if TYPE_CHECKING:
    from pixelkit.artifacts import RunFolder
    from pixelkit.leaderboard.history import History

log = logging.getLogger("pixelkit")

# Seconds that --wait waits when nobody says how long: Kaggle scores a CSV within a minute, on a busy day in some.
WAIT = 600


class Seconds(click.IntRange):
    """Whole seconds; says what happened when RUN was taken for them, since it stood behind --wait."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number that stands behind the option."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            if isinstance(value, str) and not value.lstrip("-").isdigit():
                self.fail(f"{value!r} is no number of seconds: put RUN before --wait", param, ctx)
            raise


@click.command()
@click.argument("run", type=FOLDER, required=False)
@click.option(
    "--recipe", type=FILE, help="Another recipe than the one in the run; edit a copy of recipe.json."
)
@click.option("--sample", type=FILE, help="The sample submission, if the run was made without one.")
@click.option(
    "--check",
    "csv",
    type=FILE,
    help="Take this CSV, write none: check it against the sample submission or the run's frames.",
)
@click.option("--upload", is_flag=True, help="Send the CSV to Kaggle, unless it is there already.")
@click.option(
    "--competition",
    metavar="NAME",
    help="Where to: what stands after kaggle.com/competitions/ in the address of its page. Default: competition in "
    "the pixelkit.toml of the run's data, else where the run was last sent.",
)
@click.option("--message", metavar="TEXT", help="What Kaggle shows beside the upload, after its id.")
@click.option(
    "--wait",
    is_flag=False,
    flag_value=WAIT,
    type=Seconds(min=0),
    metavar="[SECONDS]",
    help=f"Wait for the score, {WAIT} seconds if you name no other number; give it after RUN.",
)
def submit(
    run: Path | None,
    recipe: Path | None,
    sample: Path | None,
    csv: Path | None,
    upload: bool,
    competition: str | None,
    message: str | None,
    wait: int | None,
) -> None:
    """Write and check the leaderboard CSV of RUN (the newest run when not given) from its stored scores.

    Nothing is fitted or scored; the path of the CSV is the last line on stdout. A CSV that the leaderboard would
    reject is refused, and every difference is named.

    With --upload the CSV then goes to Kaggle with its id in the message, and counts as sent when it is found there by
    that id. The history remembers it and its score, if there is one in time; 'pixelkit history fetch' gets it later.
    What is on Kaggle already is not sent again, so give the same command again after anything that went wrong. Needs
    the kaggle package (pip install 'pixelkit[kaggle]') and a token from https://www.kaggle.com/settings/api in
    KAGGLE_API_TOKEN or ~/.kaggle/access_token.
    """
    from pixelkit import shipping
    from pixelkit.artifacts import RunFolder, newest_run
    from pixelkit.cli.messages import log_to
    from pixelkit.leaderboard.history import FILE_NAME, History

    if not upload and not (competition is None and message is None and wait is None):
        raise click.UsageError("--competition, --message and --wait go with --upload")
    folder = RunFolder(run) if run else newest_run(Path("submissions"))
    folder.read_record()
    log_to(folder.log)
    history = History(folder.path.resolve().parent / FILE_NAME)
    where = _competition(folder, history, competition) if upload else ""
    made = shipping.check(folder, csv, sample) if csv else shipping.submit(folder, recipe, sample)
    click.echo(made)  # first: it is there, whatever Kaggle says
    if upload:
        _send(made, where, history, message or "", wait)


def _competition(folder: RunFolder, history: History, named: str | None) -> str:
    """Return the competition, before anything is made; the settings beside the data may name it since the run."""
    from pixelkit.config import FILE_NAME, read_plain
    from pixelkit.leaderboard.kaggle.competition import competition_of

    settings = (read_plain(folder.settings), read_plain(Path(folder.read_record().data) / FILE_NAME))
    told = next((one["competition"] for one in settings if one.get("competition")), None)
    return competition_of(folder.path, told, history, named)


def _send(csv: Path, competition: str, history: History, message: str, wait: int | None) -> None:
    """Send a checked CSV, which the history knows from then on, and wait for its score if that is wanted."""
    from pixelkit.cli.history import beside
    from pixelkit.leaderboard.history import submission_id
    from pixelkit.leaderboard.kaggle import scores
    from pixelkit.leaderboard.kaggle.client import Kaggle
    from pixelkit.leaderboard.kaggle.upload import upload

    kaggle = Kaggle(competition)
    identity = submission_id(csv)
    if not any(one.id == identity for one in history.submissions()):
        history.imported(csv)
    received = upload(kaggle, history, identity, message)
    if wait is not None and not received.public:
        log.info("waiting for the score, up to %s s; Ctrl-C loses nothing", wait)
        scores.wait(kaggle, history, received, wait)
    found = history.find(identity)
    if found.public is None:
        log.info("no score yet: 'pixelkit history fetch' tells it")
    else:
        log.info("%s has a public score of %s%s", identity, found.public, beside(history, found))
