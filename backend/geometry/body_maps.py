"""Conditioning maps: what the networks are told of the posed body, in the pixels of the pictures.

Eight channels a side: surface normal (3), depth (1), template coordinate of the surface point (3), silhouette (1).
The template coordinate is the point's place on the unposed template, so that each pixel knows which spot of which
limb it shows, whatever the pose (dense correspondence as colour).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .rasterize import Layer, rasterize

CHANNELS = 8


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Area-weighted unit normals (V, 3) of a mesh with vertices (V, 3) and faces (F, 3)."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face_normals = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(vertices)
    for corner in range(3):
        normals.index_add_(0, faces[:, corner], face_normals)
    return torch.nn.functional.normalize(normals, dim=1, eps=1e-12)


def template_coordinates(template: Tensor) -> Tensor:
    """Template vertices (V, 3) in metres, scaled into [-1, 1]^3 by their own box."""
    low, high = template.amin(0), template.amax(0)
    return (template - (low + high) / 2) / ((high - low).amax() / 2)


def body_maps(vertices: Tensor, faces: Tensor, template: Tensor, size: int) -> Tensor:
    """Conditioning maps of a posed body.

    Args:
        vertices: [V, 3] posed body in view space.
        faces: [F, 3] integer.
        template: [V, 3] unposed template of the same topology, metres.
        size: height and width in pixels.

    Returns:
        [2, 8, size, size] float32 in [-1, 1]: front, back. Zeros off the body; the silhouette is 0 or 1.
    """
    attributes = torch.cat([vertex_normals(vertices, faces), vertices[:, 2:3], template_coordinates(template)], dim=1)
    return torch.stack([_side(layer, faces, attributes) for layer in rasterize(vertices, faces, size)])


def _side(layer: Layer, faces: Tensor, attributes: Tensor) -> Tensor:
    values = layer.interpolate(faces, attributes.float())
    return torch.cat([values, layer.mask.unsqueeze(-1).float()], dim=-1).permute(2, 0, 1)
