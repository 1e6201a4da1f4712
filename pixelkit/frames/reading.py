"""From one file to pixels: image files of any kind, and video files; what cannot be trusted is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelkit.frames.video import Colour

# Pixels as they are stored: EXIF orientation would turn single frames of a video. 16 bits become the upper 8, alpha
# is dropped, palettes and CMYK are converted.
_FLAGS = {
    "gray": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
    "rgb": cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
}
_JPEG_START = b"\xff\xd8"
_JPEG_SCAN = b"\xff\xda"
_JPEG_END = b"\xff\xd9"


class Undecodable(Exception):
    """A file gives no frame; the message is the reason in a few words."""


def read_bytes(path: Path) -> bytes:
    """Return the bytes of an image file.

    Raises
    ------
    Undecodable
        If it cannot be read, is empty, or is a JPEG that ends before its picture does.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Undecodable(error.strerror or "cannot be read") from None
    if not data:
        raise Undecodable("zero bytes")
    # Some decoders fill the rest of a cut-off JPEG with gray and tell nobody. Inside a scan every FF is stuffed, so
    # an end marker after the last scan began is the real one, whatever thumbnail comes before or junk behind it.
    if data.startswith(_JPEG_START) and data.rfind(_JPEG_END) <= data.rfind(_JPEG_SCAN):
        raise Undecodable("truncated JPEG")
    return data


def decode_image(data: bytes, colour: Colour) -> NDArray[np.uint8]:
    """Return the picture in ``data``: uint8 (H, W) for gray, (H, W, 3) for rgb.

    Gray is what the decoder makes of the file, which for a JPEG is the luma that it stores: 1.5 times as fast as
    decoding colour, and within two gray levels of converting it.

    Raises
    ------
    Undecodable
        If this is no image, or not a whole one.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[colour])
    except cv2.error as error:
        raise Undecodable(f"does not decode: {error.err}") from None
    if pixels is None:
        raise Undecodable("not an image, or a damaged one")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if colour == "rgb" else pixels, np.uint8)


def video_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a video file that decode, in order: uint8 (H, W, 3), RGB, as stored.

    There are none when the file cannot be opened.
    """
    capture = cv2.VideoCapture(str(path))
    try:
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        while True:
            good, pixels = capture.read()
            if not good:
                return
            yield np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
    finally:
        capture.release()


def promised_frames(path: Path) -> int:
    """Return how many frames the header of a video file promises, 0 when it does not say. Never rely on it."""
    capture = cv2.VideoCapture(str(path))
    try:
        return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    finally:
        capture.release()
