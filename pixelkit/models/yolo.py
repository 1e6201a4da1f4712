"""YOLO by ultralytics as a detector: its networks, without running code from a weight file or settling in at home.

ultralytics is licensed under AGPL-3.0.
"""

from __future__ import annotations

import atexit
import importlib
import math
import os
import pathlib
import shutil
import tempfile
import types
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelkit.errors import SettingsError, WeightsError, examples
from pixelkit.frames.video import Video, View
from pixelkit.models.boxes import Boxes
from pixelkit.models.device import halve_until_it_fits, pick_device, pick_precision, to_fast_layout

VERSION = 1
BATCH, BATCH_CPU = 32, 4  # frames at a time; yolov5lu at 640×640 takes 60 MB of memory a frame
OVERLAP = (
    0.7  # intersection over union above which the less confident of two boxes goes: ultralytics' own default
)
MOST = 300  # boxes of a frame, likewise

NETWORKS = ("DetectionModel", "RTDETRDetectionModel", "WorldModel")

# What a weight file may name. Layers and losses come from these modules; their classes are filled with what the file
# holds, but never called, see _Blank. The rest are plain values.
CLASSES = (
    "torch.nn.modules.",
    "ultralytics.nn.modules.",
    "ultralytics.nn.tasks.",
    "ultralytics.utils.loss.",
    "ultralytics.utils.tal.",
)
# Names of other versions, and what they have become; those that end in a dot are the beginnings of names. Published
# files go back to early 2023, and these are the names that ultralytics' own loader translates.
RENAMED: Mapping[str, str] = {
    "ultralytics.yolo.": "ultralytics.",
    "ultralytics.nn.modules.block.Silence": "torch.nn.modules.linear.Identity",
    "ultralytics.nn.tasks.YOLOv10DetectionModel": "ultralytics.nn.tasks.DetectionModel",
    "ultralytics.utils.loss.v10DetectLoss": "ultralytics.utils.loss.E2EDetectLoss",
    "pathlib._local.": "pathlib.",
}
_NUMBER: Callable[..., Any] = np.float64(0).__reduce__()[0]  # type: ignore[assignment]
PLAIN: Mapping[str, Callable[..., Any]] = {
    "types.SimpleNamespace": types.SimpleNamespace,
    "ultralytics.utils.IterableSimpleNamespace": types.SimpleNamespace,
    "pathlib.PosixPath": pathlib.PurePosixPath,
    "pathlib.WindowsPath": pathlib.PureWindowsPath,
    "numpy.dtype": np.dtype,
    "numpy.core.multiarray.scalar": _NUMBER,
    "numpy._core.multiarray.scalar": _NUMBER,
}


class Yolo:
    """The detector: any detection model of ultralytics, RT-DETR and YOLO-World among them.

    Models of other tasks, such as outlines or joints, are refused, and so is YOLOE, which wants a prompt.

    Parameters
    ----------
    weights
        A ``.pt`` file as ultralytics publishes or trains it, by the version that is installed or an earlier one.
    confidence
        Boxes of more than this confidence, 0 to 1, are reported.
    classes
        COCO classes that are reported; 0 is a person. All when empty.
    device, precision
        Where it runs, see :mod:`pixelkit.models.device`. On CUDA in float16 unless ``precision`` is ``float32``;
        elsewhere in float32: bfloat16 would place boxes to within 2 to 4 pixels.

    Raises
    ------
    SettingsError
        If a setting is out of range.
    WeightsError
        If the file is missing, damaged, of something else, or would run code.
    """

    full_size = True

    def __init__(
        self,
        weights: Path,
        *,
        confidence: float = 0.4,
        classes: tuple[int, ...] = (0,),
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not 0 <= confidence < 1:
            raise SettingsError(f"confidence is {confidence!r}: expected a number from 0 to below 1")
        self.weights, self.confidence, self.classes = weights, confidence, classes
        self.device = pick_device(device)
        pick_precision(self.device, precision)
        self.half = self.device.type == "cuda" and precision != "float32"
        self.batch = BATCH_CPU if self.device.type == "cpu" else BATCH
        self.digest = _digest(weights)

    @property
    def key(self) -> str:
        """What decides its boxes besides the pixels."""
        settings = (self.digest, self.confidence, self.classes, self.half, OVERLAP, MOST)
        return f"yolo {VERSION} {settings!r}"

    def views(self) -> tuple[View, ...]:
        """Return no views: it looks at full-size frames."""
        return ()

    def begin(self, video: Video) -> Callable[[Sequence[int], Sequence[NDArray[np.uint8]]], list[Boxes]]:  # noqa: ARG002
        """Load the network, unless it is there already."""
        _ = self._network
        return self._find

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_network"}

    @cached_property
    def _network(self) -> tuple[nn.Module, Any, Callable[..., list[Tensor]]]:
        """Return the network, what makes a picture for it of a frame, and what picks the boxes it gives."""
        model, side = load_model(self.weights)  # first, because it says how ultralytics is to be imported
        from ultralytics.data.augment import LetterBox
        from ultralytics.nn.modules import RTDETRDecoder
        from ultralytics.utils.nms import non_max_suppression

        classes = model.model[-1].nc
        unknown = [label for label in self.classes if label not in range(classes)]
        if unknown:
            raise SettingsError(
                f"classes: {self.weights.name} knows no class {examples(unknown)}: it has {classes}"
            )
        network = model.fuse(verbose=False).eval().requires_grad_(False)
        stretch, stride = isinstance(network.model[-1], RTDETRDecoder), max(int(network.stride.max()), 32)
        prepare = LetterBox(side, auto=not stretch, scale_fill=stretch, stride=stride)
        pick = partial(
            non_max_suppression,
            conf_thres=self.confidence,
            iou_thres=OVERLAP,
            classes=list(self.classes) or None,
            max_det=MOST,
            max_time_img=math.inf,  # by default it stops after some seconds, with what it has by then
            end2end=getattr(network, "end2end", False),
        )
        return to_fast_layout(network.half() if self.half else network.float(), self.device), prepare, pick

    def _find(self, positions: Sequence[int], frames: Sequence[NDArray[np.uint8]]) -> list[Boxes]:  # noqa: ARG002
        boxes: list[Boxes] = []
        while len(boxes) < len(frames):
            rest = frames[len(boxes) : len(boxes) + self.batch]
            found, self.batch = halve_until_it_fits(partial(self._find_batch, rest), self.batch, "frames")
            boxes += found
        return boxes

    @torch.inference_mode()
    def _find_batch(self, frames: Sequence[NDArray[np.uint8]], at_once: int) -> list[Boxes]:
        """Return the boxes of as many of ``frames`` as go at once, prepared and filtered as ultralytics does it."""
        network, prepare, pick = self._network
        some = frames[:at_once]
        pixels = torch.from_numpy(np.stack([np.asarray(prepare(image=frame)) for frame in some])).to(
            self.device
        )
        pictures = pixels.permute(0, 3, 1, 2)
        pictures = (pictures.half() if self.half else pictures.float()).div_(255)
        output = network(pictures)
        found = pick(_of_queries(output) if prepare.scale_fill else output)
        for rows, frame in zip(found, some, strict=True):
            _to_frame(rows, (pictures.shape[2], pictures.shape[3]), frame.shape[:2], prepare.scale_fill)
        return [_to_boxes(rows) for rows in found]


def _of_queries(output: Any) -> Tensor:
    """Return RT-DETR's boxes: the most confident pairs of a query and a class, as many as it has queries."""
    boxes, scores = (layers[-1] for layers in output[1][:2])
    classes = scores.shape[2]
    confidence, pair = scores.sigmoid().flatten(1).topk(boxes.shape[1])
    chosen = boxes.gather(1, (pair // classes)[..., None].expand(-1, -1, 4))
    return torch.cat([chosen, confidence[..., None], (pair % classes)[..., None]], 2)


def _to_frame(rows: Tensor, picture: tuple[int, int], frame: tuple[int, int], stretched: bool) -> None:
    """Turn boxes of a picture into ones of the frame of this height and width that it was made of."""
    from ultralytics.utils.ops import scale_boxes

    if stretched:  # RT-DETR's are centres and sizes, as parts of the picture
        centre, half = rows[:, :2], rows[:, 2:4] / 2
        rows[:, :4] = torch.cat([centre - half, centre + half], 1) * rows.new_tensor(frame[::-1]).repeat(2)
    else:
        scale_boxes(picture, rows[:, :4], frame)


def _to_boxes(rows: Tensor) -> Boxes:
    table = rows.float().cpu().numpy()
    return Boxes.of(table[:, :4], table[:, 4], table[:, 5])


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            digest = blake2b(digest_size=16)
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(f"{file}: cannot be read as weights of YOLO: {error.strerror or error}") from None
    return digest.hexdigest()


def load_model(file: Path) -> tuple[Any, int]:
    """Return the network that a ``.pt`` file of ultralytics holds, and the side of the pictures that it wants.

    Nothing in the file is run: layers are filled with what it holds, and anything that is no layer is refused.

    Raises
    ------
    WeightsError
        If the file is damaged, is of something else, or would run code.
    """
    _import_ultralytics()
    saved = _load(file)
    model = (saved.get("ema") or saved.get("model")) if isinstance(saved, dict) else None
    if not isinstance(model, nn.Module):
        raise _foreign(file, "it holds no network")
    model.apply(_wake)
    if type(model).__name__ not in NETWORKS:
        raise _foreign(file, f"it holds a {type(model).__name__}")
    vars(model).pop("criterion", None)  # the loss, which files of a training keep: it was not woken
    settings = saved.get("train_args")
    side = (settings if isinstance(settings, dict) else getattr(settings, "__dict__", {})).get("imgsz")
    return model.float(), side if isinstance(side, int) and side > 0 else 640


def _load(file: Path) -> Any:
    try:
        with zipfile.ZipFile(file) as archive:  # torch itself does not compare the checksums
            if archive.testzip():
                raise zipfile.BadZipFile
        named = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception:  # what is in the file decides what goes wrong
        raise WeightsError(
            f"{file}: is damaged, or no weight file of YOLO: expected a .pt file by ultralytics; fetch it again"
        ) from None
    allowed = [(stand_in, name) for name in named if (stand_in := _stand_in(name)) is not None]
    refused = sorted(set(named) - {name for _, name in allowed})
    if refused:
        raise WeightsError(
            f"{file}: names {examples(refused)}, which no detector of ultralytics needs: loading it could run code; "
            f"use a file from https://github.com/ultralytics/assets/releases"
        )
    if "numpy.dtype" in named:
        allowed.append((type(np.dtype(np.float64)), "numpy.dtypes.Float64DType"))
    try:
        with (
            torch.serialization.safe_globals([*allowed]),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # about formats that only a damaged file seems to have
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise _foreign(file, str(error).splitlines()[0] if str(error) else type(error).__name__) from None


def _foreign(file: Path, why: str) -> WeightsError:
    return WeightsError(
        f"{file}: {why}: expected a detection model by ultralytics, such as yolov5lu.pt or yolo11n.pt"
    )


def _stand_in(name: str) -> Callable[..., Any] | None:
    """Return what a weight file gets for a name, or None if it may not have it."""
    name = _today(name)
    if name == "builtins.getattr":
        return _method
    if name in PLAIN:
        return PLAIN[name]
    module, _, attribute = name.rpartition(".")
    if not name.startswith(CLASSES):
        return None
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return None
    return _blank(found) if _may_be_filled(found) else None


def _may_be_filled(found: object) -> TypeGuard[type]:
    """Tell whether this is a layer or a loss, wherever it was imported: files of early 2023 name the package only."""
    if not isinstance(found, type) or not f"{found.__module__}.".startswith(CLASSES):
        return False
    return issubclass(found, nn.Module) or found.__module__ == "ultralytics.utils.loss"


def _today(name: str) -> str:
    """Return what a name in a weight file is called in this version."""
    for old, new in RENAMED.items():
        if name == old or (old.endswith(".") and name.startswith(old)):
            name = new + name.removeprefix(old)
    return name


def _method(owner: object, name: str) -> Callable[..., Any]:
    """Stand in for ``getattr``: give the pass through a layer, which some layers keep a copy of, and nothing else."""
    layer = owner if isinstance(owner, type) else type(owner)
    if not issubclass(layer, _Blank) or name not in ("forward", "forward_fuse"):
        raise ValueError(f"it takes {name} of a {layer.__name__}")
    return getattr(owner, name)  # type: ignore[no-any-return]


class _Blank:
    """A class that takes the place of a layer's while a file is read: it can be filled, and not called.

    To call a layer's class could run code, because ultralytics evaluates text of a model's description.
    """

    real: type

    def __init__(self, *_: object, **__: object) -> None:
        _refuse(type(self).__name__)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"it calls {name}, where it should only fill it")


@cache
def _blank(real: type) -> type:
    return type(real.__name__, (_Blank, real), {"real": real})


def _wake(module: nn.Module) -> None:
    """Give a module that was read its own class again."""
    if isinstance(module, _Blank):
        module.__class__ = module.real
    if isinstance(module, nn.Upsample):  # torch before 1.11 did not write it
        module.__dict__.setdefault("recompute_scale_factor", None)


@cache
def _import_ultralytics() -> None:
    """Import ultralytics so that it installs nothing, asks no server, and writes its settings to a folder that goes."""
    room = tempfile.mkdtemp(prefix="pixelkit-yolo-")
    atexit.register(shutil.rmtree, room, ignore_errors=True)
    with _environment(
        YOLO_CONFIG_DIR=room, YOLO_AUTOINSTALL="false", YOLO_OFFLINE="true", YOLO_VERBOSE="false"
    ):
        from ultralytics.utils import SETTINGS

        dict.__setitem__(SETTINGS, "sync", False)  # not through its own method, which would write a file
        importlib.import_module("ultralytics.nn.tasks")
        importlib.import_module("ultralytics.data.augment")


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
