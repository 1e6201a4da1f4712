"""``pixelkit weights`` lists, fetches and packs; a run without weights leaves the scorer out, or says what to do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from server import serving
from street import PLUGIN, pixelkit

from pixelkit.weights import CLIP_RN101

SAFE = CLIP_RN101.files[0]
NEEDY = (
    PLUGIN.replace("NAME", "needy")
    + """

from pixelkit.weights import CLIP_RN101

Offset.pretrained = lambda self: (CLIP_RN101,)
"""
)


@pytest.fixture
def needy_plugin(offset_plugin: Path) -> Path:
    """The offset scorer, and beside it one that needs CLIP."""
    (offset_plugin / "needy.py").write_text(NEEDY, encoding="utf-8")
    return offset_plugin


def write_clip(path: Path, value: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: np.full(shape, value, np.float16) for name, shape in CLIP_RN101.tensors.items()}
    save_file(tensors, path)
    return path


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A web server that stands in for the hub: its folder and its address."""
    (tmp_path / "web").mkdir()
    with serving(tmp_path / "web") as address:
        yield tmp_path / "web" / CLIP_RN101.hub / "resolve" / "main" / SAFE, address


def weights(
    plugins: Path, *words: object, hub: str = "http://127.0.0.1:9", **environment: str
) -> subprocess.CompletedProcess[str]:
    cwd = plugins.parent
    command = ("weights", *words, "--scorers", "needy", "--plugins", plugins)
    return pixelkit(*command, cwd=cwd, HF_ENDPOINT=hub, HF_HUB_CACHE=str(cwd / "hub"), **environment)


def test_the_list_says_what_is_missing_and_where_it_was_looked_for(needy_plugin: Path) -> None:
    done = weights(needy_plugin, "--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    [file] = listed["files"]
    assert (file["name"], file["needed_by"], file["path"]) == (CLIP_RN101.name, ["needy"], None)
    assert str(needy_plugin.parent / "cache" / "weights") in [
        place["folder"] for place in listed["looked_in"]
    ]
    table = weights(needy_plugin).stdout
    for word in (CLIP_RN101.name, "needy", "missing", SAFE, "/kaggle/input"):
        assert word in table


def test_fetch_then_list_then_pack(needy_plugin: Path, hub: tuple[Path, str]) -> None:
    served, address = hub
    write_clip(served)
    fetched = weights(needy_plugin, "fetch", "--json", hub=address)
    assert fetched.returncode == 0, fetched.stderr
    assert f"({served.stat().st_size / 1e6:.0f} MB) is fetched to" in fetched.stderr
    path = Path(json.loads(fetched.stdout)["files"][0]["path"])
    assert path.read_bytes() == served.read_bytes()
    packed = weights(needy_plugin, "pack", "packed", "--json")
    assert packed.returncode == 0, packed.stderr
    path.unlink()
    there = weights(needy_plugin, "--weights", "packed", "--json")
    found = json.loads(there.stdout)["files"][0]["path"]
    assert found == json.loads(packed.stdout)["files"][0]["path"] == f"packed/resnet101_clip.openai/{SAFE}"
    assert (needy_plugin.parent / found).read_bytes() == served.read_bytes()


def test_the_hub_is_left_alone_when_its_own_variable_says_so(
    needy_plugin: Path, hub: tuple[Path, str]
) -> None:
    write_clip(hub[0])
    done = weights(needy_plugin, "fetch", hub=hub[1], HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "nothing is fetched offline" in done.stderr


def test_a_failed_fetch_is_one_line_and_exit_code_1(needy_plugin: Path) -> None:
    done = weights(needy_plugin, "fetch")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no connection" in done.stderr
    assert f"Take {SAFE} from {CLIP_RN101.page}" in done.stderr


def test_what_is_there_and_broken_is_told_in_the_list(needy_plugin: Path) -> None:
    (needy_plugin.parent / "mine").mkdir()
    (needy_plugin.parent / "mine" / SAFE).write_bytes(b"half")
    [file] = json.loads(weights(needy_plugin, "--weights", "mine", "--json").stdout)["files"]
    assert "only the beginning" in file["problem"]


@pytest.mark.parametrize("words", [["pack"], ["fetch", "folder"], ["no-such-action"]])
def test_wrong_usage_is_exit_code_2(words: list[str], tmp_path: Path) -> None:
    assert pixelkit("weights", *words, cwd=tmp_path).returncode == 2


def run(street: Path, plugins: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = ("run", street, "--plugins", plugins, "--set", "repair.flips=false", *words)
    return pixelkit(*command, cwd=street.parent, HF_HUB_CACHE=str(street.parent / "hub"))


def test_a_run_leaves_out_what_lacks_weights_and_a_named_scorer_is_an_error(
    street: Path, needy_plugin: Path
) -> None:
    others = 'leave_out=["convae", "dae", "stae", "ffp", "videopatchcore"]'
    done = run(street, needy_plugin, "--offline", "--set", others)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("needy is left out: CLIP RN101 by OpenAI is missing") == 1
    assert "convae is left out, as the settings say (leave_out)" in done.stderr
    named = run(street, needy_plugin, "--offline", "--scorers", "offset,needy")
    assert named.returncode == 1
    assert f"Take {SAFE} from {CLIP_RN101.page}" in named.stderr.splitlines()[-1]
    assert "decode" not in named.stderr  # told before anything is decoded


def test_other_weights_are_another_fitted_scorer(street: Path, needy_plugin: Path) -> None:
    words = ("--scorers", "needy", "--weights", "mine")
    path = write_clip(street.parent / "mine" / SAFE)
    assert "fitted on" in run(street, needy_plugin, *words).stderr
    assert "fitted before" in run(street, needy_plugin, *words).stderr
    write_clip(path, value=1.0)
    assert "fitted on" in run(street, needy_plugin, *words).stderr


def test_an_unknown_name_in_leave_out_is_an_error(street: Path, offset_plugin: Path) -> None:
    done = run(street, offset_plugin, "--set", 'leave_out=["ofset"]')
    assert done.returncode == 1
    assert "leave_out: there is no scorer 'ofset' (did you mean 'offset'?)" in done.stderr
