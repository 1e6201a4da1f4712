"""The training loop that the autoencoders share: read it from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pixelkit.errors import ScorerError
from pixelkit.models import checkpoint
from pixelkit.models.clips import Clips
from pixelkit.models.device import autocast, halve_until_it_fits, keep_freed_memory
from pixelkit.models.presets import AutoencoderSettings
from pixelkit.progress import bar

HELD_OUT = 0.12  # of the training clips, by video: two of Ped2's 16 videos
HELD_OUT_CLIPS = 128  # tried after each epoch, evenly spaced: a twentieth of the time of 1,024 training clips
SAVE_EVERY = 60.0  # seconds between checkpoints within an epoch

Epoch = dict[str, float | None]


@dataclass
class Trained:
    """How far a training has come: all that a checkpoint must hold beside network and optimiser."""

    step: int = 0
    loss_sum: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)


def train(
    network: nn.Module,
    clips: Clips,
    settings: AutoencoderSettings,
    *,
    seed: int,
    device: torch.device,
    precision: torch.dtype,
    workspace: Path | None = None,
    label: str = "train",
) -> tuple[dict[str, Tensor], list[Epoch]]:
    """Teach ``network`` to reconstruct normal clips, by mean squared error and Adam.

    Every random number of a step is drawn from (seed, step). A training that was killed goes on from its last
    checkpoint and ends with the same bytes as one that was not.

    Parameters
    ----------
    network
        float (n, length, H, W) in [0, 1] to the same, or to the last of its frames, on ``device``.
    clips
        Normal clips. About an eighth is held out, by video, to decide when to stop.
    settings
        What to learn and for how long.
    seed
        Decides which clips are held out, their order, and the noise.
    device, precision
        Where convolutions run, and in which number format.
    workspace
        Where checkpoints lie; None keeps none.
    label
        The scorer's name, for the progress bar and for errors.

    Returns
    -------
    weights
        Of the epoch with the best held-out loss, on the CPU; of the last epoch when nothing was held out.
    history
        For each epoch its number, its losses (mean squared error of pixels in [0, 1]; ``held_out_loss`` is None when
        nothing was held out) and its learning rate at the end.

    Raises
    ------
    ScorerError
        If there is no clip to train on, or the loss is no longer finite.
    """
    if len(clips) == 0:
        raise ScorerError(
            f"{label}: there is not one training frame to learn from: check the training videos"
        )
    learn, held_out = (
        clips.hold_out(HELD_OUT, seed) if settings.patience else (clips, clips.take(np.arange(0)))
    )
    held_out = held_out.spread(HELD_OUT_CLIPS)
    batch = min(settings.batch, len(learn))
    steps_per_epoch = max(1, min(settings.clips_per_epoch or len(learn), len(learn)) // batch)
    steps = steps_per_epoch * settings.epochs

    keep_freed_memory()
    optimiser = torch.optim.Adam(
        network.parameters(),
        settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=device.type != "mps",  # one pass over the weights instead of six
    )
    scaler = torch.amp.GradScaler(enabled=precision is torch.float16)
    parts: dict[str, Any] = {"network": network, "optimiser": optimiser, "scaler": scaler}
    file = None if workspace is None else workspace / "checkpoint.pt"
    key = repr(
        (settings, seed, str(device), str(precision), [(each.name, len(each)) for each in clips.videos])
    )
    now = _resume(file, key, parts, device)

    at_once, saved_at, order = batch, time.monotonic(), _order(learn, seed, now.step // steps_per_epoch)
    with bar(steps * batch, f"{label}: fit", "clip") as progress:
        progress.update(now.step * batch)
        while now.step < steps and not _gave_up(now.history, settings.patience):
            epoch, index = divmod(now.step, steps_per_epoch)
            if index == 0:
                order = _order(learn, seed, epoch)
            torch.manual_seed(int(np.random.SeedSequence((seed, now.step)).generate_state(1)[0]))
            rate = _learning_rate(settings, now.step / steps)
            optimiser.param_groups[0]["lr"] = rate

            clean = to_float(learn.take(order[index * batch : (index + 1) * batch]), device)
            noisy = add_noise(clean, settings.noise, settings.noisy_share)
            target = clean if settings.denoise else noisy
            step = partial(_step, network, optimiser, scaler, noisy, target, precision)
            loss, at_once = halve_until_it_fits(step, at_once)
            if not math.isfinite(loss):
                raise ScorerError(
                    f"{label}: the training loss is {loss} at step {now.step + 1} of {steps}: "
                    f"lower learning_rate (now {settings.learning_rate:g}) or set precision to 'float32'"
                )
            now.loss_sum += loss
            now.step += 1
            progress.update(batch)

            if index == steps_per_epoch - 1:
                tried = (
                    held_out_loss(network, held_out, device, precision, at_once) if len(held_out) else None
                )
                _end_epoch(now, network, now.loss_sum / steps_per_epoch, tried, rate)
                progress.set_postfix_str(f"loss {tried or now.history[-1]['train_loss']:.5f}")
            if file and (index == steps_per_epoch - 1 or time.monotonic() - saved_at > SAVE_EVERY):
                states = {name: part.state_dict() for name, part in parts.items()}
                checkpoint.save(file, key, {**states, "now": vars(now)})
                saved_at = time.monotonic()
    return now.best or _copy(network), now.history


def to_float(clips: Clips, device: torch.device) -> Tensor:
    """Return the pixels of ``clips`` on ``device``: float32 (n, length, H, W) in [0, 1]; they travel as bytes."""
    return torch.from_numpy(clips.gather()).to(device).float().div_(255)


def add_noise(clips: Tensor, level: float, share: float) -> Tensor:
    """Return ``clips`` where a share of them, each by its own lot, got uniform noise of up to ``level``.

    The result stays in [0, 1]. Random numbers are drawn for the clips that get noise only: on a CPU they take as
    long as a twentieth of the training step.
    """
    chosen = torch.rand(len(clips), device=clips.device) < share
    noisy = clips[chosen]
    noisy += torch.empty_like(noisy).uniform_(-level, level)
    return clips.index_put((chosen,), noisy.clamp_(0, 1))


def _step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    clips: Tensor,
    target: Tensor,
    precision: torch.dtype,
    at_once: int,
) -> float:
    """Take one step and return its loss. Gradients add up over parts of the batch when memory is short."""
    optimiser.zero_grad()
    total = 0.0
    for part, wanted in zip(clips.split(at_once), target.split(at_once), strict=True):
        with autocast(clips.device, precision):
            made = network(part)
        loss = _error(made, wanted) * (len(part) / len(clips))
        scaler.scale(loss).backward()
        total += loss.item()
    scaler.step(optimiser)
    scaler.update()
    return total


@torch.inference_mode()
def held_out_loss(
    network: nn.Module, clips: Clips, device: torch.device, precision: torch.dtype, batch: int
) -> float:
    """Return the mean squared error over clean clips, and leave ``network`` in training mode."""
    network.eval()
    total = 0.0
    for rows in np.array_split(np.arange(len(clips)), math.ceil(len(clips) / batch)):
        clean = to_float(clips.take(rows), device)
        with autocast(device, precision):
            made = network(clean)
        total += _error(made, clean).item() * len(rows)
    network.train()
    return total / len(clips)


def _error(made: Tensor, clips: Tensor) -> Tensor:
    """Return the mean squared error of the frames that a network made, which are the last of their clips."""
    return functional.mse_loss(made.float(), clips[:, -made.shape[1] :])


def _order(clips: Clips, seed: int, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng((seed, epoch)).permutation(len(clips))


def _learning_rate(settings: AutoencoderSettings, done: float) -> float:
    """Return the learning rate after the share ``done`` of the training."""
    return settings.learning_rate * (0.5 + 0.5 * math.cos(math.pi * done) if settings.anneal else 1.0)


def _gave_up(history: list[Epoch], patience: int) -> bool:
    """Say whether the held-out loss has not improved for ``patience`` epochs; never when there is none."""
    losses = [epoch["held_out_loss"] for epoch in history]
    known = [loss for loss in losses if loss is not None]
    return bool(patience and known) and len(known) - 1 - known.index(min(known)) >= patience


def _end_epoch(now: Trained, network: nn.Module, loss: float, held_out: float | None, rate: float) -> None:
    """Write the epoch down, and keep its weights if they are the best."""
    earlier = [epoch["held_out_loss"] for epoch in now.history if epoch["held_out_loss"] is not None]
    if held_out is not None and held_out <= min(earlier, default=math.inf):
        now.best = _copy(network)
    number = len(now.history) + 1
    now.history.append(
        {"epoch": number, "train_loss": loss, "held_out_loss": held_out, "learning_rate": rate}
    )
    now.loss_sum = 0.0


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def _resume(file: Path | None, key: str, parts: Mapping[str, Any], device: torch.device) -> Trained:
    """Put every part back to where the checkpoint has it, and return how far it had come."""
    saved = None if file is None else checkpoint.load(file, key, device)
    if saved is None:
        return Trained()
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return Trained(**saved["now"])
