"""What a person can be lifted to without learning: the body itself, a visual hull, inflated depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional

from ..geometry.extract import extract_surface
from ..geometry.simplify import simplify, smooth
from ..models.autoencoder import resize
from ..models.lifter import spread
from ..pipelines.body import PosedSubject

Mesh = tuple[np.ndarray, np.ndarray]

SIZE = 256
_ROUNDNESS = 0.55
"""Half depth over half width of an inflated limb's section."""


def body_mesh(subject: PosedSubject, front: Tensor, back: Tensor, triangles: int) -> Mesh:
    """The conditioning body, bare."""
    return subject.vertices.cpu().numpy(), subject.model.faces.astype(np.int64)


def visual_hull(subject: PosedSubject, front: Tensor, back: Tensor, triangles: int) -> Mesh:
    """All that both silhouettes allow between the body's foremost and hindmost point."""
    outline = _outline(front, back)
    z = subject.vertices[:, 2]
    middle, half = float(z.max() + z.min()) / 2, float(z.max() - z.min()) / 2

    def field(points: Tensor) -> Tensor:
        return torch.maximum(_at(outline, points), (points[:, 2] - middle).abs() - half)

    return _mesh(field, triangles)


def inflation(subject: PosedSubject, front: Tensor, back: Tensor, triangles: int) -> Mesh:
    """The silhouette blown up about the body's middle depth, as round as its distance to the outline."""
    outline = _outline(front, back)
    maps = subject.maps(SIZE)
    solid = maps[:, -1:].amin(0, keepdim=True)
    middle = spread(maps[:, 3:4].mean(0, keepdim=True), solid)
    depth = (-outline).clamp_min(0)
    thick = functional.max_pool2d(depth, 25, stride=1, padding=12)  # of the limb, not of the pixel
    half = _ROUNDNESS * (depth * (2 * thick - depth)).clamp_min(0).sqrt()

    def field(points: Tensor) -> Tensor:
        away = (points[:, 2] - _at(middle, points)).abs() - _at(half, points)
        return torch.maximum(_at(outline, points), away)

    return _mesh(field, triangles)


BASELINES: dict[str, Callable[[PosedSubject, Tensor, Tensor, int], Mesh]] = {
    "body": body_mesh,
    "visual hull": visual_hull,
    "inflation": inflation,
}


def _outline(front: Tensor, back: Tensor) -> Tensor:
    """[1, 1, 256, 256] signed distance to the common silhouette in view units, negative inside."""
    alpha = torch.stack([resize(view[None], SIZE)[0, 3] for view in (front, back)]).amin(0)
    inside = alpha.numpy() > 0.5
    distance = distance_transform_edt(~inside) - distance_transform_edt(inside)
    return torch.from_numpy(distance).float()[None, None] * (2 / SIZE)


def _at(plane: Tensor, points: Tensor) -> Tensor:
    grid = torch.stack([points[:, 0], -points[:, 1]], dim=1)[None, None]
    return functional.grid_sample(plane, grid, padding_mode="border", align_corners=False)[0, 0, 0]


def _mesh(field: Callable[[Tensor], Tensor], triangles: int) -> Mesh:
    vertices, faces = extract_surface(field, resolution=256, coarse=128, lipschitz=3.0)
    return simplify(smooth(vertices, faces, 4), faces, triangles)
