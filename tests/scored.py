"""A small run that is scored already, with a good, a weak and a useless channel, and what is anomalous in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelkit.artifacts import RunFolder, RunRecord
from pixelkit.files import write_text
from pixelkit.scores.table import ScoreTable

CHANNELS = ("good.score", "weak.score", "bad.score")
STRENGTH = (3.0, 1.0, 0.0)
FRAMES = 60


def scored(
    videos: list[str], seed: int, *, anomalous: bool = True
) -> tuple[ScoreTable, dict[str, NDArray[np.bool_]]]:
    """Return scores of some videos of 60 frames, and which frames are anomalous: 15 in a row in each."""
    rng = np.random.default_rng(seed)
    labels = {name: np.zeros(FRAMES, bool) for name in videos}
    if anomalous:
        for truth in labels.values():
            start = int(rng.integers(0, FRAMES - 15))
            truth[start : start + 15] = True
    every = np.concatenate(list(labels.values()))
    values = rng.normal(size=(len(every), 3)) + every[:, None] * np.array(STRENGTH)
    names = [name for name in videos for _ in range(FRAMES)]
    return ScoreTable(names, [*range(FRAMES)] * len(videos), CHANNELS, values), labels


def write_run(folder: Path, *, synthetic: bool = True, channels: tuple[str, ...] = CHANNELS) -> RunFolder:
    """Write a run folder as 'pixelkit score' leaves it: eight test videos, two left-out ones, and takes."""
    run = RunFolder(folder)
    test, _ = scored([f"{n:02d}" for n in range(1, 9)], seed=1)
    heldout, _ = scored(["t1", "t2"], seed=2, anomalous=False)
    kinds = ("patch", "faster", "normal")
    takes, labels = scored([f"{kind}-{n}" for kind in kinds for n in (1, 2, 3, 4)], seed=3)
    values = takes.values.copy()
    rows = ["Id,Label,Family,Source,Flipped,Noise"]
    for name, part in takes.videos().items():
        kind = name.partition("-")[0]
        if kind == "normal":
            values[part] -= labels[name][:, None] * np.array(STRENGTH, np.float32)
        for number, label in enumerate(labels[name]):
            shown = label and kind != "normal"
            rows.append(f"{name}_{number},{shown:d},{kind},t{2 - int(name[-1]) % 2},0,0")
    takes = ScoreTable(takes.video, takes.number, takes.channels, values)
    tables = {"test": test, "heldout": heldout, "takes": takes}
    files: dict[str, dict[str, str]] = {name: {} for name in tables}
    for name, table in tables.items():
        for channel in channels:
            file = f"scores/{name}-{channel}.csv"
            column = table.channel(channel)[:, None]
            ScoreTable(table.video, table.number, [channel], column).write_csv(folder / file)
            files[name][channel.partition(".")[0]] = file
    write_text(folder / "tuning" / "takes-x" / "truth.csv", "\n".join(rows) + "\n")
    write_text(folder / "tuning" / "takes-x" / "dropped.csv", "Take,Reason\n")
    run.write_record(
        RunRecord(
            data="street",
            scores=files["test"],
            heldout=files["heldout"],
            max_gap=4,
            shares=dict.fromkeys(channels, 1.0),
            synthetic=files["takes"] if synthetic else {},
            takes="tuning/takes-x" if synthetic else None,
        )
    )
    return run


def write_labels(path: Path) -> Path:
    """Write the labels of the test videos of :func:`write_run`: Id,Label."""
    _, labels = scored([f"{n:02d}" for n in range(1, 9)], seed=1)
    rows = [
        f"{int(name)}_{number},{label:d}"
        for name, truth in labels.items()
        for number, label in enumerate(truth)
    ]
    write_text(path, "\n".join(["Id,Label", *rows]) + "\n")
    return path
