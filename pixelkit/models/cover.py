"""The rounds of k-center greedy: the next picks, found among the farthest vectors, and what is known of all others."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelkit.models.device import halve_until_it_fits
from pixelkit.models.nearest import check_finite, rounding, squared_distances, squared_norms
from pixelkit.models.vectors import Vectors

# Exact mode seeks the next picks among the farthest 512 vectors, which give it some eighty at a time. With fewer than
# 16 at a time, as in two dimensions, looking at all vectors again costs more than having more candidates.
CANDIDATES, MOST_CANDIDATES, ENOUGH = 512, 4096, 16
# Batches of 64 among the farthest 1,024; oversampling 4 instead of 16 times costs up to 7 % of the covering radius.
BATCH, BATCH_CANDIDATES = 64, 1024
# Squared distances below this share of the squared norm are rounding errors of float64: the vectors are the same.
SAME = 1e-13

# On a CPU, products of vectors this long cost more than finding out which are needed, in blocks of so many vectors and
# so many picks: of 20,000 x 1,536 or 60,000 x 512 a quarter is. Of 60,000 x 256 a sixth, and all take less time.
LONG, BLOCK, PICKS = 512, 512, 48
# After so many picks a round forgets those of its long candidates that it cannot pick any more: a quarter of its time.
FORGET = 8


class Cover:
    """The picks so far, and for every vector an upper bound of its squared distance to the nearest of them.

    Parameters
    ----------
    data
        The vectors.
    size
        How many to pick, at most as many as there are vectors.
    first
        The row of the first pick.
    """

    def __init__(self, data: Vectors, size: int, first: int) -> None:
        self.data = data
        self.picks = torch.full((size,), first, dtype=torch.int64, device=data.device)
        self.apart = torch.full((size,), torch.inf, dtype=torch.float64, device=data.device)
        self.centres = torch.empty(size, data.dimension, device=data.device)
        self.count, self.known = 1, 0  # picks made, and those that the bounds take into account
        self.bounds = torch.full((len(data),), torch.inf, device=data.device)
        self.norms = torch.empty(len(data), device=data.device)  # filled when a vector is first multiplied
        self.error = rounding(data.dimension)  # of a squared distance, by the squared norms
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
        for place, block in self.data.blocks(self.data.rows_a_block(1)):
            self.bounds[place] = squared_norms(block - pick).mul_(1 + self.error)
        check_finite(self.bounds, 0)
        self.known = 1

    def _centred(self, vectors: Tensor) -> Tensor:
        return vectors if self.shift is None else vectors - self.shift

    def _in_float64(self, rows: Tensor) -> Tensor:
        return self._centred(self.data.take(rows).double())

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
        self.centres[place] = self.data.take(rows)
        self.count += len(rows)

    def _look(self, width: int) -> None:  # noqa: ARG002 -- LongCover looks at no more than it must
        """Bring bounds up to date with all picks, at least of those vectors that may be the ``width`` farthest.

        Norms are made larger by the rounding error, so that what is computed never lies below the distance.
        """
        if self.known == self.count:
            return
        new = slice(self.known, self.count)
        centres = self._centred(self.centres[new])
        norms = squared_norms(centres) * (1 + self.error)

        def look(rows: int) -> None:
            products = torch.empty(min(rows, len(self.data)) * len(centres), device=self.data.device)
            for place, block in self.data.blocks(rows):
                mine = products[: len(block) * len(centres)].view(len(block), -1)
                block = self._centred(block)
                torch.addmm(norms, block, centres.T, alpha=-2, out=mine)
                if new.start == 1:
                    self.norms[place] = squared_norms(block)
                bounds = mine.amin(1).add_(self.norms[place], alpha=1 + self.error)
                self.bounds[place] = torch.minimum(self.bounds[place], bounds)

        halve_until_it_fits(look, self.data.rows_a_block(len(centres)), "vectors")
        self.known = self.count

    def _farthest(self, width: int, steps: int, *, exact: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Run the greedy loop on the ``width`` vectors with the largest bounds.

        Returns
        -------
        rows, apart, limit
            int64 (k,) picks, float64 (k,) their squared distances to the picks before them, 0 for a vector that is one
            of them, and the largest bound of all other vectors.
        """
        width = min(width, len(self.data))
        others = min(width + 1, len(self.data))
        bounds, rows = self.bounds.topk(others)
        limit = bounds[-1] if others > width else torch.full_like(bounds[-1], -torch.inf)
        rows = rows[:width].sort().values  # argmax takes the first of equals
        steps = min(steps, width, len(self.picks) - self.count)
        return *self._greedy(rows, steps, limit, exact=exact), limit

    def _greedy(self, rows: Tensor, steps: int, limit: Tensor, *, exact: bool) -> tuple[Tensor, Tensor]:
        vectors = self._in_float64(rows)
        norms, apart = squared_norms(vectors), self._to_picks(vectors)
        if self.data.device.type == "cpu":
            chosen, far = _greedy_here(vectors, norms, apart, steps, float(limit) if exact else -np.inf)
        else:
            chosen, far = _greedy_there(vectors, norms, apart, steps)
        return rows.index_select(0, chosen), far * (far > SAME * norms.index_select(0, chosen))

    def _to_picks(self, vectors: Tensor) -> Tensor:
        """Return the squared distance of some centred vectors to the nearest pick, float64."""
        apart = torch.full((len(vectors),), torch.inf, dtype=torch.float64, device=vectors.device)
        for centres in self.centres[: self.count].split(BATCH_CANDIDATES):
            apart = torch.minimum(apart, squared_distances(vectors, self._centred(centres.double())).amin(1))
        return apart


def _greedy_here(
    vectors: Tensor, norms: Tensor, apart: Tensor, steps: int, limit: float
) -> tuple[Tensor, Tensor]:
    """Return which of some vectors are picked, as long as it is certain, and their squared distances to earlier picks.

    Of a few hundred numbers NumPy is done before torch has begun.
    """
    squares, left = norms.numpy(), apart.numpy()
    chosen: list[int] = []
    far: list[float] = []
    for _ in range(steps):
        pick = int(left.astype(np.float32).argmax())
        if chosen and left[pick] < limit:
            break
        chosen.append(pick)
        far.append(float(left[pick]))
        products = torch.mv(vectors, vectors[pick]).numpy()
        left = np.minimum(left, squares + squares[pick] - 2 * products)
    return torch.tensor(chosen), torch.tensor(far, dtype=torch.float64)


def _greedy_there(vectors: Tensor, norms: Tensor, apart: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Do the same on a GPU, which would have to be waited for to know what is certain."""
    chosen, far = [], []
    for _ in range(steps):
        pick = apart.float().argmax(0, keepdim=True)
        chosen.append(pick)
        far.append(apart.index_select(0, pick))
        to_pick = torch.addmv(norms, vectors, vectors.index_select(0, pick)[0], alpha=-2)
        apart = torch.minimum(apart, to_pick.add_(norms.index_select(0, pick)))
    return torch.cat(chosen), torch.cat(far)


class LongCover(Cover):
    """The same for long vectors in memory: fewer are looked at, and float64 decides only what float32 cannot.

    Distances only shrink. So a vector that was nearer when last looked at than the next candidates are now needs no
    look, and one that comes nearer while it is looked at need not be compared with the rest of the picks.
    """

    def __init__(self, data: Vectors, size: int, first: int) -> None:
        super().__init__(data, size, first)
        self.seen = torch.ones(len(data), dtype=torch.int64)  # how many picks each bound takes into account
        self.width = len(data)  # of how many, the farthest, all picks are taken into account

    def _look(self, width: int) -> None:
        """Go through vectors in the order of their bounds, until ``width`` are farther than all that are left."""
        if self.known == self.count and width <= self.width:
            return
        centres = self._centred(self.centres[: self.count])
        norms = squared_norms(centres) * (1 + self.error)
        room = torch.empty(BLOCK, self.data.dimension)
        before, order = self.bounds.sort(descending=True)
        enough = -np.inf
        for end in range(BLOCK, len(order) + BLOCK, BLOCK):
            self._approach(order[end - BLOCK : end], centres, norms, enough, room)
            if width <= end < len(order):
                enough = float(self.bounds[order[:end]].topk(width).values[-1])
                if enough >= before[end]:
                    break
        self.known, self.width = self.count, width

    def _approach(self, rows: Tensor, centres: Tensor, norms: Tensor, enough: float, room: Tensor) -> None:
        """Compare vectors with the picks that are new to them, as long as they are farther than ``enough``."""
        bounds, seen, own = self.bounds.numpy(), self.seen.numpy(), self.norms.numpy()
        since = int(seen[rows.numpy()].min())
        if since == self.count:
            return
        block = self.data.take(rows, room)
        if self.shift is not None:
            block -= self.shift
        here = rows.numpy()
        if since == 1:
            own[here] = squared_norms(block).numpy()
        for start in range(since, self.count, PICKS):
            picks = slice(start, min(start + PICKS, self.count))
            products = torch.addmm(norms[picks], block, centres[picks].T, alpha=-2)
            found = products.amin(1).numpy() + own[here] * np.float32(1 + self.error)
            bounds[here] = found = np.minimum(bounds[here], found)
            seen[here] = np.maximum(seen[here], picks.stop)
            left = np.flatnonzero(found > enough)
            if len(left) < len(here) * 3 / 4:
                here, block = here[left], block.index_select(0, torch.from_numpy(left))
            if not len(here):
                return

    def _greedy(self, rows: Tensor, steps: int, limit: Tensor, *, exact: bool) -> tuple[Tensor, Tensor]:
        found = self._greedy_in_float32(rows, steps, float(limit)) if exact else []
        if len(found) < min(ENOUGH, steps):
            return super()._greedy(rows, steps, limit, exact=exact)
        return torch.tensor(found), torch.full((len(found),), torch.inf, dtype=torch.float64)

    def _greedy_in_float32(self, candidates: Tensor, steps: int, limit: float) -> list[int]:
        """Return the rows of the picks that are certain.

        Squared distances are off by less than ``error`` each. So the farthest vector is less than twice that below the
        largest distance: where several are, they are compared in float64.
        """
        vectors = self._centred(self.data.take(candidates))
        picks = torch.empty(self.count + steps, self.data.dimension)
        picks[: self.count] = self._centred(self.centres[: self.count])
        norms, pick_norms = squared_norms(vectors), squared_norms(picks[: self.count])
        products = torch.addmm(pick_norms, vectors, picks[: self.count].T, alpha=-2)
        error = self.error * float(norms.max() + torch.maximum(norms.max(), pick_norms.max()))
        certain = max(limit, error) + error  # farther than all others can be, and not the same as a pick
        # Of a few hundred numbers NumPy is done before torch has begun.
        rows, squares, apart = candidates.numpy(), norms.numpy(), products.amin(1).add_(norms).numpy()
        found: list[int] = []
        for step in range(steps):
            if step % FORGET == FORGET - 1:
                # what lies within rounding of a certain pick may still be as far
                left = np.flatnonzero(apart > certain - 2 * error)
                rows, squares, apart = rows[left], squares[left], apart[left]
                vectors = vectors.index_select(0, torch.from_numpy(left))
            if not len(rows) or (farthest := apart.max()) <= certain:
                break
            equal = np.flatnonzero(apart >= farthest - 2 * error)
            if len(equal) > ENOUGH:
                break
            pick = int(equal[0])
            if len(equal) > 1:
                known = torch.cat([self.picks[: self.count], torch.tensor(found, dtype=torch.int64)])
                rough = torch.addmm(pick_norms, vectors[equal], picks[: len(known)].T, alpha=-2)
                near = (rough <= rough.amin(1, keepdim=True) + 2 * error).any(0)
                some = self._in_float64(torch.from_numpy(rows[equal]))
                exactly = squared_distances(some, self._in_float64(known[near])).amin(1)
                pick = int(equal[int(exactly.float().argmax())])
            found.append(int(rows[pick]))
            picks[self.count + step] = chosen = vectors[pick]
            pick_norms = torch.cat([pick_norms, torch.tensor(squares[pick : pick + 1])])
            apart = np.minimum(apart, squares + squares[pick] - 2 * torch.mv(vectors, chosen).numpy())
        return found
