"""Blobs are taken apart by speed: what passes through a crowd, and what must stay whole."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import draw, straight
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pixelkit.models.objects.pieces import LEAST_PIECE, pieces
from pixelkit.models.objects.seen import observe

CROWD = np.ones((40, 60), bool)
TALL = np.full(40, 34, np.float32)


def speeds(*fast: tuple[slice, slice], walk: float = 1.0, ride: float = 3.0) -> np.ndarray:
    """A crowd at walking speed, with regions that are faster."""
    field = np.full(CROWD.shape, walk, np.float32)
    for region in fast:
        field[region] = ride
    return field


def test_rider_in_a_crowd_is_a_piece_and_the_crowd_is_the_rest() -> None:
    rider = slice(5, 35), slice(20, 30)
    piece, rest = pieces(CROWD, speeds(rider), TALL)
    assert piece.mask[rider].all()
    assert piece.mask.sum() == 300
    assert (rest.mask == ~piece.mask).all()
    assert rest[1:] == (0, 0, 60, 40)


def test_piece_reaches_down_to_where_it_stands() -> None:
    body = slice(5, 25), slice(20, 30)
    assert next(pieces(CROWD, speeds(body), TALL))[1:] == (20, 5, 30, 39)  # 34 pixels below its head
    short = CROWD.copy()
    short[30:, 20:30] = False
    assert next(pieces(short, speeds(body), TALL))[1:] == (20, 5, 30, 30)  # where the blob ends
    assert next(pieces(CROWD, speeds(body), 0.5 * TALL))[1:] == (20, 5, 30, 25)  # never above its own end
    assert next(pieces(CROWD, speeds(body), TALL + 20))[1:] == (20, 5, 30, 40)


def test_two_riders_apart_are_two_pieces() -> None:
    found = list(pieces(CROWD, speeds((slice(5, 35), slice(5, 15)), (slice(5, 35), slice(40, 50))), TALL))
    assert sorted(int(piece.mask.sum()) for piece in found) == [300, 300, 1800]


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(speeds(), id="one speed"),
        pytest.param(speeds(walk=0), id="nothing moves"),
        pytest.param(speeds((slice(5, 35), slice(20, 30)), ride=1.5), id="hardly faster"),
        pytest.param(speeds((slice(30, 40), slice(20, 30))), id="feet that swing"),
        pytest.param(speeds((slice(0, 2), slice(None))), id="a thin rim"),
    ],
)
def test_no_clear_difference_leaves_a_blob_whole(field: np.ndarray) -> None:
    (whole,) = pieces(CROWD, field, TALL)
    assert whole.mask.all()
    assert whole[1:] == (0, 0, 60, 40)


def test_small_blob_stays_whole() -> None:
    mask = np.ones((10, 2 * LEAST_PIECE // 10 - 1), bool)
    field = np.where(np.arange(mask.shape[1]) < LEAST_PIECE // 10, 4, 1).astype(np.float32) * mask
    assert len(list(pieces(mask, field, TALL[: len(mask)]))) == 1


def test_object_with_a_slow_edge_stays_whole() -> None:
    # Flow is smooth: at its edge, an object seems to be about as fast as the ground
    assert len(list(pieces(CROWD, speeds((slice(4, 36), slice(4, 56))), TALL))) == 1


@given(
    arrays(bool, (24, 24)),
    arrays(np.float32, (24, 24), elements=st.floats(0, 9, width=32)),
)
def test_pieces_lie_in_the_blob_and_apart(mask: np.ndarray, field: np.ndarray) -> None:
    mask[0, 0] = True
    found = list(pieces(mask, field, TALL[: len(mask)]))
    assert found
    count = np.sum([piece.mask for piece in found], axis=0)
    assert count.max() <= 1
    assert not count[~mask].any()
    for piece in found:
        box = piece.mask[piece.top : piece.bottom, piece.left : piece.right]
        assert 0 < box.sum() == piece.mask.sum()
        assert 0 <= piece.left < piece.right <= 24
        assert 0 <= piece.top < piece.bottom <= 24


def test_who_touches_a_slow_one_keeps_its_speed() -> None:
    slow, fast = straight(100, 100, 0.5, 0, 60), straight(20, 94, 4, 0, 60)
    objects = observe(draw(slow, fast, frames=60, size=(20, 40)))
    for position in (17, 18):  # one blob, of 2.8 and 3.1 pixels a frame
        here = objects.take(objects.position == position)
        assert here.speed.max() > 3.5
        assert here.speed.min() < 1
