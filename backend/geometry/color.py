"""sRGB, linear light and CIE Lab (D65, 2 degrees) on torch tensors whose last axis is the colour."""

from __future__ import annotations

import torch
from torch import Tensor

_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.95047, 1.0, 1.08883)


def srgb_to_linear(srgb: Tensor) -> Tensor:
    """sRGB in [0, 1] (..., 3) to linear light."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp_min(0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Linear light (..., 3) to sRGB, clipped to [0, 1]."""
    linear = linear.clamp(0, 1)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(1e-8) ** (1 / 2.4) - 0.055)


def srgb_to_lab(srgb: Tensor) -> Tensor:
    """sRGB in [0, 1] (..., 3) to Lab: L in [0, 100], a and b about [-110, 110]."""
    matrix = srgb.new_tensor(_TO_XYZ)
    xyz = srgb_to_linear(srgb) @ matrix.T / srgb.new_tensor(_WHITE)
    f = torch.where(xyz > 0.008856, xyz.clamp_min(1e-8) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)


def lab_to_srgb(lab: Tensor) -> Tensor:
    """Lab (..., 3) to sRGB, clipped to [0, 1]."""
    return linear_to_srgb(lab_to_linear(lab))


def lab_to_linear(lab: Tensor) -> Tensor:
    """Lab (..., 3) to linear light, clipped to [0, 1]."""
    lightness, a, b = lab.unbind(-1)
    y = (lightness + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], dim=-1)
    xyz = torch.where(f > 0.206893, f**3, (f - 16 / 116) / 7.787) * lab.new_tensor(_WHITE)
    return (xyz @ torch.linalg.inv(lab.new_tensor(_TO_XYZ)).T).clamp(0, 1)
