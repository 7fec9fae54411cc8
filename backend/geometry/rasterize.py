"""Orthographic z-buffer on plain torch: the same pixels on CPU and CUDA, no compiled step.

Front and back cameras look along the same rays, so the triangles are expanded into fragments once and resolved
twice: the largest z is what the front sees, the smallest what the back sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

_DEPTH_STEPS = 1 << 28


class Fragments(NamedTuple):
    """Every (triangle, pixel) pair whose pixel centre lies in the triangle."""

    face: Tensor  # [N] index into the faces
    pixel: Tensor  # [N] row * size + column
    barycentric: Tensor  # [N, 3]
    depth: Tensor  # [N] z in view space, larger is nearer to the front camera


@dataclass(frozen=True)
class Layer:
    """What one camera sees; pixels without a surface have face -1 and zeros elsewhere."""

    face: Tensor  # [H, W] int64
    barycentric: Tensor  # [H, W, 3]
    depth: Tensor  # [H, W] z in view space

    @property
    def mask(self) -> Tensor:
        """[H, W] bool, where a surface is seen."""
        return self.face >= 0

    def interpolate(self, faces: Tensor, attributes: Tensor) -> Tensor:
        """Attributes of the vertices (V, C), at each pixel (H, W, C); zeros where nothing is seen."""
        out = attributes.new_zeros((*self.face.shape, attributes.shape[-1]))
        seen = self.mask
        corners = attributes[faces[self.face[seen]]]
        out[seen] = (corners * self.barycentric[seen].unsqueeze(-1).to(attributes.dtype)).sum(1)
        return out


def make_fragments(vertices: Tensor, faces: Tensor, size: int) -> Fragments:
    """Expand triangles into fragments.

    Args:
        vertices: [V, 3] in view space [-1, 1]^3; what lies outside the picture is clipped.
        faces: [F, 3] integer.
        size: height and width of the picture in pixels.
    """
    corners = vertices[faces].float()
    xs = (corners[..., 0] + 1) * (size / 2) - 0.5
    ys = (1 - corners[..., 1]) * (size / 2) - 0.5
    left = xs.amin(1).ceil().clamp(0, size).long()
    right = xs.amax(1).floor().clamp(-1, size - 1).long()
    top = ys.amin(1).ceil().clamp(0, size).long()
    bottom = ys.amax(1).floor().clamp(-1, size - 1).long()
    widths = (right - left + 1).clamp_min(0)
    counts = widths * (bottom - top + 1).clamp_min(0)

    face = torch.repeat_interleave(counts)
    if face.numel() == 0:
        empty = face.new_zeros(0)
        return Fragments(empty, empty, corners.new_zeros((0, 3)), corners.new_zeros(0))
    starts = torch.cumsum(counts, 0) - counts
    inside_box = torch.arange(face.numel(), device=face.device) - starts[face]
    row_in_box = torch.div(inside_box, widths[face], rounding_mode="floor")
    column = left[face] + inside_box - row_in_box * widths[face]
    row = top[face] + row_in_box

    # Barycentrics are affine in the pixel: precompute the three coefficients a face.
    x0, x1, x2 = xs.unbind(1)
    y0, y1, y2 = ys.unbind(1)
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    inverse = torch.where(area.abs() > 1e-12, 1 / area, torch.zeros_like(area))
    planes = torch.stack(
        [(y1 - y2) * inverse, (x2 - x1) * inverse, (x1 * y2 - x2 * y1) * inverse,
         (y2 - y0) * inverse, (x0 - x2) * inverse, (x2 * y0 - x0 * y2) * inverse],
        dim=1,
    )[face]
    px, py = column.float(), row.float()
    w0 = planes[:, 0] * px + planes[:, 1] * py + planes[:, 2]
    w1 = planes[:, 3] * px + planes[:, 4] * py + planes[:, 5]
    w2 = 1 - w0 - w1
    edge = -1e-4
    keep = ((w0 >= edge) & (w1 >= edge) & (w2 >= edge) & (inverse[face] != 0)).nonzero().squeeze(1)
    face, pixel = face[keep], (row * size + column)[keep]
    barycentric = torch.stack([w0[keep], w1[keep], w2[keep]], dim=1)
    depth = (corners[..., 2][face] * barycentric).sum(1)
    return Fragments(face, pixel, barycentric, depth)


def resolve(fragments: Fragments, size: int, side: str = "front") -> Layer:
    """The nearest fragment of each pixel for the ``front`` (largest z) or ``back`` (smallest z) camera."""
    depth = fragments.depth if side == "front" else -fragments.depth
    quantised = ((depth.clamp(-4, 4) + 4) * (_DEPTH_STEPS / 8)).long()
    index = torch.arange(depth.numel(), device=depth.device)
    keys = (quantised << 32) | index
    best = keys.new_full((size * size,), -1)
    best.scatter_reduce_(0, fragments.pixel, keys, "amax")
    seen = best >= 0
    chosen = best[seen] & 0xFFFFFFFF
    face = best.new_full((size * size,), -1)
    barycentric = depth.new_zeros((size * size, 3))
    z = depth.new_zeros(size * size)
    face[seen] = fragments.face[chosen]
    barycentric[seen] = fragments.barycentric[chosen]
    z[seen] = fragments.depth[chosen]
    return Layer(face.view(size, size), barycentric.view(size, size, 3), z.view(size, size))


def rasterize(vertices: Tensor, faces: Tensor, size: int) -> tuple[Layer, Layer]:
    """The front and back layers of a mesh.

    Args:
        vertices: [V, 3] in view space.
        faces: [F, 3] integer.
        size: height and width in pixels.

    Returns:
        (front, back), both in the front camera's pixels.
    """
    fragments = make_fragments(vertices, faces, size)
    return resolve(fragments, size, "front"), resolve(fragments, size, "back")
