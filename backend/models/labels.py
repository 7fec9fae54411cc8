"""What a pixel of a person shows: the labels of human parsing, between factory, decoder, fabrics and edits."""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor
from torch.nn import functional


class Label(IntEnum):
    """One a pixel. TRIM is what garments have beside their cloth: buttons, ties, the shirt below a jacket."""

    NOBODY = 0
    SKIN = 1
    HAIR = 2
    UPPER = 3
    LOWER = 4
    SHOES = 5
    SOCKS = 6
    TRIM = 7
    ACCESSORY = 8


def one_hot(labels: Tensor) -> Tensor:
    """Labels (B, H, W) of any integer type to (B, 9, H, W) float."""
    return functional.one_hot(labels.long(), len(Label)).movedim(-1, 1).float()


def most_frequent(labels: Tensor, factor: int) -> Tensor:
    """The commonest of each factor x factor labels: (B, H, W) to (B, H / factor, W / factor) uint8."""
    return functional.avg_pool2d(one_hot(labels), factor).argmax(1).to(torch.uint8)
