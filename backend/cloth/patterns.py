"""Patterns of cloth: how a colour in Lab changes from place to place over a garment.

Places are in metres over the unposed cloth, ``across`` from the middle to the sides and ``along`` from the hem upwards,
so a pattern keeps its size whatever the picture's, and runs on from the front to the back.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

WOVEN = ("stripes", "checks", "dots")
PATTERNS = (*WOVEN, "camouflage", "floral")
REPEAT = 0.05
"""Metres after which a woven pattern comes again."""
_DARKER, _LIGHTER = -38.0, 42.0
_BLOTCH = 0.075  # metres, about the width of a camouflage's patches


def weave(
    lab: Tensor, across: Tensor, along: Tensor, pattern: str, soft: float = 0.0, lightness: Tensor | None = None
) -> Tensor:
    """Cloth colours with a pattern over them.

    Args:
        lab: [N, 3] of the plain cloth, with its folds.
        across, along: [N] metres.
        pattern: of PATTERNS.
        soft: metres over which an edge fades, about a pixel of the picture that is painted.
        lightness: [] of the cloth as a whole, which says whether a pattern is darker or lighter; else each place's own.

    Returns:
        [N, 3] Lab.
    """
    base = lab[:, 0] if lightness is None else lightness.expand(len(lab))
    x, y, soft = across / REPEAT, along / REPEAT, soft / REPEAT
    if pattern == "camouflage":
        return _camouflage(lab, base, across, along, soft * REPEAT / _BLOTCH)
    if pattern == "floral":
        return _floral(lab, base, x / 1.4, y / 1.4, soft / 1.4)
    if pattern == "stripes":
        amount = _line(y, soft)
    elif pattern == "checks":
        amount = 0.5 * (_line(x, soft) + _line(y, soft))
    else:
        row = torch.floor(y)
        dx, dy = ((x + 0.5 * (row % 2)) % 1.0) - 0.5, (y % 1.0) - 0.5
        amount = _inside(0.075**0.5 - torch.hypot(dx, dy), soft)
    contrast = torch.where(base > 50, _DARKER, _LIGHTER)
    return _moved(lab, contrast * amount, 1 - 0.5 * amount)


def _camouflage(lab: Tensor, base: Tensor, across: Tensor, along: Tensor, soft: float) -> Tensor:
    """Patches of a darker and of a lighter tone, by two sums of waves that never repeat on one person."""
    x, y = across * (math.tau / _BLOTCH), along * (math.tau / _BLOTCH)

    def field(*waves: tuple[float, float, float]) -> Tensor:
        return torch.stack([torch.sin(p * x + q * y + phase) for p, q, phase in waves]).sum(0)

    dark = field((0.31, 0.67, 0.3), (0.83, -0.27, 2.1), (-0.57, 0.91, 4.0), (1.37, 0.49, 1.2))
    light = field((0.43, -0.71, 1.7), (0.79, 0.37, 5.2), (-0.29, -1.03, 0.8), (1.13, -0.61, 3.3))
    dark_amount, light_amount = _inside(dark - 0.55, 4 * soft), _inside(light - 0.7, 4 * soft)
    room = torch.where(base > 30, 1.0, -1.0)  # nearly black cloth has nothing darker
    change = -22 * room * dark_amount + 16 * light_amount * (1 - dark_amount)
    return _moved(lab, change, 1 - 0.35 * dark_amount - 0.25 * light_amount * (1 - dark_amount))


def _floral(lab: Tensor, base: Tensor, x: Tensor, y: Tensor, soft: float) -> Tensor:
    """Flowers of five petals, one a cell, each moved, turned and sized in its own way."""
    row = torch.floor(y)
    x = x + 0.5 * (row % 2)
    column = torch.floor(x)
    chance = [torch.frac(torch.sin(column * p + row * q) * 437.58).abs() for p, q in ((12.99, 78.23), (39.35, 11.13))]
    dx, dy = x - column - 0.5 - 0.24 * (chance[0] - 0.5), y - row - 0.5 - 0.24 * (chance[1] - 0.5)
    radius, angle = torch.hypot(dx, dy), torch.atan2(dy, dx) + math.tau * chance[0]
    petal = (0.26 + 0.1 * chance[1]) * (0.55 + 0.45 * torch.cos(2.5 * angle).abs())
    petals, heart = _inside(petal - radius, soft), _inside(0.075 - radius, soft)
    pale = torch.where(base > 68, lab.new_tensor(-34.0), 88 - lab[:, 0])
    out = _moved(lab, pale * petals, 1 - 0.7 * petals)
    return torch.lerp(out, lab.new_tensor([72.0, 12.0, 60.0]).expand_as(out), heart.unsqueeze(1))


def _line(x: Tensor, soft: float) -> Tensor:
    """1 in the first two fifths of every unit."""
    return _inside(0.2 - ((x + 0.3) % 1.0 - 0.5).abs(), soft)


def _inside(distance: Tensor, soft: float) -> Tensor:
    """1 where a distance to an edge is positive, fading to 0 over ``soft`` about it."""
    return (distance / soft + 0.5).clamp(0, 1) if soft > 0 else (distance > 0).to(distance.dtype)


def _moved(lab: Tensor, lightness: Tensor, chroma: Tensor) -> Tensor:
    return torch.cat([(lab[:, :1] + lightness.unsqueeze(1)).clamp(2, 98), lab[:, 1:] * chroma.unsqueeze(1)], dim=1)
