"""k-center greedy picks what the obvious loop picks, wherever the vectors lie and however they are spread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pixelkit.errors import ScorerError, SettingsError
from pixelkit.models import coreset, vectors
from pixelkit.models.coreset import covering_radius, k_center_greedy

Array = NDArray[np.float32]


def obvious_loop(points: Array, size: int, first: int = 0) -> tuple[NDArray[np.int64], float]:
    """k-center greedy as one would write it down, in float64, and its covering radius."""
    exact = points.astype(np.float64)
    picks, apart = [first], np.full(len(points), np.inf)
    for _ in range(size):
        apart = np.minimum(apart, ((exact - exact[picks[-1]]) ** 2).sum(1))
        picks.append(int(apart.argmax()))
    return np.array(picks[:size]), float(np.sqrt(apart.max()))


def gaussian(n: int, d: int) -> Array:
    return np.random.default_rng(1).normal(size=(n, d)).astype(np.float32)


def clustered(n: int, d: int) -> Array:
    """Like features after ReLU: clusters of several widths, many zeros."""
    random = np.random.default_rng(2)
    centres = random.normal(0, 2, (30, d))[random.integers(30, size=n)]
    return np.maximum(centres + random.normal(size=(n, d)) * random.random((n, 1)), 0).astype(np.float32)


def far_from_origin(n: int, d: int) -> Array:
    """Uncentred, float32 cancels here: norms of 1e6 and distances of 1."""
    return gaussian(n, d) + np.float32(1000)


def with_outlier(n: int, d: int) -> Array:
    points = gaussian(n, d)
    points[n // 3] *= 1e4
    return points


@pytest.mark.parametrize("make", [gaussian, clustered, far_from_origin, with_outlier])
@pytest.mark.parametrize(
    ("n", "d", "size"), [(6000, 32, 500), (6000, 2, 300), (1500, 1536, 100), (5000, 512, 150), (500, 8, 60)]
)
def test_exact_picks_are_those_of_the_obvious_loop(
    make: Callable[[int, int], Array], n: int, d: int, size: int
) -> None:
    points = make(n, d)
    expected, radius = obvious_loop(points, size, first=7)
    assert k_center_greedy(points, size, first=7, device="cpu").tolist() == expected.tolist()
    assert covering_radius(points, expected, device="cpu") == pytest.approx(radius, rel=1e-5)


def test_long_vectors_that_are_near_enough_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    points, size = gaussian(10_000, 512), 200
    products: list[int] = []
    multiply = torch.addmm

    def counted(norms: torch.Tensor, a: torch.Tensor, b: torch.Tensor, **more: Any) -> torch.Tensor:
        products.append(len(a) * b.shape[1] if a.dtype == torch.float32 else 0)
        return multiply(norms, a, b, **more)

    def choose() -> tuple[list[int], float]:
        products.clear()
        return k_center_greedy(points, size, device="cpu").tolist(), sum(products) / len(points) / size

    monkeypatch.setattr(torch, "addmm", counted)
    picks, some = choose()
    monkeypatch.setattr(coreset, "LONG", 1000)
    same, whole = choose()
    assert picks == same
    assert some < whole / 2


@pytest.mark.parametrize("make", [gaussian, clustered])
@pytest.mark.parametrize(("n", "d", "size"), [(20_000, 32, 400), (4000, 512, 200)])
def test_batches_cover_within_one_percent_of_exact(
    make: Callable[[int, int], Array], n: int, d: int, size: int
) -> None:
    points = make(n, d)
    batched = k_center_greedy(points, size, exact=False, device="cpu")
    exact = k_center_greedy(points, size, device="cpu")
    assert len(set(batched.tolist())) == size
    radii = [covering_radius(points, chosen, device="cpu") for chosen in (batched, exact)]
    assert radii[0] <= 1.01 * radii[1]


@given(
    points=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=40),
    size=st.integers(1, 50),
    exact=st.booleans(),
)
def test_picks_differ_and_the_radius_is_within_twice_the_best(
    points: list[list[int]], size: int, exact: bool
) -> None:
    array = np.array(points, np.float32)
    chosen = k_center_greedy(array, size, exact=exact, device="cpu")
    assert len(set(chosen.tolist())) == len(chosen) <= size
    assert chosen[0] == 0
    if size >= len(array):
        assert chosen.tolist() == list(range(len(array)))
    else:
        distinct = {tuple(point) for point in points}
        assert len(chosen) == min(size, len(distinct))
        expected, radius = obvious_loop(array, size)
        assert chosen.tolist() == expected[: len(chosen)].tolist()  # whole numbers: ties go to the first
        assert covering_radius(array, chosen, device="cpu") == pytest.approx(radius, abs=1e-6)


def test_thousands_of_duplicates_leave_one_of_each() -> None:
    corners = np.array([[x, y] for x in (0, 8) for y in (0, 8)], np.float32)
    points = corners[np.random.default_rng(3).integers(4, size=4000)]
    expected, _ = obvious_loop(points, 4)
    assert k_center_greedy(points, 100, device="cpu").tolist() == expected.tolist()
    batched = k_center_greedy(points, 100, exact=False, device="cpu")
    assert sorted(points[batched].tolist()) == sorted(corners.tolist())


@pytest.mark.parametrize("exact", [True, False])
def test_all_the_same_gives_one(exact: bool) -> None:
    points = np.full((5000, 16), 0.1, np.float32)
    assert k_center_greedy(points, 50, first=3, exact=exact, device="cpu").tolist() == [3]


def test_one_vector_and_too_few() -> None:
    assert k_center_greedy(gaussian(1, 4), 1, device="cpu").tolist() == [0]
    assert k_center_greedy(gaussian(3, 4), 10, device="cpu").tolist() == [0, 1, 2]


def test_same_picks_every_time_and_for_tensors_and_for_several_arrays() -> None:
    points = clustered(3000, 16)
    once = k_center_greedy(points, 100, device="cpu").tolist()
    assert k_center_greedy(torch.from_numpy(points), 100, device="cpu").tolist() == once
    assert k_center_greedy([points[:10], points[10:10], points[10:]], 100, device="cpu").tolist() == once
    assert k_center_greedy(np.asfortranarray(points), 100, device="cpu").tolist() == once


class Watched(np.memmap):  # type: ignore[type-arg]
    """A memory map that remembers the largest part of it that was asked for."""

    most = 0

    def __getitem__(self, rows: object) -> Array:
        found: Array = super().__getitem__(rows)  # type: ignore[call-overload]
        Watched.most = max(Watched.most, len(found))
        return found


@pytest.mark.parametrize("exact", [True, False])
def test_map_above_the_budget_is_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    points = gaussian(20_000, 32)
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r").view(Watched)
    monkeypatch.setattr(Watched, "most", 0)
    monkeypatch.setattr(vectors, "BLOCK_CPU", 1 << 15)
    streamed = k_center_greedy(mapped, 300, exact=exact, device="cpu", budget=1 << 20)
    assert 0 < Watched.most <= coreset.BATCH_CANDIDATES
    assert streamed.tolist() == k_center_greedy(points, 300, exact=exact, device="cpu").tolist()
    several = k_center_greedy([mapped[:7000], mapped[7000:]], 300, exact=exact, device="cpu", budget=0)
    assert several.tolist() == streamed.tolist()


def test_full_device_halves_the_block(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = gaussian(3000, 16)
    expected = k_center_greedy(points, 200, device="cpu").tolist()
    multiply = torch.addmm

    def full(norms: torch.Tensor, a: torch.Tensor, b: torch.Tensor, **more: float) -> torch.Tensor:
        if a.dtype == torch.float32 and len(a) > 400:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return multiply(norms, a, b, **more)

    monkeypatch.setattr(torch, "addmm", full)
    with caplog.at_level(logging.WARNING, "pixelkit"):
        assert k_center_greedy(points, 200, device="cpu").tolist() == expected
    assert "vectors at a time" in caplog.text


@pytest.mark.parametrize("n", [1, 63, 64, 65, 2**25])  # float32 cannot count to the last row of the largest
def test_the_centre_is_that_of_rows_that_are_there(n: int) -> None:
    far = np.broadcast_to(np.float32(7), (n, 3))  # takes no memory
    cover = coreset._Cover.__new__(coreset._Cover)
    cover.data = vectors.Vectors(far, device=torch.device("cpu"), budget=0)
    centre = cover._centre()
    assert centre is not None
    assert centre.tolist() == [7, 7, 7]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("first", [0, 1234])
def test_number_that_is_not_finite_is_named(bad: float, first: int) -> None:
    points = gaussian(2000, 8)
    points[1234, 5] = bad
    with pytest.raises(ScorerError, match=r"vector 1,234 .* is not finite, or larger than 1e18"):
        k_center_greedy(points, 10, first=first, device="cpu")


@pytest.mark.parametrize(
    ("points", "size", "first", "error", "message"),
    [
        (np.zeros((5, 2), np.float32), 0, 0, SettingsError, "coreset of 0 vectors"),
        (np.zeros((5, 2), np.float32), 2, 5, SettingsError, "first=5: expected a row of the 5 vectors"),
        (np.zeros((0, 2), np.float32), 2, 0, ScorerError, "not a single vector"),
        (np.zeros(5, np.float32), 2, 0, ScorerError, r"expected matrices \(n, d\)"),
        ([], 2, 0, ScorerError, r"expected matrices \(n, d\)"),
        ([np.zeros((5, 2)), np.zeros((5, 3))], 2, 0, ScorerError, "of one width"),
    ],
)
def test_what_cannot_be_chosen_from_is_explained(
    points: Array, size: int, first: int, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        k_center_greedy(points, size, first=first, device="cpu")


def test_caller_keeps_the_precision_of_matrix_products() -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        k_center_greedy(gaussian(50, 4), 5, device="cpu")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_picks_what_the_cpu_picks_and_batches_wait_for_nothing() -> None:
    points = clustered(20_000, 32)
    assert (
        k_center_greedy(points, 300, device="cuda").tolist()
        == k_center_greedy(points, 300, device="cpu").tolist()
    )
    cover = coreset._Cover(vectors.Vectors(points, device=torch.device("cuda")), 300, 0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        with pytest.raises(
            RuntimeError, match="synchronizing"
        ):  # the picks are read at the end, and only there
            cover.pick_in_batches()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert cover.count == 300
