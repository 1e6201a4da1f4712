"""What went wrong at Kaggle, in one line that says what to do; credentials and signed addresses never get into it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pixelkit.errors import KaggleError, KaggleUnreachable
from pixelkit.leaderboard.kaggle import credentials
from pixelkit.leaderboard.kaggle.competition import page

if TYPE_CHECKING:
    from requests import RequestException, Response

INSTALL = "pip install 'pixelkit[kaggle]'"
_LONGEST = 400


def explain(error: RequestException, competition: str) -> KaggleError:
    """Return what an error of the network or of the server means for an upload or a download.

    Parameters
    ----------
    error
        As ``requests`` raises it.
    competition
        Its name.
    """
    if error.response is not None:
        return _explain_answer(error.response, competition)
    from requests import exceptions

    cause = _cause(error)
    if isinstance(error, exceptions.ProxyError):
        return KaggleUnreachable(f"the proxy to Kaggle cannot be reached ({cause}): check HTTPS_PROXY")
    if isinstance(error, exceptions.SSLError):
        return KaggleUnreachable(
            f"no safe connection to Kaggle ({cause}): check the clock, and REQUESTS_CA_BUNDLE behind a proxy"
        )
    if isinstance(error, exceptions.JSONDecodeError):
        return not_understood()
    return KaggleUnreachable(
        f"no connection to Kaggle ({cause}): check the network and give the same command again"
    )


def not_installed(error: ImportError) -> KaggleError:
    """Return what to do when the package, or something that it needs, cannot be imported."""
    if not isinstance(error, ModuleNotFoundError):
        return package_fails(error)
    if error.name == "kaggle":
        return KaggleError(f"the kaggle package is not installed: {INSTALL}")
    return KaggleError(f"the kaggle package needs {error.name}, which is not installed: {INSTALL}")


def no_credentials() -> KaggleError:
    """Return where credentials are looked for, or which of those that were found do not serve."""
    found = credentials.found()
    if found:
        return KaggleError(
            f"Kaggle refuses the credentials in {found[0]}, or they have expired: make a new token at "
            f"{credentials.PAGE}"
        )
    places = ", ".join(map(str, credentials.places()))
    return KaggleError(
        f"no Kaggle credentials: make a token at {credentials.PAGE} and put it into KAGGLE_API_TOKEN or "
        f"~/.kaggle/access_token (looked in, in this order: {places})"
    )


def no_answer(seconds: float) -> KaggleUnreachable:
    """Return what to do when nothing came for so long."""
    return KaggleUnreachable(
        f"Kaggle does not answer: nothing for {seconds:.0f} s; check the network and give the same command again"
    )


def not_understood() -> KaggleError:
    """Return what to do when the answer is not one of Kaggle's."""
    return KaggleError(
        "the answer is not one of Kaggle's: does a proxy or the sign-in page of this network answer in its place? "
        "'pip install --upgrade kaggle' if not"
    )


def package_fails(error: Exception) -> KaggleError:
    """Return what to do when the package itself fails."""
    if isinstance(error, OSError) and error.filename:
        return KaggleError(
            f"the kaggle package cannot use {error.filename} ({error.strerror}): let KAGGLE_CONFIG_DIR name a folder "
            f"of yours"
        )
    return KaggleError(
        f"the kaggle package fails ({type(error).__name__}: {one_line(str(error))}): pip install --upgrade kaggle"
    )


def limit_reached(competition: str, today: int, total: int, *, by_total: bool) -> KaggleError:
    """Return when the next upload is allowed, if ever."""
    if by_total:
        return KaggleError(
            f"{competition} takes no more uploads: all {total:,} that a team may make are made"
        )
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    hours, minutes = divmod((midnight - now) // timedelta(minutes=1), 60)
    return KaggleError(
        f"{competition} takes no more uploads today ({today} of {today} made): the next one is allowed from "
        f"{midnight:%Y-%m-%d %H:%M} UTC on, in {hours} h {minutes} min"
    )


def one_line(text: str) -> str:
    """Return a server's own words on one line, without credentials and without what would steer the terminal."""
    plain = "".join(c if c.isprintable() else " " for c in text.replace("\n", "; "))
    plain = credentials.hide(" ".join(plain.split()).strip("; "))
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def _explain_answer(answer: Response, competition: str) -> KaggleError:
    code, said = answer.status_code, _said(answer)
    if code == 401:
        return _refused(said)
    if code == 403:
        return KaggleError(
            f"Kaggle says 403{said}: accept the rules of {competition} at {page(competition, 'rules')} with the "
            f"account of these credentials; if you did, is {competition!r} spelt as in the address of its page?"
        )
    if code == 404:
        return KaggleError(
            f"Kaggle says 404{said}: there is no competition {competition!r}, or it takes nothing more; expected what "
            f"stands after kaggle.com/competitions/ in the address of its page"
        )
    if code == 429:
        after = answer.headers.get("Retry-After", "")
        when = f"in {after} s" if after.isdigit() else "in some minutes"
        return KaggleUnreachable(f"Kaggle is asked too often (429): give the same command again {when}")
    if code >= 500:
        return KaggleUnreachable(f"Kaggle is out of order ({code}{said}): give the same command again later")
    return KaggleError(f"Kaggle refuses it ({code}{said}): see {page(competition)}")


def _refused(said: str) -> KaggleError:
    found = credentials.found()
    where = f" in {found[0]}" if found else ""
    return KaggleError(
        f"Kaggle refuses the credentials{where} (401{said}): make a new token at {credentials.PAGE}"
    )


def _said(answer: Response) -> str:
    """Return the message of an error's JSON; of a page, nothing: it would be a page in one line."""
    try:
        message = answer.json().get("message")
    except (ValueError, AttributeError):
        return ""
    return f", {one_line(str(message))!r}" if message else ""


def _cause(error: Exception) -> str:
    """Return what the system said, without addresses: those of downloads are signed."""
    certificate = re.search(r"certificate verify failed: ([^(\"')]+)", str(error))
    if certificate:
        return certificate[1].strip()
    return system_cause(str(error)) or type(error).__name__


def system_cause(text: str) -> str:
    """Return what the system said, out of a longer text; empty if it said nothing."""
    found = re.findall(r"\[Errno -?\d+\] ([^\"')>\]]+)", text)
    return one_line(found[-1]) if found else ""
