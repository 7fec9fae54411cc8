"""Which pixels of a view show a garment, and its colour."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..geometry.color import srgb_to_lab
from ..models.labels import Label

LIGHTNESS_SHARE = 0.6
"""How much a difference in lightness counts against one in colour: folds shade the cloth, they do not tint it."""
REACH = 42.0
"""Distance from the garment's colour up to which a texel can be of it."""
_FEWEST = 20  # pixels of which a colour is read


@dataclass(frozen=True)
class Garment:
    """A garment in one view."""

    amount: Tensor  # [H, W] in [0, 1]
    lab: Tensor  # [3] its colour


def garment_of(view: Tensor, labels: Tensor, label: Label) -> Garment | None:
    """Find what has a label, or None where hardly anything has it.

    Args:
        view: [4, H, W] straight RGBA in [0, 1], on the CPU.
        labels: [H', W'] Label of its pixels.
        label: of the garment.
    """
    mask = (labels == label).float()[None, None]
    soft = functional.interpolate(mask, view.shape[-2:], mode="bilinear")[0, 0] * (view[3] > 0.5)
    inside = soft > 0.99
    if int(inside.sum()) < _FEWEST:
        return None
    cloth = srgb_to_lab(view[:3, inside].T).median(0).values
    return Garment(((soft - 0.25) * 2).clamp(0, 1), cloth)


def distance_to(lab: Tensor, colour: Tensor) -> Tensor:
    """Distance (...) of Lab colours (..., 3) to another (3,)."""
    difference = lab - colour
    tint = torch.hypot(difference[..., 1], difference[..., 2])
    return torch.hypot(LIGHTNESS_SHARE * difference[..., 0], tint)
