"""Errors are what a loop over pixels says they are, averaged over every clip that holds the frame."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from walkers import VIEW, walker

from pixelkit.models.clips import Clips
from pixelkit.models.device import autocast
from pixelkit.models.frame_errors import error_map, frame_errors, summarise

CPU = torch.device("cpu")


class FirstFrame(nn.Module):
    """Reconstructs every frame of a clip as its first frame, so that an error depends on the clip."""

    def forward(self, clips: Tensor) -> Tensor:
        return clips[:, :1].expand_as(clips)


def test_summary_is_mean_largest_patch_and_percentile() -> None:
    squared = torch.rand(2, 32, 32) ** 2
    squared[1, 8:16, 20:28] += 1
    mean, patch, p99 = summarise(squared)[1].tolist()
    pixels = squared[1].numpy()
    assert np.isclose(mean, pixels.mean())
    assert np.isclose(patch, pixels[8:16, 20:28].mean())
    assert np.isclose(p99, np.sort(pixels.ravel())[-11])  # 1 % of 1,024 pixels, rounded up, reach it


def test_frame_gets_the_mean_over_every_clip_that_holds_it() -> None:
    video = walker(21, 0)
    clips = Clips.of([video], VIEW, 16, 2)
    pixels = video.frames(VIEW) / 255
    expected = [[] for _ in range(21)]
    for clip in video.clips(16, 2):
        for position in clip:
            expected[position].append((pixels[position] - pixels[clip[0]]) ** 2)
    errors = frame_errors(FirstFrame(), clips, 21, batch=2, device=CPU, precision=torch.float32)
    np.testing.assert_allclose(errors[:, 0], [np.mean(each) for each in expected], rtol=1e-5)
    heat = error_map(FirstFrame(), clips, 9, batch=2, device=CPU, precision=torch.float32)
    np.testing.assert_allclose(heat, np.mean(expected[9], axis=0), atol=1e-6)


def test_a_frame_that_is_not_predicted_has_the_errors_of_the_next_that_is() -> None:
    class Before(nn.Module):
        """Predicts the last frame of a clip as the one before it."""

        def forward(self, clips: Tensor) -> Tensor:
            return clips[:, -2:-1]

    numbers = [*range(9), *range(50, 62), 90]  # the last one stands alone, and is its own clip
    video = walker(22, 0, numbers=numbers)
    clips = Clips.of([video], VIEW, 5, 1)
    pixels = video.frames(VIEW) / 255
    how = {"batch": 2, "device": CPU, "precision": torch.float32, "made": 1}
    errors = frame_errors(Before(), clips, 22, **how)[:, 0]
    change = ((pixels[1:] - pixels[:-1]) ** 2).mean((1, 2))
    expected = [*[change[3]] * 5, *change[4:8], *[change[12]] * 5, *change[13:20], 0]
    np.testing.assert_allclose(errors, expected, rtol=1e-5)
    heat = error_map(Before(), clips, 10, **how)
    np.testing.assert_allclose(heat, (pixels[13] - pixels[12]) ** 2, atol=1e-6)


def test_batch_size_does_not_change_the_scores() -> None:
    video = walker(40, 0)
    clips = Clips.of([video], VIEW, 16, 1)
    one, all_at_once = (
        frame_errors(FirstFrame(), clips, 40, batch=batch, device=CPU, precision=torch.float32)
        for batch in (1, 99)
    )
    np.testing.assert_allclose(one, all_at_once, rtol=1e-5)


def test_scoring_goes_on_when_memory_is_short() -> None:
    class Greedy(FirstFrame):
        def forward(self, clips: Tensor) -> Tensor:
            if len(clips) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(clips)

    clips = Clips.of([walker(40, 0)], VIEW, 16, 1)
    plain, greedy = (
        frame_errors(network, clips, 40, batch=16, device=CPU, precision=torch.float32)
        for network in (FirstFrame(), Greedy())
    )
    np.testing.assert_allclose(plain, greedy, rtol=1e-6)


def test_errors_are_float32_whatever_the_convolutions_use() -> None:
    layer = nn.Conv2d(16, 16, 1)
    clips = Clips.of([walker(20, 0)], VIEW, 16, 2)
    with autocast(CPU, torch.bfloat16):
        assert layer(torch.rand(1, 16, 32, 32)).dtype is torch.bfloat16
    errors = frame_errors(layer, clips, 20, batch=4, device=CPU, precision=torch.bfloat16)
    assert errors.dtype == np.float32
