"""Pictures of a mesh from around: soft light, plain background, antialiased; one view or a strip of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from rigging.normals import vertex_normals
from rigging.weld import weld

from .color import linear_to_srgb, srgb_to_linear
from .rasterize import make_fragments, resolve

BACKGROUND = 0.84
"""Linear grey behind the mesh."""

CLAY = (0.50, 0.47, 0.44)
"""Linear colour of a mesh without texture."""

_SUPERSAMPLING = 2
_FILL = 0.94  # share of the picture that the mesh takes
_KEY, _FILL_LIGHT = (-0.45, 0.55, 0.70), (0.75, 0.10, 0.65)  # directions towards the lights, camera axes
_STRENGTHS = (0.85, 0.14, 0.26)  # key, fill, sky


@dataclass(frozen=True)
class _Model:
    vertices: Tensor  # [V, 3] about the axis of rotation, in [-1, 1] from every side
    normals: Tensor  # [V, 3]
    faces: Tensor  # [F, 3]
    uvs: Tensor | None  # [V, 2] as sampling coordinates in [-1, 1]
    texture: Tensor | None  # [1, 3, H, W] linear


def render_view(
    vertices: np.ndarray,
    faces: np.ndarray,
    uvs: np.ndarray | None = None,
    texture: np.ndarray | None = None,
    yaw: float = 0.0,
    pitch: float = 0.0,
    size: int = 256,
    device: torch.device | str = "cpu",
) -> Image.Image:
    """One picture, as clay when ``texture`` is missing.

    Args:
        vertices: (V, 3), Y up, facing +Z, in any unit; the picture is framed around them.
        faces: (F, 3) integer.
        uvs: (V, 2) in [0, 1], origin lower left.
        texture: (H, W, 3) uint8 sRGB.
        yaw: radians by which the camera walks around, from the front towards the person's left.
        pitch: radians by which it looks down from above.
        size: height and width in pixels.
        device: where to render.
    """
    return _render(_prepare(vertices, faces, uvs, texture, device), yaw, pitch, size)


def render_turntable(
    vertices: np.ndarray,
    faces: np.ndarray,
    uvs: np.ndarray | None = None,
    texture: np.ndarray | None = None,
    views: int = 8,
    size: int = 320,
    pitch: float = 0.12,
    columns: int = 4,
    device: torch.device | str = "cpu",
) -> Image.Image:
    """``views`` pictures from all around, the front first, in rows of ``columns``; arguments as for a single view."""
    model = _prepare(vertices, faces, uvs, texture, device)
    rows = -(-views // columns)
    grey = round(float(linear_to_srgb(torch.tensor(BACKGROUND))) * 255)
    strip = Image.new("RGB", (min(views, columns) * size, rows * size), (grey,) * 3)
    for i in range(views):
        view = _render(model, 2 * np.pi * i / views, pitch, size)
        strip.paste(view, (i % columns * size, i // columns * size))
    return strip


def _prepare(
    vertices: np.ndarray,
    faces: np.ndarray,
    uvs: np.ndarray | None,
    texture: np.ndarray | None,
    device: torch.device | str,
) -> _Model:
    welded = weld(vertices, faces)
    normals = vertex_normals(welded.vertices, welded.faces)[welded.of_original]
    low, high = np.min(vertices, axis=0), np.max(vertices, axis=0)
    centred = np.asarray(vertices, dtype=np.float64) - (low + high) / 2
    reach = max(np.linalg.norm(centred[:, [0, 2]], axis=1).max(), np.abs(centred[:, 1]).max())

    def tensor(values: np.ndarray) -> Tensor:
        return torch.tensor(values, device=device)

    textured = uvs is not None and texture is not None
    return _Model(
        tensor(centred * (_FILL / reach)).float(),
        tensor(normals).float(),
        tensor(np.asarray(faces, dtype=np.int64)),
        tensor(np.asarray(uvs)).float() * torch.tensor([2.0, -2.0], device=device)
        + torch.tensor([-1.0, 1.0], device=device)
        if textured
        else None,
        srgb_to_linear(tensor(np.asarray(texture)).float() / 255).permute(2, 0, 1)[None] if textured else None,
    )


def _render(model: _Model, yaw: float, pitch: float, size: int) -> Image.Image:
    rotation = _camera(yaw, pitch).to(model.vertices)
    fine = size * _SUPERSAMPLING
    layer = resolve(make_fragments(model.vertices @ rotation.T, model.faces, fine))
    seen = layer.mask
    corners, weights = model.faces[layer.face[seen]], layer.barycentric[seen].unsqueeze(-1)
    normals = functional.normalize((model.normals[corners] * weights).sum(1) @ rotation.T, dim=1)
    if model.uvs is None or model.texture is None:
        albedo = normals.new_tensor(CLAY).expand_as(normals)
    else:
        grid = (model.uvs[corners] * weights).sum(1)[None, None]
        sampled = functional.grid_sample(model.texture, grid, padding_mode="border", align_corners=False)
        albedo = sampled[0, :, 0].T
    picture = albedo.new_full((fine, fine, 3), BACKGROUND)
    picture[seen] = albedo * _light(normals)[:, None]
    picture = functional.avg_pool2d(picture.permute(2, 0, 1), _SUPERSAMPLING).permute(1, 2, 0)
    return Image.fromarray((linear_to_srgb(picture) * 255).round().to(torch.uint8).cpu().numpy(), "RGB")


def _camera(yaw: float, pitch: float) -> Tensor:
    """Rotation (3, 3) that takes the mesh into the camera's axes."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    around = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    above = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return torch.from_numpy(above @ around)


def _light(normals: Tensor) -> Tensor:
    """Light (N,) on normals (N, 3) in camera axes: a wrapped key light, a fill light and the sky."""
    key, fill, sky = _STRENGTHS
    towards = functional.normalize(normals.new_tensor([_KEY, _FILL_LIGHT]), dim=1)
    lit = ((normals @ towards.T + 0.25) / 1.25).clamp_min(0)
    return key * lit[:, 0] + fill * lit[:, 1] + sky * (0.75 + 0.25 * normals[:, 1])
