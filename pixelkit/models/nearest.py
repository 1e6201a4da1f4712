"""Exact nearest neighbours in blocks: float32 matrix products, and float64 where they cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelkit.errors import ScorerError
from pixelkit.models.device import halve_until_it_fits, pick_device
from pixelkit.models.vectors import BUDGET, Matrix, Vectors


def nearest(
    queries: Matrix | Sequence[Matrix],
    memory: Matrix,
    *,
    device: torch.device | str = "auto",
    budget: int = BUDGET,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the Euclidean distance of each query to its nearest memory vector, and which one that is.

    ||q - m||^2 = ||q||^2 + ||m||^2 - 2 q·m makes it one matrix product, but cancels when q is near m. So the memory's
    mean is subtracted first, every query to which two memory vectors are equally near within the rounding error is
    looked at again in float64, and the distance itself is computed from the difference.

    Parameters
    ----------
    queries
        Floating point (n, d), or several such matrices; read as float32, in blocks.
    memory
        Floating point (m, d), held on the device.
    device
        A device or its name.
    budget
        Bytes of queries that are copied to the device at a time at most; more are streamed.

    Returns
    -------
    distances, index
        float32 (n,) with a relative error below 1e-5, and int64 (n,) rows of ``memory``; of two at the same distance
        the first.

    Raises
    ------
    ScorerError
        If queries and memory differ in width, or hold a number that is not finite.
    """
    place = pick_device(device) if isinstance(device, str) else device
    known = _Memory(Vectors(memory, device=place, budget=2**63))
    asked = Vectors(queries, device=place, budget=budget)
    if asked.dimension != known.vectors.shape[1]:
        raise ScorerError(
            f"queries have {asked.dimension} numbers each and the memory {known.vectors.shape[1]}: "
            f"both must come from the same features"
        )
    distances = torch.empty(len(asked), device=asked.device)
    index = torch.empty(len(asked), dtype=torch.int64, device=asked.device)

    def search(rows: int) -> None:
        for place, block in asked.blocks(rows):
            distances[place], index[place] = known.nearest_to(block, place.start)

    with torch.no_grad(), full_products():
        halve_until_it_fits(search, asked.rows_a_block(len(known.vectors)), "vectors")
    return distances.cpu().numpy(), index.cpu().numpy()


def nearest_distances(
    queries: Matrix | Sequence[Matrix], memory: Matrix, *, device: torch.device | str = "auto"
) -> NDArray[np.float32]:
    """Return the Euclidean distance of each query to its nearest memory vector: float32 (n,); see :func:`nearest`."""
    return nearest(queries, memory, device=device)[0]


class _Memory:
    """Memory vectors, and what every block of queries needs of them."""

    def __init__(self, memory: Vectors) -> None:
        self.vectors = memory.take(torch.arange(len(memory), device=memory.device))
        check_finite(squared_norms(self.vectors), 0)
        self.mean = self.vectors.mean(0)
        self.centred = self.vectors - self.mean
        self.norms = squared_norms(self.centred)

    def nearest_to(self, block: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Return how far the nearest memory vector is from each row of the block, and which one it is."""
        centred = block - self.mean
        norms = squared_norms(centred)
        check_finite(norms, start)
        rough = torch.addmm(self.norms, centred, self.centred.T, alpha=-2)
        index = rough.argmin(1)
        distance = _apart(block, self.vectors[index])
        # No competitor has a norm above that of the query and its distance to the best one together.
        error = rounding(block.shape[1]) * (norms + (norms.sqrt() + distance).square())
        limit = rough.gather(1, index[:, None]) + 2 * error[:, None]
        unsure = ((rough <= limit).sum(1) > 1).nonzero()[:, 0]
        if len(unsure):
            exact = squared_distances(block[unsure].double() - self.mean, self.vectors.double() - self.mean)
            index[unsure] = exact.argmin(1)
            distance[unsure] = _apart(block[unsure], self.vectors[index[unsure]])
        return distance, index


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(1).sqrt()


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared distance of each row of ``a`` to each of ``b``, both float64: float64 (len(a), len(b)).

    float64 keeps 16 digits: what cancels is 1e-16 of the squared norms, below the rounding of float32 vectors.
    """
    norms = squared_norms(a)[:, None] + squared_norms(b)
    return torch.addmm(norms, a, b.T, alpha=-2).clamp_(min=0)


def squared_norms(vectors: Tensor) -> Tensor:
    """Return the squared norm of each row; on a CPU this is seven times as fast as ``square().sum(1)``."""
    norms: Tensor = torch.linalg.vector_norm(vectors, dim=1)
    return norms.square()


def rounding(dimension: int) -> float:
    """Return e such that ||a||^2 + ||b||^2 - 2 a·b in float32 is off by less than e (||a||^2 + ||b||^2).

    Rounding errors of a sum of d products grow like the root of d; measured, they stay below a sixth of this.
    """
    return float((16 + dimension**0.5) * np.finfo(np.float32).eps)


def check_finite(squared_norms: Tensor, start: int) -> None:
    """Raise when a vector holds NaN, infinity, or numbers whose squares float32 cannot hold.

    Raises
    ------
    ScorerError
        Names the row, counted from ``start``.
    """
    if squared_norms.isfinite().all():
        return
    row = int((~squared_norms.isfinite()).nonzero()[0])
    raise ScorerError(
        f"vector {start + row:,} (counted from 0) is not finite, or larger than 1e18: features must be finite "
        f"numbers; if the network ran in half precision, set precision to 'float32'"
    )


@contextmanager
def full_products() -> Iterator[None]:
    """Compute float32 matrix products in float32, also where the caller has allowed TF32 or bfloat16."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
