"""Finds the training and the test split of a data set, in every layout that people use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pixelkit.errors import DataError, examples
from pixelkit.frames.folders import VIDEO_SUFFIXES, Contents, look, natural_key, number_frames
from pixelkit.frames.ids import video_key

Split = Literal["train", "test"]
_WORD: dict[Split, str] = {"train": "training", "test": "test"}

# How far below the folder that was named a data set is looked for: /kaggle/input, then
# pixel-play-26/Avenue_Corrupted/Dataset.
_DEPTH = 3
# PixelPlay '26 lies in Avenue_Corrupted/Dataset with the sample submission beside the outer folder.
_WRAPPERS = ("dataset", "avenue_corrupted")

# Where (below the data set) and as what the training and the test videos lie, and how people call that.
_LAYOUTS = {
    ("training_videos", "image folders", "testing_videos", "image folders"): "PixelPlay '26",
    ("training_videos", "video files", "testing_videos", "video files"): "Avenue, official",
    ("train", "image folders", "test", "image folders"): "train and test folders, as UCSD",
    (
        "training/frames",
        "image folders",
        "testing/frames",
        "image folders",
    ): "common re-pack of Ped1, Ped2 and Avenue",
    ("training/videos", "video files", "testing/frames", "image folders"): "ShanghaiTech",
}


@dataclass(frozen=True)
class VideoFiles:
    """One video on disk.

    Parameters
    ----------
    name
        The name of its folder, or of its file without the suffix: ``"01"``.
    path
        The folder of its frames, or the video file.
    files
        The image files in the order of their numbers; empty for a video file.
    numbers
        The frame number of each image file, strictly increasing; they may start anywhere and have gaps.
    """

    name: str
    path: Path
    files: tuple[Path, ...] = ()
    numbers: tuple[int, ...] = ()

    @property
    def is_video_file(self) -> bool:
        """Whether the frames are in one video file; their count is known only by decoding."""
        return not self.files


@dataclass(frozen=True)
class DataSet:
    """A training split (normal video only) and a test split. It has no way to labels.

    Parameters
    ----------
    root
        The folder that the user named.
    layout
        How people call this layout, for reports.
    train, test
        The videos of each split, in natural order.
    sample
        The sample submission, if one lies there.
    skipped
        What lies among the videos and is none: ``.DS_Store``, ``._*``, masks, volumes, text.
    """

    root: Path
    layout: str
    train: tuple[VideoFiles, ...]
    test: tuple[VideoFiles, ...]
    sample: Path | None = None
    skipped: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Place:
    """Where the videos of one split lie: ``members`` are folders of frames or video files in ``folder``."""

    folder: Path
    members: tuple[Path, ...]
    skipped: tuple[Path, ...] = ()


def find_dataset(root: Path | None, *, train: Path | None = None, test: Path | None = None) -> DataSet:
    """Find the videos below ``root``, or those in the folders named by ``train`` and ``test``.

    A split is a folder of image folders or of video files, a single folder of images, or a single video file. Those
    that are not named are looked for: whatever starts with ``train`` and with ``test``, up to three folders down.

    Parameters
    ----------
    root
        The data set; may be None when both splits are named.
    train, test
        A split, as a path of its own or below ``root``.

    Raises
    ------
    DataError
        If a split is missing, empty or found twice, a video has no frames, files without a number or two files for
        one frame, two videos share an id, or a video is in both splits.
    """
    root = None if root is None else root.expanduser()
    places = _named_places(root, {"train": train, "test": test})
    missing: list[Split] = [split for split in _WORD if split not in places]
    if root is None:
        if missing:
            raise DataError(
                f"no {_WORD[missing[0]]} split: name it with --{missing[0]}, or name the data set"
            )
        root = places["test"].folder
    home = root
    if missing:
        home, found = _search(root, missing)
        places |= found
    train_videos, train_skipped = _read_split(places["train"])
    test_videos, test_skipped = _read_split(places["test"])
    _check_disjoint(train_videos, test_videos)
    return DataSet(
        root=root,
        layout=_layout(home, places),
        train=train_videos,
        test=test_videos,
        sample=_find_sample(root, home),
        skipped=(*train_skipped, *test_skipped),
    )


def read_video(path: Path) -> VideoFiles:
    """Return the video that lies at ``path``, a folder of images or a video file.

    Raises
    ------
    DataError
        If nothing lies there, or it is no video.
    """
    return VideoFiles(path.stem, path) if path.is_file() else _image_video(path, look(path).images)


def _named_places(root: Path | None, named: dict[Split, Path | None]) -> dict[Split, _Place]:
    places: dict[Split, _Place] = {}
    for split, path in named.items():
        if path is None:
            continue
        path = path.expanduser()
        if root is not None and not path.exists() and (root / path).exists():
            path = root / path
        place = _open(path)
        if place is None:
            raise DataError(f"no {_WORD[split]} split: {path} holds neither frames nor video files")
        places[split] = place
    return places


def _search(root: Path, splits: Sequence[Split]) -> tuple[Path, dict[Split, _Place]]:
    """Return the nearest folder at or below ``root`` that holds all of ``splits``, and where they lie."""
    level = [root]
    nearest: dict[Split, _Place] = {}
    for _ in range(_DEPTH + 1):
        complete: dict[Path, tuple[Path, dict[Split, _Place]]] = {}
        for folder in level:
            found = {split: place for split in splits if (place := _find_split(folder, split)) is not None}
            if len(found) == len(splits):
                complete.setdefault(folder.resolve(), (folder, found))  # a link beside its target counts once
            nearest = nearest or found
        if len(complete) > 1:
            raise DataError(
                f"{root} holds {len(complete)} data sets ({examples(folder for folder, _ in complete.values())}): "
                f"name one of them"
            )
        if complete:
            return next(iter(complete.values()))
        level = [
            inner for folder in level for inner in look(folder).folders if os.access(inner, os.R_OK | os.X_OK)
        ]
    raise _not_found(root, [split for split in splits if split not in nearest], nearest)


def _not_found(root: Path, missing: Sequence[Split], found: dict[Split, _Place]) -> DataError:
    if not any(root.iterdir()):
        return DataError(f"{root} is empty: expected a data set with a training and a test split")
    what = " and no ".join(f"{_WORD[split]} split" for split in missing)
    beside = "".join(f" (the {_WORD[split]} split is {place.folder})" for split, place in found.items())
    names = " and ".join(f"{split}*" for split in missing)
    options = " ".join(f"--{split} DIR" for split in missing)
    return DataError(
        f"no {what} in {root}{beside}: expected {names} with frames or video files, as in {missing[0]}ing_videos/01; "
        f"or name it with {options}"
    )


def _find_split(folder: Path, split: Split) -> _Place | None:
    """Return what in ``folder`` starts with ``split`` and holds videos, or is one."""
    contents = look(folder)
    named = [path for path in (*contents.folders, *contents.videos) if path.name.lower().startswith(split)]
    opened = {path: place for path in named if (place := _open(path)) is not None}
    # By their targets, so that a link beside the folder it leads to counts once.
    sets = {path.resolve(): path for path, place in opened.items() if place.members != (path,)}
    if len(sets) > 1:
        raise DataError(
            f"{examples(sets.values())} could each be the {_WORD[split]} split: name one with --{split}"
        )
    if not opened:
        return None
    skipped = tuple(path for path in contents.junk if path.name.lower().startswith(split))
    if not sets:  # train_01.avi and train_02.avi, or Train001 and Train002, without a folder around them
        return _Place(folder, tuple(opened), (*skipped, *(path for path in named if path not in opened)))
    (chosen,) = sets.values()
    unused = tuple(path for path in named if path != chosen)
    return _Place(opened[chosen].folder, opened[chosen].members, (*skipped, *unused, *opened[chosen].skipped))


def _open(path: Path, depth: int = 2) -> _Place | None:
    """Return the videos at ``path``, or None if there are none."""
    if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
        return _Place(path.parent, (path,))
    contents = look(path)
    for inner in _inner_folders(contents, ("frames", "videos")):
        if depth and not look(inner).images and (place := _open(inner, depth - 1)) is not None:
            return place
    if contents.videos or any(look(folder).images for folder in contents.folders):
        return _Place(path, (*contents.folders, *contents.videos), (*contents.junk, *contents.images))
    if contents.images:
        return _Place(path.parent, (path,))
    if depth and len(contents.folders) == 1:  # training_videos/training_videos/01, as some zips unpack
        return _open(contents.folders[0], depth - 1)
    return None


def _inner_folders(contents: Contents, names: Sequence[str]) -> list[Path]:
    return [folder for name in names for folder in contents.folders if folder.name.lower() == name]


def _read_split(place: _Place) -> tuple[tuple[VideoFiles, ...], tuple[Path, ...]]:
    """Return the videos of one split in natural order, and what lies among them and is none."""
    members = sorted(place.members, key=lambda path: natural_key(path.name))
    contents = {path: look(path) for path in members if path.is_dir()}
    videos = tuple(
        _image_video(path, contents[path].images) if path in contents else VideoFiles(path.stem, path)
        for path in members
    )
    _check_keys(videos)
    inside = (path for one in contents.values() for path in (*one.junk, *one.folders, *one.videos))
    return videos, (*place.skipped, *inside)


def _image_video(folder: Path, images: Sequence[Path]) -> VideoFiles:
    if not images:
        raise DataError(
            f"video folder {folder} has no frames: expected jpg, png, bmp or tif files; fill or remove it"
        )
    name = folder.resolve().name if folder.name in ("", "..") else folder.name
    frames = number_frames(images)
    return VideoFiles(name, folder, tuple(frames.values()), tuple(frames))


def _check_keys(videos: Sequence[VideoFiles]) -> None:
    by_key: dict[str, Path] = {}
    for video in videos:
        key = video_key(video.name)
        other = by_key.setdefault(key, video.path)
        if other != video.path:
            raise DataError(f"two videos have the id {key!r}: {other} and {video.path}; rename or remove one")


def _check_disjoint(train: Sequence[VideoFiles], test: Sequence[VideoFiles]) -> None:
    trained = {video.path.resolve() for video in train}
    shared = [video.path for video in test if video.path.resolve() in trained]
    if shared:
        raise DataError(
            f"the training and the test split share {examples(shared)}: what a model was fitted on tells nothing; "
            f"name two folders with --train and --test"
        )


def _layout(home: Path, places: dict[Split, _Place]) -> str:
    kinds = {split: _kind(place) for split, place in places.items()}
    where = {split: _below(home, place.folder) for split, place in places.items()}
    known = _LAYOUTS.get((where["train"], kinds["train"], where["test"], kinds["test"]))
    return known or " and ".join(sorted(set(kinds.values())))


def _kind(place: _Place) -> str:
    return "video files" if all(path.is_file() for path in place.members) else "image folders"


def _below(home: Path, folder: Path) -> str:
    return folder.relative_to(home).as_posix().lower() if folder.is_relative_to(home) else ""


def _find_sample(root: Path, home: Path) -> Path | None:
    """Return the sample submission from ``home`` up to ``root``, sample_submission.csv before any other name."""
    folders = [home, *home.parents]
    folders = folders[: folders.index(root) + 1]
    while folders[-1].name.lower() in _WRAPPERS:
        folders.append(folders[-1].parent)
    found = [path for folder in folders for path in look(folder).junk if _is_sample(path)]
    exact = [path for path in found if path.name.lower() == "sample_submission.csv"]
    return next(iter(exact or found), None)


def _is_sample(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(".csv") and "sample" in name and "label" not in name and not name.startswith(".")
