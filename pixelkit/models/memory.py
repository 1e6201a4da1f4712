"""A memory of what is normal: few vectors chosen from many, and how far anything else lies from them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pixelkit.errors import ScorerError, SettingsError, StorageError, did_you_mean, examples
from pixelkit.files import atomic, write_text
from pixelkit.models.coreset import k_center_greedy
from pixelkit.models.nearest import nearest, nearest_distances
from pixelkit.models.vectors import Vectors

__all__ = ["MemoryBank", "nearest_distances"]

log = logging.getLogger("pixelkit")


class MemoryBank:
    """Remembers a coreset of the vectors of normal video; the distance to it is an anomaly score.

    Roth et al., Towards Total Recall in Industrial Anomaly Detection (PatchCore, CVPR 2022). The vectors are chosen by
    :func:`~pixelkit.models.coreset.k_center_greedy`, and nothing is projected or rounded.

    Parameters
    ----------
    size
        How many vectors to keep at most. With neither ``size`` nor ``ratio`` all are kept.
    ratio
        The share of the vectors to keep, above 0 and at most 1; at least one vector is kept.
    per_group
        Whether ``size`` or ``ratio`` hold for each group by itself (each video, say) instead of all together.
    batched
        Whether to choose in batches of 64, nearly exactly, without waiting for a GPU before the end.
    start
        The first vector chosen: ``first``, or ``random``, drawn from ``seed`` for each group.
    seed
        From 0 up.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Attributes
    ----------
    vectors
        float32 (m, d), in the order of choosing; (0, 0) before :meth:`fit`.

    Raises
    ------
    SettingsError
        If a setting is out of its range, or ``size`` and ``ratio`` are both given.

    Examples
    --------
    >>> import numpy as np
    >>> normal = [np.float32([[0, 0], [0, 1]]), np.float32([[4, 0]])]  # one array per video
    >>> bank = MemoryBank(size=2, device="cpu").fit(normal)
    >>> bank.vectors.tolist()
    [[0.0, 0.0], [4.0, 0.0]]
    >>> bank.distances(np.float32([[4, 3]])).tolist()
    [3.0]
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        ratio: float | None = None,
        per_group: bool = False,
        batched: bool = False,
        start: str = "first",
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        if size is not None and ratio is not None:
            raise SettingsError(f"a memory of size={size} and ratio={ratio}: give one of them")
        if size is not None and size < 1:
            raise SettingsError(f"a memory of size={size}: expected at least 1")
        if ratio is not None and not 0 < ratio <= 1:
            raise SettingsError(f"a memory of ratio={ratio}: expected a share above 0 and at most 1")
        if start not in ("first", "random"):
            raise SettingsError(f"start={start!r} is unknown{did_you_mean(start, ('first', 'random'))}")
        self.size = size
        self.ratio = ratio
        self.per_group = per_group
        self.batched = batched
        self.start = start
        self.seed = seed
        self.device = device
        self.vectors: NDArray[np.float32] = np.empty((0, 0), np.float32)

    def __len__(self) -> int:
        return len(self.vectors)

    def fit(self, groups: Sequence[NDArray[np.float32]]) -> MemoryBank:
        """Choose what to remember, in place of what was remembered before.

        Parameters
        ----------
        groups
            One array (n, d) per video, memory maps included; n may be 0.

        Returns
        -------
        MemoryBank
            This one.

        Raises
        ------
        ScorerError
            If there is no vector at all, the arrays differ in width, or a number is not finite.
        """
        filled = [group for group in groups if len(group)]
        if not filled:
            raise ScorerError("there is not a single vector to remember: the groups are empty")
        together = [[group] for group in filled] if self.per_group else [filled]
        self._warn_of_few([sum(len(part) for part in parts) for parts in together])
        self.vectors = np.concatenate([self._choose(parts, which) for which, parts in enumerate(together)])
        return self

    def _choose(self, parts: Sequence[NDArray[np.float32]], which: int) -> NDArray[np.float32]:
        count = sum(len(part) for part in parts)
        first = 0
        if self.start == "random":
            first = int(np.random.default_rng([self.seed, which]).integers(count))
        chosen = k_center_greedy(
            parts, self._how_many(count), first=first, exact=not self.batched, device=self.device
        )
        here = Vectors(parts, device=torch.device("cpu"), budget=0)  # nothing but the chosen rows is copied
        return here.take(torch.from_numpy(chosen)).numpy()

    def _warn_of_few(self, counts: Sequence[int]) -> None:
        short = [count for count in counts if self._how_many(count) > count]
        if short:
            log.warning(
                "memory: %d vectors were asked for, but %d of %d groups hold fewer (%s): all of theirs are taken",
                self.size,
                len(short),
                len(counts),
                examples(short),
            )

    def _how_many(self, count: int) -> int:
        if self.size is not None:
            return self.size
        return count if self.ratio is None else max(1, int(count * self.ratio))

    def distances(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the Euclidean distance of each query (n, d) to the nearest vector: float32 (n,), from 0 up."""
        return self.nearest(queries)[0]

    def nearest(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the distances, and which of :attr:`vectors` is nearest to each query: int64 (n,).

        Raises
        ------
        ScorerError
            If nothing was remembered yet, or the queries are of another width or not finite.
        """
        if len(self) == 0:
            raise ScorerError("this memory is empty: fit it, or load one, before asking for distances")
        if len(queries) == 0:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        return nearest(queries, self.vectors, device=self.device)

    def merge(self, *others: MemoryBank) -> MemoryBank:
        """Return a memory of the settings of this one that remembers what this one and the others do.

        Raises
        ------
        ScorerError
            If their vectors differ in width.
        """
        filled = [bank.vectors for bank in (self, *others) if len(bank)]
        widths = {vectors.shape[1] for vectors in filled}
        if len(widths) > 1:
            raise ScorerError(f"memories of vectors of {sorted(widths)} numbers cannot be merged")
        merged = MemoryBank(**self._settings())
        if filled:
            merged.vectors = np.concatenate(filled)
        return merged

    def _settings(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "vectors"}

    def save(self, folder: Path, prefix: str = "memory") -> None:
        """Write ``prefix.safetensors`` (the vectors) and ``prefix.json`` (the settings) to ``folder``.

        Raises
        ------
        StorageError
            If they cannot be written.
        """
        from safetensors.numpy import save_file

        with atomic(folder / f"{prefix}.safetensors") as temporary:
            save_file({"vectors": np.ascontiguousarray(self.vectors)}, temporary)
        settings = {key: value for key, value in self._settings().items() if key != "device"}
        write_text(folder / f"{prefix}.json", json.dumps(settings, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path, prefix: str = "memory", *, device: str = "auto") -> MemoryBank:
        """Return what :meth:`save` wrote, to be used on ``device``.

        Raises
        ------
        StorageError
            If a file is missing or damaged: names it.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = folder / f"{prefix}.json"
        try:
            bank = cls(**json.loads(path.read_text(encoding="utf-8")), device=device)
            path = folder / f"{prefix}.safetensors"
            vectors = load_file(path)["vectors"]
            if vectors.ndim != 2 or vectors.dtype != np.float32:
                raise ValueError(f"{vectors.dtype} {vectors.shape}, expected float32 (m, d)")
        except (OSError, ValueError, TypeError, KeyError, SafetensorError, SettingsError) as error:
            raise StorageError(f"cannot read the memory {path}: {error}; fit it again") from error
        bank.vectors = vectors
        return bank
