"""What the posed body says of a point in space: how far, which way, and which spot of which limb."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from .body_maps import template_coordinates, vertex_normals

CHUNK = 65536


class BodyField:
    """Features of points near one posed body, by its nearest vertex: a KD-tree on the CPU, brute force on a GPU."""

    def __init__(self, vertices: Tensor, faces: Tensor, template: Tensor) -> None:
        """vertices: [V, 3] posed, view space; faces: [F, 3]; template: [V, 3] unposed, metres."""
        self.vertices = vertices.float()
        self.normals = vertex_normals(self.vertices, faces)
        self.template = template_coordinates(template.float()).to(vertices.device)
        self._tree = cKDTree(self.vertices.numpy()) if vertices.device.type == "cpu" else None

    def nearest(self, points: Tensor) -> Tensor:
        """Index (N,) of the vertex nearest to each point (N, 3)."""
        if self._tree is not None:
            return torch.from_numpy(np.asarray(self._tree.query(points.numpy(), workers=-1)[1], dtype=np.int64))
        return torch.cat([torch.cdist(chunk, self.vertices).argmin(1) for chunk in points.split(CHUNK // 8)])

    def __call__(self, points: Tensor) -> Tensor:
        """Features (N, 7) of points (N, 3): signed distance * 5 (clipped), direction to the body, template spot."""
        index = self.nearest(points)
        towards = self.vertices[index] - points
        distance = towards.norm(dim=1, keepdim=True)
        outside = -(towards * self.normals[index]).sum(1, keepdim=True)
        signed = torch.where(outside >= 0, distance, -distance).clamp(-0.3, 0.3)
        return torch.cat([signed * 5, towards / distance.clamp_min(1e-6), self.template[index]], dim=1)
