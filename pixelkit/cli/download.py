"""``pixelkit download``: the data of a Kaggle competition."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from pixelkit.cli.job import FOLDER, describe

log = logging.getLogger("pixelkit")


@click.command()
@click.argument("competition")
@click.argument("folder", metavar="DIR", type=FOLDER)
def download(competition: str, folder: Path) -> None:
    """Fetch the files of a Kaggle COMPETITION into DIR and unpack them; DIR is the last line on stdout.

    COMPETITION is what stands after kaggle.com/competitions/ in the address of its page, or that address; accept its
    rules there first. A download that is stopped goes on where it was, files that are in DIR stay as they are, and
    DIR/pixelkit.toml remembers the competition for 'pixelkit submit --upload'.

    Needs the kaggle package (pip install 'pixelkit[kaggle]') and a token from https://www.kaggle.com/settings/api in
    KAGGLE_API_TOKEN or ~/.kaggle/access_token.
    """
    from pixelkit.cli.messages import show_messages
    from pixelkit.errors import DataError
    from pixelkit.frames.layouts import find_dataset
    from pixelkit.leaderboard.kaggle.client import Kaggle
    from pixelkit.leaderboard.kaggle.competition import slug
    from pixelkit.leaderboard.kaggle.download import download as fetch
    from pixelkit.leaderboard.kaggle.download import remember

    show_messages()
    name = slug(competition)
    fetch(Kaggle(name), folder)
    remember(folder, name)
    try:
        log.info("data: %s", describe(find_dataset(folder)))
        log.info("next: pixelkit data %s", folder)
    except DataError as error:
        log.warning("%s; name the splits: pixelkit run --train FOLDER --test FOLDER", error)
    click.echo(folder)
