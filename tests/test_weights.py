"""Pretrained weights: found in the right place, whole and of the right model, or fetched, or told how to get."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from server import serving

from pixelkit import Scorer, weights
from pixelkit.errors import WeightsError, WeightsMissing
from pixelkit.weights import CLIP_RN101, PretrainedFile, WeightStore, own_folder, why_unfit, yolo_file

SAFE, PICKLED, PROGRAM = CLIP_RN101.files
YOLO = yolo_file()


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place in which weights are looked for, empty."""
    monkeypatch.setenv("PIXELKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PIXELKIT_WEIGHTS", raising=False)
    monkeypatch.setattr(weights, "KAGGLE", tmp_path / "kaggle")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def write_clip(path: Path, channels: int = 32) -> Path:
    """Write the tensors by which RN101 is told, in a file as open_clip's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shapes = {**CLIP_RN101.tensors, "visual.conv1.weight": (channels, 3, 3, 3), "text_projection": (4, 4)}
    save_file({name: np.zeros(shape, np.float16) for name, shape in shapes.items()}, path)
    return path


def write_pickled(path: Path, channels: int = 32) -> Path:
    """Write the same as a PyTorch file."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    shapes = {**CLIP_RN101.tensors, "visual.conv1.weight": (channels, 3, 3, 3)}
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
    return path


def write_zip(path: Path, *entries: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for entry in entries:
            archive.writestr(f"archive/{entry}", b"")
    return path


def test_the_first_place_that_has_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "hub" / "models--timm--resnet101_clip.openai"
    (snapshot / "refs").mkdir(parents=True)
    (snapshot / "refs" / "main").write_text("abc")
    monkeypatch.setenv("PIXELKIT_WEIGHTS", f"{tmp_path / 'first'}{os.pathsep}{tmp_path / 'second'}")
    paths = [
        snapshot / "snapshots" / "abc" / SAFE,
        own_folder() / "resnet101_clip.openai" / SAFE,
        tmp_path / "kaggle" / "clip" / "pytorch" / "default" / "1" / SAFE,
        tmp_path / "second" / "deep" / "down" / SAFE,
        tmp_path / "first" / SAFE,
        tmp_path / "named" / SAFE,
    ]
    for folder in ("named", "first", "second"):
        (tmp_path / folder).mkdir()
    store = WeightStore(str(tmp_path / "named"), offline=True)
    assert store.look(CLIP_RN101) is None
    for path in paths:
        write_clip(path)
        assert store.find(CLIP_RN101) == path


def test_the_better_name_and_the_higher_folder_win(tmp_path: Path) -> None:
    write_pickled(tmp_path / PICKLED)
    store = WeightStore(str(tmp_path))
    assert store.find(CLIP_RN101) == tmp_path / PICKLED
    for place in (tmp_path / "a" / "b", tmp_path / "c", tmp_path):
        write_clip(place / SAFE)
        assert store.find(CLIP_RN101) == place / SAFE


def test_a_walk_does_not_go_down_to_the_frames_of_a_data_set(tmp_path: Path) -> None:
    deep = tmp_path / "kaggle" / "pixel-play-26" / "Avenue_Corrupted" / "Dataset" / "testing_videos" / "01"
    write_clip(deep / SAFE)
    assert WeightStore().look(CLIP_RN101) is None


def test_a_file_of_another_model_is_an_error_where_the_user_named_the_folder(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "mine" / SAFE, channels=768)
    with pytest.raises(
        WeightsError, match=r"visual.conv1.weight is \(768, 3, 3, 3\), expected \(32, 3, 3, 3\)"
    ) as told:
        WeightStore(str(tmp_path / "mine")).find(CLIP_RN101)
    assert str(told.value).startswith(str(path))
    assert str(told.value).endswith(f"take {SAFE} from {CLIP_RN101.page}")


def test_a_file_of_another_model_is_passed_over_elsewhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = write_clip(tmp_path / "kaggle" / "vit" / SAFE, channels=768)
    right = write_clip(tmp_path / "kaggle" / "z" / "rn101" / SAFE)
    assert WeightStore().find(CLIP_RN101) == right
    right.unlink()
    caplog.set_level("WARNING", "pixelkit")
    assert WeightStore().look(CLIP_RN101) is None
    assert f"passed over: {other} is of another model" in caplog.text


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"no folder .*/none: make it, or correct --weights"):
        WeightStore(str(tmp_path / "none")).look(YOLO)
    monkeypatch.setenv("PIXELKIT_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(WeightsError, match="correct PIXELKIT_WEIGHTS"):
        WeightStore().look(YOLO)


def test_a_pytorch_file_of_another_model_does_not_hide_the_right_one(tmp_path: Path) -> None:
    other = write_pickled(tmp_path / "kaggle" / "vit" / PICKLED, channels=768)
    right = write_clip(own_folder() / SAFE)
    assert WeightStore().find(CLIP_RN101) == right
    assert "visual.conv1.weight is (768, 3, 3, 3)" in (why_unfit(other, CLIP_RN101) or "")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: os.truncate(path, path.stat().st_size - 1), "is truncated: .* bytes, expected"),
        (lambda path: os.truncate(path, 100), "is no safetensors file, or only the beginning of one"),
        (lambda path: os.truncate(path, 0), "is no safetensors file, or only the beginning of one"),
        (
            lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
            "is no safetensors file",
        ),
        (lambda path: path.write_text("<!doctype html><html>Sign in</html>"), "is no safetensors file"),
        (lambda path: path.write_bytes(b"\x08\0\0\0\0\0\0\0[1, 2]  "), "is no safetensors file"),
    ],
)
def test_damaged_safetensors_are_told(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(write_clip(tmp_path / SAFE))
    with pytest.raises(WeightsError, match=said) as told:
        WeightStore(str(tmp_path)).find(CLIP_RN101)
    assert "\n" not in str(told.value)


def test_damaged_pytorch_files_and_programs_are_told(tmp_path: Path) -> None:
    path = write_pickled(tmp_path / PICKLED)
    assert why_unfit(path, CLIP_RN101) is None
    os.truncate(path, path.stat().st_size - 1)
    assert "only the beginning" in (why_unfit(path, CLIP_RN101) or "")
    path.unlink()
    assert "cannot be read" in (why_unfit(path, CLIP_RN101) or "")
    assert "TorchScript program" in (
        why_unfit(write_zip(path, "data.pkl", "constants.pkl"), CLIP_RN101) or ""
    )
    assert "would run code" in (why_unfit(write_zip(path, "data.pkl", "data/0"), CLIP_RN101) or "")
    assert "it holds photo.jpg" in (why_unfit(write_zip(path, "photo.jpg"), CLIP_RN101) or "")


def test_the_program_by_openai_is_refused_with_the_file_to_take(tmp_path: Path) -> None:
    write_zip(tmp_path / PROGRAM, "data.pkl", "constants.pkl", "code/__torch__.py")
    with pytest.raises(WeightsError, match=f"{PROGRAM} is a TorchScript program.*: take {SAFE} from "):
        WeightStore(str(tmp_path)).find(CLIP_RN101)
    write_clip(tmp_path / SAFE)
    assert WeightStore(str(tmp_path)).find(CLIP_RN101) == tmp_path / SAFE


def test_clip_is_the_file_that_open_clip_fetches() -> None:
    from open_clip.pretrained import get_pretrained_cfg

    assert get_pretrained_cfg("RN101", "openai")["hf_hub"] == f"{CLIP_RN101.hub}/"


def test_offline_says_which_file_from_where_to_put_where() -> None:
    with pytest.raises(WeightsMissing) as told:
        WeightStore(offline=True).find(CLIP_RN101)
    for word in (CLIP_RN101.name, SAFE, CLIP_RN101.page, str(own_folder()), "--weights"):
        assert word in str(told.value)
    assert "\n" not in str(told.value)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    (tmp_path / "web").mkdir()
    with serving(tmp_path / "web") as address:
        yield tmp_path / "web", address


def on(address: str, name: str) -> PretrainedFile:
    return PretrainedFile("Some", (name,), page="https://example.org/some", url=f"{address}/{name}")


def test_what_is_missing_is_fetched_once(web: tuple[Path, str]) -> None:
    folder, address = web
    served = write_zip(folder / "some.pt", "data.pkl")
    found = WeightStore().find(on(address, "some.pt"))
    assert found == own_folder() / "some" / "some.pt"
    assert found.read_bytes() == served.read_bytes()
    served.unlink()
    assert WeightStore(offline=True).find(on(address, "some.pt")) == found


@pytest.mark.parametrize("name", ["absent.pt", "broken.pt", "page.pt"])
def test_a_failed_fetch_says_why_and_what_to_do(web: tuple[Path, str], name: str) -> None:
    folder, address = web
    (folder / "page.pt").write_text("<!doctype html>Sign in")
    said = {
        "absent.pt": "the server says 404",
        "broken.pt": "broke off after 10 of 1,000 bytes",
        "page.pt": "is no PyTorch file",
    }
    with pytest.raises(WeightsMissing, match=f"Some cannot be fetched: .*{said[name]}") as told:
        WeightStore().find(on(address, name))
    assert f"Take {name} from https://example.org/some and put it into {own_folder()}" in str(told.value)
    assert WeightStore().look(on(address, name)) is None


class Needy(Scorer):
    """Needs CLIP."""

    name = "needy"

    def pretrained(self) -> tuple[PretrainedFile, ...]:
        return (CLIP_RN101,)


def test_the_weights_of_a_scorer_are_its_inputs(tmp_path: Path) -> None:
    scorer = Needy()
    scorer.weight_store = WeightStore(str(tmp_path), offline=True)
    with pytest.raises(WeightsMissing):
        scorer.inputs()
    path = write_clip(tmp_path / SAFE)
    assert scorer.inputs() == (path,)
