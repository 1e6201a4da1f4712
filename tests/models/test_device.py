"""Devices and number formats are chosen by what is there; a wrong name is explained."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from pixelkit.errors import SettingsError
from pixelkit.models.device import (
    _cpu_has_bfloat16,
    autocast,
    halve_until_it_fits,
    pick_device,
    pick_precision,
    reproducible,
    to_fast_layout,
)
from pixelkit.models.networks import autoencoder_2d, autoencoder_3d

CPU = torch.device("cpu")


def test_auto_takes_the_best_device_that_is_there() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick_device("auto").type == expected
    assert pick_device("cpu") == CPU


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cdua", "did you mean 'cuda'"),
        ("cuda:99", "is not on this machine"),
        ("cuda:first", "expected a number"),
        ("cpu:1", "is not on this machine"),
        ("", "known: auto, cpu, cuda, mps"),
    ],
)
def test_wrong_device_is_explained(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=hint):
        pick_device(name)


@pytest.mark.parametrize(("name", "hint"), [("bf16", "unknown"), ("float16", "needs a CUDA GPU")])
def test_wrong_precision_is_explained(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=hint):
        pick_precision(CPU, name)


@pytest.mark.parametrize(
    ("flags", "has"),
    [("fpu avx2", False), ("fpu avx512f", False), ("fpu avx512_bf16", True), ("amx_bf16", True)],
)
def test_bfloat16_is_taken_where_the_processor_does_it_in_hardware(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, has: bool
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n", encoding="utf-8")
    assert _cpu_has_bfloat16(cpuinfo) is has
    assert _cpu_has_bfloat16(tmp_path / "missing") is False


def test_autocast_is_off_for_float32_and_on_for_bfloat16() -> None:
    layer, clips = torch.nn.Conv2d(1, 1, 1), torch.rand(1, 1, 4, 4)
    for precision in (torch.float32, torch.bfloat16):
        with autocast(CPU, precision):
            assert layer(clips).dtype is precision


def test_fast_layout_keeps_the_function() -> None:
    for network in (autoencoder_2d(16, 8, 0.0).eval(), autoencoder_3d(4).eval()):
        clips = torch.rand(2, 16, 32, 32)
        with torch.no_grad():
            expected = network(clips)
            torch.testing.assert_close(to_fast_layout(network, CPU)(clips), expected, rtol=0, atol=1e-5)


def test_random_state_and_flags_of_the_caller_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with reproducible(CPU):
        torch.manual_seed(1)
        torch.rand(100)
        assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.deterministic
    assert torch.equal(torch.rand(3), expected)


def test_batch_is_halved_until_it_fits(caplog: pytest.LogCaptureFixture) -> None:
    def run(size: int) -> str:
        if size > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    with caplog.at_level(logging.WARNING, "pixelkit"):
        assert halve_until_it_fits(run, 32) == ("done", 8)
    assert "8 clips at a time" in caplog.text


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("shapes differ")]
)
def test_errors_that_smaller_batches_do_not_mend_are_raised(error: RuntimeError) -> None:
    def run(_: int) -> None:
        raise error

    with pytest.raises(RuntimeError, match=str(error)):
        halve_until_it_fits(run, 1)
