"""``pixelkit doctor`` tells what is there, and exits with 1 and the remedy when something needed is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from street import pixelkit


def test_healthy_installation(offset_plugin: Path, tmp_path: Path) -> None:
    (offset_plugin / "broken.py").write_text("1 / 0\n")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "frames").write_bytes(bytes(20_000_000))
    result = pixelkit(
        "doctor", "--json", cwd=tmp_path, HOME=str(tmp_path), PIXELKIT_PLUGINS=str(offset_plugin)
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["problems"] == []
    assert "offset" in found["facts"]["scorers"]
    assert found["facts"]["precision"] in ("float32", "bfloat16", "float16")
    assert found["facts"]["video files"] == "avi, mp4, mkv"
    assert found["facts"]["cache"].startswith(f"{tmp_path / 'cache'} (0.02 GB")
    assert any("broken.py: ZeroDivisionError" in line for line in found["advice"])


def test_torchvision_of_another_build_is_explained(tmp_path: Path) -> None:
    module = tmp_path / "other" / "torchvision" / "__init__.py"
    module.parent.mkdir(parents=True)
    module.write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    result = pixelkit("doctor", cwd=tmp_path, HOME=str(tmp_path), PYTHONPATH=str(tmp_path / "other"))
    assert result.returncode == 1
    assert "operator torchvision::nms does not exist" in result.stderr
    assert "pip install --force-reinstall torch torchvision" in result.stderr
    assert result.stderr.count("\n") == 1


def test_kaggle_credentials_are_found_and_not_shown(tmp_path: Path) -> None:
    token = "KGAT_0badc0ffee0badc0ffee"
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle" / "kaggle.json").write_text("{")
    home = {"HOME": str(tmp_path), "KAGGLE_CONFIG_DIR": ""}
    result = pixelkit("doctor", "--json", cwd=tmp_path, KAGGLE_API_TOKEN=token, **home)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["facts"]["kaggle"].endswith("; credentials in KAGGLE_API_TOKEN")
    assert "no Kaggle credentials in ~/.kaggle/kaggle.json (it is no JSON)" in found["advice"]
    assert token not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("needs", "problem"),
    [
        ("no-such-package>=3", "no-such-package is not installed: pip install 'no-such-package>=3'"),
        ("numpy>=99.5", "is too old: pip install 'numpy>=99.5'"),
    ],
)
def test_missing_and_old_packages_are_named(needs: str, problem: str, tmp_path: Path) -> None:
    info = tmp_path / "other" / "pixelkit-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: pixelkit\nVersion: 0.1.0\nRequires-Dist: {needs}\n"
    )
    result = pixelkit("doctor", cwd=tmp_path, HOME=str(tmp_path), PYTHONPATH=str(tmp_path / "other"))
    assert result.returncode == 1
    assert problem in result.stderr
