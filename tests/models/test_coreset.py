"""k-center greedy picks what the obvious loop picks, wherever the vectors lie and however they are spread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pixelkit.errors import ScorerError, SettingsError
from pixelkit.models import coreset, cover, vectors
from pixelkit.models.coreset import covering_radius, k_center_greedy
from pixelkit.models.cover import BATCH_CANDIDATES, Cover, LongCover

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
    compared = 0
    approach = LongCover._approach

    def counted(self: LongCover, rows: torch.Tensor, *more: Any) -> None:
        nonlocal compared
        before = self.seen[rows]
        approach(self, rows, *more)
        compared += int((self.seen[rows] - before).sum())

    monkeypatch.setattr(LongCover, "_approach", counted)
    picks = k_center_greedy(points, size, device="cpu").tolist()
    assert 0 < compared < len(points) * size / 3
    monkeypatch.setattr(coreset, "LONG", 1000)
    assert picks == k_center_greedy(points, size, device="cpu").tolist()


def signs(n: int, d: int) -> Array:
    """Whole squared distances: many are equal, and float32 cannot tell."""
    return np.random.default_rng(4).choice([-1, 1], (n, d)).astype(np.float32)


def twins(n: int, d: int) -> Array:
    return np.tile(gaussian(n // 2, d), (2, 1))


def nearly_equal(n: int, d: int) -> Array:
    """Eight each, with differences that float32 products lose and float64 keeps."""
    noise = np.random.default_rng(5).normal(0, 1e-4, (n, d))
    return (np.repeat(gaussian(n // 8, d), 8, 0) + noise).astype(np.float32)


def equally_far(n: int, d: int) -> Array:
    """A thousand, more than the candidates of a round, and the rest near 0."""
    points = gaussian(n, d) / 100
    axes = np.arange(1000)
    rows = np.random.default_rng(6).permutation(n)[:1000]
    points[rows] = 0
    points[rows, axes % d] = np.where(axes < d, 4, -4)
    return points


@pytest.mark.parametrize("make", [signs, twins, nearly_equal, equally_far])
def test_what_float32_cannot_tell_of_long_vectors_float64_does(make: Callable[[int, int], Array]) -> None:
    points = make(4000, 512)
    expected, _ = obvious_loop(points, 100)
    assert k_center_greedy(points, 100, device="cpu").tolist() == expected.tolist()


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
    points=st.lists(st.lists(st.integers(-2, 2), min_size=2, max_size=2), min_size=1, max_size=40),
    size=st.integers(1, 50),
    exact=st.booleans(),
    long=st.sampled_from([2, 3]),
)
@example(points=[[0, 0], [1, 1], [0, 0], [1, 1], [1, 1]], size=4, exact=True, long=2)
@example(points=[[0, 0], [0, 0], [0, 0]], size=2, exact=True, long=2)
def test_picks_differ_and_the_radius_is_within_twice_the_best(
    points: list[list[int]], size: int, exact: bool, long: int
) -> None:
    array = np.array(points, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coreset, "LONG", long)
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


@pytest.mark.parametrize("d", [16, 512])
@pytest.mark.parametrize("exact", [True, False])
def test_all_the_same_gives_one(exact: bool, d: int) -> None:
    points = np.full((5000, d), 0.1, np.float32)
    assert k_center_greedy(points, 50, first=3, exact=exact, device="cpu").tolist() == [3]


def test_a_few_long_duplicates_are_not_picked() -> None:
    points = gaussian(60, 512)
    points[40:] = points[:20]
    expected, _ = obvious_loop(points, 40)
    assert k_center_greedy(points, 55, device="cpu").tolist() == expected.tolist()


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
    assert 0 < Watched.most <= BATCH_CANDIDATES
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
    far_away = Cover.__new__(Cover)
    far_away.data = vectors.Vectors(far, device=torch.device("cpu"), budget=0)
    centre = far_away._centre()
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


def test_the_loop_that_waits_for_nothing_picks_the_same() -> None:
    vectors = torch.from_numpy(clustered(300, 16)).double()
    norms = vectors.square().sum(1)
    apart = (vectors - vectors[0]).square().sum(1)
    here, there = (
        cover._greedy_here(vectors, norms, apart, 50, -np.inf),
        cover._greedy_there(vectors, norms, apart, 50),
    )
    assert here[0].tolist() == there[0].tolist()
    torch.testing.assert_close(*(far for _, far in (here, there)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_picks_what_the_cpu_picks_and_batches_wait_for_nothing() -> None:
    points = clustered(20_000, 32)
    assert (
        k_center_greedy(points, 300, device="cuda").tolist()
        == k_center_greedy(points, 300, device="cpu").tolist()
    )
    on_gpu = Cover(vectors.Vectors(points, device=torch.device("cuda")), 300, 0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        with pytest.raises(
            RuntimeError, match="synchronizing"
        ):  # the picks are read at the end, and only there
            on_gpu.pick_in_batches()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert on_gpu.count == 300
