"""Vectors of whole videos are those of one object, one clip at a time, however they were batched."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Iterator, Sequence

import numpy as np
import plain_patchcore as plain
import pytest
import torch
from fixed_boxes import FixedBoxes, textured, video_of
from numpy.typing import NDArray

from pixelkit import Video
from pixelkit.models import extraction
from pixelkit.models.clip_backbone import ClipBackbone, load_backbone
from pixelkit.models.extraction import Extractor, VideoVectors
from pixelkit.models.patch_presets import PRESETS, PatchCoreSettings
from pixelkit.models.tubes import WHOLE_FRAME, Tube, tubes

BOXES = FixedBoxes(
    {
        2: [[4, 6, 20, 30], [30, 2, 60, 40]],
        6: [[0, 0, 10, 10]],
        0: [[2, 2, 30, 30]],
        5: [[1, 2, 20, 20], [8, 8, 40, 40]],
    }
)
SMALL = {
    name: dataclasses.replace(preset, size=64, length=min(preset.length, 4))
    for name, preset in PRESETS.items()
}
SMALL["seed, pooled by 2"] = dataclasses.replace(SMALL["seed"], pool=2)


@pytest.fixture(scope="module")
def backbone() -> ClipBackbone:
    return load_backbone("random", device=torch.device("cpu"), precision=torch.float32)


def extractor(
    backbone: ClipBackbone, settings: PatchCoreSettings, *, training: bool = False, seed: int = 0
) -> Extractor:
    backbone.batch = 4
    return Extractor(settings, backbone, BOXES, training=training, seed=seed)


def plainly(backbone: ClipBackbone, looks: Extractor, video: Video) -> dict[str, list[NDArray[np.floating]]]:
    """The vectors of a video, one tube and one image at a time."""
    settings, found = looks.settings, {channel: [] for channel in looks.settings.channels}
    positions = looks.looked_at(video)
    for tube in tubes(video, positions, BOXES, crop=64, frame=settings.size, grow=settings.grow):
        maps = [one_image(backbone, settings, image) for image in tube.images]
        for channel, vectors in describe(settings, tube, maps, looks.training).items():
            found[channel].append(vectors)
    return found


def one_image(
    backbone: ClipBackbone, settings: PatchCoreSettings, image: NDArray[np.uint8]
) -> list[NDArray[np.floating]]:
    pixels = plain.network_input(
        image[None], settings.scaling, settings.size, align_corners=settings.align_corners
    )
    return [each.numpy() for each in backbone.maps(torch.from_numpy(pixels).float())]


def describe(
    settings: PatchCoreSettings, tube: Tube, maps: Sequence[Sequence[NDArray[np.floating]]], training: bool
) -> dict[str, NDArray[np.floating]]:
    whole = tube.number == WHOLE_FRAME
    if settings.pooled:
        return {"frame" if whole else "person": plain.pooled_vectors(maps[0], settings.pool)}
    if whole:
        frames = [plain.frame_vectors(each, settings.pool)[0] for each in maps]
        return {"global": plain.global_vectors(np.array([frames]))[0]}
    local = np.array([[plain.local_map(each, settings.group, settings.pool)[0] for each in maps]])
    return {
        "spatial": plain.spatial_vectors(local, settings.grid)[0],
        "temporal": plain.temporal_vectors(local, absolute=settings.absolute, training=training)[0],
    }


def same(first: VideoVectors, second: VideoVectors) -> bool:
    ours, theirs = first.to_arrays(), second.to_arrays()
    assert ours.keys() == theirs.keys()
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("preset", SMALL)
def test_vectors_are_those_of_one_tube_and_one_image_at_a_time(
    backbone: ClipBackbone, preset: str, training: bool
) -> None:
    settings = dataclasses.replace(SMALL[preset], noise=0)
    looks, video = extractor(backbone, settings, training=training), video_of(textured(9))
    (found,) = looks.vectors([video])
    expected = plainly(backbone, looks, video)
    assert found.vectors.keys() == expected.keys()
    for channel, vectors in found.vectors.items():
        reference = np.array(expected[channel])
        assert vectors.shape == reference.shape
        assert vectors.dtype == np.float32
        assert np.allclose(vectors, reference, rtol=1e-4, atol=1e-4 * np.abs(reference).max())


def test_vectors_have_the_shapes_of_the_paper(backbone: ClipBackbone) -> None:
    paper = dataclasses.replace(SMALL["paper"], length=10)
    (found,) = extractor(backbone, paper).vectors([video_of(textured(10))])
    shapes = {channel: vectors.shape for channel, vectors in found.vectors.items()}
    assert shapes == {"spatial": (2, 49, 32), "temporal": (2, 9, 32), "global": (1, 10, 1536)}
    assert found.clip.tolist() == [0, 0]
    assert found.frame_size.tolist() == [48, 72]


@pytest.mark.parametrize("preset", ["seed", "pooled"])
def test_batches_across_videos_change_nothing(backbone: ClipBackbone, preset: str) -> None:
    """Bit by bit, so that a fit that was killed and goes on ends with the same bytes."""
    looks = extractor(backbone, SMALL[preset], training=True)

    def videos() -> list[Video]:
        return [video_of(textured(frames, seed=frames), f"{frames:02d}") for frames in (9, 3, 8)]

    together = looks.vectors(videos())
    apart = [looks.vectors([video])[0] for video in videos()]
    assert all(same(one, other) for one, other in zip(together, apart, strict=True))


def test_a_killed_look_goes_on_after_the_last_finished_video(
    backbone: ClipBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "BATCHES_AT_ONCE", 1)
    looks = extractor(backbone, SMALL["pooled"])
    expected = looks.vectors([video_of(textured(6)), video_of(textured(7))])
    videos, finished = [video_of(textured(6)), video_of(textured(7))], []

    def interrupt(clips: int) -> None:
        finished.append(clips)
        if sum(finished) > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        looks.vectors(videos, interrupt)
    asked = len(BOXES.asked)
    found = looks.vectors(videos)
    assert len(BOXES.asked) == asked + 1
    assert all(same(one, other) for one, other in zip(found, expected, strict=True))


def test_what_is_known_is_not_computed_again(backbone: ClipBackbone, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, video = extractor(backbone, SMALL["pooled"]), video_of(textured(5))
    finished: list[int] = []
    (first,) = looks.vectors([video], finished.append)
    monkeypatch.setattr(extraction, "tubes", None)
    (second,) = looks.vectors([video], finished.append)
    assert same(first, second)
    assert sum(finished) == 2 * 5


def test_names_of_kept_vectors_say_what_decides_them(backbone: ClipBackbone) -> None:
    video, settings = video_of(textured(5)), SMALL["seed"]
    changes = ({"size": 96}, {"grow": (1.0, 1.0)}, {"absolute": False}, {"length": 3}, {"scaling": "bgr"})
    others = [extractor(backbone, dataclasses.replace(settings, **change)) for change in changes]
    others += [extractor(backbone, settings, training=True), extractor(backbone, settings)]
    others += [extractor(backbone, settings, training=True, seed=1)]
    assert len({looks.name(video) for looks in others}) == len(others)


def test_memory_settings_do_not_compute_vectors_again(backbone: ClipBackbone) -> None:
    video, settings = video_of(textured(5)), SMALL["pooled"]
    other = dataclasses.replace(settings, coreset=(5, 5), coresets=1, power=2)
    names = {
        extractor(backbone, each, training=True, seed=each.coresets).name(video) for each in (settings, other)
    }
    assert len(names) == 1


def test_training_clips_have_no_frame_in_common_and_scoring_clips_hold_every_frame(
    backbone: ClipBackbone,
) -> None:
    video = video_of(textured(23))
    training = extractor(backbone, SMALL["paper"], training=True).clips(video)
    assert training.ravel().tolist() == list(range(20))
    scoring = extractor(backbone, SMALL["paper"]).clips(video)
    assert set(scoring.ravel().tolist()) == set(range(23))


def test_a_short_video_is_trained_on_too(backbone: ClipBackbone) -> None:
    clips = extractor(backbone, SMALL["paper"], training=True).clips(video_of(textured(3)))
    assert clips.tolist() == [[0, 1, 2, 2]]


def test_noise_falls_on_its_share_of_training_images_alone(backbone: ClipBackbone) -> None:
    looks = extractor(backbone, SMALL["seed"], training=True)
    video = video_of(textured(1))
    images = np.zeros((1, 8, 8, 3), np.uint8)
    drawn = np.concatenate(
        [
            looks._noise([(Tube(video, clip, 1, np.zeros(4, np.int32), images), 0)], images)
            for clip in range(500)
        ]
    )
    noisy = np.abs(drawn).max((1, 2, 3)) > 0
    assert 0.33 < noisy.mean() < 0.47
    assert np.abs(drawn).max() <= np.float32(0.1373)
    assert abs(drawn[noisy].mean()) < 0.01
    assert drawn[noisy].std() == pytest.approx(0.1373 / np.sqrt(3), rel=0.02)


def test_noise_depends_on_seed_and_place(backbone: ClipBackbone) -> None:
    def trained(seed: int, noise: float = 0.1373) -> VideoVectors:
        settings = dataclasses.replace(SMALL["seed"], noise=noise, noisy_share=1)
        return extractor(backbone, settings, training=True, seed=seed).vectors([video_of(textured(4))])[0]

    assert same(trained(0), trained(0))
    assert not np.array_equal(trained(0).vectors["spatial"], trained(1).vectors["spatial"])
    assert not np.array_equal(trained(0).vectors["global"], trained(0, noise=0).vectors["global"])


def test_scoring_adds_no_noise(backbone: ClipBackbone) -> None:
    with_noise = extractor(backbone, SMALL["seed"])
    without = extractor(backbone, dataclasses.replace(SMALL["seed"], noise=0))
    video = video_of(textured(4))
    assert same(with_noise.vectors([video])[0], without.vectors([video_of(textured(4))])[0])


def test_middle_frames_stand_for_longer_pooled_clips(backbone: ClipBackbone) -> None:
    looks = extractor(backbone, dataclasses.replace(SMALL["pooled"], length=10))
    (found,) = looks.vectors([video_of(textured(23))])
    assert looks.looked_at(video_of(textured(23))).tolist() == [[5], [15], [18]]
    assert found.vectors["frame"].shape == (3, 1, 1536)


def test_video_without_objects_has_frames_alone(backbone: ClipBackbone) -> None:
    looks = Extractor(SMALL["paper"], backbone, FixedBoxes({}), training=True)
    (found,) = looks.vectors([video_of(textured(4))])
    assert list(found.vectors) == ["global"]
    assert found.clip.shape == (0,)
    assert found.corners.shape == (0, 4)


@pytest.mark.parametrize("preset", sorted(SMALL))
def test_batch_is_halved_when_memory_is_full_and_stays_small(
    preset: str, backbone: ClipBackbone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (expected,) = extractor(backbone, SMALL[preset]).vectors([video_of(textured(9))])
    original = backbone.maps

    def small(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if len(images) > 2:
            raise RuntimeError("CUDA out of memory")
        return original(images)

    monkeypatch.setattr(backbone, "maps", small)
    looks = extractor(backbone, SMALL[preset])
    backbone.batch = 8
    (found,) = looks.vectors([video_of(textured(9))])
    assert backbone.batch == 2
    looks.vectors([video_of(textured(9))])
    assert caplog.text.count("out of memory") == 2, "what comes after begins with what fitted"
    for channel, vectors in found.vectors.items():
        assert np.allclose(vectors, expected.vectors[channel], rtol=1e-4, atol=1e-4)


def test_local_maps_that_do_not_fit_are_made_of_fewer_objects_at_a_time(
    backbone: ClipBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "BATCHES_AT_ONCE", 1)
    (expected,) = extractor(backbone, SMALL["seed"]).vectors([video_of(textured(9))])
    original = extraction.features.temporal_vectors

    def small(local: torch.Tensor, **settings: bool) -> torch.Tensor:
        if len(local) > 1:
            raise RuntimeError("CUDA out of memory")
        return original(local, **settings)

    monkeypatch.setattr(extraction.features, "temporal_vectors", small)
    looks = extractor(backbone, SMALL["seed"])
    backbone.batch = 16
    (found,) = looks.vectors([video_of(textured(9))])
    assert backbone.batch <= 4
    for channel, vectors in found.vectors.items():
        assert np.allclose(vectors, expected.vectors[channel], rtol=1e-4, atol=1e-4)


def test_images_are_let_go_when_they_are_described() -> None:
    alive: list[weakref.ref[NDArray[np.uint8]]] = []

    def described() -> Iterator[tuple[Tube, dict[str, NDArray[np.float32]]]]:
        video = video_of(textured(1))
        for number in range(1, 100):
            images = np.zeros((1, 8, 8, 3), np.uint8)
            alive.append(weakref.ref(images))
            yield (
                Tube(video, 0, number, np.zeros(4, np.int32), images),
                {"person": np.ones((1, 2), np.float32)},
            )
            assert sum(each() is not None for each in alive) <= 3

    assert VideoVectors.collect(described()).vectors["person"].shape == (99, 1, 2)


def test_chunks_made_ahead_are_the_same_and_so_are_their_errors(backbone: ClipBackbone) -> None:
    video = video_of(textured(9))
    looks = extractor(backbone, SMALL["pooled"])
    chunks = [[tube] for tube in looks._tubes(video)]
    assert list(extraction._ahead(iter(chunks))) == chunks

    def broken() -> Iterator[list[Tube]]:
        yield chunks[0]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(extraction._ahead(broken()))
