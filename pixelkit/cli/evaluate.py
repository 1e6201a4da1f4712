"""``pixelkit evaluate``: AP and AUC of a CSV against labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixelkit.cli.tables import aligned

if TYPE_CHECKING:
    from pixelkit.scores.metrics import Evaluation, Metrics
    from pixelkit.scores.table import ScoreTable


@click.command()
@click.argument("csv", type=click.Path(path_type=Path))
@click.option(
    "--labels",
    required=True,
    type=click.Path(path_type=Path),
    help="A file or folder in any format of Ped1, Ped2, Avenue or ShanghaiTech, or a CSV Id,Label.",
)
@click.option("--per-video", is_flag=True, help="Also tell each video's AP and AUC.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, per video included.")
def evaluate(csv: Path, labels: Path, per_video: bool, as_json: bool) -> None:
    """Measure CSV, a leaderboard CSV or a score table, against labels: AP and AUC, micro, macro, per video.

    Micro is over all frames together, macro is the mean over the videos that hold both normal and anomalous frames.
    A score table gets one line for each channel.
    """
    evaluations = _evaluate(csv, labels)
    if as_json:
        import json

        click.echo(json.dumps({channel: _plain(found) for channel, found in evaluations.items()}, indent=1))
        return
    click.echo(_table(evaluations))
    if per_video:
        for channel, found in evaluations.items():
            click.echo(f"\n{_per_video(channel, found)}")
    click.echo(f"\n{_how_to_read(next(iter(evaluations.values())))}")


def _evaluate(csv: Path, labels: Path) -> dict[str, Evaluation]:
    """Return the evaluation of each channel of ``csv``."""
    from pixelkit.errors import DataError
    from pixelkit.frames.labels import read_labels
    from pixelkit.scores import metrics

    table = _read(csv)
    if not len(table):
        raise DataError(f"{csv}: holds no scores: expected one line for each frame")
    rows = table.videos()
    truth = read_labels(labels, {name: table.number[part] for name, part in rows.items()})
    return {
        channel: metrics.evaluate({name: table.channel(channel)[part] for name, part in rows.items()}, truth)
        for channel in table.channels
    }


def _read(csv: Path) -> ScoreTable:
    from pixelkit.errors import DataError
    from pixelkit.leaderboard.csv import COLUMNS, read_submission
    from pixelkit.scores.table import KEY_COLUMNS, ScoreTable

    try:
        with csv.open(encoding="utf-8-sig", errors="replace") as file:
            first = tuple(file.readline().strip().split(","))
    except OSError as error:
        raise DataError(f"{csv}: cannot be read: {error.strerror}") from None
    if first[: len(KEY_COLUMNS)] == KEY_COLUMNS:
        return ScoreTable.read_csv(csv)
    if first == tuple(COLUMNS):
        return read_submission(csv)
    raise DataError(
        f"{csv}: the first line is {','.join(first)!r:.60}: expected 'Id,Predicted' (a leaderboard CSV) or "
        f"'video,number,...' (a score table)"
    )


def _table(evaluations: dict[str, Evaluation]) -> str:
    rows = [
        [channel, *map(_figure, (found.micro.ap, found.micro.auc, found.macro_ap, found.macro_auc))]
        for channel, found in evaluations.items()
    ]
    return aligned([["channel", "micro AP", "micro AUC", "macro AP", "macro AUC"], *rows])


def _per_video(channel: str, found: Evaluation) -> str:
    rows = [
        [name, f"{video.frames:,}", f"{video.anomalous:,}", _figure(video.ap), _figure(video.auc)]
        for name, video in found.videos.items()
    ]
    return f"{channel}\n" + aligned([["video", "frames", "anomalous", "AP", "AUC"], *rows])


def _how_to_read(found: Evaluation) -> str:
    micro = found.micro
    return (
        f"{micro.frames:,} frames of {len(found.videos)} videos, {micro.prevalence:.1%} of them anomalous: a coin "
        f"gets a micro AP of {micro.prevalence:.3f} and an AUC of 0.5.\n"
        f"Macro: mean of the {len(found.both_classes)} videos that hold both classes."
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _plain(found: Evaluation) -> dict[str, Any]:
    return {
        "micro": _plain_metrics(found.micro),
        "macro": {"ap": found.macro_ap, "auc": found.macro_auc, "videos": len(found.both_classes)},
        "videos": {name: _plain_metrics(video) for name, video in found.videos.items()},
    }


def _plain_metrics(metrics: Metrics) -> dict[str, Any]:
    return {
        "ap": metrics.ap,
        "auc": metrics.auc,
        "frames": metrics.frames,
        "anomalous": metrics.anomalous,
        "prevalence": metrics.prevalence,
    }
