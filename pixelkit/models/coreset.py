"""k-center greedy: the few vectors that leave no other one far from all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pixelkit.errors import SettingsError
from pixelkit.models.cover import LONG, Cover, LongCover
from pixelkit.models.device import pick_device
from pixelkit.models.nearest import full_products, nearest
from pixelkit.models.vectors import BUDGET, Matrix, Vectors


def k_center_greedy(
    vectors: Matrix | Sequence[Matrix],
    size: int,
    *,
    first: int = 0,
    exact: bool = True,
    device: torch.device | str = "auto",
    budget: int = BUDGET,
) -> NDArray[np.int64]:
    """Return the rows that k-center greedy picks: each is the farthest from all before it.

    Gonzalez, Clustering to Minimize the Maximum Intercluster Distance (1985); as a coreset: Sener and Savarese, Active
    Learning for Convolutional Neural Networks (ICLR 2018). The obvious loop updates the distance of every vector after
    every pick. This one works in rounds: it takes the vectors that were farthest when it last looked, runs the greedy
    loop on them alone, and brings the distances of all others up to date with one matrix product for many picks.

    Distances only shrink. So as long as the farthest candidate is farther than every other vector was at the last
    look, it is the pick of the obvious loop: ``exact`` ends the round there, and asks for more candidates when a round
    gave few. For the same reason vectors that were nearer when last looked at than the next candidates are now need no
    look. Otherwise each round gives 64 picks, right or nearly right: on a GPU nothing waits for it until the end,
    while ``exact`` reads back two numbers a round. The picks are compared in float64 and rounded to float32; of equal
    ones the first is taken.

    Parameters
    ----------
    vectors
        Floating point (n, d), a tensor, an array or a memory map, or several of one width; read as float32.
    size
        How many to pick.
    first
        The row of the first pick.
    exact
        Whether to pick exactly what the obvious loop picks, unless more than 4,096 vectors are equally far.
    device
        A device or its name.
    budget
        Vectors of more bytes than this are streamed in blocks, never held whole on the device or in memory.

    Returns
    -------
    NDArray
        int64 (k,) rows in the order of picking. k is less than ``size`` if there are fewer vectors (then all are
        returned, in their order) or fewer distinct ones: what equals a pick, as far as rounding tells, is not picked.

    Raises
    ------
    SettingsError
        If ``size`` is not positive or there is no row ``first``.
    ScorerError
        If there is no vector, or one holds a number that is not finite.
    """
    if size < 1:
        raise SettingsError(f"a coreset of {size} vectors: expected at least 1")
    data = Vectors(vectors, device=pick_device(device) if isinstance(device, str) else device, budget=budget)
    if not 0 <= first < len(data):
        raise SettingsError(f"first={first}: expected a row of the {len(data):,} vectors")
    with torch.no_grad(), full_products():
        long = data.dimension >= LONG and data.device.type == "cpu" and data.is_here
        cover = (LongCover if long else Cover)(data, min(size, len(data)), first)
        if size >= len(data):
            return np.arange(len(data))
        return cover.pick_exactly() if exact else cover.pick_in_batches()


def covering_radius(
    vectors: Matrix | Sequence[Matrix],
    chosen: Sequence[int] | NDArray[np.int64],
    *,
    device: torch.device | str = "auto",
) -> float:
    """Return the largest distance of any vector to the nearest of the chosen rows: what k-center minimises."""
    place = pick_device(device) if isinstance(device, str) else device
    data = Vectors(vectors, device=place)
    centres = data.take(torch.as_tensor(np.asarray(chosen, np.int64), device=data.device))
    return float(nearest(vectors, centres, device=place)[0].max())
