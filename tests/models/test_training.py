"""Training learns, stops when held-out clips say so, and goes on after a kill to the same bytes."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from walkers import VIEW, walker, walkers

from pixelkit.errors import ScorerError
from pixelkit.models import training
from pixelkit.models.clips import Clips
from pixelkit.models.device import reproducible
from pixelkit.models.networks import autoencoder_2d
from pixelkit.models.presets import AutoencoderSettings
from pixelkit.models.training import Epoch, add_noise, train

CPU = torch.device("cpu")
SMALL = AutoencoderSettings(
    width=4, dropout=0.2, size=32, epochs=4, batch=4, patience=9, learning_rate=5e-3, anneal=True
)


def run(
    settings: AutoencoderSettings = SMALL, clips: Clips | None = None, **options: Any
) -> tuple[dict[str, Tensor], list[Epoch]]:
    clips = Clips.of(walkers(), VIEW, 16, 2) if clips is None else clips
    network = options.pop("network", None)
    options = {"seed": 3, "precision": torch.float32, **options}
    with reproducible(CPU):
        torch.manual_seed(options["seed"])
        network = network or autoencoder_2d(16, settings.width, settings.dropout)
        return train(network, clips, settings, device=CPU, **options)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_loss_falls_and_history_tells_every_epoch() -> None:
    _, history = run(replace(SMALL, epochs=8))
    assert [epoch["epoch"] for epoch in history] == list(range(1, 9))
    assert history[-1]["train_loss"] < 0.7 * history[0]["train_loss"]
    assert history[-1]["held_out_loss"] < 0.7 * history[0]["held_out_loss"]
    assert history[0]["learning_rate"] > history[-1]["learning_rate"] > 0


def test_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    assert same(run()[0], run()[0])
    assert not same(run()[0], run(seed=4)[0])


def test_stops_when_the_held_out_loss_no_longer_improves_and_keeps_the_best_weights() -> None:
    settings = replace(SMALL, epochs=40, learning_rate=0.2, anneal=False, patience=2)
    weights, history = run(settings)
    losses = [epoch["held_out_loss"] for epoch in history]
    best = losses.index(min(losses))
    assert len(history) == best + 3 < 40
    assert same(weights, run(replace(settings, epochs=best + 1, patience=40))[0])


def test_nothing_is_held_out_without_patience() -> None:
    weights, history = run(replace(SMALL, patience=0, epochs=2))
    assert [epoch["held_out_loss"] for epoch in history] == [None, None]
    assert weights


def test_one_frame_is_enough_to_train_on() -> None:
    weights, _ = run(clips=Clips.of([walker(1, 0)], VIEW, 16, 2))
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_no_frame_at_all_is_explained() -> None:
    with pytest.raises(ScorerError, match="not one training frame"):
        run(clips=Clips.of([], VIEW, 16, 2))


def test_clips_per_epoch_bounds_the_work_of_an_epoch() -> None:
    seen = []

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(16, 16, 1)

        def forward(self, clips: Tensor) -> Tensor:
            seen.append(len(clips))
            return self.layer(clips)

    many = Clips.of([walker(200, 0)], VIEW, 16, 1)
    run(replace(SMALL, clips_per_epoch=18, epochs=3, patience=0), many, network=Counting())
    assert seen == [4] * 4 * 3  # four whole batches of 4 fit into 18 clips


def test_loss_that_is_not_finite_is_explained() -> None:
    with pytest.raises(
        ScorerError, match=r"tiny: the training loss is (nan|inf) at step \d+ of \d+: lower learn"
    ):
        run(replace(SMALL, learning_rate=1e30, anneal=False), label="tiny")


def test_training_goes_on_when_memory_is_short(caplog: pytest.LogCaptureFixture) -> None:
    class Greedy(nn.Sequential):
        def forward(self, clips: Tensor) -> Tensor:
            if len(clips) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(clips)

    settings = replace(SMALL, dropout=0.0, patience=0, epochs=1)
    layer = nn.Conv2d(16, 16, 3, padding=1)
    copy = deepcopy(layer)
    with caplog.at_level(logging.WARNING, "pixelkit"):
        _, history = run(settings, network=Greedy(layer))
    assert caplog.text.count("2 clips at a time") == 1
    _, plain = run(settings, network=nn.Sequential(copy))
    assert history[0]["train_loss"] == pytest.approx(plain[0]["train_loss"], rel=1e-3)


def test_noise_hits_its_share_of_the_clips_and_stays_in_range() -> None:
    torch.manual_seed(0)
    clean = torch.rand(400, 2, 8, 8)
    noisy = add_noise(clean, 0.1373, 0.4)
    change = (noisy - clean).abs().amax((1, 2, 3))
    assert 0.3 < (change > 0).float().mean() < 0.5
    assert 0.12 < change.max() <= 0.13731
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    assert torch.equal(add_noise(clean, 0.1373, 0.0), clean)


def test_denoising_gives_cleaner_reconstructions_than_copying_noise() -> None:
    """Of a noisy clip, the network that was taught to denoise gives back something nearer to the clean one."""
    clips = Clips.of(walkers(), VIEW, 16, 2)
    clean = training.to_float(clips, CPU)
    torch.manual_seed(1)
    noisy = add_noise(clean, 0.3, 1.0)
    errors = []
    for denoise in (True, False):
        settings = replace(
            SMALL, width=8, dropout=0.0, epochs=12, noise=0.3, noisy_share=1.0, denoise=denoise
        )
        network = autoencoder_2d(16, 8, 0.0)
        network.load_state_dict(run(settings)[0])
        with torch.no_grad():
            errors.append(float((network.eval()(noisy) - clean).square().mean()))
    assert errors[0] < errors[1]


@pytest.mark.parametrize("reads", [2, 9, 20])
def test_ctrl_c_at_any_moment_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    monkeypatch.setattr(training, "SAVE_EVERY", 0.0)  # after each step, not only after each epoch
    videos = walkers()
    videos[0] = walker(40, 0, stop_at=reads)
    with pytest.raises(KeyboardInterrupt):
        run(clips=Clips.of(videos, VIEW, 16, 2), workspace=tmp_path)
    resumed, history = run(workspace=tmp_path)
    expected, expected_history = run()
    assert same(resumed, expected)
    assert history == expected_history


def test_finished_training_is_not_done_again(tmp_path: Path) -> None:
    weights, history = run(workspace=tmp_path)
    again, same_history = run(
        clips=Clips.of([walker(40, seed, stop_at=1) for seed in range(3)], VIEW, 16, 2), workspace=tmp_path
    )
    assert same(weights, again)
    assert history == same_history


KILLED = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, {tests!r})
from test_training import SMALL, run
run(replace(SMALL, epochs=12, patience=12), workspace=Path({workspace!r}))
"""


def test_kill_9_and_the_same_command_again_give_the_same_bytes(tmp_path: Path) -> None:
    code = KILLED.format(tests=str(Path(__file__).parent), workspace=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        file = tmp_path / "checkpoint.pt"
        until = time.monotonic() + 120
        while not file.is_file() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it was to be killed in the middle"
    settings = replace(SMALL, epochs=12, patience=12)
    before = torch.load(file, weights_only=True)["state"]["now"]["step"]
    assert 0 < before < 12 * 6
    resumed, history = run(settings, workspace=tmp_path)
    expected, expected_history = run(settings)
    assert same(resumed, expected)
    assert history == expected_history


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "flipped bit", "other"])
def test_damaged_checkpoint_is_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    file = tmp_path / "checkpoint.pt"
    run(replace(SMALL, epochs=2), workspace=tmp_path)
    content = file.read_bytes()
    middle = len(content) // 2
    damaged = {
        "truncated": content[:middle],
        "empty": b"",
        "text": b"hello",
        "flipped bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "other": content,  # whole, but of a training with other settings
    }
    file.write_bytes(damaged[damage])
    with caplog.at_level(logging.WARNING, "pixelkit"):
        weights, _ = run(workspace=tmp_path)
    assert "checkpoint" in caplog.text
    assert "starts again" in caplog.text
    assert same(weights, run()[0])
