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
_EDGE = 1e-3  # pixels; closes the cracks that rounding opens between neighbours


class Fragments(NamedTuple):
    """Every (triangle, pixel) pair whose pixel centre lies in the triangle."""

    face: Tensor  # [N] index into the faces
    pixel: Tensor  # [N] row * size + column
    depth: Tensor  # [N] z in view space, larger is nearer to the front camera
    planes: Tensor  # [F, 2, 3] coefficients (column, row, 1) of the first two barycentrics of each face
    origin: Tensor  # [F, 2] column and row that each face's planes count from
    size: int

    def barycentric(self, chosen: Tensor) -> Tensor:
        """Barycentrics (M, 3) of the fragments at index ``chosen`` (M,)."""
        pixel = self.pixel[chosen]
        row = torch.div(pixel, self.size, rounding_mode="floor")
        column = pixel - row * self.size
        face = self.face[chosen]
        planes, origin = self.planes[face], self.origin[face]
        column, row = column - origin[:, 0], row - origin[:, 1]
        w = planes[..., 0] * column.unsqueeze(1) + planes[..., 1] * row.unsqueeze(1) + planes[..., 2]
        return torch.cat([w, 1 - w.sum(1, keepdim=True)], dim=1)


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
    """Expand triangles into rows and rows into fragments; no candidate outside its triangle is ever made.

    Args:
        vertices: [V, 3] in view space [-1, 1]^3; what lies outside the picture is clipped.
        faces: [F, 3] integer.
        size: height and width of the picture in pixels.
    """
    corners = vertices[faces].float()
    xs = (corners[..., 0] + 1) * (size / 2) - 0.5
    ys = (1 - corners[..., 1]) * (size / 2) - 0.5
    x0, y0 = (
        xs[:, 0].floor(),
        ys[:, 0].floor(),
    )  # planes are relative to a pixel of the face: far coordinates cost digits
    planes = _barycentric_planes(xs - x0[:, None], ys - y0[:, None])

    top = ys.amin(1).ceil().clamp(0, size).long()
    bottom = ys.amax(1).floor().clamp(-1, size - 1).long()
    face_of_row, step = _expand((bottom - top + 1).clamp_min(0) * (planes.abs().sum((1, 2)) > 0))
    row = top[face_of_row] + step

    # A row's span is where all three barycentrics are >= 0: each bounds the column from one side.
    coefficients = torch.cat([planes, _third(planes)], dim=1)[face_of_row]  # [R, 3, 3]
    local_row = row - y0[face_of_row]
    slope, rest = coefficients[..., 0], coefficients[..., 1] * local_row.unsqueeze(1) + coefficients[..., 2]
    bound = -rest / torch.where(slope == 0, torch.ones_like(slope), slope)
    limit = 2.0 * size
    low = torch.where(slope > 0, bound, -limit).amax(1)
    high = torch.where(slope < 0, bound, limit).amin(1)
    high = torch.where(((slope == 0) & (rest < -_EDGE)).any(1), -limit, high)
    start = x0[face_of_row]
    first = (low + start - _EDGE).ceil().clamp(0, size).long()
    last = (high + start + _EDGE).floor().clamp(-1, size - 1).long()

    zs = corners[..., 2][face_of_row]
    dz = (zs * slope).sum(1)
    z0 = (zs * rest).sum(1)
    span, step = _expand((last - first + 1).clamp_min(0))
    column = first[span] + step
    depth = z0[span] + dz[span] * (column - start[span])
    return Fragments(face_of_row[span], (row * size)[span] + column, depth, planes, torch.stack([x0, y0], dim=1), size)


def _barycentric_planes(xs: Tensor, ys: Tensor) -> Tensor:
    """Coefficients (F, 2, 3) of the first two barycentrics as planes over (column, row); zeros for slivers."""
    x0, x1, x2 = xs.unbind(1)
    y0, y1, y2 = ys.unbind(1)
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    first = torch.stack([y1 - y2, x2 - x1, x1 * y2 - x2 * y1], dim=1)
    second = torch.stack([y2 - y0, x0 - x2, x2 * y0 - x0 * y2], dim=1)
    inverse = torch.where(area.abs() > 1e-9, 1 / area, torch.zeros_like(area))
    return torch.stack([first, second], dim=1) * inverse.view(-1, 1, 1)


def _third(planes: Tensor) -> Tensor:
    """The plane (F, 1, 3) of the third barycentric, since the three add up to 1."""
    return planes.new_tensor([0.0, 0.0, 1.0]) - planes.sum(1, keepdim=True)


def _expand(counts: Tensor) -> tuple[Tensor, Tensor]:
    """For counts (N,): the owner of each of the sum(counts) elements and its place within the owner."""
    owner = torch.repeat_interleave(counts)
    starts = torch.cumsum(counts, 0) - counts
    return owner, torch.arange(owner.numel(), device=counts.device) - starts[owner]


def resolve(fragments: Fragments, side: str = "front") -> Layer:
    """The nearest fragment of each pixel for the ``front`` (largest z) or ``back`` (smallest z) camera."""
    size = fragments.size
    depth = fragments.depth if side == "front" else -fragments.depth
    quantised = ((depth.clamp(-4, 4) + 4) * (_DEPTH_STEPS / 8)).long()
    keys = (quantised << 32) | torch.arange(depth.numel(), device=depth.device)
    best = keys.new_full((size * size,), -1)
    best.scatter_reduce_(0, fragments.pixel, keys, "amax")
    seen = best >= 0
    chosen = best[seen] & 0xFFFFFFFF
    face = best.new_full((size * size,), -1)
    barycentric = depth.new_zeros((size * size, 3))
    z = depth.new_zeros(size * size)
    face[seen] = fragments.face[chosen]
    barycentric[seen] = fragments.barycentric(chosen)
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
    return resolve(fragments, "front"), resolve(fragments, "back")
