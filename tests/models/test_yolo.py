"""YOLO: the boxes that ultralytics itself gives, from weight files that can run no code, and nothing left at home."""

from __future__ import annotations

import copy
import os
import pickle
import pickletools
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from pixelkit import Video
from pixelkit.errors import SettingsError, WeightsError
from pixelkit.frames.video import ArraySource
from pixelkit.models import device, yolo
from pixelkit.models.boxes import Boxes
from pixelkit.models.yolo import Yolo

CONFIDENCE = 0.5  # of this untrained network about 170 boxes a frame exceed it, of two classes


def untrained(description: str) -> Any:
    """Return a network of ultralytics with random weights that finds many boxes."""
    yolo._import_ultralytics()
    from ultralytics import RTDETR, YOLO

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = (RTDETR if "rtdetr" in description else YOLO)(description)
        for module in model.model.modules():
            if isinstance(module, nn.Conv2d) and module.weight.requires_grad:
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.constant_(module.bias, -1)
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.bias, 0, 0.3)
                nn.init.uniform_(module.running_var, 0.5, 2)
    return model


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """YOLOv5n with random weights, in the file format of ultralytics' trained models."""
    file = tmp_path_factory.mktemp("weights") / "small.pt"
    untrained("yolov5n.yaml").save(file)
    return file


def publish(network: nn.Module, file: Path, settings: Any = None) -> Path:
    """Write a file with what the published ones hold."""
    saved = {
        "epoch": -1,
        "best_fitness": np.float64(0.5),
        "ema": None,
        "model": copy.deepcopy(network).half(),
        "optimizer": None,
        "train_args": {"imgsz": 160} if settings is None else settings,
        "date": "2023-03-12T00:00:00",
        "version": "8.0.50",
    }
    torch.save(saved, file)
    return file


def rename(file: Path, names: dict[str, str]) -> Path:
    """Let a file name classes as ``names`` has it: one of them by its full name, all of a module by the module's."""

    def renamed(old: str) -> str:
        module, _, name = old.partition(" ")
        other = names.get(f"{module}.{name}", f"{names.get(module, module)}.{name}")
        return "\n".join(other.rpartition(".")[::2])

    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (listing,) = (name for name in parts if name.endswith("data.pkl"))
    written, end = b"", 0
    for code, old, start in pickletools.genops(parts[listing]):
        if code.name == "GLOBAL":
            assert isinstance(old, str) and start is not None
            written += parts[listing][end:start] + f"c{renamed(old)}\n".encode()
            end = start + len(f"c{old}\n")
    parts[listing] = written + parts[listing][end:]
    other = file.with_stem(f"{file.stem}-renamed")
    with zipfile.ZipFile(other, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return other


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (3, 60, 90, 3), dtype=np.uint8)


def find(detector: Yolo, frames: NDArray[np.uint8]) -> list[Boxes]:
    video = Video("01", range(len(frames)), ArraySource(frames))
    return detector.begin(video)(range(len(frames)), list(frames))


def by_ultralytics(
    file: Path, frames: NDArray[np.uint8], confidence: float = CONFIDENCE, classes: tuple[int, ...] = ()
) -> list[NDArray[np.float32]]:
    from ultralytics import YOLO

    given = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]
    found = YOLO(file).predict(
        given, conf=confidence, classes=list(classes) or None, verbose=False, device="cpu"
    )
    return [result.boxes.data.numpy() for result in found]


def table(boxes: Boxes) -> NDArray[np.float64]:
    return np.column_stack([boxes.corners, boxes.confidence, boxes.label])


def assert_same(ours: list[Boxes], theirs: list[NDArray[np.float32]]) -> None:
    """Compare in any order: boxes of one confidence to six digits may change places."""
    for boxes, their in zip(ours, theirs, strict=True):
        assert len(boxes) == len(their) > 0
        apart = np.abs(table(boxes)[:, None] - their).max(2)
        assert (apart.min(1) < 2e-3).all() and (apart.min(0) < 2e-3).all()


@pytest.mark.parametrize("some", [False, True], ids=["every class", "some classes"])
def test_boxes_are_those_of_ultralytics(weights: Path, frames: NDArray[np.uint8], some: bool) -> None:
    every = Boxes.join(find(Yolo(weights, confidence=CONFIDENCE, classes=(), device="cpu"), frames))
    classes = tuple(np.unique(every.label)[1:].tolist()) if some else ()
    ours = find(Yolo(weights, confidence=CONFIDENCE, classes=classes, device="cpu"), frames)
    found = sum(map(len, ours))
    assert 0 < found < len(every) if some else found == len(every) > 0
    assert_same(ours, by_ultralytics(weights, frames, classes=classes))


@pytest.mark.parametrize(
    "description", ["yolo26n.yaml", "yolov8n-world.yaml", "yolov8n-worldv2.yaml", "yolov8n-rtdetr.yaml"]
)
@pytest.mark.parametrize("some", [False, True], ids=["every class", "some classes"])
def test_other_networks_give_the_boxes_of_ultralytics(
    tmp_path: Path, frames: NDArray[np.uint8], description: str, some: bool
) -> None:
    file = publish(untrained(description).model, tmp_path / "other.pt")
    every = Boxes.join(find(Yolo(file, confidence=0, classes=(), device="cpu"), frames))
    confidence = float(np.quantile(every.confidence, 0.3))
    classes = tuple(np.unique(every.label)[1:].tolist()) if some else ()
    found = find(Yolo(file, confidence=confidence, classes=classes, device="cpu"), frames)
    assert 0 < sum(map(len, found)) < len(every)
    assert_same(found, by_ultralytics(file, frames, confidence, classes))


EARLY_2023 = {
    "ultralytics.nn.modules.conv": "ultralytics.nn.modules",
    "ultralytics.nn.modules.block": "ultralytics.nn.modules",
    "ultralytics.nn.modules.head": "ultralytics.nn.modules",
    "ultralytics.utils": "ultralytics.yolo.utils",
    "ultralytics.utils.loss": "ultralytics.yolo.utils.loss",
    "ultralytics.utils.tal": "ultralytics.yolo.utils.tal",
    "numpy._core.multiarray": "numpy.core.multiarray",
}


def test_file_of_early_2023_gives_the_same_boxes(
    tmp_path: Path, weights: Path, frames: NDArray[np.uint8]
) -> None:
    model, _ = yolo.load_model(weights)
    from ultralytics.utils import DEFAULT_CFG, IterableSimpleNamespace

    model.args = IterableSimpleNamespace(**{**vars(DEFAULT_CFG), "save_dir": Path("runs/train")})
    model.criterion = model.init_criterion()
    old = rename(publish(model, tmp_path / "old.pt", {"imgsz": 640}), EARLY_2023)
    names = torch.serialization.get_unsafe_globals_in_checkpoint(old)
    for name in ("nn.modules.C3", "yolo.utils.IterableSimpleNamespace", "yolo.utils.tal.TaskAlignedAssigner"):
        assert f"ultralytics.{name}" in names
    pickle.dumps(yolo.load_model(old)[0])  # nothing of it is a stand-in any more
    found = find(Yolo(old, confidence=CONFIDENCE, classes=(), device="cpu"), frames)
    wanted = find(Yolo(weights, confidence=CONFIDENCE, classes=(), device="cpu"), frames)
    assert all(np.array_equal(table(one), table(other)) for one, other in zip(found, wanted, strict=True))
    assert_same(found, by_ultralytics(old, frames))


def test_yolov10_of_2024_gives_the_boxes_of_ultralytics(tmp_path: Path, frames: NDArray[np.uint8]) -> None:
    model = untrained("yolov10n.yaml").model
    from ultralytics.utils import DEFAULT_CFG
    from ultralytics.utils.loss import E2EDetectLoss

    model.args = DEFAULT_CFG
    model.criterion = E2EDetectLoss(model)
    names = {
        "ultralytics.nn.tasks.DetectionModel": "ultralytics.nn.tasks.YOLOv10DetectionModel",
        "ultralytics.utils.loss.E2EDetectLoss": "ultralytics.utils.loss.v10DetectLoss",
        "torch.nn.modules.linear.Identity": "ultralytics.nn.modules.block.Silence",
    }
    old = rename(publish(model, tmp_path / "old.pt"), names)
    assert {*names.values()} < set(torch.serialization.get_unsafe_globals_in_checkpoint(old))
    assert_same(
        find(Yolo(old, confidence=CONFIDENCE, classes=(), device="cpu"), frames), by_ultralytics(old, frames)
    )


def test_fused_network_gives_the_same_boxes(tmp_path: Path, weights: Path, frames: NDArray[np.uint8]) -> None:
    model, _ = yolo.load_model(weights)
    model.model[-1].detect = type(model.model[-1]).forward  # as outlining heads kept it up to 2025
    file = publish(model.fuse(verbose=False), tmp_path / "fused.pt", {"imgsz": 640})
    assert "builtins.getattr" in torch.serialization.get_unsafe_globals_in_checkpoint(file)
    found = find(Yolo(file, confidence=CONFIDENCE, classes=(), device="cpu"), frames)
    assert_same(found, by_ultralytics(file, frames))


def test_settings_of_every_version_are_read(tmp_path: Path, weights: Path) -> None:
    model, side = yolo.load_model(weights)
    from ultralytics.utils import IterableSimpleNamespace

    assert side == 640
    settings = {"imgsz": 320, "project": Path("runs")}
    file = publish(model, tmp_path / "new.pt", IterableSimpleNamespace(**settings))
    assert yolo.load_model(rename(file, EARLY_2023))[1] == 320
    file = publish(model, tmp_path / "new.pt", settings)
    assert yolo.load_model(rename(file, {"pathlib": "pathlib._local"}))[1] == 320


@pytest.mark.parametrize("kind", ["SegmentationModel", "OBBModel", "ClassificationModel", "YOLOEModel"])
def test_network_of_another_task_is_named(tmp_path: Path, weights: Path, kind: str) -> None:
    shutil.copy(weights, tmp_path / "other.pt")
    file = rename(
        tmp_path / "other.pt", {"ultralytics.nn.tasks.DetectionModel": f"ultralytics.nn.tasks.{kind}"}
    )
    with pytest.raises(WeightsError, match=f"it holds a {kind}: expected a detection model"):
        yolo.load_model(file)


def test_boxes_do_not_depend_on_the_batch(weights: Path, frames: NDArray[np.uint8]) -> None:
    together = find(Yolo(weights, confidence=CONFIDENCE, device="cpu"), frames)
    single = Yolo(weights, confidence=CONFIDENCE, device="cpu")
    single.batch = 1
    for one, other in zip(find(single, frames), together, strict=True):
        assert np.allclose(one.corners, other.corners, atol=1e-2)


def test_full_device_halves_the_batch_and_goes_on(
    weights: Path,
    frames: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    detector = Yolo(weights, confidence=CONFIDENCE, device="cpu")
    wanted = find(detector, frames)
    network, *rest = detector._network

    def small(pictures: torch.Tensor) -> Any:
        if len(pictures) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return network(pictures)

    detector.__dict__["_network"] = small, *rest
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: False)
    found = find(detector, frames)
    assert detector.batch == 1 and "out of memory" in caplog.text
    for one, other in zip(found, wanted, strict=True):
        assert np.allclose(one.corners, other.corners, atol=1e-2)


def test_no_box_is_confident_enough(weights: Path, frames: NDArray[np.uint8]) -> None:
    assert [len(boxes) for boxes in find(Yolo(weights, confidence=0.999, device="cpu"), frames)] == [0, 0, 0]


def test_key_changes_with_every_setting_and_the_weights(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    other.write_bytes(weights.read_bytes() + b"x")
    keys = {
        Yolo(weights).key,
        Yolo(weights, confidence=0.5).key,
        Yolo(weights, classes=(0, 1)).key,
        Yolo(other).key,
    }
    assert len(keys) == 4 and Yolo(weights).key in keys


def test_detector_survives_pickling(weights: Path, frames: NDArray[np.uint8]) -> None:
    detector = Yolo(weights, confidence=CONFIDENCE, device="cpu")
    found = find(detector, frames)
    again = find(pickle.loads(pickle.dumps(detector)), frames)
    assert all(np.array_equal(one.corners, other.corners) for one, other in zip(found, again, strict=True))


@pytest.mark.parametrize("confidence", [-0.1, 1.0, float("nan")])
def test_impossible_confidence_is_refused(weights: Path, confidence: float) -> None:
    with pytest.raises(SettingsError, match="confidence"):
        Yolo(weights, confidence=confidence)


def test_unknown_class_is_refused(weights: Path, frames: NDArray[np.uint8]) -> None:
    with pytest.raises(SettingsError, match="knows no class 80"):
        find(Yolo(weights, classes=(80,)), frames)


class Evil:
    """Unpickled, it would write a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


class CallsLayer:
    """Unpickled, it would have ultralytics evaluate text."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        from ultralytics.nn.tasks import DetectionModel

        text = f"__import__('pathlib').Path({str(self.mark)!r}).touch()"
        return DetectionModel, ({"activation": text, "nc": 1, "backbone": [], "head": []},)


class TakesPart:
    """Unpickled, it would take hold of a layer's inside."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        from ultralytics.nn.modules import Conv

        return getattr, (Conv, "__init__")


@pytest.mark.parametrize(
    ("kind", "message"),
    [(Evil, "could run code"), (CallsLayer, "DetectionModel"), (TakesPart, "takes __init__ of a Conv")],
)
def test_file_that_would_run_code_is_refused(tmp_path: Path, weights: Path, kind: type, message: str) -> None:
    mark, file = tmp_path / "ran", tmp_path / "evil.pt"
    torch.save({"model": kind(mark)}, file)
    with pytest.raises(WeightsError, match=message):
        yolo.load_model(file)
    assert not mark.exists()
    yolo.load_model(weights)


@pytest.mark.parametrize(
    "name",
    [
        "ultralytics.nn.tasks.parse_model",
        "ultralytics.nn.tasks.Path",
        "ultralytics.nn.tasks.torch.nn.Conv2d",
        "ultralytics.yolo.utils.checks.check_requirements",
        "ultralytics.utils.checks.check_requirements",
        "ultralytics.engine.model.Model",
        "torch.nn.modules._functions.SyncBatchNorm",
        "builtins.eval",
    ],
)
def test_name_that_no_detector_needs_is_refused(tmp_path: Path, weights: Path, name: str) -> None:
    shutil.copy(weights, tmp_path / "evil.pt")
    file = rename(tmp_path / "evil.pt", {"ultralytics.nn.modules.conv.Concat": name})
    with pytest.raises(WeightsError, match=f"names {re.escape(name)}, .* could run code"):
        yolo.load_model(file)


def test_plain_pickle_is_refused(tmp_path: Path) -> None:
    mark, file = tmp_path / "ran", tmp_path / "evil.pt"
    file.write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(WeightsError, match="damaged"):
        yolo.load_model(file)
    assert not mark.exists()


@pytest.mark.parametrize("part", [0.0, 0.3, 0.999])
def test_truncated_file_is_refused(tmp_path: Path, weights: Path, part: float) -> None:
    file = tmp_path / "short.pt"
    whole = weights.read_bytes()
    file.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(WeightsError, match=r"short\.pt: is damaged"):
        yolo.load_model(file)


def test_flipped_bit_is_noticed(tmp_path: Path, weights: Path) -> None:
    file = tmp_path / "flipped.pt"
    whole = bytearray(weights.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)
    with pytest.raises(WeightsError, match="damaged"):
        yolo.load_model(file)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pt.*No such file"):
        Yolo(tmp_path / "none.pt")


@pytest.mark.parametrize("content", ["tensors", "other network", "number", "zip"])
def test_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.pt"
    if content == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("readme.txt", "hello")
    else:
        saved = {
            "tensors": {"a": torch.zeros(3)},
            "other network": {"model": nn.Conv2d(1, 1, 1)},
            "number": 7,
        }
        torch.save(saved[content], file)
    with pytest.raises(WeightsError, match="expected a"):
        yolo.load_model(file)


def test_it_settles_nowhere_and_says_nothing(tmp_path: Path, weights: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    script = (
        "import sys; from pathlib import Path; import numpy as np; from pixelkit.models.yolo import Yolo\n"
        "finder = Yolo(Path(sys.argv[1]), device='cpu').begin(None)\n"
        "finder([0], [np.zeros((40, 60, 3), np.uint8)])\n"
        "from ultralytics.utils import AUTOINSTALL, ONLINE, SETTINGS, USER_CONFIG_DIR\n"
        "assert not AUTOINSTALL and not ONLINE and not SETTINGS['sync']\n"
        "sys.stderr.write(str(USER_CONFIG_DIR))\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, weights],
        cwd=work,
        env={**clean, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and "\n" not in done.stderr
    assert not Path(done.stderr).exists(), "its settings folder stays behind"
    assert list(home.rglob("*")) == [] and list(work.rglob("*")) == []
