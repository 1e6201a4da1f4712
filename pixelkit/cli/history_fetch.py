"""``pixelkit history fetch``: what Kaggle gave."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pixelkit.errors import HistoryError, examples

if TYPE_CHECKING:
    from pixelkit.leaderboard.history import History
    from pixelkit.leaderboard.kaggle.scores import Fetched

log = logging.getLogger("pixelkit")


def fetch_all(history: History, named: str | None, *, as_json: bool) -> None:
    """Fetch the scores of one competition, or of each that something was sent to; print what there is."""
    from pixelkit.leaderboard.kaggle.client import Kaggle
    from pixelkit.leaderboard.kaggle.competition import slug
    from pixelkit.leaderboard.kaggle.scores import fetch

    competitions = [slug(named)] if named else _sent_to(history)
    if not competitions:
        raise HistoryError(
            f"{history.file} knows of no upload: name the competition, as in 'pixelkit history fetch pixel-play-26'"
        )
    found = {}
    for competition in competitions:
        found[competition] = fetch(Kaggle(competition), history)
        _report(history, competition, found[competition])
    if as_json:
        click.echo(json.dumps({name: asdict(one) for name, one in found.items()}, indent=1))


def _sent_to(history: History) -> list[str]:
    """Return every competition that something was sent to, the last one first."""
    uploads = [upload for one in history.submissions() for upload in one.sent if upload.competition]
    uploads.sort(key=lambda upload: upload.time, reverse=True)
    return list(dict.fromkeys(upload.competition for upload in uploads))


def _report(history: History, competition: str, found: Fetched) -> None:
    from pixelkit.cli.history import beside

    for identity in found.told:
        one = history.find(identity)
        log.info("%s has a public score of %s%s", identity, one.public, beside(history, one))
    for identity, reason in found.rejected.items():
        log.warning("%s was rejected: %s", identity, reason)
    for what, which in (("not scored yet", found.waiting), ("sent from another machine", found.unknown)):
        if which:
            log.info("%s: %s", what, examples(which, 8))
    log.info("%s: new scores %s, known before %s", competition, len(found.told), len(found.known))
