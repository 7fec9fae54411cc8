"""What the posed body says of a point in space: how far, which way, and which spot of which limb."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from .body_maps import template_coordinates, vertex_normals

CHUNK = 8192
NEIGHBOURS = 4
SPACING = 0.03
"""View units, about the distance between neighbouring vertices of a limb."""


class BodyField:
    """Features of points near one posed body, by its nearest vertices: a KD-tree on the CPU, brute force on a GPU.

    Values are blended over the nearest four vertices and the distance is measured to their tangent planes: the distance
    to a single vertex would print the mesh's rings onto the surface.
    """

    def __init__(self, vertices: Tensor, faces: Tensor, template: Tensor) -> None:
        """vertices: [V, 3] posed, view space; faces: [F, 3]; template: [V, 3] unposed, metres."""
        self.vertices = vertices.float()
        self.normals = vertex_normals(self.vertices, faces)
        self.template = template_coordinates(template.float()).to(vertices.device)
        self._tree = cKDTree(self.vertices.numpy()) if vertices.device.type == "cpu" else None

    def nearest(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Distances and indices (N, 4) of the vertices nearest to each point (N, 3), nearest first."""
        if self._tree is not None:
            distance, index = self._tree.query(points.numpy(), k=NEIGHBOURS, workers=-1)
            return torch.from_numpy(distance.astype(np.float32)), torch.from_numpy(index.astype(np.int64))
        found = [torch.cdist(chunk, self.vertices).topk(NEIGHBOURS, largest=False) for chunk in points.split(CHUNK)]
        return torch.cat([f.values for f in found]), torch.cat([f.indices for f in found])

    def __call__(self, points: Tensor) -> Tensor:
        """Features (N, 7) of points (N, 3): signed distance * 5 (clipped), direction to the body, template spot."""
        distance, index = self.nearest(points)
        weights = 1 / (distance.square() + 1e-6)
        weights = (weights / weights.sum(1, keepdim=True)).unsqueeze(2)
        towards = self.vertices[index] - points.unsqueeze(1)
        plane = -((towards * self.normals[index]).sum(2, keepdim=True) * weights).sum(1)
        # Far away the planes say little and the vertices enough.
        size = torch.maximum(plane.abs(), distance[:, :1] - SPACING)
        signed = torch.where(plane >= 0, size, -size).clamp(-0.3, 0.3)
        direction = torch.nn.functional.normalize((towards * weights).sum(1), dim=1, eps=1e-6)
        return torch.cat([signed * 5, direction, (self.template[index] * weights).sum(1)], dim=1)
