"""The command line: one file a command, imported only when that command runs."""

from __future__ import annotations

import sys
from importlib import import_module

import click

COMMANDS = {
    "run": "The main job: repair, fit, score, tune, fuse, write the checked CSV.",
    "download": "Fetch the data of a Kaggle competition.",
    "data": "What is there: videos, frames, gaps, undecodable files, suspected flips and noise.",
    "demo": "Write the demo data set: drawn street scenes in the PixelPlay layout.",
    "corrupt": "Put the PixelPlay corruption on any data set: flips, noise, missing frames.",
    "fit": "Fit chosen scorers on the training videos, and stop there.",
    "score": "Fit where needed, score every test frame, and stop there.",
    "tune": "Search the recipe of a run: normalisation, weights, smoothing, fusion.",
    "blend": "Fuse submissions made elsewhere, alone or beside a run of our own.",
    "submit": "Write and check the leaderboard CSV of a run; send it to Kaggle.",
    "history": "Every submission ever written: our figure, the leaderboard's, the gap; tell a score, compare two.",
    "report": "One HTML page of a run, or of two side by side: timelines, frames, heat maps, tuning, warnings.",
    "view": "The same page on this machine, with every frame at full size.",
    "evaluate": "AP and AUC of a CSV against labels: micro, macro, per video.",
    "plugins": "List the scorers, and the reason of each plugin that failed.",
    "new": "Start a scorer of your own from a template, with its test.",
    "check": "Run the conformance checks on a scorer.",
    "weights": "Pretrained weights: what the scorers need, what is there; fetch it, or pack a folder of it.",
    "pack": "Gather what a machine without internet needs: wheels, weights, a run's scorers, a notebook.",
    "doctor": "What is installed, and which device and precision would be used.",
}


class LazyGroup(click.Group):
    """A group that imports ``pixelkit.cli.<name>`` when that command is asked for: --help stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in reading order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module and return the click command that bears its name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"pixelkit.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="pixelkit")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def pixelkit() -> None:
    """From a folder of surveillance videos to a checked leaderboard CSV.

    Results go to stdout, progress and messages to stderr. Exit code 0, 1 (an error, explained in one line) or
    2 (usage).
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0, 1 for an error that is explained in one line, 2 for usage, 130 for Ctrl-C."""
    from pixelkit.errors import PixelkitError

    words = sys.argv[1:] if arguments is None else arguments
    try:
        pixelkit.main(words, prog_name="pixelkit", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo(
            "\npixelkit: stopped; what is finished is kept, the same command goes on from there", err=True
        )
        sys.exit(130)
    except PixelkitError as error:
        if "--debug" in words:
            raise
        click.echo(f"pixelkit: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
