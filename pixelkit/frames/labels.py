"""Reads frame labels, in every format that the data sets come with. Only evaluation and tuning with labels do this.

Nothing in a :class:`~pixelkit.frames.layouts.DataSet` leads here: a user names the file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelkit.errors import LabelsError, examples
from pixelkit.frames.folders import look, natural, natural_key
from pixelkit.frames.ids import frame_id, parse_id, video_key

Videos = Mapping[str, NDArray[np.int64]]
Labels = dict[str, NDArray[np.bool_]]

_FORMATS = (
    "a .csv with the columns Id,Label; a .mat with gt (Ped1, Ped2 and Avenue re-packs); a folder of n_label.mat "
    "(Avenue); UCSDpedX.m or a folder of Test001_gt masks (UCSD); a folder of .npy (ShanghaiTech)"
)

# UCSDped1.m and UCSDped2.m hold one such line a video: TestVideoFile{end+1}.gt_frame = [5:90, 140:200];
_UCSD_ENTRY = re.compile(r"^[^%\n]*\.gt_frame\s*=\s*\[([^]]*)\]", re.MULTILINE)
_UCSD_RANGE = re.compile(r"(\d+)(?:\s*:\s*(\d+))?")
_CSV_LABELS = {"0": False, "1": True, "0.0": False, "1.0": True}


def read_labels(path: Path, videos: Videos) -> Labels:
    """Return which frames of ``videos`` are anomalous; the format is told from the file or folder.

    Labels are found by frame number, so that a copy with missing frames gets the right ones. Formats that count
    frames from the start of a video (all but the CSV) need to know whether the file names start at 0, as in the
    re-packs, or at 1, as in UCSD's own: they start at 1 when no video has a frame 0 and most begin with frame 1.

    Parameters
    ----------
    path
        One of: CSV ``Id,Label``; ``<name>.mat`` with ``gt``, one 2×k array of [start; end] a video, 1-based and
        inclusive; Avenue's ``testing_label_mask``; ``UCSDpedX.m`` or the folder with it or with ``Test001_gt``
        folders of masks; ShanghaiTech's ``test_frame_mask``. In a mask, any pixel above 0 marks its frame.
    videos
        The frame numbers on disk of each test video, int64 (n,), increasing.

    Returns
    -------
    dict
        bool (n,) for each video, in the order of ``videos``; True is anomalous.

    Raises
    ------
    LabelsError
        If the file cannot be read, is of none of these formats, or does not fit the videos: other videos, another
        count of them, too few labels for one, values other than 0 and 1.
    """
    path = path.expanduser()
    found = _reader(path)(path, videos)
    return {name: found[name] for name in videos}


def _reader(path: Path) -> Callable[[Path, Videos], Labels]:
    if not path.exists():
        raise LabelsError(f"labels {path} do not exist: check the path")
    if path.is_dir():
        return _folder_reader(path)
    by_suffix = {".csv": _read_csv, ".mat": _read_ranges_mat, ".m": _read_ucsd}
    if path.suffix.lower() not in by_suffix:
        raise LabelsError(f"{path} is in no known label format: expected {_FORMATS}")
    return by_suffix[path.suffix.lower()]


def _folder_reader(folder: Path) -> Callable[[Path, Videos], Labels]:
    readers = {
        "_label.mat": _read_avenue,
        ".npy": _read_shanghaitech,
        ".m": _read_ucsd,
        "_gt": _read_ucsd_masks,
    }
    for ending, reader in readers.items():  # .m before _gt: Ped1 has masks for 10 of its 36 videos only
        if _ending_with(folder, ending):
            return reader
    raise LabelsError(f"no labels in the folder {folder}: expected {_FORMATS}")


def _read_ranges_mat(path: Path, videos: Videos) -> Labels:
    """The common re-pack: ``gt``, 1×N, each 2×k of [start; end], squeezed to 1-D when k is 1."""
    gt = _load_mat(path, "gt")
    entries = list(gt.ravel()) if gt.dtype == object else [gt]
    return _label_ranges(path, entries, videos)


def _read_ucsd(path: Path, videos: Videos) -> Labels:
    """UCSD's own: MATLAB text that is searched, not run."""
    if path.is_dir():
        files = list(_ending_with(path, ".m").values())
        if len(files) > 1:
            raise LabelsError(f"{len(files)} label files in {path} ({examples(files)}): name one")
        path = files[0]
    lines = _UCSD_ENTRY.findall(_read_text(path))
    if not lines:
        raise LabelsError(f"{path} holds no line like 'TestVideoFile{{end+1}}.gt_frame = [61:180];'")
    return _label_ranges(path, [_parse_ranges(path, line) for line in lines], videos)


def _parse_ranges(path: Path, text: str) -> NDArray[np.int64]:
    if _UCSD_RANGE.sub("", text).strip(" \t,;"):
        raise LabelsError(f"{path}: expected frame ranges as in [5:90, 140:200], got [{text}]")
    ranges = [(int(start), int(end or start)) for start, end in _UCSD_RANGE.findall(text)]
    return np.array(ranges, np.int64).reshape(-1, 2).T


def _label_ranges(path: Path, entries: list[NDArray[Any]], videos: Videos) -> Labels:
    """Label by one array of [start; end] a video, 1-based and inclusive, in natural order of the videos."""
    names = natural(videos)
    if len(entries) != len(names):
        raise LabelsError(
            f"{path} has labels for {len(entries)} videos, the data set has {len(names)} ({examples(names)}): "
            f"these are the labels of other videos"
        )
    first = _first_number(videos)
    return {
        name: _inside(videos[name] - first + 1, _check_ranges(path, name, entry))
        for name, entry in zip(names, entries, strict=True)
    }


def _check_ranges(path: Path, name: str, entry: NDArray[Any]) -> NDArray[np.int64]:
    """Return int64 (2, k) from what MATLAB and SciPy make of it; a single range may be squeezed to (2,) or (1, 2)."""
    if entry.size == 0:
        return np.empty((2, 0), np.int64)
    if entry.shape in ((2,), (1, 2)):
        entry = entry.reshape(2, 1)
    fits = entry.ndim == 2 and entry.shape[0] == 2 and entry.dtype.kind in "uif"
    with np.errstate(invalid="ignore"):  # NaN becomes a number here, which then differs from NaN
        # Into int64 first: the files store uint8, where 255 + 1 is 0.
        ranges = entry.astype(np.int64) if fits else np.empty((2, 0), np.int64)
    if not fits or np.any(ranges != entry) or np.any(ranges[0] < 1) or np.any(ranges[1] < ranges[0]):
        got = f"{entry.tolist()!r:.60}"
        raise LabelsError(
            f"{path}, video {name}: expected 2 rows of whole numbers, 1 <= start <= end, got {got}"
        )
    return ranges


def _inside(positions: NDArray[np.int64], ranges: NDArray[np.int64]) -> NDArray[np.bool_]:
    after, before = positions[:, None] >= ranges[0], positions[:, None] <= ranges[1]
    return np.asarray(np.any(after & before, axis=1), bool)


def _read_avenue(folder: Path, videos: Videos) -> Labels:
    """Avenue's own: ``n_label.mat``, ``volLabel`` a 1×T cell of H×W masks."""
    return _label_files(folder, _ending_with(folder, "_label.mat"), videos, _avenue_labels)


def _avenue_labels(file: Path) -> NDArray[np.bool_]:
    cell = _load_mat(file, "volLabel")
    if cell.dtype != object:
        raise LabelsError(
            f"{file}: expected volLabel to be a cell of one mask a frame, got {cell.dtype} {cell.shape}"
        )
    return np.array([np.any(mask) for mask in cell.ravel()], bool)


def _read_ucsd_masks(folder: Path, videos: Videos) -> Labels:
    """UCSD's pixel masks: ``Test001_gt`` folders with one image a frame."""
    return _label_files(folder, _ending_with(folder, "_gt"), videos, _mask_labels)


def _mask_labels(folder: Path) -> NDArray[np.bool_]:
    files = sorted(look(folder).images, key=lambda file: natural_key(file.name))
    return np.array([np.any(_read_mask(file)) for file in files], bool)


def _read_mask(file: Path) -> NDArray[np.uint8]:
    import cv2

    mask = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise LabelsError(f"cannot read the mask {file}: it is not an image, or cut short")
    return np.asarray(mask, np.uint8)


def _read_shanghaitech(folder: Path, videos: Videos) -> Labels:
    """ShanghaiTech's own: one .npy of 0 and 1 a video."""
    return _label_files(folder, _ending_with(folder, ".npy"), videos, _npy_labels)


def _npy_labels(file: Path) -> NDArray[np.bool_]:
    try:
        values = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LabelsError(f"cannot read the labels {file}: {_first_line(error)}") from None
    if not isinstance(values, np.ndarray) or values.size != max(values.shape, default=0):
        raise LabelsError(
            f"{file}: expected one label a frame, got an array of {getattr(values, 'shape', '?')}"
        )
    return _check_binary(file, values.ravel())


def _check_binary(file: Path, values: NDArray[Any]) -> NDArray[np.bool_]:
    wrong = values[~np.isin(values, (0, 1))] if values.dtype.kind in "buif" else values
    if len(wrong):
        raise LabelsError(f"{file}: labels must be 0 or 1, got {examples(wrong.tolist())}")
    return values.astype(bool)


def _label_files(
    folder: Path, files: Mapping[str, Path], videos: Videos, read: Callable[[Path], NDArray[np.bool_]]
) -> Labels:
    """Label each video by the file of its name; ``1_label.mat`` is that of video 01."""
    by_key = {video_key(name): file for name, file in files.items()}
    missing = natural(name for name in videos if video_key(name) not in by_key)
    if missing:
        raise LabelsError(
            f"{folder} has no labels for {_count(missing, 'video')}; it has those of {examples(natural(files))}"
        )
    first = _first_number(videos)
    return {
        name: _pick(by_key[video_key(name)], name, read(by_key[video_key(name)]), numbers - first)
        for name, numbers in videos.items()
    }


def _pick(
    file: Path, name: str, labels: NDArray[np.bool_], positions: NDArray[np.int64]
) -> NDArray[np.bool_]:
    longest = int(positions.max(initial=-1)) + 1
    if longest > len(labels):
        raise LabelsError(
            f"{file} has {len(labels):,} labels, but video {name} has at least {longest:,} frames: "
            f"these are the labels of another video, or of another cut of it"
        )
    return labels[positions]


def _read_csv(path: Path, videos: Videos) -> Labels:
    """``Id,Label``, one line a frame; lines for frames that are not on disk are ignored."""
    labels: dict[str, bool] = {}
    for line, frame, label in _csv_rows(path):
        if frame in labels:
            raise LabelsError(f"{path}, line {line}: a second label for {frame}; remove one")
        labels[frame] = label
    wanted = {
        name: [frame_id(name, number) for number in numbers.tolist()] for name, numbers in videos.items()
    }
    missing = [frame for frames in wanted.values() for frame in frames if frame not in labels]
    if missing:
        other = len(missing) == sum(map(len, wanted.values()))
        remedy = "are these the labels of another data set?" if other else "add a line for each"
        raise LabelsError(f"{path} has no label for {_count(missing, 'frame')} on disk: {remedy}")
    return {name: np.array([labels[frame] for frame in frames], bool) for name, frames in wanted.items()}


def _csv_rows(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield the line, the checked id and the label of each row."""
    reader = csv.DictReader(_read_text(path).splitlines())
    columns = list(reader.fieldnames or ())
    if not {"Id", "Label"} <= set(columns):
        raise LabelsError(
            f"{path}: expected the columns Id,Label, got {','.join(columns) or 'an empty file'}"
        )
    for row in reader:
        frame, label = row["Id"] or "", (row["Label"] or "").strip()
        try:
            parse_id(frame)
        except ValueError as error:
            raise LabelsError(f"{path}, line {reader.line_num}: {error}") from None
        if label not in _CSV_LABELS:
            raise LabelsError(f"{path}, line {reader.line_num}: labels must be 0 or 1, got {label!r}")
        yield reader.line_num, frame, _CSV_LABELS[label]


def _first_number(videos: Videos) -> int:
    """Return 1 where files are counted from 1, else 0: no video has a frame 0, and most begin with frame 1.

    A missing first frame shifts nothing: in a set counted from 0 some other video has its frame 0.
    """
    starts = [int(numbers[0]) for numbers in videos.values() if len(numbers)]
    return 1 if 0 not in starts and 2 * starts.count(1) > len(starts) else 0


def _load_mat(path: Path, key: str) -> NDArray[Any]:
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=[key])
    except NotImplementedError:  # what SciPy raises for HDF5
        raise LabelsError(
            f"{path} is a MATLAB v7.3 file, which SciPy does not read: save it again with save(..., '-v7')"
        ) from None
    except Exception as error:  # a file cut short makes SciPy raise anything from OSError to zlib.error
        raise LabelsError(f"cannot read the labels {path}: {_first_line(error)}") from None
    if key not in content:
        raise LabelsError(f"{path} holds no {key!r}: expected {_FORMATS}")
    return np.asarray(content[key])


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LabelsError(f"cannot read the labels {path}: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _ending_with(folder: Path, ending: str) -> dict[str, Path]:
    """Return the label files (or mask folders) whose name ends so, by what stands before the ending."""
    files = [file for file in look(folder).junk if not file.name.startswith(".")]
    return {file.name[: -len(ending)]: file for file in files if file.name.lower().endswith(ending)}


def _count(items: list[str], unit: str) -> str:
    return f"{len(items):,} {unit}{'s' if len(items) > 1 else ''} ({examples(items)})"
