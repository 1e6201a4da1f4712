"""k-center greedy: the few vectors that leave no other one far from all of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelkit.errors import SettingsError
from pixelkit.models.device import halve_until_it_fits, pick_device
from pixelkit.models.nearest import (
    check_finite,
    full_products,
    nearest,
    rounding,
    squared_distances,
    squared_norms,
)
from pixelkit.models.vectors import BUDGET, Matrix, Vectors

log = logging.getLogger("pixelkit")

# Exact mode seeks the next picks among the farthest 512 vectors, which give it some eighty at a time. With fewer than
# 16 at a time, as in two dimensions, looking at all vectors again costs more than having more candidates.
CANDIDATES, MOST_CANDIDATES, ENOUGH = 512, 4096, 16
# Batches of 64 among the farthest 1,024; oversampling 4 instead of 16 times costs up to 7 % of the covering radius.
BATCH, BATCH_CANDIDATES = 64, 1024
# On a CPU, products of vectors this long cost more than finding out which are needed, in blocks of so many: of 20,000 x
# 1,536 a third is, of 60,000 x 512 a quarter, which takes half the time; of 60,000 x 256 all take as long.
LONG, BLOCK_LONG = 512, 1024
# After so many picks a round forgets those of its long candidates that it cannot pick any more: a quarter of its time.
FORGET = 16
# Squared distances below this share of the squared norm are rounding errors of float64: the vectors are the same.
SAME = 1e-13


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
        cover = _Cover(data, min(size, len(data)), first)
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


class _Cover:
    """The picks so far, and for every vector an upper bound of its squared distance to the nearest of them."""

    def __init__(self, data: Vectors, size: int, first: int) -> None:
        self.data = data
        self.picks = torch.full((size,), first, dtype=torch.int64, device=data.device)
        self.apart = torch.full((size,), torch.inf, dtype=torch.float64, device=data.device)
        self.centres = torch.empty(size, data.dimension, device=data.device)
        self.count, self.known = 1, 0  # picks made, and those that the bounds take into account
        self.bounds = torch.full((len(data),), torch.inf, device=data.device)
        self.norms = torch.empty(len(data), device=data.device)  # filled when a vector is first multiplied
        # Whether not all bounds are brought up to date each time, and then how many picks each takes into account.
        self.selective = data.device.type == "cpu" and data.dimension >= LONG and data.is_here
        self.seen = torch.ones(len(data) if self.selective else 0, dtype=torch.int64)
        self.shift = self._centre()
        self._look_first()

    def _centre(self) -> Tensor | None:
        """Return what to subtract before multiplying, if vectors lie so far from 0 that rounding would matter.

        The median of some 64 vectors will do. A centre of twice the spread costs two of float32's 24 bits, which the
        bounds can spare.
        """
        every = -(-len(self.data) // 64)
        some = self.data.take(torch.arange(0, len(self.data), every, device=self.data.device))
        centre = some.median(0).values
        far = 5 * centre.square().sum() > 4 * squared_norms(some).median()  # not if a number is not finite
        return centre if far else None

    def _look_first(self) -> None:
        """Compute the distances to the first pick, whose differences are as fast as a product with one vector."""
        self.centres[:1] = pick = self.data.take(self.picks[:1])
        check_finite(squared_norms(pick), int(self.picks[0]))
        larger = 1 + rounding(self.data.dimension)
        for place, block in self.data.blocks(self.data.rows_a_block(1)):
            self.bounds[place] = squared_norms(block - pick).mul_(larger)
        check_finite(self.bounds, 0)
        self.known = 1

    def _centred(self, vectors: Tensor) -> Tensor:
        return vectors if self.shift is None else vectors - self.shift

    def pick_exactly(self) -> NDArray[np.int64]:
        """Pick as long as it is certain that no other vector is farther, then look at all of them again."""
        width = CANDIDATES
        while self.count < len(self.picks):
            self._look(width + 1)
            rows, apart, limit = self._farthest(width, width // 4, exact=True)
            # certain: farther than all others can be; distinct: not 0 away from a pick
            certain, distinct = torch.stack([(apart >= limit).sum(), (apart > 0).sum()]).tolist()
            enough = certain >= min(ENOUGH, len(self.picks) - self.count) or width >= min(
                MOST_CANDIDATES, len(self.data)
            )
            if not enough:
                width *= 2
            kept = min(max(certain, int(enough)), distinct)
            if enough and not kept:
                break
            self._add(rows[:kept], apart[:kept])
        return self._distinct()

    def pick_in_batches(self) -> NDArray[np.int64]:
        """Pick so many each time, without asking the device for anything before the end."""
        while self.count < len(self.picks):
            self._look(BATCH_CANDIDATES + 1)
            rows, apart, _ = self._farthest(BATCH_CANDIDATES, BATCH, exact=False)
            self._add(rows, apart)
        return self._distinct()

    def _distinct(self) -> NDArray[np.int64]:
        return self.picks[: self.count][self.apart[: self.count] > 0].cpu().numpy()

    def _add(self, rows: Tensor, apart: Tensor) -> None:
        place = slice(self.count, self.count + len(rows))
        self.picks[place], self.apart[place] = rows, apart
        self.count += len(rows)

    def _look(self, width: int) -> None:
        """Bring bounds up to date with all picks: of every vector, or of all that may be among the ``width`` farthest.

        Norms are made larger by the rounding error, so that what is computed never lies below the distance.
        """
        if self.known == self.count:
            return
        new = slice(self.known, self.count)
        self.centres[new] = self.data.take(self.picks[new])
        centres = self._centred(self.centres[: self.count])
        larger = 1 + rounding(self.data.dimension)
        norms = squared_norms(centres) * larger

        def look(rows: int) -> None:
            columns = self.count if self.selective else self.count - self.known
            products = torch.empty(min(rows, len(self.data)) * columns, device=self.data.device)
            for place, block, since in self._out_of_date(rows, width):
                mine = products[: len(block) * (self.count - since)].view(len(block), -1)
                block = self._centred(block)
                torch.addmm(norms[since:], block, centres[since:].T, alpha=-2, out=mine)
                if since == 1:
                    self.norms[place] = squared_norms(block)
                bounds = mine.amin(1).add_(self.norms[place], alpha=larger)
                self.bounds[place] = torch.minimum(self.bounds[place], bounds)

        rows = self.data.rows_a_block(self.count - self.known)
        halve_until_it_fits(look, min(rows, BLOCK_LONG) if self.selective else rows, "vectors")
        self.known = self.count

    def _out_of_date(self, rows: int, width: int) -> Iterator[tuple[slice | Tensor, Tensor, int]]:
        """Yield where a block lies, its vectors, and how many picks their bounds take into account.

        Long vectors come in the order of their bounds, until ``width`` of these are larger than all that are left.
        """
        if not self.selective:
            for place, block in self.data.blocks(rows):
                yield place, block, self.known
            return
        before, order = self.bounds.sort(descending=True)
        for end in range(rows, len(order) + rows, rows):
            some = order[end - rows : end]
            since = int(self.seen[some].min())
            if since < self.count:
                yield some, self.data.take(some), since
            self.seen[some] = self.count
            if width <= end < len(order) and self.bounds[order[:end]].topk(width).values[-1] >= before[end]:
                return

    def _farthest(self, width: int, steps: int, *, exact: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Run the greedy loop on the ``width`` vectors with the largest bounds.

        Returns
        -------
        rows, apart, limit
            int64 (k,) picks, float64 (k,) their squared distances to the picks before them, 0 for a vector that is one
            of them, and the largest bound of all other vectors.
        """
        width = min(width, len(self.data))
        steps = min(steps, width, len(self.picks) - self.count)
        others = min(width + 1, len(self.data))
        bounds, rows = self.bounds.topk(others)
        limit = bounds[-1] if others > width else torch.full_like(bounds[-1], -torch.inf)
        rows = rows[:width].sort().values  # argmax takes the first of equals
        vectors = self._centred(self.data.take(rows).double())
        norms = squared_norms(vectors)
        apart = self._to_picks(vectors)
        chosen: list[tuple[Tensor, Tensor, Tensor]] = []
        certain = exact and self.data.device.type == "cpu"  # a GPU would have to be waited for to know
        for step in range(steps):
            if exact and self.selective and step % FORGET == FORGET - 1:
                left = (apart >= limit).nonzero()[:, 0]
                if not len(left):
                    break
                rows, vectors, norms, apart = rows[left], vectors[left], norms[left], apart[left]
            pick = apart.float().argmax(0, keepdim=True)
            distance, norm = apart.index_select(0, pick), norms.index_select(0, pick)
            if certain and chosen and distance < limit:
                break  # the rest is uncertain
            chosen.append((rows.index_select(0, pick), distance, norm))
            to_pick = torch.addmv(norms, vectors, vectors.index_select(0, pick)[0], alpha=-2)
            apart = torch.minimum(apart, to_pick.add_(norm))
        picks, apart, norms = (torch.cat(each) for each in zip(*chosen, strict=True))
        return picks, apart * (apart > SAME * norms), limit

    def _to_picks(self, vectors: Tensor) -> Tensor:
        """Return the squared distance of some centred vectors to the nearest pick, float64."""
        apart = torch.full((len(vectors),), torch.inf, dtype=torch.float64, device=vectors.device)
        for centres in self.centres[: self.count].split(BATCH_CANDIDATES):
            apart = torch.minimum(apart, squared_distances(vectors, self._centred(centres.double())).amin(1))
        return apart
