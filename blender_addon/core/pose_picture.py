# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of posed bodies, drawn without a graphics card: thumbnails of pose assets."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .axes import FloatArray

SIZE = 128  # pixels a side
MARGIN = 1.08
_LIGHT = np.array([0.45, -0.75, 0.5])
_SKIN, _SUIT = np.array([0.62, 0.66, 0.72]), np.array([0.2, 0.27, 0.4])
FROM_ABOVE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Turns points so that a view from the front becomes one from above."""
_AMBIENT = 0.35


def draw(
    vertices: ArrayLike, triangles: ArrayLike, suit: ArrayLike, shown: ArrayLike | None = None
) -> NDArray[np.float32]:
    """A front view (SIZE, SIZE, 4), the lowest row first, RGBA from 0 to 1, clear around the body.

    vertices: (V, 3) in Blender's axes, seen along +Y; triangles: (F, 3); suit: (F,) which of them are clothed.
    shown: indices of the vertices that the picture is to hold; all of them by default.
    """
    points: FloatArray = np.asarray(vertices, dtype=np.float64)
    corners = points[np.asarray(triangles)]
    framed = points if shown is None else points[np.asarray(shown)]
    low, high = framed.min(axis=0), framed.max(axis=0)
    half = 0.5 * MARGIN * max(high[0] - low[0], high[2] - low[2])
    centre = 0.5 * (low + high)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    near = (np.abs(corners - centre)[:, :, [0, 2]] < 1.1 * half).all(axis=(1, 2)) & (normals[:, 1] < 0.0)
    corners, normals = corners[near], normals[near]
    colours = np.where(np.asarray(suit)[near][:, None], _SUIT, _SKIN)
    pixel = 2.0 * half / SIZE
    reach = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1, initial=0.0)
    weights = _spread(int(np.ceil(np.percentile(reach, 99) / pixel)) + 1)
    samples = np.einsum("kc,fcx->fkx", weights, corners).reshape(-1, 3)
    shade = _AMBIENT + (1.0 - _AMBIENT) * np.maximum(normals @ (_LIGHT / np.linalg.norm(_LIGHT)), 0.0)
    colours = np.repeat(shade[:, None] * colours, len(weights), axis=0)
    column = np.floor((samples[:, 0] - centre[0] + half) / pixel).astype(np.int64)
    row = np.floor((samples[:, 2] - centre[2] + half) / pixel).astype(np.int64)
    inside = (column >= 0) & (column < SIZE) & (row >= 0) & (row < SIZE)
    order = np.flatnonzero(inside)[np.argsort(-samples[inside, 1], kind="stable")]  # the nearest last: it stays
    picture = np.zeros((SIZE, SIZE, 4), dtype=np.float32)
    picture[row[order], column[order], :3] = colours[order]
    picture[row[order], column[order], 3] = 1.0
    return picture


def _spread(steps: int) -> FloatArray:
    """Barycentric weights (K, 3) of points that cover a triangle with `steps` along each side."""
    steps = min(max(steps, 1), 24)
    i, j = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1), indexing="ij")
    inside = i + j <= steps
    a, b = i[inside] / steps, j[inside] / steps
    return np.stack([a, b, 1.0 - a - b], axis=1)
