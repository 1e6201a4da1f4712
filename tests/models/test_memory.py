"""A memory bank keeps what it was asked to keep, and its distances are exact."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pixelkit.errors import ScorerError, SettingsError, StorageError
from pixelkit.models.memory import MemoryBank, nearest_distances
from pixelkit.models.nearest import nearest, rounding, squared_distances

Array = NDArray[np.float32]


def drawn(n: int, d: int, seed: int = 0, shift: float = 0.0) -> Array:
    return (np.random.default_rng(seed).normal(size=(n, d)) + shift).astype(np.float32)


def slowly(queries: Array, memory: Array) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Nearest neighbours from the differences themselves, in float64."""
    every = np.stack([np.linalg.norm(memory.astype(np.float64) - query, axis=1) for query in queries])
    return every.min(1), every.argmin(1)


@pytest.mark.parametrize("shift", [0.0, 1000.0])
@pytest.mark.parametrize(("n", "m", "d"), [(3000, 500, 32), (200, 300, 1536), (5, 1, 1)])
def test_distances_agree_with_float64(n: int, m: int, d: int, shift: float) -> None:
    queries, memory = drawn(n, d, 1, shift), drawn(m, d, 2, shift)
    distances, index = nearest(queries, memory, device="cpu")
    expected, which = slowly(queries, memory)
    np.testing.assert_allclose(distances, expected, rtol=1e-5)
    assert index.tolist() == which.tolist()
    assert distances.dtype == np.float32


def test_tiny_distances_do_not_cancel() -> None:
    memory = drawn(400, 32, shift=100)
    memory[200:] = memory[:200] + np.float32(1e-3)  # pairs that a float32 product cannot tell apart
    queries = memory + drawn(400, 32, 5) * np.float32(1e-4)
    queries[:50] = memory[:50]
    distances, index = nearest(queries, memory, device="cpu")
    expected, which = slowly(queries, memory)
    np.testing.assert_allclose(distances, expected, rtol=1e-5)
    assert index.tolist() == which.tolist()
    assert (distances[:50] == 0).all()


@given(
    queries=st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=30),
    memory=st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=30),
)
def test_ties_go_to_the_first(queries: list[tuple[int, int]], memory: list[tuple[int, int]]) -> None:
    known = np.array(memory, np.float32)
    distances, index = nearest(np.array(queries, np.float32), known, device="cpu")
    expected, _ = slowly(np.array(queries, np.float32), known)
    np.testing.assert_allclose(distances, expected, rtol=1e-6)
    for query, which, distance in zip(queries, index, expected, strict=True):
        tied = np.isclose(np.linalg.norm(known - query, axis=1), distance, atol=1e-4)
        assert memory[which] == memory[int(tied.argmax())] or tied[which]


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, memory = drawn(3000, 16, 1), drawn(100, 16, 2)
    whole = nearest(queries, memory, device="cpu")
    monkeypatch.setattr("pixelkit.models.vectors.BLOCK_CPU", 64)
    parts = nearest([queries[:1000], queries[1000:]], memory, device="cpu", budget=0)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    np.testing.assert_array_equal(nearest_distances(queries, memory, device="cpu"), whole[0])


@pytest.mark.parametrize("d", [2, 32, 1536])
def test_rounding_bound_holds_with_room(d: int) -> None:
    a, b = torch.from_numpy(drawn(500, d, 1)), torch.from_numpy(drawn(500, d, 2))
    norms = a.square().sum(1)[:, None] + b.square().sum(1)
    fast = torch.addmm(norms, a, b.T, alpha=-2).double()
    error = (fast - squared_distances(a.double(), b.double())).abs() / norms
    assert error.max() < rounding(d) / 5


def test_size_ratio_and_groups() -> None:
    groups = [drawn(100, 4, 1), drawn(0, 4), drawn(50, 4, 2)]
    assert len(MemoryBank(device="cpu").fit(groups)) == 150
    assert len(MemoryBank(size=30, device="cpu").fit(groups)) == 30
    assert len(MemoryBank(ratio=0.1, device="cpu").fit(groups)) == 15
    assert len(MemoryBank(size=30, per_group=True, device="cpu").fit(groups)) == 60
    assert len(MemoryBank(ratio=0.1, per_group=True, device="cpu").fit(groups)) == 15
    assert len(MemoryBank(ratio=0.001, device="cpu").fit(groups)) == 1


def test_memory_holds_training_vectors_unchanged() -> None:
    groups = [drawn(100, 4, 1), drawn(50, 4, 2)]
    bank = MemoryBank(size=40, device="cpu").fit(groups)
    rows = {row.tobytes() for row in np.concatenate(groups)}
    assert all(row.tobytes() in rows for row in bank.vectors)
    np.testing.assert_array_equal(bank.vectors[0], groups[0][0])
    assert bank.distances(bank.vectors).max() == 0


def test_random_start_comes_from_the_seed() -> None:
    groups = [drawn(500, 4)]

    def first(seed: int) -> Array:
        return MemoryBank(size=3, start="random", seed=seed, device="cpu").fit(groups).vectors[0]

    np.testing.assert_array_equal(first(1), first(1))
    assert len({first(seed).tobytes() for seed in range(5)}) > 1


def test_fewer_vectors_than_asked_for_are_all_taken_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pixelkit"):
        bank = MemoryBank(size=30, per_group=True, device="cpu").fit(
            [drawn(10, 4, 1), drawn(20, 4, 2), drawn(40, 4)]
        )
    assert len(bank) == 10 + 20 + 30
    assert len(caplog.records) == 1
    assert "30 vectors were asked for, but 2 of 3 groups hold fewer (10, 20)" in caplog.text


def test_duplicates_are_remembered_once() -> None:
    frozen = np.repeat(drawn(3, 8), 500, axis=0)
    for batched in (False, True):
        assert len(MemoryBank(size=100, batched=batched, device="cpu").fit([frozen])) == 3


def test_saved_memory_comes_back(tmp_path: Path) -> None:
    bank = MemoryBank(ratio=0.5, per_group=True, start="random", seed=4, device="cpu").fit([drawn(20, 4)])
    bank.save(tmp_path, "spatial")
    again = MemoryBank.load(tmp_path, "spatial", device="cpu")
    assert vars(again).keys() == vars(bank).keys()
    queries = drawn(30, 4, 9)
    np.testing.assert_array_equal(again.distances(queries), bank.distances(queries))
    assert {path.name for path in tmp_path.iterdir()} == {"spatial.json", "spatial.safetensors"}


def test_damaged_memory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"memory\.json"):
        MemoryBank.load(tmp_path)
    bank = MemoryBank(device="cpu").fit([drawn(20, 4)])
    bank.save(tmp_path)
    file = tmp_path / "memory.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(StorageError, match=r"memory\.safetensors: .*; fit it again"):
        MemoryBank.load(tmp_path)
    (tmp_path / "memory.json").write_text("[", encoding="utf-8")
    with pytest.raises(StorageError, match=r"memory\.json"):
        MemoryBank.load(tmp_path)


def test_merged_memory_knows_what_each_knew() -> None:
    queries = drawn(40, 4, 9)
    banks = [MemoryBank(size=10, device="cpu").fit([drawn(50, 4, seed)]) for seed in range(3)]
    merged = banks[0].merge(*banks[1:])
    assert len(merged) == 30
    assert merged.size == 10
    np.testing.assert_allclose(
        merged.distances(queries), np.min([bank.distances(queries) for bank in banks], 0), rtol=1e-6
    )
    assert len(banks[0].merge(MemoryBank())) == 10
    with pytest.raises(ScorerError, match=r"\[4, 5\] numbers cannot be merged"):
        banks[0].merge(MemoryBank(device="cpu").fit([drawn(5, 5)]))


def test_wrong_queries_are_explained() -> None:
    bank = MemoryBank(device="cpu").fit([drawn(20, 4)])
    with pytest.raises(ScorerError, match="queries have 5 numbers each and the memory 4"):
        bank.distances(drawn(3, 5))
    bad = drawn(3000, 4)
    bad[2345, 1] = np.nan
    with pytest.raises(ScorerError, match="vector 2,345 "):
        bank.distances(bad)
    with pytest.raises(ScorerError, match="this memory is empty"):
        MemoryBank().distances(drawn(3, 5))
    assert bank.distances(drawn(0, 4)).shape == (0,)


def test_nothing_to_remember_is_an_error() -> None:
    for groups in ([], [drawn(0, 4)]):
        with pytest.raises(ScorerError, match="not a single vector to remember"):
            MemoryBank().fit(groups)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 3, "ratio": 0.1}, "give one of them"),
        ({"size": 0}, "at least 1"),
        ({"ratio": 0.0}, "above 0 and at most 1"),
        ({"ratio": 1.5}, "above 0 and at most 1"),
        ({"start": "frist"}, "did you mean 'first'"),
    ],
)
def test_wrong_settings_are_explained(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        MemoryBank(**settings)  # type: ignore[arg-type]
