"""A person of capsules: signed distance, and a colour for each place, with colours that tell the sides apart."""

from __future__ import annotations

import torch
from torch import Tensor

# start, end, radius of the start, radius of the end; view space, arms slightly down, facing +z
BONES = [
    ((0.0, -0.05, 0.0), (0.0, 0.38, -0.01), 0.15, 0.17),  # torso
    ((0.0, 0.45, 0.0), (0.0, 0.60, 0.0), 0.07, 0.06),  # neck
    ((0.0, 0.70, 0.01), (0.0, 0.74, 0.02), 0.12, 0.12),  # head
    ((0.0, 0.69, 0.12), (0.0, 0.67, 0.15), 0.03, 0.02),  # nose
    *[((0.17 * s, 0.45, 0.0), (0.45 * s, 0.20, -0.02), 0.065, 0.05) for s in (1, -1)],  # upper arms
    *[((0.45 * s, 0.20, -0.02), (0.68 * s, -0.02, 0.05), 0.05, 0.035) for s in (1, -1)],  # forearms
    *[((0.68 * s, -0.02, 0.05), (0.76 * s, -0.09, 0.08), 0.035, 0.025) for s in (1, -1)],  # hands
    *[((0.09 * s, -0.12, 0.0), (0.13 * s, -0.48, 0.02), 0.095, 0.07) for s in (1, -1)],  # thighs
    *[((0.13 * s, -0.48, 0.02), (0.15 * s, -0.83, -0.02), 0.068, 0.045) for s in (1, -1)],  # shins
    *[((0.15 * s, -0.86, -0.03), (0.17 * s, -0.87, 0.13), 0.04, 0.03) for s in (1, -1)],  # feet
]

RED, BLUE = (0.80, 0.10, 0.08), (0.06, 0.16, 0.75)
SKIN, TROUSERS = (0.75, 0.45, 0.30), (0.15, 0.15, 0.18)


def person_sdf(points: Tensor) -> Tensor:
    """Distance (N,) of points (N, 3), up to the taper of the capsules."""
    nearest = points.new_full((len(points),), 10.0)
    for start, end, r0, r1 in BONES:
        a, b = points.new_tensor(start), points.new_tensor(end)
        along = ((points - a) @ (b - a) / (b - a).square().sum()).clamp(0, 1)
        distance = (points - a - along[:, None] * (b - a)).norm(dim=1) - (r0 + (r1 - r0) * along)
        nearest = torch.minimum(nearest, distance)
    return nearest


def person_colour(points: Tensor) -> Tensor:
    """sRGB (N, 3) in 0..1: a striped top, red before and blue behind, dark trousers, skin and hair."""
    x, y, z = points.unbind(1)
    front = torch.sigmoid(z / 0.01)[:, None]
    top = front * points.new_tensor(RED) + (1 - front) * points.new_tensor(BLUE)
    top = top * torch.where(torch.sin(y * 60) > 0, 1.0, 0.6)[:, None]
    colour = points.new_tensor(SKIN).expand(len(points), 3)
    colour = torch.where(((y < 0.47) & (y > -0.12))[:, None], top, colour)
    colour = torch.where(((y <= -0.12) & (y > -0.8) & (x.abs() < 0.3))[:, None], points.new_tensor(TROUSERS), colour)
    return torch.where(
        ((y > 0.80) | ((z < -0.02) & (y > 0.62)))[:, None], points.new_tensor((0.12, 0.07, 0.03)), colour
    )
