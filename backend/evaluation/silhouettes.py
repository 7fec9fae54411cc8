"""Outlines: whether a picture has the shape that was asked for, and whether front and back belong to one person."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..geometry.color import srgb_to_lab

SOLID = 0.5
LAB_SIZE = 128
_SKIRTING, _BAND = 2, 6  # pixels of a 512-pixel picture: what the border blends, how far the band reaches in


def iou(one: Tensor, other: Tensor) -> float:
    """Intersection over union of two alphas (H, W) in [0, 1]; 1 when both are empty."""
    a, b = one > SOLID, other > SOLID
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def share_inside(body: Tensor, person: Tensor) -> float:
    """Which share of the body's alpha (H, W) the person's covers."""
    a, b = body > SOLID, person > SOLID
    return int((a & b).sum()) / max(1, int(a.sum()))


def outline_step(pictures: Tensor) -> float | None:
    """How far the colours of front and back (2, 4, H, W) lie apart along the outline, where both show the same cloth.

    The median Lab distance (CIE76) over a band just inside the outline that they share. There the surface turns
    away from both cameras, so the light is the same. None without a band.
    """
    scale = pictures.shape[-1] / 512
    both = (pictures[:, 3] > 0.95).all(0)
    skirting, reach = (max(1, round(steps * scale)) for steps in (_SKIRTING, _BAND))
    band = _eroded(both, skirting) & ~_eroded(both, reach)
    if not bool(band.any()):
        return None
    front, back = srgb_to_lab(pictures[:, :3].permute(0, 2, 3, 1)[:, band])
    return float((front - back).norm(dim=-1).median())


def _eroded(mask: Tensor, pixels: int) -> Tensor:
    outside, width = (~mask).float()[None, None], 2 * pixels + 1
    along = functional.max_pool2d(outside, (1, width), 1, (0, pixels))
    return functional.max_pool2d(along, (width, 1), 1, (pixels, 0))[0, 0] == 0


def lab_distance(one: Tensor, other: Tensor) -> float:
    """Mean Lab distance (CIE76) of two RGBA pictures (4, H, W) before mid-grey, over the union of their silhouettes.

    Meant for pictures of :data:`LAB_SIZE`, where a fold beside its place costs less than a wrong colour.
    """
    pair = torch.stack([one, other])
    flat = pair[:, :3] * pair[:, 3:] + 0.5 * (1 - pair[:, 3:])
    lab = srgb_to_lab(flat.permute(0, 2, 3, 1))
    person = (pair[:, 3] > SOLID).any(0)
    return float((lab[0] - lab[1]).norm(dim=-1)[person].mean()) if bool(person.any()) else 0.0
