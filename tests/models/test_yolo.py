"""YOLO: the boxes that ultralytics itself gives, from weight files that can run no code, and nothing left at home."""

from __future__ import annotations

import os
import pickle
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


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """YOLOv5n with random weights, in the file format of ultralytics' trained models."""
    yolo._import_ultralytics()
    from ultralytics import YOLO

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = YOLO("yolov5n.yaml")
        for module in model.model.modules():
            if isinstance(module, nn.Conv2d) and module.weight.requires_grad:
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.constant_(module.bias, -1)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.bias, 0, 0.3)
                nn.init.uniform_(module.running_var, 0.5, 2)
    file = tmp_path_factory.mktemp("weights") / "small.pt"
    model.save(file)
    return file


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (3, 60, 90, 3), dtype=np.uint8)


def find(detector: Yolo, frames: NDArray[np.uint8]) -> list[Boxes]:
    video = Video("01", range(len(frames)), ArraySource(frames))
    return detector.begin(video)(range(len(frames)), list(frames))


@pytest.mark.parametrize("some", [False, True], ids=["every class", "some classes"])
def test_boxes_are_those_of_ultralytics(weights: Path, frames: NDArray[np.uint8], some: bool) -> None:
    from ultralytics import YOLO

    every = Boxes.join(find(Yolo(weights, confidence=CONFIDENCE, classes=(), device="cpu"), frames))
    classes = tuple(np.unique(every.label)[1:].tolist()) if some else ()
    ours = find(Yolo(weights, confidence=CONFIDENCE, classes=classes, device="cpu"), frames)
    given = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]
    theirs = YOLO(weights).predict(
        given, conf=CONFIDENCE, classes=list(classes) or None, verbose=False, device="cpu"
    )
    found = sum(map(len, ours))
    assert 0 < found < len(every) if some else found == len(every) > 0
    for boxes, result in zip(ours, theirs, strict=True):
        assert len(boxes) == len(result.boxes)
        mine = np.column_stack([boxes.corners, boxes.confidence, boxes.label])
        their = result.boxes.data.numpy()
        # In any order: those of one confidence to six digits may change places
        apart = np.abs(mine[:, None] - their).max(2)
        assert (apart.min(1) < 2e-3).all() and (apart.min(0) < 2e-3).all()


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
    network, side, stride = detector._network

    def small(pictures: torch.Tensor) -> Any:
        if len(pictures) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return network(pictures)

    detector.__dict__["_network"] = small, side, stride
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


@pytest.mark.parametrize(("kind", "message"), [(Evil, "could run code"), (CallsLayer, "DetectionModel")])
def test_file_that_would_run_code_is_refused(tmp_path: Path, weights: Path, kind: type, message: str) -> None:
    mark, file = tmp_path / "ran", tmp_path / "evil.pt"
    torch.save({"model": kind(mark)}, file)
    with pytest.raises(WeightsError, match=message):
        yolo.load_model(file)
    assert not mark.exists()
    yolo.load_model(weights)


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
