"""pixelkit corrupt: the PixelPlay corruption for any data set."""

from __future__ import annotations

import re
from pathlib import Path

import click

_SHARE = click.FloatRange(0, 1)


def _amplitude(context: click.Context, option: click.Parameter, text: str) -> tuple[int, int]:
    """Read ``35-40``, or ``35`` for a fixed amplitude."""
    found = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", text)
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= low <= high <= 127:
        raise click.BadParameter("expected one or two gray levels, 1 to 127, as in 35-40", context, option)
    return low, high


@click.command()
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("target", metavar="DST", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--flips", type=_SHARE, default=0.1, show_default=True, help="Share of frames upside down.")
@click.option(
    "--noise", type=_SHARE, default=0.2, show_default=True, help="Share of frames with pixel noise."
)
@click.option(
    "--amplitude",
    callback=_amplitude,
    default="35-40",
    show_default=True,
    help="Of the noise, in gray levels.",
)
@click.option(
    "--missing", type=_SHARE, default=0.02, show_default=True, help="Share of single frames left out."
)
@click.option("--late-starts", is_flag=True, help="Leave out the first part of some test videos too.")
def corrupt(
    source: Path,
    target: Path,
    seed: int,
    flips: float,
    noise: float,
    amplitude: tuple[int, int],
    missing: float,
    late_starts: bool,
) -> None:
    """Copy the data set SRC to the new folder DST and corrupt its test split as PixelPlay '26 is.

    Layout and frame numbers stay, so labels of SRC fit DST. What was done to each frame is written beside DST, to
    DST-corruption.csv.
    """
    from pixelkit.frames.corrupt import Corruption, corrupt_dataset

    record = corrupt_dataset(source, target, Corruption(flips, noise, amplitude, missing, late_starts, seed))
    click.echo(f"what was done to each frame: {record}", err=True)
    click.echo(target)
