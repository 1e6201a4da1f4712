"""CLIP's RN101 as a source of feature maps: frozen, and only its layers up to ``layer3``."""

from __future__ import annotations

import contextlib
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pixelkit.errors import WeightsError
from pixelkit.files import content_digest
from pixelkit.models.device import keep_freed_memory, pick_precision, to_fast_layout
from pixelkit.weights import CLIP_RN101

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""What images in [0, 1] are normalised by before they go to CLIP, by colour (R, G, B)."""
BATCH, BATCH_CPU = 64, 8
BLOCKS = (3, 4, 23, 3)  # of layer1 to layer4
_VISUAL = "visual."  # in front of the names of the image tower; the rest of the file is CLIP's text tower


class ClipBackbone:
    """The image tower of CLIP RN101 up to ``layer3`` (Radford et al., ICML 2021), built by :func:`load_backbone`.

    The tower has no GELU, quick or not: that is in CLIP's text tower, which is neither built nor read. ``layer4`` and
    the attention pooling, 19 % of the tower's arithmetic, are left out. Batch normalisation is folded into the
    convolutions; in float32, maps equal those of open_clip's model to 5e-7 of their largest value.

    Parameters
    ----------
    tower
        open_clip's image tower, with its weights.
    digest
        Says which weights these are: part of cache names.
    device, precision
        Where the convolutions run, and in which number format.

    Attributes
    ----------
    batch
        Images that go through at once: 8 reach 95 % of a processor's matrix-product rate. Whoever finds the device
        full makes it smaller, for all that comes after.
    """

    def __init__(self, tower: nn.Module, digest: str, device: torch.device, precision: torch.dtype) -> None:
        tower = _without_norms(tower.eval().requires_grad_(False))
        self._tower: Any = to_fast_layout(tower.to(precision), device)
        self.digest = digest
        self.device = device
        self.precision = precision
        self.batch = BATCH_CPU if device.type == "cpu" else BATCH

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps after ``layer2`` and ``layer3``.

        Parameters
        ----------
        images
            float (n, 3, H, W), RGB, normalised by :data:`MEAN` and :data:`STD`; H and W multiples of 32. CLIP was
            trained at 224.

        Returns
        -------
        layer2, layer3
            float32 (n, 512, H / 8, W / 8) and (n, 1024, H / 16, W / 16), from 0 up, on the device.

        Raises
        ------
        ValueError
            If ``images`` has another shape.
        """
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % 32 or images.shape[3] % 32:
            raise ValueError(
                f"images must be (n, 3, H, W), H and W multiples of 32: got {tuple(images.shape)}"
            )
        with torch.inference_mode(), self._exact():
            ready = images.to(self.device, self.precision).contiguous(memory_format=torch.channels_last)
            layer2 = self._tower.layer2(self._tower.layer1(self._tower.stem(ready)))
            layer3 = self._tower.layer3(layer2)
            return layer2.float(), layer3.float()

    def _exact(self) -> contextlib.AbstractContextManager[None]:
        """Keep cuDNN from rounding float32 to TF32, and from picking algorithms by a stopwatch."""
        if self.device.type != "cuda":
            return contextlib.nullcontext()
        return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def pick_backbone_precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """Return the number format for the backbone: as ``pick_precision``, but ``auto`` is float16 on every GPU.

    CLIP was trained and published in float16, so that its activations fit; a GPU is as fast as in bfloat16, whose
    rounding is eight times coarser: maps after layer3 are 7 % off and not 1 %, the rank correlation of scores with
    those of float32 is 0.998 and not 0.9999 (random weights, benchmarks/backbone.md).

    Raises
    ------
    SettingsError
        If ``name`` is neither ``auto`` nor a format that the device can do.
    """
    if name == "auto" and device.type == "cuda":
        return torch.float16
    return pick_precision(device, name)


def load_backbone(
    weights: Path | Literal["random"], *, device: torch.device, precision: torch.dtype, seed: int = 0
) -> ClipBackbone:
    """Return the backbone with the weights of a file, or with random ones.

    Random weights are drawn after He et al. (ICCV 2015) from ``seed``. The statistics of the normalisations are those
    of one batch of drawn noise at several scales, and the blocks of a layer together add as much as comes in, so that
    through 30 of them nothing vanishes or explodes. They are untrained: for tests, and a first look without a download.

    Parameters
    ----------
    weights
        ``open_clip_model.safetensors`` or ``open_clip_pytorch_model.bin`` of RN101, or ``"random"``.
    device, precision
        As :func:`pixelkit.models.device.pick_device` and :func:`pick_backbone_precision` say.
    seed
        Of the random weights.

    Raises
    ------
    WeightsError
        If the file is truncated, of another model, or a pickle that would run code.
    """
    keep_freed_memory()  # 70 to 82 GFLOP/s in batches of 8 on one AVX2 core, whose matrix products reach 90
    tower = _empty_tower()
    if weights == "random":
        return ClipBackbone(_randomise(tower, seed), f"random-{seed}", device, precision)
    path = Path(weights)
    wanted = {
        name: tensor.shape
        for name, tensor in tower.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    tower.load_state_dict(_read(path, wanted), strict=False, assign=True)
    return ClipBackbone(tower, content_digest(path), device, precision)


def _empty_tower() -> nn.Module:
    """Return open_clip's image tower up to layer3, without memory for its weights."""
    from open_clip.modified_resnet import ModifiedResNet

    with torch.device("meta"):
        tower = ModifiedResNet(list(BLOCKS), output_dim=512, heads=32)
    del tower.layer4, tower.attnpool
    assert isinstance(tower, nn.Module)
    return tower


def _without_norms(tower: nn.Module) -> nn.Module:
    """Fold every normalisation into its convolution, and take out pooling over single pixels."""
    for module in list(tower.modules()):
        for convolution, norm in (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"), ("0", "1")):
            if isinstance(found := getattr(module, norm, None), nn.BatchNorm2d):
                setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), found))
                setattr(module, norm, nn.Identity())
        pool = getattr(module, "-1", None)
        if isinstance(pool, nn.AvgPool2d) and pool.kernel_size == 1:
            setattr(module, "-1", nn.Identity())
    return tower


def _randomise(tower: Any, seed: int) -> nn.Module:
    tower = tower.to_empty(device="cpu").train()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in tower.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
                module.momentum = None  # the statistics of all batches alike: here, of one
        for layer in (tower.layer1, tower.layer2, tower.layer3):
            for block in layer:  # at full strength, bfloat16 would be 26 % off after layer3, and not 6 %
                nn.init.constant_(block.bn3.weight, len(layer) ** -0.5)
        scales = (torch.randn(8, 3, size, size) for size in (4, 16, 64))
        noise = sum(interpolate(scale, (128, 128), mode="bilinear") for scale in scales)
        tower.layer3(tower.layer2(tower.layer1(tower.stem(noise))))
    assert isinstance(tower, nn.Module)
    return tower


def _read(path: Path, wanted: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Return the wanted tensors of the image tower as float32; the file's others are not read."""
    try:
        return _read_safetensors(path, wanted) if path.suffix == ".safetensors" else _read_torch(path, wanted)
    except WeightsError as error:
        raise WeightsError(f"{path} {error}: take {CLIP_RN101.files[0]} from {CLIP_RN101.page}") from None


def _read_safetensors(path: Path, wanted: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            shapes = {
                name: torch.Size(file.get_slice(_VISUAL + name).get_shape())
                for name in wanted
                if _VISUAL + name in names
            }
            _check(shapes, wanted)
            return {name: file.get_tensor(_VISUAL + name).float() for name in wanted}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot be read, it may be truncated or damaged ({error})") from None


def _read_torch(path: Path, wanted: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    try:
        with zipfile.ZipFile(path) as archive:  # torch itself does not compare the checksums
            if archive.testzip():
                raise zipfile.BadZipFile("a checksum is wrong")
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise WeightsError("is a pickle that would run code when loaded") from None
    except Exception as error:  # what is in the file decides what goes wrong
        raise WeightsError(f"cannot be read, it may be truncated or damaged ({_first_line(error)})") from None
    if not isinstance(state, Mapping):
        raise WeightsError(f"holds a {type(state).__name__} and no tensors by name")
    tensors = {
        name: state[_VISUAL + name] for name in wanted if isinstance(state.get(_VISUAL + name), Tensor)
    }
    _check({name: tensor.shape for name, tensor in tensors.items()}, wanted)
    return {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}


def _check(shapes: Mapping[str, torch.Size], wanted: Mapping[str, torch.Size]) -> None:
    for name, shape in wanted.items():
        if shapes.get(name) != shape:
            has = f"is {tuple(shapes[name])}" if name in shapes else "is missing"
            raise WeightsError(
                f"is of another model than {CLIP_RN101.name}: {_VISUAL}{name} {has}, expected {tuple(shape)}"
            )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
