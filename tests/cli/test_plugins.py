"""``pixelkit plugins`` lists what is there and what failed, on stdout, without importing torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from street import pixelkit


def test_table_shows_scorer_and_failure(offset_plugin: Path, tmp_path: Path) -> None:
    (offset_plugin / "broken.py").write_text("import no_such_library\n")
    result = pixelkit("plugins", "--plugins", offset_plugin, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "offset" in result.stdout
    assert "gain=1.0" in result.stdout
    reason = "ModuleNotFoundError: No module named 'no_such_library' (line 1)"
    assert f"failed: {offset_plugin / 'broken.py'}: {reason}" in result.stdout


def test_json_is_alone_on_stdout_though_a_plugin_prints(offset_plugin: Path, tmp_path: Path) -> None:
    (offset_plugin / "chatty.py").write_text("print('hello')\n")
    result = pixelkit("plugins", "--plugins", offset_plugin, "--json", cwd=tmp_path)
    listed = json.loads(result.stdout)
    [offset] = [scorer for scorer in listed["scorers"] if scorer["name"] == "offset"]
    assert offset["channels"] == ["score"]
    assert offset["settings"] == {"gain": 1.0}
    assert offset["origin"] == str(offset_plugin)
    [failure] = listed["failures"]
    assert failure["place"] == str(offset_plugin / "chatty.py")
    assert "has no hook" in failure["reason"]


def test_torch_stays_out() -> None:
    code = (
        "import sys; from pixelkit.cli import pixelkit; pixelkit.main(['plugins'], standalone_mode=False);"
        "heavy = {'torch', 'sklearn', 'pandas', 'scipy', 'optuna', 'ultralytics', 'open_clip'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.returncode == 0, child.stderr


def test_absent_folder_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    result = pixelkit("plugins", "--plugins", tmp_path / "absent", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert (
        result.stderr
        == f"pixelkit: plugin folder {tmp_path / 'absent'} does not exist: make it, or correct --plugins\n"
    )


def test_absent_folder_of_environment_is_a_warning(offset_plugin: Path, tmp_path: Path) -> None:
    folders = f"{tmp_path / 'absent'}:{offset_plugin}"
    result = pixelkit("plugins", cwd=tmp_path, PIXELKIT_PLUGINS=folders)
    assert result.returncode == 0
    assert "offset" in result.stdout
    assert f"warning: plugin folder {tmp_path / 'absent'} of PIXELKIT_PLUGINS does not exist" in result.stderr
