"""The seed's networks are pinned, and folding batch norms changes no reconstruction."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pixelkit.models.networks import ToOneChannel, autoencoder_2d, autoencoder_3d, for_scoring, predictor_2d


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_convae_of_the_seed_has_its_layers_and_parameters() -> None:
    network = autoencoder_2d(16, 64, 0.2)
    block = ["Conv2d", "BatchNorm2d", "ReLU"]
    up = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    expected = 3 * [*block, "Dropout2d"] + block + 3 * up + ["ConvTranspose2d", "Sigmoid"]
    assert [type(layer).__name__ for layer in network] == expected
    assert parameters(network) == 5_542_032
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 512, 256, 128, 64, 16]
    assert {(c.kernel_size, c.stride, c.padding) for c in convolutions} == {((4, 4), (2, 2), (1, 1))}
    assert {layer.p for layer in network if isinstance(layer, nn.Dropout2d)} == {0.2}


def test_stae_of_the_seed_has_its_layers_and_parameters() -> None:
    network = autoencoder_3d(64)
    block = ["Conv3d", "BatchNorm3d", "ReLU"]
    up = ["ConvTranspose3d", "BatchNorm3d", "ReLU"]
    expected = ["Unflatten", *4 * block, *3 * up, "ToOneChannel", "Sigmoid", "Flatten"]
    assert [type(layer).__name__ for layer in network] == expected
    assert parameters(network) == 15_664_961
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv3d | nn.ConvTranspose3d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 512, 256, 128, 64, 1]


def test_a_predictor_begins_as_the_frame_before_and_never_sees_the_last_one() -> None:
    network = predictor_2d(5, 8)
    clips = torch.rand(3, 5, 32, 48)
    assert torch.equal(network(clips), clips[:, 3:4])
    nn.init.normal_(network[0].change.weight)
    made = network.eval()(clips)
    assert not torch.equal(made, clips[:, 3:4])
    clips[:, 4] = 0
    assert torch.equal(network(clips), made)


@pytest.mark.parametrize("network", [autoencoder_2d(16, 8, 0.2), autoencoder_3d(4)])
def test_folded_network_is_the_same_function(network: nn.Sequential) -> None:
    torch.manual_seed(0)
    clips = torch.rand(3, 16, 32, 48)
    network.train()
    for _ in range(3):
        network(clips)  # gives the batch norms statistics that are not their defaults
    with torch.no_grad():
        expected = network.eval()(clips)
        folded = for_scoring(network)
        torch.testing.assert_close(folded(clips), expected, rtol=0, atol=1e-5)
    assert not [
        layer for layer in folded if "BatchNorm" in type(layer).__name__ or "Dropout" in type(layer).__name__
    ]
    assert expected.shape == clips.shape


def one_channel_and_gradients(layer: nn.Module, volumes: torch.Tensor) -> list[torch.Tensor]:
    made = layer(volumes)
    gradients = torch.autograd.grad(made.float().square().sum(), [volumes, *layer.parameters()])
    return [made, *gradients]


def test_sub_pixels_are_a_transposed_convolution_with_its_gradients() -> None:
    torch.manual_seed(0)
    torchs, ours = nn.ConvTranspose3d(3, 1, 4, 2, 1), ToOneChannel(3)
    ours.load_state_dict(torchs.state_dict())
    volumes = torch.rand(2, 3, 2, 5, 7, requires_grad=True)
    expected = one_channel_and_gradients(torchs, volumes)
    assert expected[0].shape == (2, 1, 4, 10, 14)
    torch.testing.assert_close(one_channel_and_gradients(ours, volumes), expected, rtol=1e-5, atol=1e-5)


def test_sub_pixels_keep_to_the_precision_that_is_asked_for() -> None:
    torch.manual_seed(0)
    torchs, ours = nn.ConvTranspose3d(3, 1, 4, 2, 1), ToOneChannel(3)
    ours.load_state_dict(torchs.state_dict())
    volumes = torch.rand(2, 3, 2, 5, 7, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        expected = one_channel_and_gradients(torchs, volumes)
        found = one_channel_and_gradients(ours, volumes)
    assert [each.dtype for each in found] == [each.dtype for each in expected]
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
