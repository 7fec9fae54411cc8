"""How alike two people look from around: pictures of a textured mesh, PSNR and SSIM against the true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn import functional

from rigging.normals import vertex_normals
from rigging.weld import weld

from ..data.render import Light, rotation_y
from ..geometry.color import linear_to_srgb, srgb_to_linear
from ..geometry.rasterize import make_fragments, resolve

BACKGROUND = 0.5
"""sRGB grey behind the person."""
SIZE = 256
_SUPERSAMPLING = 2


@dataclass(frozen=True)
class TexturedModel:
    """A mesh in view space with its texture."""

    vertices: np.ndarray  # (V, 3) split along the charts
    faces: np.ndarray  # (F, 3)
    uvs: np.ndarray  # (V, 2) origin lower left
    texture: np.ndarray  # (H, W, 3) uint8 sRGB albedo

    def views(self, yaw: float, light: Light) -> tuple[Tensor, Tensor]:
        """[4, 256, 256] RGBA in [0, 1] of front and back after a yaw, lit; the back as seen through the body."""
        size = SIZE * _SUPERSAMPLING
        welded = weld(self.vertices, self.faces)
        normals = torch.from_numpy(vertex_normals(welded.vertices, welded.faces)[welded.of_original]).float()
        vertices = torch.from_numpy(np.asarray(self.vertices, np.float32))
        faces = torch.from_numpy(np.asarray(self.faces, np.int64))
        uvs = torch.from_numpy(np.asarray(self.uvs, np.float32)) * torch.tensor([2.0, -2.0]) + torch.tensor([-1.0, 1.0])
        texture = srgb_to_linear(torch.from_numpy(self.texture.copy()).float() / 255).permute(2, 0, 1)[None]
        fragments = make_fragments(vertices @ rotation_y(yaw).T, faces, size)
        pictures = []
        for side in ("front", "back"):
            layer = resolve(fragments, side)
            seen = layer.mask
            corners, weights = faces[layer.face[seen]], layer.barycentric[seen].unsqueeze(-1)
            unit = functional.normalize((normals[corners] * weights).sum(1), dim=1)
            grid = (uvs[corners] * weights).sum(1)[None, None]
            albedo = functional.grid_sample(texture, grid, padding_mode="border", align_corners=False)[0, :, 0].T
            rgba = torch.zeros(size, size, 4)
            rgba[seen] = torch.cat([linear_to_srgb(albedo * light.shade(unit)), torch.ones(len(unit), 1)], dim=1)
            pictures.append(rgba.permute(2, 0, 1))
        return shrink(pictures[0]), shrink(pictures[1])


def shrink(rgba: Tensor) -> Tensor:
    """Straight RGBA [4, H, H] to [4, 256, 256], premultiplied in between."""
    alpha = rgba[3:]
    joined = torch.cat([rgba[:3] * alpha, alpha])
    small = functional.interpolate(joined[None], size=(SIZE, SIZE), mode="area")[0]
    return torch.cat([small[:3] / small[3:].clamp_min(1e-6), small[3:]])


def over_grey(rgba: Tensor) -> np.ndarray:
    """(H, W, 3) in [0, 1] of straight RGBA [4, H, W] before the plain background."""
    flat = rgba[:3] * rgba[3:] + BACKGROUND * (1 - rgba[3:])
    return flat.permute(1, 2, 0).numpy()


def likeness(found: Tensor, true: Tensor) -> dict[str, float]:
    """``psnr`` in dB over the whole picture, ``psnr_person`` over both silhouettes alone, ``ssim`` over the whole.

    Both are straight RGBA [4, H, W] and are put before the same grey.
    """
    one, other = over_grey(found), over_grey(true)
    square = ((one - other) ** 2).mean(axis=2)
    person = (torch.maximum(found[3], true[3]) > 0.5).numpy()
    return {
        "psnr": _decibels(float(square.mean())),
        "psnr_person": _decibels(float(square[person].mean())),
        "ssim": float(structural_similarity(one, other, channel_axis=2, data_range=1.0)),
    }


def _decibels(error: float) -> float:
    return float(-10 * np.log10(max(error, 1e-10)))
