"""Discrete Laplacian of a triangle mesh that stays well behaved on bad triangles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

MAX_COTANGENT = 50.0  # an angle of 1.1 degrees; slivers beyond it would dominate the whole system
MIN_EDGE_WEIGHT = 1e-3  # keeps the operator an M-matrix across obtuse angles, and every edge connected
MIN_RELATIVE_MASS = 0.05  # of the mean: bounds 1 / mass where decimation left needles


def cotangent_laplacian(
    vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> tuple[sparse.csr_array, NDArray[np.float64]]:
    """Positive semidefinite cotangent Laplacian and lumped vertex areas.

    Args:
        vertices: (V, 3) positions in metres.
        faces: (F, 3) vertex indices.

    Returns:
        ``laplacian`` (V, V), symmetric, rows sum to zero, off-diagonal entries never positive (so harmonic
        functions obey the maximum principle even on obtuse or sliver triangles), and ``mass`` (V,) in square
        metres, strictly positive.

    Source: Pinkall and Polthier 1993, with the cotangents clamped.
    """
    faces = np.asarray(faces)
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]  # else an edge would lie on the diagonal
    count = len(vertices)
    corners = np.asarray(vertices, np.float64)[faces]
    rows, cols, values = [], [], []
    for corner in range(3):
        first, second = (corner + 1) % 3, (corner + 2) % 3
        u = corners[:, first] - corners[:, corner]
        v = corners[:, second] - corners[:, corner]
        sine = np.linalg.norm(np.cross(u, v), axis=1)
        cosine = np.einsum("ij,ij->i", u, v)
        with np.errstate(divide="ignore", invalid="ignore"):
            cotangent = np.nan_to_num(cosine / sine, nan=0.0, posinf=MAX_COTANGENT, neginf=-MAX_COTANGENT)
        half = 0.5 * np.clip(cotangent, -MAX_COTANGENT, MAX_COTANGENT)
        rows += [faces[:, first], faces[:, second]]
        cols += [faces[:, second], faces[:, first]]
        values += [half, half]
    # one conversion sums the two triangles of an edge and, unlike sparse addition, keeps entries that cancel to zero
    weights = sparse.coo_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(cols))), shape=(count, count)
    ).tocsr()
    weights.data = np.maximum(weights.data, MIN_EDGE_WEIGHT)
    laplacian = (sparse.diags_array(np.asarray(weights.sum(axis=1)).ravel()) - weights).tocsr()

    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    mass = np.bincount(faces.ravel(), weights=np.repeat(area / 3.0, 3), minlength=count)
    floor = MIN_RELATIVE_MASS * mass.mean() if count else 0.0
    return laplacian, np.maximum(mass, max(floor, np.finfo(np.float64).tiny))
