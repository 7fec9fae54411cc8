"""Triangles in the plane that cover the same pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .rasterize import Fragments, make_fragments

_INSIDE = 1e-4  # least barycentric of a pixel that counts as inside, so that neighbours do not share their edge


def plane_fragments(corners: np.ndarray, size: int, depth: np.ndarray | None = None) -> Fragments:
    """Every pixel centre covered by triangles (F, 3, 2) given in pixels, rows growing with the second coordinate.

    ``depth`` (F, 3) is carried along.
    """
    x, y = corners[..., 0] * (2 / size) - 1, 1 - corners[..., 1] * (2 / size)
    z = np.zeros(x.shape) if depth is None else depth
    view = torch.from_numpy(np.stack([x, y, z], axis=2).reshape(-1, 3)).float()
    return make_fragments(view, torch.arange(len(view)).view(-1, 3), size)


def contested(
    fragments: Fragments, corners: np.ndarray, sheet: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The fragments whose pixel another triangle of the same sheet covers too.

    Args:
        fragments: of :func:`plane_fragments`.
        corners: (F, 3, 2) the triangles that they come from.
        sheet: (F,) triangles of different sheets do not meet; by default all lie on one.

    Returns:
        indices (N,) of the fragments, ordered by place, and the number (N,) of each one's place.
    """
    face, pixel = _numpy(fragments.face), _numpy(fragments.pixel)
    key = pixel if sheet is None else sheet[face] * fragments.size**2 + pixel
    shared = np.flatnonzero(_repeated(key))
    shared = shared[_well_inside(corners[face[shared]], pixel[shared], fragments.size)]
    shared = shared[_repeated(key[shared])]
    order = shared[np.argsort(key[shared], kind="stable")]
    return order, np.unique(key[order], return_inverse=True)[1]


def _numpy(values: Tensor) -> np.ndarray:
    return values.cpu().numpy()


def _repeated(keys: np.ndarray) -> np.ndarray:
    """Which of ``keys`` (N,) occur more than once."""
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    repeated = np.zeros(len(keys), dtype=bool)
    repeated[order[1:][same]] = True
    repeated[order[:-1][same]] = True
    return repeated


def _well_inside(corners: np.ndarray, pixel: np.ndarray, size: int) -> np.ndarray:
    """Whether pixel centres (N,) lie inside triangles (N, 3, 2), of either winding, in double precision."""
    row, column = np.divmod(pixel, size)
    spokes = corners - np.stack([column, row], axis=1)[:, None] - 0.5
    following = np.roll(spokes, -1, axis=1)
    parts = spokes[..., 0] * following[..., 1] - spokes[..., 1] * following[..., 0]
    total = parts.sum(axis=1, keepdims=True)
    return (parts / np.where(np.abs(total) < 1e-12, np.inf, total)).min(axis=1) > _INSIDE
