"""Vectors that may not fit: one or several arrays as the rows of one matrix, read block by block."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelkit.errors import ScorerError
from pixelkit.models.device import is_out_of_memory

log = logging.getLogger("pixelkit")

Matrix = Tensor | NDArray[np.floating]

# Vectors of more bytes than this are not copied to the device, or into memory, but streamed: 2 GiB are 16 million
# vectors of 32 numbers, 40 times the largest bank of PixelPlay '26.
BUDGET = 2 << 30
# Numbers in a block or in its product. A GPU wants the fewest launches. A CPU wants the product of short vectors in its
# cache, but as many rows as vectors are long, since each product first packs the other matrix. On two idle cores the
# nearest of 30,000 x 32 are found 2.5 times as fast as in blocks of 2**22, of 30,000 x 1,536 twice as fast.
BLOCK, BLOCK_CPU = 1 << 26, 1 << 20


class Vectors:
    """The rows of one or several matrices (n, d) as one, on ``device`` when they fit and streamed when they do not.

    A memory map larger than the budget is read through blocks and never held whole. What lies on the device already
    is used as it lies there.

    Parameters
    ----------
    parts
        One matrix or several of the same width, tensors or NumPy arrays: floating point (n, d); read as float32.
    device
        Where to compute. MPS has no float64, without which nothing here is exact: the CPU takes its place.
    budget
        Bytes to copy to the device at most.

    Raises
    ------
    ScorerError
        If there is no vector, or the parts are not matrices of one width.
    """

    def __init__(
        self, parts: Matrix | Sequence[Matrix], *, device: torch.device, budget: int = BUDGET
    ) -> None:
        several = [parts] if isinstance(parts, Tensor | np.ndarray) else list(parts)
        place = torch.device("cpu") if device.type == "mps" else device
        self.device = torch.empty(0, device=place).device  # with its number: "cuda" is "cuda:0", say
        self.dimension = _common_width(several)
        self._parts = [_as_tensor(part) for part in several if len(part)]
        self._starts = np.cumsum([0, *(len(part) for part in self._parts)])
        if len(self) * self.dimension * 4 <= budget:
            self._bring_here()

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def is_here(self) -> bool:
        """Whether all vectors lie on the device as one tensor, so that any of them are at hand."""
        whole = self._parts[0]
        return len(self._parts) == 1 and isinstance(whole, Tensor) and whole.device == self.device

    def _bring_here(self) -> None:
        parts = [torch.from_numpy(p.copy()) if isinstance(p, np.ndarray) else p for p in self._parts]
        try:
            here = [part.to(self.device, torch.float32) for part in parts]
            whole = here[0] if len(here) == 1 else torch.cat(here)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            log.warning("%s vectors do not fit on %s: they are streamed", f"{len(self):,}", self.device)
        else:
            self._parts, self._starts = [whole], np.array([0, len(whole)])

    def rows_a_block(self, columns: int) -> int:
        """Return how many rows to read at a time when each meets ``columns`` others."""
        numbers = BLOCK_CPU if self.device.type == "cpu" else BLOCK
        long = min(self.dimension, BLOCK // columns)
        return max(64, long, numbers // max(columns, self.dimension))

    def blocks(self, rows: int) -> Iterator[tuple[slice, Tensor]]:
        """Yield where each block lies and the block itself, float32 (at most ``rows``, d) on the device."""
        for start, part in zip(self._starts, self._parts, strict=False):
            for low in range(0, len(part), rows):
                block = self._load(part[low : low + rows])
                yield slice(int(start) + low, int(start) + low + len(block)), block

    def take(self, index: Tensor, room: Tensor | None = None) -> Tensor:
        """Return some rows, float32 (k, d) on the device; nothing waits for a GPU when the vectors lie there.

        Those that lie there are written to the first rows of ``room``, if it is given: the system hands out fresh
        memory more slowly than a processor fills it.
        """
        if isinstance(whole := self._parts[0], Tensor) and self.is_here:
            if room is not None and whole.dtype == room.dtype:
                return torch.index_select(whole, 0, index, out=room[: len(index)])
            return whole.index_select(0, index).float()
        wanted = index.cpu().numpy()
        rows = torch.empty(len(wanted), self.dimension, device=self.device)
        owner = np.searchsorted(self._starts, wanted, side="right") - 1
        for which in np.unique(owner):
            here = owner == which
            found = self._parts[which][wanted[here] - self._starts[which]]
            rows[torch.from_numpy(here).to(self.device)] = self._load(found)
        return rows

    def _load(self, part: Matrix) -> Tensor:
        if isinstance(part, np.ndarray):  # a copy: torch shares no memory that it may not write to
            part = torch.from_numpy(np.array(part, np.float32))
        return part.to(self.device, torch.float32)


def _common_width(parts: Sequence[Matrix]) -> int:
    shapes = {tuple(part.shape) for part in parts}
    if not shapes or any(len(shape) != 2 for shape in shapes) or len({shape[1] for shape in shapes}) != 1:
        raise ScorerError(f"vectors of shape {sorted(shapes)}: expected matrices (n, d) of one width d")
    width = int(next(iter(shapes))[1])
    if width == 0 or not any(len(part) for part in parts):
        raise ScorerError("there is not a single vector: nothing to choose from or to compare with")
    return width


def _as_tensor(part: Matrix) -> Matrix:
    """Share the memory of an array with torch where torch can: what is read-only or strided stays an array."""
    if (
        isinstance(part, np.ndarray)
        and part.dtype == np.float32
        and part.flags.writeable
        and part.flags.carray
    ):
        return torch.from_numpy(part)
    return part
