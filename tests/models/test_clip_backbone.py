"""The backbone computes what open_clip's whole model computes, from its real files, and refuses every other file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pixelkit.errors import WeightsError
from pixelkit.models.clip_backbone import ClipBackbone, load_backbone, pick_backbone_precision
from pixelkit.weights import CLIP_RN101, WeightStore, why_unfit

CPU = torch.device("cpu")
FILES = SAFE, PICKLED = CLIP_RN101.files[:2]


def load(weights: Any, seed: int = 0, precision: torch.dtype = torch.float32) -> ClipBackbone:
    return load_backbone(weights, device=CPU, precision=precision, seed=seed)


def images(count: int = 2, size: int = 64) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(7))


def difference(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference, relative to the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """open_clip's whole RN101 with weights as they are after training: no normalisation is the identity."""
    torch.manual_seed(1)
    whole: nn.Module = open_clip.create_model("RN101-quickgelu")
    for module in whole.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1)
            nn.init.normal_(module.bias, 0, 0.1)
    return whole.eval()


@pytest.fixture(scope="module")
def folder(model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both files of the model as open_clip's users have them: all tensors, those of the text tower too."""
    folder = tmp_path_factory.mktemp("weights")
    save_file(model.state_dict(), folder / SAFE)
    torch.save(model.state_dict(), folder / PICKLED)
    return folder


def whole_maps(model: Any, batch: Tensor) -> list[Tensor]:
    kept: list[Tensor] = []
    layers = (model.visual.layer2[-1], model.visual.layer3[-1])
    hooks = [layer.register_forward_hook(lambda _m, _i, out: kept.append(out.clone())) for layer in layers]
    with torch.no_grad():
        model.encode_image(batch)
    for hook in hooks:
        hook.remove()
    return kept


@pytest.mark.parametrize("name", FILES)
def test_maps_are_those_of_the_whole_model(name: str, model: nn.Module, folder: Path) -> None:
    batch = images(size=224)
    found = load(folder / name).maps(batch)
    assert [tuple(each.shape) for each in found] == [(2, 512, 28, 28), (2, 1024, 14, 14)]
    for ours, theirs in zip(found, whole_maps(model, batch), strict=True):
        assert ours.dtype == torch.float32
        assert difference(ours, theirs) < 1e-4


@pytest.mark.parametrize("name", FILES)
def test_the_scorer_takes_the_file_from_the_folder_that_is_named(
    name: str, folder: Path, tmp_path: Path
) -> None:
    from fixed_boxes import textured, video_of
    from pixelkit.plugins.videopatchcore import VideoPatchCore

    os.link(folder / name, tmp_path / name)
    scorer = VideoPatchCore(detector="foreground", size=64, coreset=(0.5, 0.5))
    scorer.device, scorer.weight_store = "cpu", WeightStore(str(tmp_path), offline=True)
    assert scorer.inputs() == (tmp_path / name,)
    scorer.fit([video_of(textured(4))])
    assert scorer.backbone_ == load(folder / name).digest
    assert (scorer.score(video_of(textured(3)))[:, 1] > 0).all()
    assert scorer.caveat == ""


def test_half_precision_files_load_as_float32(model: nn.Module, tmp_path: Path) -> None:
    half = {name: tensor.half() for name, tensor in visual(model).items()}
    save_file(half, tmp_path / SAFE)
    torch.save(half, tmp_path / PICKLED)
    exact = {name: tensor.float() for name, tensor in half.items()}
    (tmp_path / "exact").mkdir()
    save_file(exact, tmp_path / "exact" / SAFE)
    expected = load(tmp_path / "exact" / SAFE).maps(images())
    for name in FILES:
        assert torch.equal(load(tmp_path / name).maps(images())[1], expected[1])


def visual(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of the image tower up to layer3."""
    late = ("visual.layer4", "visual.attnpool")
    state: Mapping[str, Tensor] = model.state_dict()
    return {k: v for k, v in state.items() if k.startswith("visual.") and not k.startswith(late)}


def test_only_the_image_tower_up_to_layer3_is_read_and_kept(
    model: nn.Module, folder: Path, tmp_path: Path
) -> None:
    save_file(visual(model), tmp_path / SAFE)
    alone, whole = load(tmp_path / SAFE), load(folder / SAFE)
    assert torch.equal(alone.maps(images())[1], whole.maps(images())[1])
    kept = sum(parameter.numel() for parameter in whole._tower.parameters())
    assert kept < sum(tensor.numel() for tensor in visual(model).values())  # the norms are folded
    assert not any(parameter.requires_grad for parameter in whole._tower.parameters())


def test_maps_do_not_depend_on_the_batch(folder: Path) -> None:
    backbone, batch = load(folder / SAFE), images(5)
    for together, alone in zip(
        backbone.maps(batch), zip(*(backbone.maps(one[None]) for one in batch), strict=True), strict=True
    ):
        assert difference(together, torch.cat(alone)) < 1e-5


def test_any_multiple_of_32_and_an_empty_batch_work_and_other_shapes_are_named() -> None:
    backbone = load("random")
    shapes = [tuple(each.shape) for each in backbone.maps(torch.zeros(1, 3, 64, 96))]
    assert shapes == [(1, 512, 8, 12), (1, 1024, 4, 6)]
    assert [len(each) for each in backbone.maps(torch.zeros(0, 3, 64, 64))] == [0, 0]
    for shape in ((1, 3, 60, 64), (1, 1, 64, 64), (3, 64, 64)):
        with pytest.raises(ValueError, match="multiples of 32: got"):
            backbone.maps(torch.zeros(shape))


def test_random_weights_follow_the_seed_and_neither_vanish_nor_explode() -> None:
    state = torch.random.get_rng_state()
    first, again, other = load("random", 3), load("random", 3), load("random", 4)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (first.digest, other.digest) == ("random-3", "random-4")
    layer2, layer3 = first.maps(images())
    assert torch.equal(layer3, again.maps(images())[1])
    assert not torch.equal(layer3, other.maps(images())[1])
    for layer in (layer2, layer3):
        assert 0.3 < layer.mean() < 5
        assert 0.3 < layer.std() < 5
        assert (layer > 0).float().mean() > 0.2
    assert (layer3[0] - layer3[1]).abs().mean() > 0.2 * layer3.mean()  # images differ, also that deep


def test_bfloat16_maps_are_within_its_rounding() -> None:
    batch = images()
    exact, half = load("random").maps(batch), load("random", precision=torch.bfloat16).maps(batch)
    for ours, rounded in zip(exact, half, strict=True):
        assert rounded.dtype == torch.float32
        assert (rounded - ours).norm() < 0.1 * ours.norm()


def test_a_gpu_takes_float16_which_clip_was_trained_in() -> None:
    assert pick_backbone_precision(torch.device("cuda")) == torch.float16
    assert pick_backbone_precision(torch.device("cuda"), "bfloat16") == torch.bfloat16
    assert pick_backbone_precision(CPU, "float32") == torch.float32


def test_the_digest_is_that_of_the_content(folder: Path, tmp_path: Path) -> None:
    (tmp_path / SAFE).hardlink_to(folder / SAFE)
    assert load(tmp_path / SAFE).digest == load(folder / SAFE).digest != load(folder / PICKLED).digest


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert f"take {SAFE} from {CLIP_RN101.page}" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("RN50", "visual.layer3.6.conv1.weight is missing, expected (256, 1024, 1, 1)"),
        ("ViT-B-32", "visual.conv1.weight is (768, 3, 32, 32), expected (32, 3, 3, 3)"),
    ],
)
@pytest.mark.parametrize("name", FILES)
def test_other_architectures_are_refused_with_the_shape(
    name: str, other: str, said: str, tmp_path: Path
) -> None:
    model = open_clip.create_model(other, device="meta")
    late = ("visual.layer4", "visual.attnpool", "visual.transformer")
    state = {
        key: torch.zeros(tensor.shape)
        for key, tensor in model.state_dict().items()
        if key.startswith("visual.") and not key.startswith(late)
    }
    path = tmp_path / name
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    assert said in refusal(path)
    if path.suffix == ".safetensors":
        assert "of another model than CLIP RN101" in (why_unfit(path, CLIP_RN101) or "")


class Harmful:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"visual.conv1.weight": Harmful(tmp_path / "ran")}, tmp_path / PICKLED)
    assert "is a pickle that would run code when loaded" in refusal(tmp_path / PICKLED)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("size", [0, 5, 1000, 1_000_000])
def test_truncated_files_are_refused(name: str, size: int, folder: Path, tmp_path: Path) -> None:
    with (folder / name).open("rb") as whole:
        (tmp_path / name).write_bytes(whole.read(size))
    assert "it may be truncated" in refusal(tmp_path / name)
    assert why_unfit(tmp_path / name, CLIP_RN101) is not None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "holds a list and no tensors by name"),
        ({"visual.conv1.weight": 3}, "visual.conv1.weight is missing, expected"),
    ],
)
def test_a_file_without_the_tensors_is_refused(content: object, said: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / PICKLED)
    assert said in refusal(tmp_path / PICKLED)
