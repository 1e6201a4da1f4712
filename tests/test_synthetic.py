"""A run's synthetic anomalies: where they are kept, and when they are filmed anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pixelkit import synthetic
from pixelkit.artifacts import RunFolder
from pixelkit.config import Settings
from pixelkit.frames.decode import FrameStore
from pixelkit.frames.layouts import find_dataset
from pixelkit.frames.repair import FLIP_VIEW, RepairPlan


def test_takes_are_filmed_once_and_anew_where_another_program_films_them(
    street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = find_dataset(street)
    store = FrameStore(tmp_path / "cache")
    train, test = store.decode(data.train, [FLIP_VIEW]), store.decode(data.test, [])
    films = tmp_path / "inject"
    shutil.copytree(Path(synthetic.inject.__file__).parent, films)

    def key() -> str:
        folder = RunFolder(tmp_path / "run")
        made = synthetic.film_takes(train, train[:1], test, RepairPlan({}), Settings(), store, folder)
        assert made is not None
        return made[1].name

    first = key()
    monkeypatch.setattr(synthetic.inject, "__file__", str(films / "__init__.py"))
    assert key() == first, "the same program elsewhere"
    with (films / "filming.py").open("a", encoding="utf-8") as source:
        source.write("# otherwise\n")
    second = key()
    assert second != first
    assert {path.name for path in store.folder.glob("takes-*")} == {first, second}
