"""Pretrained weights: which files a scorer needs, where they are looked for, and how they are fetched.

A file is taken from the first of these places that has it:

    --weights, weights = "..."      folders of the user's; what lies there and cannot be used is an error
    PIXELKIT_WEIGHTS                likewise
    /kaggle/input                   data sets and models that are attached to a notebook
    ~/.cache/pixelkit/weights       where pixelkit puts what it fetches
    the cache of the hub            where open_clip puts what it fetches

Nothing here runs code from a file: a file is looked at (its header, its list of entries), and loaded elsewhere.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pixelkit.errors import StorageError, WeightsError, WeightsMissing, examples
from pixelkit.frames.cache import cache_folder

log = logging.getLogger("pixelkit")
VARIABLE = "PIXELKIT_WEIGHTS"
KAGGLE = Path("/kaggle/input")
# A model that is attached to a Kaggle notebook lies four folders deep (name/pytorch/default/1); the frames of a data
# set lie deeper, so that the walk does not list tens of thousands of them.
DEPTH = 4
_LONGEST_HEADER = 100 << 20  # as in the safetensors library


@dataclass(frozen=True)
class PretrainedFile:
    """A file of pretrained weights that a scorer needs.

    Parameters
    ----------
    name
        What people call it: ``CLIP RN101 by OpenAI``.
    files
        The names that it may have, best first; the first is what is fetched.
    page
        Where a person finds it.
    hub
        Its repository on the Hugging Face hub, if it lies there: whose cache is looked into, too.
    url
        Otherwise, its address.
    tensors
        Shapes that tell it from other models whose file has the same name, by tensor.
    licence
        What a user must know of its licence.
    """

    name: str
    files: tuple[str, ...]
    page: str
    hub: str = ""
    url: str = ""
    tensors: Mapping[str, tuple[int, ...]] = field(default_factory=dict, compare=False)
    licence: str = ""

    @property
    def folder(self) -> str:
        """The folder that it gets of its own: all models of open_clip have the same file name."""
        return self.hub.rpartition("/")[2] or Path(self.files[0]).stem


CLIP_RN101 = PretrainedFile(
    name="CLIP RN101 by OpenAI",
    files=("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "RN101.pt"),
    page="https://huggingface.co/timm/resnet101_clip.openai",
    hub="timm/resnet101_clip.openai",
    tensors={"visual.conv1.weight": (32, 3, 3, 3), "visual.layer3.22.conv3.weight": (1024, 256, 1, 1)},
    licence="MIT",
)
"""What open_clip fetches as ``RN101``, ``pretrained="openai"`` (Radford et al., Learning Transferable Visual Models
From Natural Language Supervision, ICML 2021). OpenAI's own ``RN101.pt`` is a program, and refused as that."""

_YOLO = "https://github.com/ultralytics/assets/releases"


def yolo_file(model: str = "yolov5lu.pt") -> PretrainedFile:
    """Return the file of an ultralytics detector: ``yolov5lu.pt``, ``yolo11n.pt``."""
    return PretrainedFile(
        name=f"{Path(model).stem} by Ultralytics",
        files=(model,),
        page=_YOLO,
        url=f"{_YOLO}/download/v8.4.0/{model}",
        licence="AGPL-3.0",
    )


@dataclass(frozen=True)
class Place:
    """A folder in which weights are looked for, and why."""

    why: str
    folder: Path
    named: bool = False
    """The user named it: what lies there and cannot be used is an error, and not passed over."""


@dataclass(frozen=True)
class WeightStore:
    """Finds pretrained weights, and fetches what is missing.

    Parameters
    ----------
    folders
        Folders of the user's, separated as in ``PATH``.
    offline
        Fetch nothing.
    """

    folders: str = ""
    offline: bool = False

    def places(self) -> list[Place]:
        """Return the folders in which weights are looked for, in this order; the hub's cache comes after them."""
        named = [("--weights", self.folders), (VARIABLE, os.environ.get(VARIABLE, ""))]
        places = [
            Place(why, Path(folder).expanduser(), named=True)
            for why, folders in named
            for folder in folders.split(os.pathsep)
            if folder
        ]
        return [*places, Place("Kaggle", KAGGLE), Place("pixelkit", own_folder())]

    def find(self, file: PretrainedFile) -> Path:
        """Return where ``file`` lies; it is fetched when it is nowhere, unless the store is offline.

        Raises
        ------
        WeightsMissing
            If it is nowhere and cannot be fetched: says which file from where to put where.
        WeightsError
            If a folder that the user named does not exist, or has the file truncated or of another model.
        """
        found = self.look(file)
        if found is not None:
            return found
        if self.offline or (file.hub and _hub_is_offline()):
            raise WeightsMissing(f"{file.name} is missing, and nothing is fetched offline. {_by_hand(file)}")
        return fetch(file)

    def look(self, file: PretrainedFile) -> Path | None:
        """Return where ``file`` lies, or None; nothing is fetched.

        Raises
        ------
        WeightsError
            As :meth:`find`.
        """
        for place in self.places():
            if place.named and not place.folder.is_dir():
                raise WeightsError(f"there is no folder {place.folder}: make it, or correct {place.why}")
            found = _look_in(place, file)
            if found is not None:
                return found
        return _look_in_hub(file)


def own_folder() -> Path:
    """Return where pixelkit puts what it fetches, and where a person may put a file."""
    return cache_folder() / "weights"


def _look_in(place: Place, file: PretrainedFile) -> Path | None:
    """Return the first file in ``place`` that can be used.

    What cannot be used is an error when the user named the folder and nothing there can be used; elsewhere, where
    files of many models may lie, it is passed over: with a warning where it should be fit.
    """
    wrong = []
    for path in _named_files(place.folder, file.files):
        problem = why_unfit(path, file)
        if problem is None:
            return path
        wrong.append(f"{path} {problem}")
    if wrong and place.named:
        raise WeightsError(f"{wrong[0]}: take {file.files[0]} from {file.page}")
    for line in wrong:
        log.warning("passed over: %s", line)
    return None


def _named_files(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Return the files of these names in ``folder``, best name first, then the highest up."""
    found = [
        (names.index(entry), depth, Path(where) / entry)
        for where, depth, entries in _walk(folder)
        for entry in entries
        if entry in names
    ]
    return [path for _, _, path in sorted(found)]


def _walk(folder: Path) -> Iterator[tuple[str, int, list[str]]]:
    top = str(folder)
    for where, folders, files in os.walk(top):
        depth = 0 if where == top else where[len(top) :].count(os.sep)
        if depth >= DEPTH:
            folders.clear()
        yield where, depth, files


def _look_in_hub(file: PretrainedFile) -> Path | None:
    if not file.hub:
        return None
    from huggingface_hub import try_to_load_from_cache

    for name in file.files:
        found = try_to_load_from_cache(file.hub, name)
        if isinstance(found, str) and why_unfit(Path(found), file) is None:
            return Path(found)
    return None


def _hub_is_offline() -> bool:
    """Tell whether ``HF_HUB_OFFLINE`` is set."""
    from huggingface_hub.constants import HF_HUB_OFFLINE

    return bool(HF_HUB_OFFLINE)


def why_unfit(path: Path, file: PretrainedFile) -> str | None:
    """Return what keeps ``path`` from being ``file``, or None: truncated, of another model, a program.

    A safetensors file is told by its header, a PyTorch file by its list of entries, which stands at its end, and by the
    names and shapes of its tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return _unfit_safetensors(path, file)
        return _unfit_pytorch(path, file)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"


def _unfit_safetensors(path: Path, file: PretrainedFile) -> str | None:
    size = path.stat().st_size
    try:
        with path.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(min(length, _LONGEST_HEADER)))
        shapes = {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        return f"is no safetensors file, or only the beginning of one ({size:,} bytes)"
    whole = 8 + length + max(ends, default=0)
    if size != whole:
        return f"is truncated: {size:,} bytes, expected {whole:,}"
    return _unlike(shapes, file)


def _unlike(shapes: Mapping[str, tuple[int, ...]], file: PretrainedFile) -> str | None:
    """Return which tensor tells that this is another model than ``file``, or None."""
    for name, shape in file.tensors.items():
        if shapes.get(name) != shape:
            has = f"is {shapes[name]}" if name in shapes else "is missing"
            return f"is of another model than {file.name}: {name} {has}, expected {shape}"
    return None


def _unfit_pytorch(path: Path, file: PretrainedFile) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {name.rpartition("/")[2] for name in archive.namelist()}
    except zipfile.BadZipFile:
        return f"is no PyTorch file, or only the beginning of one ({path.stat().st_size:,} bytes)"
    if "data.pkl" not in entries:
        return f"is no PyTorch file: it holds {examples(sorted(entries))}"
    if "constants.pkl" in entries:
        return "is a TorchScript program, which would run when loaded"
    if not file.tensors:
        return None
    import torch

    try:  # the values are not read
        state = torch.load(path, map_location="meta", weights_only=True, mmap=True)
    except Exception:  # what is in the file decides what goes wrong
        return "is damaged, or would run code when loaded"
    known = state.items() if isinstance(state, Mapping) else ()
    return _unlike({name: tuple(each.shape) for name, each in known if isinstance(each, torch.Tensor)}, file)


def fetch(file: PretrainedFile) -> Path:
    """Fetch ``file``, with its size and progress on stderr; return where it lies.

    It gets its name when all of it is there, so that a part is never taken for the whole.

    Raises
    ------
    WeightsMissing
        If it cannot be fetched: says why, and which file from where to put where.
    """
    from pixelkit.download import download

    path = own_folder() / file.folder / file.files[0]
    try:
        download(_address(file), path)
    except (ConnectionError, StorageError) as error:
        raise WeightsMissing(f"{file.name} cannot be fetched: {error}. {_by_hand(file)}") from error
    problem = why_unfit(path, file)
    if problem is not None:  # a page to sign in at, say
        path.unlink()
        raise WeightsMissing(f"{file.name} cannot be fetched: what was sent {problem}. {_by_hand(file)}")
    return path


def _address(file: PretrainedFile) -> str:
    """Return the file's address; on the hub, that from which open_clip fetches it, or its mirror (``HF_ENDPOINT``)."""
    if not file.hub:
        return file.url
    from huggingface_hub import hf_hub_url

    return hf_hub_url(file.hub, file.files[0])


def _by_hand(file: PretrainedFile) -> str:
    return f"Take {file.files[0]} from {file.page} and put it into {own_folder()} or a folder that --weights names"
