"""Tangent-space normal maps: the fine surface's relief on the decimated mesh."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch.nn import functional

from rigging.normals import vertex_tangents

from .texels import Texels, stride_of

_NEIGHBOURS = 4
_STEEPEST = 0.35  # least cosine between the mesh's and the map's normal; more is another sheet of the surface


def bake_normal_map(
    vertices: np.ndarray,
    normals: np.ndarray,
    faces: np.ndarray,
    uvs: np.ndarray,
    fine_vertices: np.ndarray,
    fine_normals: np.ndarray,
    size: int,
) -> np.ndarray:
    """The normals of a fine mesh as seen from a coarse one that lies along it (Cohen, Olano, Manocha 1998).

    Args:
        vertices: (V, 3) of the coarse mesh, split along the charts; normals: (V, 3) unit; faces: (F, 3).
        uvs: (V, 2), origin lower left.
        fine_vertices, fine_normals: (W, 3) of the fine mesh, same frame.
        size: of the texture.

    Returns:
        (size, size, 3) uint8 in glTF's convention: +x along +u, +y up in the image, +z outward, 128 for zero.
    """
    texels = Texels.of(faces, uvs, size)
    tangents = torch.from_numpy(vertex_tangents(vertices, faces, uvs, normals)).float()
    base, points = (torch.from_numpy(np.asarray(values, np.float32)) for values in (normals, vertices))
    relief = torch.from_numpy(np.asarray(fine_normals, np.float32))
    tree = cKDTree(np.asarray(fine_vertices, np.float32))

    def work(chosen: torch.Tensor) -> torch.Tensor:
        up = functional.normalize(texels.blend(base, chosen), dim=1)
        along = texels.blend(tangents, chosen)
        side = along[:, 3:].sign()
        along = functional.normalize(along[:, :3] - (along[:, :3] * up).sum(1, keepdim=True) * up, dim=1)
        across = torch.linalg.cross(up, along) * side
        distance, index = tree.query(texels.blend(points, chosen).numpy(), k=_NEIGHBOURS)
        near = relief[torch.from_numpy(index)]
        weight = 1 / (torch.from_numpy(distance).float().square() + 1e-8)
        weight = weight * ((near * up[:, None]).sum(2) > _STEEPEST)
        fine = functional.normalize((near * weight[..., None]).sum(1) + 1e-6 * up, dim=1)
        local = torch.stack([(fine * axis).sum(1) for axis in (along, across, up)], dim=1)
        return torch.cat([local[:, :2], local[:, 2:].clamp_min(_STEEPEST)], dim=1)

    return texels.picture(functional.normalize(texels.sparsely(work, stride_of(size)), dim=1) / 2 + 0.5)
