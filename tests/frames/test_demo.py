"""The demo data set: found as PixelPlay '26, labels outside, written whole or not at all, figures in place."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pixelkit.errors import StorageError
from pixelkit.frames import demo
from pixelkit.frames.demo import write_demo
from pixelkit.frames.demo_cast import ANOMALIES, FPS, TOSS, Route, crowd, loiterer, thrower, wrong_way
from pixelkit.frames.demo_figures import LEG, Look, driving, person, riding, running, tossing, walking
from pixelkit.frames.demo_scenery import paint_background
from pixelkit.frames.demo_street import Actor, Light, Street, project
from pixelkit.frames.layouts import find_dataset

DAY = Light(1.0, (1.0, 1.0, 1.0), 0.4)
LOOK = Look(
    1.75,
    1.0,
    1.25,
    (150, 178, 214),
    (30, 30, 30),
    (60, 60, 160),
    (90, 60, 50),
    (40, 40, 40),
    0,
    "none",
    (0, 0, 0),
)
PLAIN = np.full((8, 4), 255, np.uint8)


@pytest.fixture(scope="module")
def street() -> Street:
    rng = np.random.default_rng(0)
    return Street(paint_background(rng), rng)


@pytest.fixture
def short(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo of a few frames before the same houses."""
    monkeypatch.setattr(demo, "paint_background", lambda _: street.background)
    monkeypatch.setattr(demo, "TRAINING", 5)
    monkeypatch.setattr(demo, "TEST", (16, 12, 4, 12, 12))
    monkeypatch.setattr(demo, "SHORT", 2)


def snapshot(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.usefixtures("short")
def test_layout_sample_and_labels_agree(tmp_path: Path) -> None:
    assert write_demo(tmp_path / "demo", 0)
    data = find_dataset(tmp_path / "demo")
    assert data.layout == "PixelPlay '26"
    assert not data.skipped
    ids = [f"{int(video.name)}_{number}" for video in data.test for number in video.numbers]
    assert data.sample is not None
    assert [row["Id"] for row in rows(data.sample)] == ids
    assert [row["Id"] for row in rows(tmp_path / "demo-labels.csv")] == ids
    assert data.test[0].numbers[0] > 0
    frame = cv2.imread(str(data.train[0].files[0]))
    assert frame.shape == (360, 640, 3)


@pytest.mark.usefixtures("short")
def test_labels_never_lie_inside(tmp_path: Path) -> None:
    write_demo(tmp_path / "demo", 0)
    names = {path.name for path in (tmp_path / "demo").rglob("*") if path.suffix != ".jpg" and path.is_file()}
    assert names == {"sample_submission.csv", "pixelkit.toml", "demo.json"}


@pytest.mark.usefixtures("short")
def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_demo(tmp_path / name, seed)
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    assert snapshot(tmp_path / "a") != snapshot(tmp_path / "c")


@pytest.mark.usefixtures("short")
def test_complete_demo_stays_and_another_seed_replaces_it(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    write_demo(folder, 0)
    before = snapshot(folder)
    (tmp_path / "demo-labels.csv").unlink()
    assert not write_demo(folder, 0)
    assert snapshot(folder) == before
    assert (tmp_path / "demo-labels.csv").exists()
    assert write_demo(folder, 1)
    assert snapshot(folder) != before


@pytest.mark.usefixtures("short")
def test_more_training_videos_come_after_the_same_first_ones(tmp_path: Path) -> None:
    write_demo(tmp_path / "few", training_videos=2)
    write_demo(tmp_path / "more", training_videos=3)
    few, more = (snapshot(tmp_path / name) for name in ("few", "more"))
    new = {name for name in more if "training_videos/03" in name}
    assert len(new) == 5
    del few["demo.json"], more["demo.json"]
    assert {name: more[name] for name in more.keys() - new} == few
    assert write_demo(tmp_path / "few", training_videos=3)
    assert snapshot(tmp_path / "few") == snapshot(tmp_path / "more")


@pytest.mark.parametrize("beside_marker", [False, True])
@pytest.mark.usefixtures("short")
def test_folder_with_anything_else_is_refused(tmp_path: Path, beside_marker: bool) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    if beside_marker:
        (folder / "demo.json").write_text("{}")
    with pytest.raises(StorageError, match=r"thesis\.tex"):
        write_demo(folder, 0)
    assert (folder / "thesis.tex").read_text() == "years of work"
    assert not (tmp_path / "demo-labels.csv").exists()


@pytest.mark.usefixtures("short")
def test_interrupted_demo_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pixelkit.frames.demo.write_image", stop)
        write_demo(tmp_path / "demo", 0)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    assert write_demo(tmp_path / "demo", 0)


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_once_and_a_quarter_of_the_frames(seed: int) -> None:
    scenes = demo._test_scenes(seed)
    kinds = [scene.kind(number) for scene in scenes for number in scene.numbers]
    assert len(set(kinds) - {""}) == len(ANOMALIES)
    assert 0.2 < np.mean([kind != "" for kind in kinds]) < 0.32
    assert all(kinds.count(kind) >= 25 for kind in set(kinds))  # a second at least
    short = scenes[demo.SHORT]
    assert len(short.numbers) == 36
    assert not any(short.kind(number) for number in short.numbers)


def test_nearer_walkers_are_larger_and_faster() -> None:
    near, far = (project(np.array([[0, 0, away], [0, 1.75, away], [1.3, 0, away]])) for away in (11.0, 30.0))
    for a, b in ((0, 1), (0, 2)):
        assert np.linalg.norm(near[a] - near[b]) > 2.5 * np.linalg.norm(far[a] - far[b])
    assert near[0, 1] > far[0, 1]


def test_foot_on_the_ground_does_not_slide() -> None:
    phases = np.linspace(0.02, 0.55, 20)
    feet = [walking(phase, 1.3).feet[0] for phase in phases]
    on_street = [foot[0] + 1.3 * phase for foot, phase in zip(feet, phases, strict=True)]
    assert np.ptp(on_street) < 1e-9
    assert all(foot[2] == 0 for foot in feet)


@pytest.mark.parametrize(
    "pose",
    [
        *(walking(phase, 1.35) for phase in np.linspace(0, 1, 9)),
        *(running(phase, 2.5) for phase in np.linspace(0, 1, 9)),
        *(riding(phase) for phase in np.linspace(0, 1, 9)),
        driving(),
        tossing(1.4),
        tossing(3.0),
    ],
)
def test_limbs_keep_their_length(pose: object) -> None:
    shapes = person(LOOK, pose)  # type: ignore[arg-type]
    thighs = [shape.points for shape in shapes if shape.colour == LOOK.legs and shape.radius == 0.085]
    lengths = [float(np.linalg.norm(np.subtract(*thigh))) for thigh in thighs]
    assert len(lengths) == 2
    assert all(0.85 * LEG < length < 1.25 * LEG for length in lengths)


def test_walkers_walk_along_and_the_wrong_way_leads_across() -> None:
    rng = np.random.default_rng(1)
    for role in crowd(200, rng):
        speed = (role.route.travelled(110) - role.route.travelled(90)) / 20 * FPS
        assert 0.8 < speed < 1.8
        assert abs(np.sin(role.route.heading(100))) < 0.35
    crossing = wrong_way(200, rng)
    assert np.sin(crossing.route.heading(np.mean(crossing.anomalous))) < -0.8


def test_loiterer_stands_and_thrower_catches_what_was_thrown() -> None:
    rng = np.random.default_rng(2)
    role = loiterer(200, rng)
    assert role.route.at(role.anomalous[0] + 1) == role.route.at(role.anomalous[1] - 1)
    role = thrower(200, rng)
    start = role.anomalous[0]
    heights = [
        max(point[2] for point in role.figure(role.route, start + at)[-1].points)
        for at in (0, TOSS // 2, TOSS)
    ]
    assert heights[1] > heights[0] + 1
    assert abs(heights[2] - heights[0]) < 1e-9


def test_route_heading_survives_standing() -> None:
    route = Route(np.array([0.0, 50.0, 400.0]), np.array([[0.0, 10.0], [2.0, 10.0], [2.0, 10.0]]))
    assert route.heading(80) == 0


def test_figure_is_drawn_where_it_stands_with_a_shadow(street: Street) -> None:
    empty = street.frame([], DAY, np.random.default_rng(0)).astype(int)
    walker = Actor(person(LOOK, walking(0.1, 1.25)), (0.0, 12.0), 0.0, PLAIN)
    frame = street.frame([walker], DAY, np.random.default_rng(0)).astype(int)
    changed = np.abs(frame - empty).sum(axis=2) > 40
    found_rows, found_columns = np.nonzero(changed)
    feet, head = project(np.array([[0.0, 0, 12], [0, 1.75, 12]]))[:, 1]
    assert head - 8 < found_rows.min() < head + 8
    assert feet < found_rows.max() < feet + 40  # the shadow falls towards the camera
    assert found_columns.min() > 290
    assert found_columns.max() < 390
    assert not np.abs(frame - empty)[:, :250].any()


def test_figure_out_of_sight_changes_nothing(street: Street) -> None:
    away = Actor(person(LOOK, walking(0.1, 1.25)), (40.0, 12.0), 0.0, PLAIN)
    frames = [street.frame(actors, DAY, np.random.default_rng(0)) for actors in ([], [away])]
    assert np.array_equal(*frames)


def test_light_changes_brightness_and_sensor_noise_differs_between_frames(street: Street) -> None:
    rng = np.random.default_rng(0)
    day, again = street.frame([], DAY, rng), street.frame([], DAY, rng)
    dim = street.frame([], replace(DAY, brightness=0.85), rng)
    assert dim.mean() < 0.9 * day.mean()
    assert 2 < (day.astype(int) - again).std() < 6


def test_street_can_be_told_from_its_flip(street: Street) -> None:
    gray = cv2.resize(street.background.mean(axis=2), (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(gray - gray[::-1]).mean() > 20
