"""Garments that are closed behind: what the front shows of them, the back does, too."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from ..models.labels import Label

_CLOSED = ("t-shirt", "shirt", "sweater", "tunic", "suit jacket", "jacket", "coat", "sportswear")
"""Choices of the slot ``upper_kind`` whose back leaves no skin bare where the front has cloth."""


def closed_behind(words: Mapping[str, str]) -> bool:
    """Whether the upper garment that a prompt names (words by slot) covers the back."""
    return words.get("upper_kind") in _CLOSED


CROTCH = -0.1
"""Height in the body maps' template above which it covers: before bare legs a sleeve may be held."""


def with_closed_back(back: Tensor, front: Tensor, heights: Tensor) -> Tensor:
    """Labels (B, H, W) of backs without bare skin on the trunk where the front (1, H, W) has cloth.

    ``heights`` (1, H', W') are the template's, from the back's body maps.
    """
    heights = functional.interpolate(heights[:, None], back.shape[-2:], mode="nearest")[:, 0]
    cloth = ((front == Label.UPPER) | (front == Label.LOWER)) & (heights > CROTCH)
    return torch.where((back == Label.SKIN) & cloth, front.to(back.dtype), back)
