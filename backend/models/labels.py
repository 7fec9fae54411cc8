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


def decided(logits: Tensor) -> Tensor:
    """Labels (B, H, W) of logits (B, 9, H, W), each decided together with its neighbours: outlines run straight."""
    kernel = logits.new_tensor([1.0, 6.0, 15.0, 20.0, 15.0, 6.0, 1.0]) / 64
    padded = functional.pad(logits.softmax(1), (3, 3, 3, 3), mode="replicate").flatten(0, 1).unsqueeze(1)
    rows = functional.conv2d(padded, kernel.view(1, 1, 7, 1))
    return functional.conv2d(rows, kernel.view(1, 1, 1, 7)).view_as(logits).argmax(1)


def most_frequent(labels: Tensor, factor: int) -> Tensor:
    """The commonest of each factor x factor labels: (B, H, W) to (B, H / factor, W / factor) uint8."""
    return functional.avg_pool2d(one_hot(labels), factor).argmax(1).to(torch.uint8)
