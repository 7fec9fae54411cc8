"""Ground truth of the outer surface: points seen from around, and signed distances to them.

Garments are open shells over a body, so their union has no inside of its own. What counts is what can be seen: a
point is outside when one of the horizontal or raised cameras sees it in front of the surface; all else is inside. A
skirt so becomes solid between its hem and the legs, which is what a closed mesh of it must be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..geometry.color import linear_to_srgb
from .render import Renderer, rotation_y

YAWS = (0.0, math.pi / 3, 2 * math.pi / 3)
"""Each gives two opposite cameras: six around the person."""
NEAR_SIGMA = (0.012, 0.05)


@dataclass(frozen=True)
class SurfaceSamples:
    """See backend.data.dataset.Sample."""

    points: np.ndarray
    normals: np.ndarray
    albedo: np.ndarray
    queries: np.ndarray
    sdf: np.ndarray
    depth: np.ndarray


def sample_surface(
    renderer: Renderer, generator: torch.Generator, size: int = 256, points: int = 16000, queries: int = 16000
) -> SurfaceSamples:
    """Render around the person and derive surface points and signed distances, in view space."""
    xyz, normals, albedo, cameras = [], [], [], []
    for yaw in YAWS:
        turn = rotation_y(yaw)
        front, back = renderer.views(size, yaw)
        cameras.append((turn, front.depth, back.depth))
        for view in (front, back):
            seen = ~view.depth.isnan()
            row, column = seen.nonzero(as_tuple=True)
            place = torch.stack([(column + 0.5) / size * 2 - 1, 1 - (row + 0.5) / size * 2, view.depth[seen]], dim=1)
            xyz.append(place @ turn)
            normals.append(view.normal[:, seen].T @ turn)
            albedo.append(view.albedo[:, seen].T)
    all_points, all_normals, all_albedo = torch.cat(xyz), torch.cat(normals), torch.cat(albedo)

    chosen = torch.randint(len(all_points), (points,), generator=generator)
    near = all_points[torch.randint(len(all_points), (queries * 3 // 4,), generator=generator)]
    sigma = torch.where(torch.rand(len(near), 1, generator=generator) < 0.6, *NEAR_SIGMA)
    near = near + torch.randn(near.shape, generator=generator) * sigma
    low, high = all_points.amin(0) - 0.1, all_points.amax(0) + 0.1
    loose = low + torch.rand(queries - len(near), 3, generator=generator) * (high - low)
    places = torch.cat([near, loose])
    distance = torch.from_numpy(cKDTree(all_points.numpy()).query(places.numpy(), workers=1)[0]).float()
    sign = torch.where(is_outside(places, cameras), 1.0, -1.0)
    return SurfaceSamples(
        points=all_points[chosen].half().numpy(),
        normals=(all_normals[chosen] * 127).round().to(torch.int8).numpy(),
        albedo=(linear_to_srgb(all_albedo[chosen]) * 255).round().to(torch.uint8).numpy(),
        queries=places.half().numpy(),
        sdf=(distance * sign).half().numpy(),
        depth=torch.stack(cameras[0][1:]).half().numpy(),
    )


def is_outside(points: Tensor, cameras: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Which points (N, 3) some camera sees in front of the surface, or beside it.

    cameras: rotation (3, 3) and the front and back depth maps (S, S), nan where nothing is seen.
    """
    outside = torch.zeros(len(points), dtype=torch.bool)
    for turn, front, back in cameras:
        size = front.shape[0]
        turned = points @ turn.T
        column = ((turned[:, 0] + 1) / 2 * size).long()
        row = ((1 - turned[:, 1]) / 2 * size).long()
        inside_picture = (column >= 0) & (column < size) & (row >= 0) & (row < size)
        index = row.clamp(0, size - 1) * size + column.clamp(0, size - 1)
        z_front, z_back = front.reshape(-1)[index], back.reshape(-1)[index]
        beyond = z_front.isnan() | (turned[:, 2] > z_front) | (turned[:, 2] < z_back)
        outside |= beyond | ~inside_picture
    return outside
