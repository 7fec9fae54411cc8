"""Roughness from what a surface is likely to be: skin and hair shine a little, cloth does not.

No network foretells materials, so this is a rule: what has the colour of the face is skin, what else is on the head is
hair, the rest is cloth.
"""

from __future__ import annotations

import numpy as np
import torch

from .color import srgb_to_lab
from .texels import Texels, stride_of

SKIN, HAIR, CLOTH = 0.5, 0.6, 0.85
_ALIKE = 12.0  # Lab distance within which a colour counts as the face's
_LEAST_FACE = 20  # texels


def bake_roughness(
    faces: np.ndarray, uvs: np.ndarray, texture: np.ndarray, face: np.ndarray, head: np.ndarray
) -> np.ndarray:
    """(S, S) uint8 roughness of a texture.

    Args:
        faces: (F, 3) integer; uvs: (V, 2), origin lower left.
        texture: (S, S, 3) uint8 sRGB.
        face, head: (V,) bool, vertices of the bare part of the face, and of the head with its hair.
    """
    texels = Texels.of(faces, uvs, len(texture))
    colours = srgb_to_lab(torch.from_numpy(texture.copy()).float()[texels.mask] / 255)

    def share(mask: np.ndarray, chosen: torch.Tensor | None = None) -> torch.Tensor:
        return texels.blend(torch.from_numpy(mask).float()[:, None], chosen)[:, 0]

    of_face = colours[share(face) > 0.5]
    if len(of_face) < _LEAST_FACE:
        return np.full(texture.shape[:2], round(CLOTH * 255), np.uint8)
    middle = of_face.median(0).values
    far = _distance(colours, middle)

    def work(chosen: torch.Tensor) -> torch.Tensor:
        skin = torch.exp(-(far[chosen] / _ALIKE).square())
        on_head = share(head, chosen)
        other = HAIR * on_head + CLOTH * (1 - on_head)
        return (SKIN * skin + other * (1 - skin))[:, None]

    return texels.picture(texels.sparsely(work, stride_of(len(texture))))[..., 0]


def _distance(colours: torch.Tensor, middle: torch.Tensor) -> torch.Tensor:
    """Lab distances (N,) of colours (N, 3), lightness counted by half, since shade and blush change it."""
    return ((colours - middle) * colours.new_tensor([0.5, 1.0, 1.0])).norm(dim=1)
