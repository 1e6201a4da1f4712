"""The wheels of a pack: all that the machine lacks, in versions that fit together; one that is nowhere is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from tiny_wheels import tiny_wheel

from pixelkit.errors import PackError
from pixelkit.pack.image import Image, bare_image, kaggle_image, parse_freeze, read_image
from pixelkit.pack.wheels import fetch_wheels

EMPTY = Image("an empty machine", {})


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a wheel in the only place where pip looks."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return lambda *words, **more: tiny_wheel(tmp_path / "index", *words, **more)


def fetch(folder: Path, *needed: str, image: Image = EMPTY, python: str = "3.12") -> list[str]:
    fetched = fetch_wheels(folder / "wheels", {"pixelkit": needed}, image, python)
    assert sorted(path.name for path in (folder / "wheels").iterdir()) == [path.name for path in fetched]
    return ["-".join(path.name.split("-")[:2]) for path in fetched]


def test_what_a_wheel_needs_is_fetched_too_and_what_the_machine_has_is_not(
    tmp_path: Path, index: Callable[..., Path]
) -> None:
    index("street", "1.0", ["lamp>=2", "road", "numpy>=1"])
    index("lamp", "2.0", ["bulb; python_version >= '3.12'", "winter; sys_platform == 'win32'"])
    index("bulb", "1.0", ["lamp"])  # a circle
    image = Image("a machine", {"numpy": Version("2.4.6"), "road": None})
    assert fetch(tmp_path, "street", image=image) == ["bulb-1.0", "lamp-2.0", "street-1.0"]


def test_markers_are_those_of_the_other_machine(tmp_path: Path, index: Callable[..., Path]) -> None:
    index("street", "1.0", ["lamp; python_version < '3.12'"])
    index("lamp", "1.0")
    assert fetch(tmp_path, "street", python="3.12") == ["street-1.0"]
    assert fetch(tmp_path, "street", python="3.11") == ["lamp-1.0", "street-1.0"]


def test_wheels_are_of_the_other_machine(tmp_path: Path, index: Callable[..., Path]) -> None:
    index("lamp", "1.0", tag="cp312-cp312-manylinux_2_28_x86_64")
    index("lamp", "2.0", tag="cp312-cp312-macosx_11_0_arm64")
    index("lamp", "3.0", tag="cp313-cp313-manylinux2014_x86_64")
    assert fetch(tmp_path, "lamp") == ["lamp-1.0"]


def test_an_older_version_on_the_machine_is_replaced_also_when_only_a_wheel_wants_it(
    tmp_path: Path, index: Callable[..., Path]
) -> None:
    index("street", "1.0", ["lamp>=3"])
    for version in ("2.0", "3.0", "4.0"):
        index("lamp", version)
    image = Image("a machine", {"lamp": Version("2.0")})
    assert fetch(tmp_path, "lamp<4", image=image) == []
    assert fetch(tmp_path, "lamp<4", "street", image=image) == ["lamp-3.0", "street-1.0"]


def test_a_wheel_that_does_not_fit_one_found_later_is_fetched_again(
    tmp_path: Path, index: Callable[..., Path]
) -> None:
    index("lamp", "1.0")
    index("lamp", "2.0")
    index("street", "1.0", ["lamp<2"])
    assert fetch(tmp_path, "lamp", "street") == ["lamp-1.0", "street-1.0"]


def test_an_extra_brings_what_it_needs(tmp_path: Path, index: Callable[..., Path]) -> None:
    index("street", "1.0", ["lamp; extra == 'night'", "tree; extra == 'summer'"])
    index("lamp", "1.0")
    assert fetch(tmp_path, "street[night]") == ["lamp-1.0", "street-1.0"]


def test_a_wheel_that_is_nowhere_is_named_with_those_that_need_it(
    tmp_path: Path, index: Callable[..., Path]
) -> None:
    index("street", "1.0", ["lamp>=2"])
    index("lamp", "1.0")
    with pytest.raises(
        PackError, match=r"no wheel of lamp>=2 \(needed by street\) for Python 3\.12.*PIP_FIND_LINKS"
    ):
        fetch(tmp_path, "street")


def test_without_a_network_that_is_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PackError, match=r"no wheel of lamp \(needed by pixelkit\).* index cannot be reached"):
        fetch(tmp_path, "lamp")


def test_the_list_of_kaggles_image_is_read_and_lacks_what_pixelkit_must_bring() -> None:
    image = kaggle_image()
    assert image.has(Requirement("torch>=2.6")) and image.has(Requirement("opencv_python>=4.8"))
    assert not image.has(Requirement("optuna>=5"))
    assert not image.has(Requirement("open_clip_torch"))
    assert not image.has(Requirement("torch[opt]"))
    assert bare_image().has(Requirement("torch>=99")) and not bare_image().has(Requirement("numpy"))


def test_the_output_of_pip_freeze_is_an_image_and_anything_else_a_clear_error(tmp_path: Path) -> None:
    text = (
        "# comment\nnumpy==2.4.6\nMy.Pkg @ file:///home/me/x\n-e git+https://a/b#egg=c\ntorch==2.10.0+cpu\n"
    )
    found = parse_freeze(text, "x")
    assert found == {"numpy": Version("2.4.6"), "my-pkg": None, "torch": Version("2.10.0+cpu")}
    assert Image("x", found).has(Requirement("torch==2.10.0"))
    (tmp_path / "image.txt").write_text("numpy==1\nPackage    Version\n")
    with pytest.raises(PackError, match=r"image\.txt, line 2: 'Package    Version' is not from 'pip freeze'"):
        read_image(tmp_path / "image.txt")
    with pytest.raises(PackError, match=r"none\.txt: cannot be read"):
        read_image(tmp_path / "none.txt")
