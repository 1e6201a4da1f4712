"""Where the ``kaggle`` package looks for credentials, and which of these places holds some; never what they are."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = "https://www.kaggle.com/settings/api"
_PAIR = ("username", "key")
# Real ones have 32 characters and more; to hide every "a" would help nobody.
_SHORTEST = 6


@dataclass(frozen=True)
class Place:
    """A place where the package looks.

    Parameters
    ----------
    where
        As a person would name it.
    found
        Whether it holds credentials.
    problem
        Why it does not, although something is there.
    """

    where: str
    found: bool
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.where} ({self.problem})" if self.problem else self.where


def places() -> list[Place]:
    """Return every place in the order in which version 2.2 of the package looks."""
    home = Path.home() / ".kaggle"
    files = [_token_file(home / "access_token"), _token_file(home / "access_token.txt")]
    notebook = os.environ.get("KAGGLE_API_V1_TOKEN", "")
    first = [_token_file(Path(notebook))] if notebook and "KAGGLE_KERNEL_RUN_TYPE" in os.environ else []
    return [
        *first,
        Place("KAGGLE_API_TOKEN", bool(os.environ.get("KAGGLE_API_TOKEN"))),
        files[0],
        *(file for file in files[1:] if file.found),
        _variables(),
        _json_file(_config_folder() / "kaggle.json", _PAIR),
        _json_file(home / "credentials.json", ("refresh_token",), " of 'kaggle auth login'"),
    ]


def found() -> list[Place]:
    """Return the places that hold credentials; the first one counts."""
    return [place for place in places() if place.found]


def hide(text: str) -> str:
    """Return text without what credentials are, should a server or the package repeat them."""
    text = re.sub(r"(?i)\b(bearer|basic)\s+[a-z0-9+/=._~-]{8,}", r"\1 ***", text)
    for secret in _secrets():
        text = text.replace(secret, "***")
    return text


def _secrets() -> list[str]:
    """Return the texts that must not be shown, those of files included."""
    names = ("KAGGLE_API_TOKEN", "KAGGLE_KEY", "KAGGLE_TOKEN", "KAGGLE_IAP_TOKEN")
    texts = [os.environ.get(name, "") for name in names]
    home = Path.home() / ".kaggle"
    named = [os.environ.get("KAGGLE_API_V1_TOKEN", ""), os.environ.get("KAGGLE_API_TOKEN", "")]
    files = [home / "access_token", home / "access_token.txt", *(Path(name) for name in named if name)]
    texts += [_text(file).strip() for file in files]
    for file in (_config_folder() / "kaggle.json", home / "credentials.json"):
        plain = _plain(file) or {}
        texts += [str(plain[key]) for key in ("key", "access_token", "refresh_token") if plain.get(key)]
    return [text for text in texts if len(text) >= _SHORTEST]


def _config_folder() -> Path:
    named = os.environ.get("KAGGLE_CONFIG_DIR")
    home = Path.home() / ".kaggle"
    if named or home.is_dir():
        return Path(named) if named else home
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"


def _variables() -> Place:
    names = ("KAGGLE_USERNAME", "KAGGLE_KEY")
    there = [name for name in names if os.environ.get(name)]
    missing = [name for name in names if name not in there]
    problem = f"{missing[0]} is missing" if there and missing else ""
    return Place(" and ".join(names), not missing, problem)


def _token_file(file: Path) -> Place:
    if not file.is_file():
        return Place(_short(file), False)
    return Place(_short(file), bool(_text(file).strip()), "" if _text(file).strip() else "it is empty")


def _json_file(file: Path, keys: tuple[str, ...], of: str = "") -> Place:
    where = f"{_short(file)}{of}"
    if not file.is_file():
        return Place(where, False)
    plain = _plain(file)
    if plain is None:
        return Place(where, False, "it is no JSON")
    missing = [key for key in keys if not plain.get(key)]
    return Place(where, not missing, f"it has no {missing[0]!r}" if missing else "")


def _plain(file: Path) -> Mapping[str, object] | None:
    try:
        plain = json.loads(_text(file))
    except ValueError:
        return None
    return plain if isinstance(plain, dict) else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _short(path: Path) -> str:
    """Return a path as a person writes it: ``~/.kaggle/access_token``."""
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)
