"""Where networks run and in which number format: chosen by what the hardware has, never by guessing."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch

from pixelkit.errors import SettingsError, did_you_mean

log = logging.getLogger("pixelkit")
T = TypeVar("T")

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` takes the first that is there of CUDA, MPS and CPU.

    Parameters
    ----------
    name
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises
    ------
    SettingsError
        If there is no such device, here or at all.
    """
    there = _devices()
    if name == "auto":
        return torch.device(next(iter(there)))
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps"):
        hint = did_you_mean(kind, ("auto", "cpu", "cuda", "mps"))
        raise SettingsError(f"device {name!r} is not one that pixelkit knows{hint}")
    if index and not (index.isascii() and index.isdigit()):
        raise SettingsError(f"device {name!r}: expected a number after the colon, as in 'cuda:1'")
    if kind not in there or int(index or 0) >= there[kind]:
        have = ", ".join(f"{count} {each}" for each, count in there.items())
        raise SettingsError(f"device {name!r} is not on this machine (here: {have}): use 'auto'")
    return torch.device(name)


def _devices() -> dict[str, int]:
    """Return the kinds of device that are there, best first, and how many of each."""
    there = {}
    if torch.cuda.is_available():
        there["cuda"] = torch.cuda.device_count()
    if torch.backends.mps.is_available():
        there["mps"] = 1
    return {**there, "cpu": 1}


def pick_precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """Return the number format for convolutions on ``device``.

    ``auto`` takes bfloat16 where it is done in hardware: on GPUs from compute capability 8 (Ampere), on processors
    with AMX or AVX-512 BF16. There it more than doubles ConvAE (74 to 180 clips/s in scoring on 2 cores with AMX);
    elsewhere it is emulated and slower than float32. Older GPUs have fast float16. Errors and losses are computed in
    float32 everywhere.

    Raises
    ------
    SettingsError
        If ``name`` is neither ``auto`` nor a format that the device can do.
    """
    if name == "auto":
        if device.type == "cuda":
            ampere = torch.cuda.get_device_capability(device)[0] >= 8
            return torch.bfloat16 if ampere else torch.float16
        return torch.bfloat16 if device.type == "cpu" and _cpu_has_bfloat16() else torch.float32
    if name not in PRECISIONS:
        raise SettingsError(f"precision {name!r} is unknown{did_you_mean(name, ('auto', *PRECISIONS))}")
    if name == "float16" and device.type != "cuda":
        raise SettingsError(f"precision 'float16' needs a CUDA GPU, not {device.type!r}: use 'auto'")
    return PRECISIONS[name]


def _cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    if platform.machine() not in ("x86_64", "AMD64") or not cpuinfo.is_file():
        return False
    for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("flags"):
            return not {"amx_bf16", "avx512_bf16"}.isdisjoint(line.split())
    return False


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Return the context in which convolutions run in ``precision``; float32 turns it off."""
    return torch.autocast(device.type, precision, enabled=precision is not torch.float32)


def to_fast_layout(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Move ``network`` to ``device``, its convolutions channels-last.

    The convolutions take their layout from their weights. Measured on 2 AVX2 cores: ConvAE 10.1 to 13.3 clips/s in
    training and 53 to 60 in scoring, STAE 17 to 21 and 62 to 66. MPS has no channels-last 3-D convolution.
    """
    network = network.to(device)
    if device.type == "mps":
        return network
    for module in network.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, torch.nn.Parameter) and weight.ndim in (4, 5):
            layout = torch.channels_last if weight.ndim == 4 else torch.channels_last_3d
            weight.data = weight.data.contiguous(memory_format=layout)
    return network


def keep_freed_memory() -> None:
    """Let the C library keep the memory of freed tensors for the next ones, instead of giving it back each time.

    Otherwise every activation of a few megabytes is fresh memory, which the system hands over page by page, zeroed:
    a quarter of a training step of ConvAE (17.4 to 12.6 ms a clip on one core). It costs a tenth more memory at the
    peak of a run. Elsewhere than with glibc, and on a GPU, whose memory torch keeps anyway, nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc, trim, mmap = ctypes.CDLL(None), -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    for threshold in (trim, mmap):
        libc.mallopt(threshold, 2**31 - 1)


@contextlib.contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Give the same numbers every time, and leave the caller's random state and cuDNN flags as they were.

    cuDNN's benchmark mode picks algorithms by a stopwatch, and its fastest backward convolutions add in any order.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        cudnn.benchmark, cudnn.deterministic = False, True
        try:
            yield
        finally:
            cudnn.benchmark, cudnn.deterministic = before


def halve_until_it_fits(run: Callable[[int], T], size: int, unit: str = "clips") -> tuple[T, int]:
    """Call ``run(size)``, with half the size each time the device is out of memory.

    Parameters
    ----------
    run
        Works on a batch in parts of at most the size that it is given. It may be called again from the start.
    size
        How many at a time to begin with.
    unit
        How many of what, for the warning.

    Returns
    -------
    result, size
        What ``run`` returned, and the size that fitted.
    """
    while True:
        try:
            return run(size), size
        except RuntimeError as error:  # torch.OutOfMemoryError is one; MPS and CPU raise plain ones
            if size == 1 or not is_out_of_memory(error):
                raise
        size //= 2
        log.warning("out of memory: going on with %d %s at a time", size, unit)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether ``error`` says that the device is full."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "not enough memory" in text
