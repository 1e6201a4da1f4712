"""``pixelkit check`` says which part of the contract a scorer breaks, and exits with 1 then."""

from __future__ import annotations

import json
from pathlib import Path

from street import pixelkit


def break_it(folder: Path, old: str, new: str) -> None:
    file = folder / "offset.py"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_sound_scorer_passes(offset_plugin: Path, tmp_path: Path) -> None:
    result = pixelkit("check", "offset", "--plugins", offset_plugin, "--set", "gain=2.0", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert all(line.startswith("ok ") for line in result.stdout.splitlines())


def test_broken_scorer_is_told_what_is_wrong(offset_plugin: Path, tmp_path: Path) -> None:
    break_it(offset_plugin, "return self.gain", "return -self.gain")
    result = pixelkit("check", "offset", "--plugins", offset_plugin, cwd=tmp_path)
    assert result.returncode == 1
    [line] = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    assert "anomaly_is_higher" in line
    assert "turn the sign round" in line
    assert "pixelkit: offset fails 1 of 15 checks: anomaly_is_higher" in result.stderr


def test_setting_can_break_it_and_json_tells(offset_plugin: Path, tmp_path: Path) -> None:
    words = ["--plugins", offset_plugin, "--set", "offset.gain=-1", "--json"]
    result = pixelkit("check", "offset", *words, cwd=tmp_path)
    assert result.returncode == 1
    failed = [entry for entry in json.loads(result.stdout) if not entry["ok"]]
    assert [entry["name"] for entry in failed] == ["anomaly_is_higher"]
    assert failed[0]["passed"] is False
    assert failed[0]["expected_failure"] is None


def test_expected_failure_is_shown_with_its_reason(offset_plugin: Path, tmp_path: Path) -> None:
    break_it(offset_plugin, "return self.gain", "return -self.gain")
    expected = 'expected_failures = {"anomaly_is_higher": "shown upside down"}'
    break_it(offset_plugin, 'name = "offset"', f'name = "offset"\n    {expected}')
    result = pixelkit("check", "offset", "--plugins", offset_plugin, cwd=tmp_path)
    assert result.returncode == 0
    assert "fails as expected: shown upside down" in result.stdout


def test_plugin_that_failed_to_load_is_an_error_with_its_reason(offset_plugin: Path, tmp_path: Path) -> None:
    (offset_plugin / "broken.py").write_text("1 / 0\n")
    result = pixelkit("check", "broken", "--plugins", offset_plugin, cwd=tmp_path)
    assert result.returncode == 1
    place = offset_plugin / "broken.py"
    assert result.stderr == (
        f"pixelkit: scorer 'broken' cannot be used: {place}: ZeroDivisionError: division by zero (line 1)\n"
    )


def test_unknown_setting_gets_the_nearest(offset_plugin: Path, tmp_path: Path) -> None:
    result = pixelkit("check", "offset", "--plugins", offset_plugin, "--set", "gian=2", cwd=tmp_path)
    assert result.returncode == 1
    assert "did you mean 'gain'?" in result.stderr
