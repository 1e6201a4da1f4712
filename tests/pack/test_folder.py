"""A pack is whole or not there: a former one is replaced, other files are left alone, what is missing is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from pixelkit.artifacts import RunFolder
from pixelkit.errors import PackError, StorageError
from pixelkit.pack import folder as packing
from pixelkit.pack.folder import Contents
from pixelkit.pack.image import Image
from pixelkit.pack.wheel import build_wheel, requirements


class Everything(dict[str, None]):
    """The packages of a machine that lacks nothing."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> None:
        return None


IMAGE = Image("a machine with everything", Everything())


def contents(**more: object) -> Contents:
    return Contents(IMAGE, "3.12", **more)  # type: ignore[arg-type]


def test_the_manifest_names_every_file_with_its_hash_and_the_notebook_is_valid(tmp_path: Path) -> None:
    plugins = tmp_path / "a" / "mine"
    (plugins / "__pycache__").mkdir(parents=True)
    (plugins / "__pycache__" / "x.pyc").touch()
    (plugins / "x.py").write_text("1")
    (tmp_path / "b" / "mine").mkdir(parents=True)
    (tmp_path / "b" / "mine" / "y.py").write_text("2")
    manifest = packing.pack(
        tmp_path / "pack", contents(plugins=[plugins, tmp_path / "b" / "mine"], scorers=["x"])
    )
    there = {
        p.relative_to(tmp_path / "pack").as_posix() for p in (tmp_path / "pack").rglob("*") if p.is_file()
    }
    assert there == {"MANIFEST.json", *manifest["files"]}
    assert {"README.txt", "pixelkit.ipynb", "plugins/0-mine/x.py", "plugins/1-mine/y.py"} < there
    for name, file in manifest["files"].items():
        data = (tmp_path / "pack" / name).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert json.loads((tmp_path / "pack" / "MANIFEST.json").read_text()) == manifest
    notebook = nbformat.read(tmp_path / "pack" / "pixelkit.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", *["code"] * 5]
    assert not any(word in cell.source for cell in notebook.cells for word in ("# noqa", "# %%"))
    readme = (tmp_path / "pack" / "README.txt").read_text()
    assert len(readme.splitlines()) == 5
    assert "--scorers x --plugins plugins/0-mine --plugins plugins/1-mine" in readme
    assert not list(tmp_path.glob(".*"))


def test_a_former_pack_is_replaced_and_anything_else_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "pack"
    place.mkdir()
    packing.pack(place, contents(scorers=["x"]))
    packing.pack(place, contents(scorers=["y"]))
    assert "y" in json.loads((place / "MANIFEST.json").read_text())["options"]
    (place / "submission.csv").write_text("mine")
    with pytest.raises(PackError, match=r"is a former pack, but submission\.csv came later"):
        packing.pack(place, contents())
    (place / "MANIFEST.json").write_text("{}")
    with pytest.raises(PackError, match="is no former pack: name a new or an empty folder"):
        packing.pack(place, contents())
    assert (place / "submission.csv").read_text() == "mine"
    with pytest.raises(PackError, match="is a file"):
        packing.pack(place / "submission.csv", contents())


def test_a_pack_that_fails_leaves_the_former_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packing.pack(tmp_path / "pack", contents(scorers=["x"]))
    before = (tmp_path / "pack" / "MANIFEST.json").read_bytes()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(PackError, match=r"no wheel of .* \(needed by pixelkit\)"):
        packing.pack(tmp_path / "pack", Contents(Image("an empty machine", {}), "3.12"))
    assert (tmp_path / "pack" / "MANIFEST.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]


def test_too_small_a_disk_is_told_before_anything_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "clip.safetensors"
    weights.write_bytes(bytes(3_000_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1_000_000))
    with pytest.raises(StorageError, match="3 MB are to be copied, and the disk has room for 1 MB"):
        packing.pack(tmp_path / "pack", contents(weights=[(weights, "clip/clip.safetensors")]))
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize("gone", ["recipe.json", "settings.toml", "fitted/x-1", "fitted", "run.json"])
def test_an_unfinished_run_is_named_with_what_it_lacks(tmp_path: Path, gone: str) -> None:
    run = tmp_path / "run"
    (run / "fitted" / "x-1").mkdir(parents=True)
    (run / "fitted" / "x-1" / "fitted.json").touch()
    for name in ("recipe.json", "settings.toml"):
        (run / name).touch()
    record = {
        "data": "d",
        "scores": {"x": "s"},
        "heldout": {"x": "h"},
        "max_gap": 4,
        "fitted": {"x": "fitted/x-1"},
    }
    (run / "run.json").write_text(json.dumps(record))
    assert len(contents(run=RunFolder(run)).copies()) == 3
    shutil.rmtree(run / gone) if (run / gone).is_dir() else (run / gone).unlink()
    said = {
        "run.json": "holds no scored run",
        "recipe.json": "lacks recipe.json",
        "settings.toml": "lacks settings.toml",
    }
    with pytest.raises((PackError, StorageError), match=said.get(gone, "lacks the fitted scorer 'x'")):
        packing.pack(tmp_path / "pack", contents(run=RunFolder(run)))


def test_a_checkout_that_needs_more_than_its_installation_knows_is_told(tmp_path: Path) -> None:
    assert any(text.startswith("torch") for text in requirements())
    setup = tmp_path / "setup.cfg"
    lines = [text for text in requirements() if ";" not in text]
    setup.write_text(
        "[options]\ninstall_requires =\n" + "".join(f"    {line}\n" for line in [*lines, "lamp>=2"])
    )
    with pytest.raises(
        PackError, match=r"installed before .*setup\.cfg was changed \(lamp>=2\).*pip install -e"
    ):
        requirements(setup)


def test_the_same_sources_give_the_same_wheel(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = build_wheel(tmp_path / "a"), build_wheel(tmp_path / "b")
    assert first.name == second.name and first.read_bytes() == second.read_bytes()
