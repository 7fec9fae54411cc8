"""Bake the front and back pictures and the albedo field into one texture, in linear light.

Each texel takes its colour from the picture that sees it squarely and unoccluded; where none does, from the field,
shifted so that it meets the pictures' colours without a seam, or without a field from the nearest seen surface.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional

from rigging.mesh_graph import dilate, unique_edges
from rigging.weld import weld

from .color import linear_to_srgb, srgb_to_linear
from .inpaint import push_pull, spread
from .rasterize import make_fragments, rasterize, resolve

Albedo = Callable[[Tensor], Tensor]

GRAZING, SQUARE = 0.15, 0.5
"""Cosines between normal and view axis: below the first a picture counts nothing, above the second fully."""

_CHUNK = 1 << 17
_RINGS = (2, 3, 4)  # pixels kept from what lies in front, more than filtering mixes; the steps make it a soft border
_DOUBT = 0.3  # trust up to which a vertex says nothing to its neighbours
_SEAM_RINGS = 12  # of vertices beside a seam, where field and pictures are compared


def bake_texture(
    vertices: np.ndarray,
    normals: np.ndarray,
    faces: np.ndarray,
    uvs: np.ndarray,
    front_rgba: np.ndarray,
    back_rgba: np.ndarray,
    field_albedo: Albedo | None = None,
    size: int = 1024,
) -> np.ndarray:
    """The texture of a mesh seen from the front and from the back.

    Args:
        vertices: (V, 3) in view space, split along the charts.
        normals: (V, 3) unit.
        faces: (F, 3) integer.
        uvs: (V, 2) in [0, 1], origin lower left, charts disjoint.
        front_rgba: (H, W, 4) sRGB with straight alpha in [0, 1]; colours where alpha is low are never used.
        back_rgba: the same for the back, as seen through the body.
        field_albedo: maps [N, 3] float32 points in view space to [N, 3] sRGB in [0, 1].
        size: height and width of the texture in pixels.

    Returns:
        (size, size, 3) uint8 sRGB; texels outside the charts hold the nearest chart's colour.
    """
    mesh = _Mesh(torch.from_numpy(np.asarray(vertices, np.float32)), torch.from_numpy(np.asarray(faces, np.int64)))
    views = _make_views(mesh, front_rgba, back_rgba)
    plane = torch.from_numpy(np.asarray(uvs, np.float32)) * 2 - 1
    layer = resolve(make_fragments(functional.pad(plane, (0, 1)), mesh.faces, size))
    inside = layer.mask
    corners = mesh.faces[layer.face[inside]]
    weights = layer.barycentric[inside].clamp(0, 1)
    points = _blend(mesh.vertices, corners, weights)
    unit_normals = torch.from_numpy(np.asarray(normals, np.float32))
    seen, trust = _project(views, points, functional.normalize(_blend(unit_normals, corners, weights), dim=1))

    unseen = _blend(_unseen_colors(views, mesh, unit_normals, field_albedo), corners, weights)
    if field_albedo is not None:
        unseen += _field_at_texels(field_albedo, points, trust, inside)
    unseen = srgb_to_linear(unseen.clamp(0, 1))
    color = seen * trust[:, None] + unseen * (1 - trust[:, None])

    texture = torch.zeros(size, size, 3, dtype=torch.uint8)
    texture[inside] = (linear_to_srgb(color) * 255).round().to(torch.uint8)
    return _nearest_known(texture, inside).numpy()


@dataclass(frozen=True)
class _Mesh:
    vertices: Tensor  # [V, 3]
    faces: Tensor  # [F, 3]


@dataclass(frozen=True)
class _View:
    """One picture, ready to be sampled."""

    side: float  # 1 front, -1 back
    color: Tensor  # [1, 3, H, W] linear, extended beyond the silhouette
    trust: Tensor  # [1, 1, H, W] 1 well inside the silhouette, 0 at its edge
    nearest: Tensor  # [1, len(_RINGS), D, D] side * z of the nearest surface within each ring


def _make_views(mesh: _Mesh, front_rgba: np.ndarray, back_rgba: np.ndarray) -> list[_View]:
    layers = rasterize(mesh.vertices, mesh.faces, max(len(front_rgba), len(back_rgba)))
    views = []
    for side, rgba, layer in zip((1.0, -1.0), (front_rgba, back_rgba), layers, strict=True):
        picture = torch.from_numpy(np.asarray(rgba, np.float32)).permute(2, 0, 1)
        margin = max(1, round(picture.shape[1] / 256))
        solid = -_widest(-(picture[3:] > 0.95).float()[None], margin)
        color = _nearest_known(srgb_to_linear(picture[:3].movedim(0, -1)), solid[0, 0] > 0).movedim(-1, 0)
        depth = torch.where(layer.mask, layer.depth * side, -torch.inf)[None, None]
        nearest = torch.cat([_widest(depth, ring) for ring in _RINGS], dim=1)
        soft = functional.avg_pool2d(solid, 3, stride=1, padding=1)
        views.append(_View(side, color[None], soft, nearest))
    return views


def _nearest_known(picture: Tensor, known: Tensor) -> Tensor:
    """A picture (H, W, C) whose unknown pixels take the nearest known one's colour."""
    if not bool(known.any()):
        return picture
    row, column = distance_transform_edt(~known.numpy(), return_distances=False, return_indices=True)
    return picture[torch.from_numpy(row).long(), torch.from_numpy(column).long()]


def _widest(picture: Tensor, ring: int) -> Tensor:
    """The largest value within ``ring`` pixels."""
    return functional.max_pool2d(picture, 2 * ring + 1, stride=1, padding=ring)


def _blend(attributes: Tensor, corners: Tensor, weights: Tensor) -> Tensor:
    """Attributes (V, C) interpolated at places (N) given by corner indices and barycentrics, (N, 3) each."""
    first, second, third = (attributes[corners[:, i]] * weights[:, i : i + 1] for i in range(3))
    return first + second + third


def _project(views: list[_View], points: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
    """Colours (N, 3) that the pictures give surface points (N, 3), and how much they are to be trusted (N,)."""
    color = torch.zeros_like(points)
    trust = points.new_zeros(len(points))
    for view in views:
        cosine = view.side * normals[:, 2]
        chosen = torch.nonzero(cosine > GRAZING).squeeze(1)
        spot, cosine = points[chosen], cosine[chosen]
        grid = torch.stack([spot[:, 0], -spot[:, 1]], dim=1)[None, None]
        ramp = ((cosine - GRAZING) / (SQUARE - GRAZING)).clamp(0, 1)
        inside = functional.grid_sample(view.trust, grid, align_corners=False)[0, 0, 0]
        weight = ramp * ramp * (3 - 2 * ramp) * inside * _visibility(view, spot, cosine, grid)
        sample = functional.grid_sample(view.color, grid, padding_mode="border", align_corners=False)
        color[chosen] = sample[0, :, 0].T
        trust[chosen] = weight
    return color, trust


def _visibility(view: _View, points: Tensor, cosine: Tensor, grid: Tensor) -> Tensor:
    """1 where nothing lies in front of a point within the widest ring, less towards what occludes it, (N,)."""
    nearest = functional.grid_sample(view.nearest, grid, mode="nearest", align_corners=False)[0, :, 0]
    slope = (1 - cosine * cosine).clamp_min(0).sqrt() / cosine
    pixel = 2 / view.nearest.shape[-1]
    clear = torch.zeros_like(cosine)
    for ring, nearest_in_ring in zip(_RINGS, nearest, strict=True):
        allowed = pixel * (1.5 + 1.5 * ring * slope)
        clear += (nearest_in_ring <= view.side * points[:, 2] + allowed).float()
    return clear / len(_RINGS)


def _unseen_colors(views: list[_View], mesh: _Mesh, normals: Tensor, field_albedo: Albedo | None) -> Tensor:
    """What each vertex's seen surroundings suggest, (V, 3): a colour, or an offset to the field's; both in sRGB,
    where a shift is as visible on dark as on bright."""
    welded = weld(mesh.vertices.numpy(), mesh.faces.numpy())
    first = np.zeros(len(welded.vertices), dtype=np.int64)
    first[welded.of_original[::-1]] = np.arange(len(welded.of_original))[::-1]
    points = mesh.vertices[first]
    linear, trust = _project(views, points, normals[first])
    values = linear_to_srgb(linear)
    sure = ((trust - _DOUBT) / (1 - _DOUBT)).clamp_min(0)
    blur, reach = 0.003, math.inf
    if field_albedo is not None:
        beside = dilate(trust.numpy() < 0.99, unique_edges(welded.faces), _SEAM_RINGS)
        sure *= torch.from_numpy(beside)
        chosen = sure > 0
        values[chosen] -= _evaluate(field_albedo, points[chosen])
        blur, reach = 0.01, 0.3
    extended = spread(values.double().numpy(), sure.double().numpy(), welded.vertices, welded.faces, blur, reach)
    return torch.from_numpy(extended).float()[torch.from_numpy(welded.of_original)]


def _field_at_texels(field_albedo: Albedo, points: Tensor, trust: Tensor, inside: Tensor) -> Tensor:
    """The field's sRGB (N, 3) at each texel that needs it, asked at every second row and column."""
    size = inside.shape[0]
    row, column = torch.nonzero(inside, as_tuple=True)
    asked = torch.nonzero((trust < 0.999) & (row % 2 == 0) & (column % 2 == 0)).squeeze(1)
    half = torch.zeros(3, (size + 1) // 2, (size + 1) // 2)
    known = torch.zeros(half.shape[1:], dtype=torch.bool)
    half[:, row[asked] // 2, column[asked] // 2] = _evaluate(field_albedo, points[asked]).T
    known[row[asked] // 2, column[asked] // 2] = True
    half = push_pull(half, known)
    # sample (i, j) of ``half`` stands at texel (2 i, 2 j)
    grid = torch.stack([column, row], dim=1) / 2
    grid = (grid + 0.5) * (2 / half.shape[1]) - 1
    return functional.grid_sample(half[None], grid[None, None], padding_mode="border", align_corners=False)[0, :, 0].T


def _evaluate(field_albedo: Albedo, points: Tensor) -> Tensor:
    """The field in sRGB (N, 3)."""
    parts = [field_albedo(part).float().cpu().clamp(0, 1) for part in points.split(_CHUNK)]
    return torch.cat(parts) if parts else torch.zeros_like(points)
