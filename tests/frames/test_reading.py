"""What may be in an image or video file, and what must not be taken for a frame."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pixelkit.frames.reading import Undecodable, decode_image, promised_frames, read_bytes, video_frames


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """RGB, 48 × 64, smooth enough for a JPEG to keep it."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (64, 48)), np.uint8)


def encoded(picture: NDArray[np.uint8], kind: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGB"),
        ("PNG", "L"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "LA"),
        ("PNG", "RGBA"),
        ("BMP", "RGB"),
        ("TIFF", "L"),
        ("TIFF", "RGBA"),
        ("TIFF", "CMYK"),
    ],
)
def test_every_kind_of_image_shows_what_pillow_shows(
    picture: NDArray[np.uint8], kind: str, mode: str
) -> None:
    data = encoded(picture, kind, mode)
    with Image.open(io.BytesIO(data)) as image:
        flat = Image.merge(image.mode[:-1], image.split()[:-1]) if mode in ("LA", "RGBA") else image
        rgb = np.asarray(flat.convert("RGB"), np.int16)
        gray = np.asarray(flat.convert("L"), np.int16)
    assert np.abs(decode_image(data, "rgb") - rgb).max() <= 2
    assert np.abs(decode_image(data, "gray") - gray).max() <= 2


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_keep_the_upper_eight(suffix: str) -> None:
    deep = np.random.default_rng(0).integers(0, 1 << 16, (20, 30), dtype=np.uint16)
    data = cv2.imencode(suffix, deep)[1].tobytes()
    assert np.array_equal(decode_image(data, "gray"), deep >> 8)
    assert np.array_equal(decode_image(data, "rgb")[..., 0], deep >> 8)


def test_orientation_tag_does_not_turn_the_frame(picture: NDArray[np.uint8]) -> None:
    upside_down = Image.Exif()
    upside_down[0x0112] = 3
    plain = encoded(picture, "JPEG")
    tagged = encoded(picture, "JPEG", exif=upside_down)
    for colour in ("gray", "rgb"):
        assert np.array_equal(decode_image(tagged, colour), decode_image(plain, colour))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_truncated_image_is_no_frame(
    picture: NDArray[np.uint8], kind: str, part: float, tmp_path: Path
) -> None:
    data = encoded(picture, kind)
    file = tmp_path / "cut"
    file.write_bytes(data[: int(part * len(data))])
    with pytest.raises(Undecodable):
        decode_image(read_bytes(file), "gray")


def test_jpeg_whose_end_was_never_written_is_no_frame(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    data = encoded(picture, "JPEG")
    file = tmp_path / "zeros.jpg"
    file.write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    with pytest.raises(Undecodable, match="truncated JPEG"):
        read_bytes(file)


def test_end_marker_of_the_thumbnail_is_not_that_of_the_picture(
    picture: NDArray[np.uint8], tmp_path: Path
) -> None:
    thumbnail = encoded(picture[::4, ::4], "JPEG")
    plain = encoded(picture, "JPEG")
    comment = b"\xff\xfe" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    data = plain[:2] + comment + plain[2:]
    file = tmp_path / "camera.jpg"
    file.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(Undecodable, match="truncated JPEG"):
        read_bytes(file)
    file.write_bytes(data + b"what the camera puts behind the picture")
    assert np.array_equal(decode_image(read_bytes(file), "rgb"), decode_image(plain, "rgb"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "zero bytes"), (b"<html>404</html>", "not an image"), (b"\xff\xd8", "truncated JPEG")],
)
def test_what_is_no_image_is_no_frame(content: bytes, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "000.jpg"
    file.write_bytes(content)
    with pytest.raises(Undecodable, match=reason):
        decode_image(read_bytes(file), "rgb")


def test_missing_file_is_no_frame(tmp_path: Path) -> None:
    with pytest.raises(Undecodable, match="No such file"):
        read_bytes(tmp_path / "000.jpg")


def test_video_file_without_a_picture_has_no_frames(tmp_path: Path) -> None:
    file = tmp_path / "01.avi"
    file.write_bytes(b"not a video")
    assert list(video_frames(file)) == []
    assert promised_frames(file) == 0
