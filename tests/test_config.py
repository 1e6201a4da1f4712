"""Settings: from TOML and --set, checked, and written so that they can be read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelkit import Scorer
from pixelkit.config import coerce, load_settings, make_scorer, write_settings
from pixelkit.errors import SettingsError


class Walker(Scorer):
    name = "walker"

    def __init__(
        self,
        *,
        epochs: int = 5,
        rate: float = 0.1,
        widths: tuple[int, ...] = (8, 16),
        limit: int | None = None,
        fast: bool = False,
        mode: str = "a",
        untyped=3,  # type: ignore[no-untyped-def]
    ) -> None:
        self.epochs, self.rate, self.widths, self.limit = epochs, rate, widths, limit
        self.fast, self.mode, self.untyped = fast, mode, untyped


SCORERS = {"walker": Walker}


def toml(folder: Path, text: str) -> Path:
    file = folder / "pixelkit.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_set_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    file = toml(tmp_path, "seed = 4\n[walker]\nepochs = 7\nrate = 1\n[repair]\nflips = false\n")
    settings = load_settings(SCORERS, file=file, overrides=["walker.epochs=9", "recipe.smooth=median"])
    walker = make_scorer(Walker, settings)
    assert walker.settings()["epochs"] == 9
    assert walker.settings()["rate"] == 1.0
    assert walker.settings()["widths"] == (8, 16)
    assert walker.seed == settings.seed == 4
    assert not settings.repair.flips
    assert settings.recipe.smooth == "median"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sead=1", "did you mean 'seed'"),
        ("walker.epoch=1", "did you mean 'epochs'"),
        ("wlaker.epochs=1", "did you mean 'walker'"),
        ("repair.flip=true", "did you mean 'flips'"),
        ("walker.epochs=many", "expected a whole number"),
        ("walker.epochs=1.5", "expected a whole number"),
        ("walker.epochs=true", "expected a whole number"),
        ("walker.rate=true", "expected a number"),
        ("walker.fast=1", "expected true or false"),
        ("walker.widths=8", r"as in \[1, 2\]"),
        ("walker.widths=[8, 'x']", "expected a whole number"),
        ("walker.limit=x", "expected a whole number"),
        ("walker=5", "is a section"),
        ("seed", "expected KEY=VALUE"),
        ("=5", "expected KEY=VALUE"),
        ("holdout=1.5", "0 to below 1"),
        ("max_holdout=0", "set holdout to 0"),
        ("max_gap=-1", "0 or more"),
        ("recipe.centre_above=-1", "centre_above is -1.0: expected a number, 0 or more"),
        ("recipe.centre_above=inf", "1000 for never"),
        ("recipe.centre_above=nan", "0 or more"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(override: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings(SCORERS, overrides=[override])
    assert "\n" not in str(caught.value)


def test_broken_toml_names_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"pixelkit\.toml: is not valid TOML.*line 2"):
        load_settings(SCORERS, file=toml(tmp_path, "seed = 1\n[walker\n"))


def test_missing_and_binary_settings_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        load_settings(SCORERS, file=tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(SCORERS, file=tmp_path / "binary.toml")


def test_resolved_settings_read_back_to_the_same(tmp_path: Path) -> None:
    settings = load_settings(SCORERS, overrides=["walker.limit=3", "walker.widths=[1]", "seed=9"])
    write_settings(tmp_path / "settings.toml", settings, [make_scorer(Walker, settings)])
    again = load_settings(SCORERS, file=tmp_path / "settings.toml")
    assert make_scorer(Walker, again).settings() == make_scorer(Walker, settings).settings()
    assert (again.seed, again.repair, again.recipe) == (9, settings.repair, settings.recipe)


def test_weights_and_offline_reach_the_scorer() -> None:
    settings = load_settings(SCORERS, overrides=["weights=/kaggle/input/clip", "offline=true"])
    store = make_scorer(Walker, settings).weight_store
    assert (store.folders, store.offline) == ("/kaggle/input/clip", True)


def test_whole_numbers_serve_as_numbers_but_not_the_other_way() -> None:
    assert coerce(3, float, "x") == 3.0
    assert isinstance(coerce(3, float, "x"), float)
    with pytest.raises(SettingsError):
        coerce(3.0, int, "x")


def test_settings_in_the_run_show_what_a_preset_stands_for(tmp_path: Path) -> None:
    from pixelkit.registry import discover

    cls = discover().get("convae").cls
    settings = load_settings({"convae": cls}, overrides=["convae.preset=seed", "convae.epochs=3"])
    write_settings(tmp_path / "settings.toml", settings, [make_scorer(cls, settings)])
    text = (tmp_path / "settings.toml").read_text(encoding="utf-8")
    assert "epochs = 3" in text
    assert "dropout = 0.2" in text
