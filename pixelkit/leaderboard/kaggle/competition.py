"""The name of a competition, as in the address of its page, and its pages."""

from __future__ import annotations

import re
from pathlib import Path

from pixelkit.errors import KaggleError
from pixelkit.leaderboard.history import History

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PAGE = re.compile(r"(?:https?://)?(?:www\.)?kaggle\.com/(?:competitions|c)/([^/?#\s]+)")


def slug(text: str) -> str:
    """Return the name of a competition, from that or from the address of one of its pages.

    Raises
    ------
    KaggleError
        If it can be neither.
    """
    page = _PAGE.match(text.strip())
    name = (page[1] if page else text.strip()).lower()
    if _SLUG.fullmatch(name):
        return name
    raise KaggleError(
        f"{text!r} is not the name of a competition: expected what stands after kaggle.com/competitions/ in the "
        f"address of its page, as in pixel-play-26"
    )


def page(competition: str, of: str = "") -> str:
    """Return the address of a competition's page, or of one ``of`` it: ``rules``, ``submissions``."""
    return f"https://www.kaggle.com/competitions/{competition}{'/' if of else ''}{of}"


def competition_of(run: Path, settings: str | None, history: History, named: str | None) -> str:
    """Return the competition of a run: the one that was named, that of ``settings``, that of its last upload.

    Raises
    ------
    KaggleError
        If none of them tells.
    """
    told = named or settings
    if told:
        return slug(str(told))
    mine = [one for one in history.submissions() if one.run and one.run.resolve() == run.resolve()]
    uploads = [upload for one in mine for upload in one.sent if upload.competition]
    if uploads:
        return max(uploads, key=lambda upload: upload.time).competition
    raise KaggleError(
        f'which competition is {run} for? Name it with --competition, or write competition = "NAME" into the '
        f"pixelkit.toml beside the data"
    )
