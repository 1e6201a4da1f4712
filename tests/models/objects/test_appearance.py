"""The networks that tell what was done to a crop: they learn it, doubt what is strange, and repeat exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pixelkit.models.objects.appearance import Doubt, train
from pixelkit.models.objects.transformations import REACH, SEEN

Weights = dict[str, torch.Tensor]


def crops(count: int, seed: int) -> NDArray[np.uint8]:
    """Upright figures, bright above and narrow below, that move to the right by one pixel a frame."""
    rng = np.random.default_rng(seed)
    made = rng.normal(90, 4, (count, 2 * REACH + 1, 32, 32))
    for each in range(count):
        left = int(rng.integers(8, 12))
        for frame in range(2 * REACH + 1):
            at = left + frame - REACH + 2
            made[each, frame, 6:14, at : at + 8] = 200
            made[each, frame, 14:28, at + 2 : at + 5] = 150
    return made.clip(0, 255).astype(np.uint8)


def learn(seed: int = 0, steps: int = 60) -> Weights:
    return course(seed, steps)[0]


def course(seed: int = 0, steps: int = 60) -> tuple[Weights, list[float]]:
    return train(
        crops(200, 1),
        np.ones(200, np.float32),
        steps=steps,
        seed=seed,
        device="cpu",
        precision="float32",
        label="test",
    )


@pytest.fixture(scope="module")
def weights() -> Weights:
    return learn()


def test_strange_crops_are_doubted_more_than_new_normal_ones(weights: Weights) -> None:
    doubt = Doubt([weights], "cpu", "float32")
    normal = crops(50, 2)[:, SEEN]
    for strange in (normal[:, :, ::-1], normal.transpose(0, 1, 3, 2), normal[:, [1, 3, 0, 4, 2]]):
        assert np.median(doubt(np.ascontiguousarray(strange))) > np.quantile(doubt(normal), 0.9)


def test_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    short, again, other = (learn(seed, steps=3) for seed in (0, 0, 1))
    assert all((short[name] == again[name]).all() for name in short)
    assert any((short[name] != other[name]).any() for name in short)


def test_losses_are_those_of_epochs_and_fall() -> None:
    losses = course(steps=50)[1]
    assert len(losses) == 3
    assert losses[0] > losses[1] > losses[2] > 0


def test_several_networks_say_their_mean_and_one_can_be_asked(weights: Weights) -> None:
    both = Doubt([weights, learn(1, steps=5)], "cpu", "float32")
    asked = crops(7, 3)[:, SEEN]
    first, second = both(asked, only=0), both(asked, only=1)
    assert both(asked) == pytest.approx((first + second) / 2, abs=1e-5)


def test_doubt_is_finite_and_empty_for_nothing(weights: Weights) -> None:
    doubt = Doubt([weights], "cpu", "float32")
    flat = np.zeros((3, 5, 32, 32), np.uint8)
    assert np.isfinite(doubt(flat)).all()
    assert doubt(flat[:0]).shape == (0,)


def test_batch_is_halved_when_memory_is_short(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    doubt = Doubt([weights], "cpu", "float32")
    asked = crops(40, 3)[:, SEEN]
    wanted = doubt(asked)
    doubt.batch = 32
    whole = doubt._ask

    def small(networks: object, some: NDArray[np.uint8]) -> NDArray[np.float32]:
        if len(some) > 8:
            raise RuntimeError("CUDA out of memory")
        return whole(networks, some)  # type: ignore[arg-type]

    monkeypatch.setattr(doubt, "_ask", small)
    assert doubt(asked) == pytest.approx(wanted, abs=1e-4)
    assert doubt.batch == 8
    assert "8 crops at a time" in caplog.text
