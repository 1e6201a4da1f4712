"""What is done to crops: every kind, to what moves only what needs movement, always something."""

from __future__ import annotations

import pytest
import torch

from pixelkit.models.objects import transformations
from pixelkit.models.objects.transformations import (
    IN_SPACE,
    IN_TIME,
    KINDS,
    LENGTH,
    REACH,
    SEEN,
    faster,
    out_of_order,
    transform,
)

CHANGES = (*IN_TIME, *IN_SPACE)


@pytest.fixture
def chance() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def clips(chance: torch.Generator) -> torch.Tensor:
    return torch.rand((300, 2 * REACH + 1, 32, 32), generator=chance)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_changes_every_crop(
    change: transformations.Change, clips: torch.Tensor, chance: torch.Generator
) -> None:
    before = clips.clone()
    changed = change(clips, chance)
    assert changed.shape == (300, LENGTH, 32, 32)
    assert (changed != clips[:, SEEN]).flatten(1).any(1).all()
    assert (clips == before).all()


def test_faster_keeps_the_middle_and_skips_frames(clips: torch.Tensor, chance: torch.Generator) -> None:
    played = faster(clips, chance)
    assert (played[:, LENGTH // 2] == clips[:, REACH]).all()
    first = (played[:, :1] == clips).flatten(2).all(2).float().argmax(1)
    assert set(first.tolist()) == {REACH - 4, REACH - 6}


def test_out_of_order_is_never_forwards_or_backwards(chance: torch.Generator) -> None:
    numbered = torch.arange(2 * REACH + 1.0)[None, :, None, None].expand(2000, -1, 1, 1)
    order = out_of_order(numbered, chance).flatten(1)
    steps = order.diff(dim=1)
    assert not (steps == steps[:, :1]).all(1).any()
    assert (order.sort(1).values == numbered[:, SEEN].flatten(1)).all()


def test_every_kind_is_drawn_and_unchanged_is_what_is_seen(
    clips: torch.Tensor, chance: torch.Generator
) -> None:
    seen, kind = transform(clips, torch.ones(300, dtype=torch.bool), chance)
    assert sorted(set(kind.tolist())) == list(range(KINDS))
    same = (seen == clips[:, SEEN]).flatten(1).all(1)
    assert (same == (kind == 0)).all()
    assert 0.15 < same.float().mean() < 0.4


def test_who_stands_still_is_not_shuffled_or_sped_up(clips: torch.Tensor, chance: torch.Generator) -> None:
    _, kind = transform(clips, torch.zeros(300, dtype=torch.bool), chance)
    assert not ((kind >= 1) & (kind <= len(IN_TIME))).any()
