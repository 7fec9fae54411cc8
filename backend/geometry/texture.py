"""Bake the front and back pictures and the albedo field into one texture, in linear light.

Pictures are lit and the field is not: the light that explains the difference is divided out of the pictures. Then each
texel takes its colour from the picture that sees it squarely and unoccluded; where none does, from the field, shifted
so that it meets the pictures' colours without a seam, or without a field from the nearest seen surface.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rigging.laplacian import cotangent_laplacian
from rigging.mesh_graph import dilate, unique_edges
from rigging.weld import weld

from .color import linear_to_srgb, srgb_to_linear
from .inpaint import edges_of, spread
from .light import Light, fit_light
from .rasterize import make_fragments, resolve
from .texels import Texels, nearest_known, stride_of

Albedo = Callable[[Tensor], Tensor]

GRAZING, SQUARE = 0.15, 0.5
"""Cosines between normal and view axis: below the first a picture counts nothing, above the second fully."""

_CHUNK = 1 << 17
# pixels of 512 that are kept from what lies in front, more than filtering mixes; the steps make it a soft border
_RINGS = (2, 3, 4)
_DOUBT = 0.3  # trust up to which a vertex says nothing to its neighbours
_SEAM_RINGS = 12  # of vertices beside a seam, where field and pictures are compared
_STEEP = 25.0  # sRGB in [0, 1] a view unit: the field's slopes that are edges of clothes, gentler ones are its noise
_SEEN = 0.05  # trust from which the field is not smoothed, nor beside it


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
    mesh = _Mesh(
        torch.from_numpy(np.asarray(vertices, np.float32)),
        torch.from_numpy(np.asarray(normals, np.float32)),
        torch.from_numpy(np.asarray(faces, np.int64)),
    )
    views = [_make_view(mesh, side, rgba) for side, rgba in ((1.0, front_rgba), (-1.0, back_rgba))]
    texels = Texels.of(faces, uvs, size)
    points, unit = texels.blend(mesh.vertices), functional.normalize(texels.blend(mesh.normals), dim=1)
    seen, trust = _project(views, points, unit)

    places = _Places.of(mesh, views)
    field = None if field_albedo is None else _evaluate(field_albedo, places.points)
    light = Light.white()
    if field is not None:
        light = fit_light(places.seen, srgb_to_linear(field), places.normals, places.trust)
    seen /= light.shade(unit)
    unseen = texels.blend(_unseen_colors(places, light, field))
    if field_albedo is not None:
        asked = field_albedo
        unseen += texels.sparsely(lambda chosen: _evaluate(asked, points[chosen]), stride_of(size), trust < 0.999)
    return texels.picture(linear_to_srgb(torch.lerp(srgb_to_linear(unseen.clamp(0, 1)), seen, trust[:, None])))


@dataclass(frozen=True)
class _Mesh:
    vertices: Tensor  # [V, 3]
    normals: Tensor  # [V, 3] unit
    faces: Tensor  # [F, 3]


@dataclass(frozen=True)
class _View:
    """One picture, ready to be sampled."""

    side: float  # 1 front, -1 back
    color: Tensor  # [1, 3, H, W] linear, extended beyond the silhouette
    trust: Tensor  # [1, 1, H, W] 1 well inside the silhouette, 0 at its edge
    nearest: Tensor  # [1, len(_RINGS), H, W] side * z of the nearest surface within each ring
    rings: list[int]  # in pixels of this picture


@dataclass(frozen=True)
class _Places:
    """The mesh's vertices without the splits along charts, and what the pictures say of them."""

    points: Tensor  # [U, 3]
    normals: Tensor  # [U, 3]
    faces: np.ndarray  # (F, 3)
    of_vertex: Tensor  # [V] place of each vertex of the mesh
    seen: Tensor  # [U, 3] linear
    trust: Tensor  # [U]

    @classmethod
    def of(cls, mesh: _Mesh, views: list[_View]) -> _Places:
        welded = weld(mesh.vertices.numpy(), mesh.faces.numpy())
        first = np.zeros(len(welded.vertices), dtype=np.int64)
        first[welded.of_original[::-1]] = np.arange(len(welded.of_original))[::-1]
        points, normals = mesh.vertices[first], mesh.normals[first]
        seen, trust = _project(views, points, normals)
        return cls(points, normals, welded.faces, torch.from_numpy(welded.of_original), seen, trust)


def _make_view(mesh: _Mesh, side: float, rgba: np.ndarray) -> _View:
    if rgba.ndim != 3 or rgba.shape[0] != rgba.shape[1] or rgba.shape[2] != 4:
        raise ValueError(f"a view must be a square RGBA picture, not of shape {rgba.shape}")
    size = len(rgba)
    fragments = make_fragments(mesh.vertices, mesh.faces, size)
    layer = resolve(fragments, "front" if side > 0 else "back")
    picture = torch.from_numpy(np.asarray(rgba, np.float32)).permute(2, 0, 1)
    solid = -_widest(-(picture[3:] > 0.95).float()[None], max(1, round(size / 256)))
    color = nearest_known(srgb_to_linear(picture[:3].movedim(0, -1)), solid[0, 0] > 0).movedim(-1, 0)
    depth = torch.where(layer.mask, layer.depth * side, -torch.inf)[None, None]
    rings = [ring * max(1, round(size / 512)) for ring in _RINGS]
    nearest = torch.cat([_widest(depth, ring) for ring in rings], dim=1)
    soft = functional.avg_pool2d(solid, 3, stride=1, padding=1)
    return _View(side, color[None], soft, nearest, rings)


def _widest(picture: Tensor, ring: int) -> Tensor:
    """The largest value within ``ring`` pixels, rows and columns apart."""
    width = 2 * ring + 1
    rows = functional.max_pool2d(picture, (1, width), stride=1, padding=(0, ring))
    return functional.max_pool2d(rows, (width, 1), stride=1, padding=(ring, 0))


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
    for ring, nearest_in_ring in zip(view.rings, nearest, strict=True):
        allowed = pixel * (1.5 + 1.5 * ring * slope)
        clear += (nearest_in_ring <= view.side * points[:, 2] + allowed).float()
    return clear / len(_RINGS)


def _unseen_colors(places: _Places, light: Light, field: Tensor | None) -> Tensor:
    """What each vertex's seen surroundings suggest, (V, 3): a colour, or an offset to the field's (U, 3); both in sRGB,
    where a shift is as visible on dark as on bright."""
    values = linear_to_srgb(places.seen / light.shade(places.normals))
    sure = ((places.trust - _DOUBT) / (1 - _DOUBT)).clamp_min(0)
    blur, reach, slopes = 0.003, math.inf, None
    if field is not None:
        beside = dilate(places.trust.numpy() < 0.99, unique_edges(places.faces), _SEAM_RINGS)
        sure = sure * torch.from_numpy(beside)
        values = values - field
        blur, reach, slopes = 0.01, 0.3, _against_noise(places, field)
    points = places.points.numpy()
    extended = spread(values.double().numpy(), sure.double().numpy(), points, places.faces, blur, reach, slopes)
    return torch.from_numpy(extended).float()[places.of_vertex]


def _against_noise(places: _Places, field: Tensor) -> np.ndarray:
    """Slopes (E, 3) of an offset that takes the field's own gentle ones back where no picture sees: sides would show
    the field's stripes."""
    points, colours = places.points.double().numpy(), field.double().numpy()
    first, second, _ = edges_of(cotangent_laplacian(points, places.faces)[0])
    rise = colours[first] - colours[second]
    length = np.linalg.norm(points[first] - points[second], axis=1)
    steep = np.linalg.norm(rise, axis=1) / np.maximum(length, 1e-9)
    noise = 1 / (1 + (steep / _STEEP) ** 2)
    near = dilate(places.trust.numpy() > _SEEN, unique_edges(places.faces), 1)
    noise[near[first] | near[second]] = 0.0
    return -noise[:, None] * rise


def _evaluate(field_albedo: Albedo, points: Tensor) -> Tensor:
    """The field in sRGB (N, 3)."""
    parts = [field_albedo(part).float().cpu().clamp(0, 1) for part in points.split(_CHUNK)]
    return torch.cat(parts) if parts else torch.zeros_like(points)
