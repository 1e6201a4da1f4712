"""pixelkit demo: the demo data set."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--training-videos",
    type=click.IntRange(1),
    default=6,
    show_default=True,
    help="Videos of normal scenes; more of them tell tuning more, and take longer to fit.",
)
def demo(folder: Path, seed: int, training_videos: int) -> None:
    """Write the demo data set to DIR: drawn street scenes in the PixelPlay '26 layout, with its corruption.

    Labels (Id,Label,Kind) lie beside it in DIR-labels.csv, never inside; what was flipped, noisy or left out in
    DIR-corruption.csv. A complete demo of the same seed is left as it is.
    """
    from pixelkit.frames.demo import write_demo

    if not write_demo(folder, seed, training_videos=training_videos):
        click.echo(f"{folder} is complete already", err=True)
    click.echo(folder)
