"""The seed's networks are pinned, and folding batch norms changes no reconstruction."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pixelkit.models.networks import autoencoder_2d, autoencoder_3d, for_scoring


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
    expected = ["Unflatten", *4 * block, *3 * up, "ConvTranspose3d", "Sigmoid", "Flatten"]
    assert [type(layer).__name__ for layer in network] == expected
    assert parameters(network) == 15_664_961
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv3d | nn.ConvTranspose3d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 512, 256, 128, 64, 1]


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
