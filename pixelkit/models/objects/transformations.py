"""What is done to crops of normal objects for a network to tell: a self-supervised task."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

LENGTH = 5  # frames that the network sees
FASTEST = 3
REACH = FASTEST * (
    LENGTH // 2
)  # frames before and after that a crop needs, so that it can be played three times as fast
SEEN = slice(REACH - LENGTH // 2, REACH + LENGTH // 2 + 1)
STRETCH = 1.75  # of width to height, or the other way round
PATCH = (8, 20)  # pixels, sides of what is pasted

Change = Callable[[Tensor, torch.Generator], Tensor]


def faster(clips: Tensor, chance: torch.Generator) -> Tensor:
    """Play two or three times as fast."""
    step = torch.randint(2, FASTEST + 1, (len(clips), 1), generator=chance)
    return _play(clips, REACH + (torch.arange(LENGTH) - LENGTH // 2) * step)


def out_of_order(clips: Tensor, chance: torch.Generator) -> Tensor:
    """Shuffle the frames, in none of the two directions of time."""
    order = torch.rand((len(clips), LENGTH), generator=chance).argsort(1)
    straight = ((order[:, 1:] - order[:, :-1]) == order[:, 1:2] - order[:, :1]).all(1)
    order[straight] = torch.tensor([1, 0, 3, 2, 4])
    return _play(clips, SEEN.start + order)


def quarter_turn(clips: Tensor, chance: torch.Generator) -> Tensor:
    """Turn left or right by 90 degrees."""
    left = torch.rand(len(clips), generator=chance) < 0.5
    seen = clips[:, SEEN]
    return torch.where(left[:, None, None, None], seen.rot90(1, (2, 3)), seen.rot90(3, (2, 3)))


def upside_down(clips: Tensor, chance: torch.Generator) -> Tensor:  # noqa: ARG001
    """Turn upside down."""
    return clips[:, SEEN].flip(2)


def wider(clips: Tensor, chance: torch.Generator) -> Tensor:  # noqa: ARG001
    """Stretch to the sides."""
    return _stretch(clips[:, SEEN], 3)


def taller(clips: Tensor, chance: torch.Generator) -> Tensor:  # noqa: ARG001
    """Stretch upwards and downwards."""
    return _stretch(clips[:, SEEN], 2)


def halves_swapped(clips: Tensor, chance: torch.Generator) -> Tensor:
    """Swap the upper half with the lower, and with even chances the left with the right."""
    half = clips.shape[2] // 2
    swapped = clips[:, SEEN].roll(half, 2)
    sideways = torch.rand(len(clips), generator=chance) < 0.5
    return torch.where(sideways[:, None, None, None], swapped.roll(half, 3), swapped)


def pasted(clips: Tensor, chance: torch.Generator) -> Tensor:
    """Paste a piece of another crop (Li et al., CutPaste, CVPR 2021)."""
    seen = clips[:, SEEN].clone()
    side = seen.shape[2]
    other = seen[torch.randperm(len(seen), generator=chance)]
    sizes = torch.randint(*PATCH, (len(seen), 2), generator=chance)
    places = (torch.rand((2, len(seen), 2), generator=chance) * (side - sizes)).long()
    for row, ((height, width), (to, of)) in enumerate(
        zip(sizes.tolist(), places.permute(1, 0, 2).tolist(), strict=True)
    ):
        piece = other[row, :, of[0] : of[0] + height, of[1] : of[1] + width]
        seen[row, :, to[0] : to[0] + height, to[1] : to[1] + width] = piece
    return seen


IN_TIME: tuple[Change, ...] = (faster, out_of_order)
"""Only what moves can show these; who stands still looks the same."""
IN_SPACE: tuple[Change, ...] = (quarter_turn, upside_down, wider, taller, halves_swapped, pasted)
KINDS = 1 + len(IN_TIME) + len(IN_SPACE)
"""What the network tells apart; 0 is what nothing was done to."""
UNCHANGED = 2  # lots out of KINDS + 2: three times as likely as any other, it is what scoring shows


def transform(clips: Tensor, moves: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw for each crop what to do to it, and do it.

    Parameters
    ----------
    clips
        float (n, 2·REACH + 1, H, W).
    moves
        bool (n,) whether the object moves.
    chance
        Every random number is drawn from it.

    Returns
    -------
    seen, kind
        float (n, LENGTH, H, W) and int64 (n,) from 0 to KINDS - 1.
    """
    kind = torch.randint(0, KINDS + UNCHANGED, (len(clips),), generator=chance)
    kind[kind >= KINDS] = 0
    kind[~moves & (kind >= 1) & (kind <= len(IN_TIME))] = 0
    seen = clips[:, SEEN].clone()
    for number, change in enumerate((*IN_TIME, *IN_SPACE), start=1):
        mine = kind == number
        if mine.any():
            seen[mine] = change(clips[mine], chance)
    return seen, kind


def _play(clips: Tensor, frames: Tensor) -> Tensor:
    return clips[torch.arange(len(clips))[:, None], frames]


def _stretch(seen: Tensor, axis: int) -> Tensor:
    size = list(seen.shape[2:])
    side = size[axis - 2]
    size[axis - 2] = round(side * STRETCH)
    larger = functional.interpolate(seen, size=size, mode="bilinear", align_corners=False)
    return larger.narrow(axis, (size[axis - 2] - side) // 2, side)
