"""Where credentials are looked for: as the real package does it, in its order, and never saying what they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from kaggle_server import KEY, SLUG, TOKEN, USER
from kaggle_server import Kaggle as Server

from pixelkit.errors import KaggleError
from pixelkit.leaderboard.kaggle import credentials
from pixelkit.leaderboard.kaggle.client import Kaggle

PAIR = json.dumps({"username": USER, "key": KEY})
IN_ORDER = [
    "KAGGLE_API_TOKEN",
    "~/.kaggle/access_token",
    "~/.kaggle/access_token.txt",
    "KAGGLE_USERNAME and KAGGLE_KEY",
    "~/.kaggle/kaggle.json",
]


@pytest.fixture
def home(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:  # noqa: ARG001
    """A home without credentials, nor any in the environment."""
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    folder = tmp_path / "home" / ".kaggle"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def put(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put credentials that are good into a place, named as pixelkit names it."""

    def do(place: str, token: str = TOKEN, pair: str = PAIR) -> None:
        if place.startswith("~/"):
            (home / Path(place).name).write_text(pair if place.endswith("json") else f"{token}\n")
        elif place == "KAGGLE_API_TOKEN":
            monkeypatch.setenv(place, token)
        else:
            for name, value in zip(place.split(" and "), json.loads(pair).values(), strict=True):
                monkeypatch.setenv(name, value)

    return do


@pytest.mark.parametrize("place", IN_ORDER)
def test_the_package_finds_them_where_pixelkit_says_they_are(put: Callable[[str], None], place: str) -> None:
    put(place)
    assert [found.where for found in credentials.found()] == [place]
    assert Kaggle(SLUG).limits().left == 5
    assert [place.where for place in credentials.places() if place.where != "~/.kaggle/access_token.txt"] == [
        *(name for name in IN_ORDER if name != "~/.kaggle/access_token.txt"),
        "~/.kaggle/credentials.json of 'kaggle auth login'",
    ]


@pytest.mark.parametrize(("first", "second"), list(pairwise(IN_ORDER)))
def test_the_first_place_counts(put: Callable[..., None], first: str, second: str) -> None:
    bad = json.dumps({"username": USER, "key": "bad"})
    for place in (first, second):
        put(place, token="bad", pair=bad)
    assert credentials.found()[0].where == first
    put(first)
    assert Kaggle(SLUG).limits().left == 5


@pytest.mark.usefixtures("home")
def test_none_anywhere_names_every_place_in_order(server: Server) -> None:
    with pytest.raises(KaggleError) as error:
        Kaggle(SLUG)
    assert str(error.value) == (
        "no Kaggle credentials: make a token at https://www.kaggle.com/settings/api and put it into KAGGLE_API_TOKEN "
        "or ~/.kaggle/access_token (looked in, in this order: KAGGLE_API_TOKEN, ~/.kaggle/access_token, "
        "KAGGLE_USERNAME and KAGGLE_KEY, ~/.kaggle/kaggle.json, ~/.kaggle/credentials.json of 'kaggle auth login')"
    )
    assert server.calls == []


@pytest.mark.parametrize("place", [place for place in IN_ORDER if "access_token.txt" not in place])
def test_those_that_kaggle_refuses_are_named_by_their_place_only(
    put: Callable[..., None], place: str
) -> None:
    put(place, token="KGAT_wrong", pair=json.dumps({"username": USER, "key": "wrongkey"}))
    with pytest.raises(KaggleError, match="refuses the credentials in") as error:
        Kaggle(SLUG).limits()
    assert f"in {place}" in str(error.value)
    assert "settings/api" in str(error.value)
    assert "KGAT_wrong" not in str(error.value)
    assert "wrongkey" not in str(error.value)


def test_what_is_there_and_does_not_serve_says_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    (home / "access_token").write_text("\n")
    (home / "kaggle.json").write_text("{")
    (home / "credentials.json").write_text("{}")
    with pytest.raises(KaggleError) as error:
        Kaggle(SLUG)
    for said in (
        "~/.kaggle/access_token (it is empty)",
        "KAGGLE_USERNAME and KAGGLE_KEY (KAGGLE_KEY is missing)",
        "~/.kaggle/kaggle.json (it is no JSON)",
        "~/.kaggle/credentials.json of 'kaggle auth login' (it has no 'refresh_token')",
    ):
        assert said in str(error.value)


@pytest.mark.usefixtures("home")
def test_a_folder_of_ones_own_and_a_file_that_holds_the_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kaggle.json").write_text(PAIR)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "mine"))
    assert [place.where for place in credentials.found()] == [f"{tmp_path}/mine/kaggle.json"]
    assert Kaggle(SLUG).limits().left == 5
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(tmp_path / "token"))
    assert TOKEN not in credentials.hide(f"it is {TOKEN}")
    assert Kaggle(SLUG).limits().left == 5


@pytest.mark.usefixtures("home")
def test_a_home_that_cannot_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "file" / "kaggle"))
    with pytest.raises(KaggleError, match=r"cannot use .*file/kaggle .*KAGGLE_CONFIG_DIR"):
        Kaggle(SLUG)


@pytest.mark.usefixtures("server")
def test_verbose_prints_no_request_with_its_credentials(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VERBOSE", "1")
    Kaggle(SLUG).limits()
    said = capfd.readouterr()
    assert TOKEN not in said.out + said.err
    assert said.out == ""
