"""Cloth that hangs free of the body: smooth depths where nothing but a guess says them."""

from __future__ import annotations

import numpy as np
from scipy.sparse import diags_array
from scipy.sparse.linalg import splu

from rigging.laplacian import cotangent_laplacian
from rigging.mesh_graph import dilate, unique_edges

_STIFFNESS = 0.03  # length in view units below which half-trusted depths are smoothed
_LEAST_TRUST = 0.01
_MARGIN = 3  # rings of vertices around what is free that keep the transition smooth


def drape(vertices: np.ndarray, faces: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Move vertices in depth alone, to where a thin plate that is held where freedom is low would lie.

    Pictures fix a surface across the line of sight; along it, between two legs, the lifter only guesses. Minimises the
    integral of ``(1 - freedom) (z - z0)^2 + stiffness^4 (laplacian z)^2`` over the free part.

    Args:
        vertices: (V, 3) in view space.
        faces: (F, 3) integer.
        freedom: (V,) in [0, 1].

    Returns:
        (V, 3) float32.
    """
    moved = np.array(vertices, dtype=np.float32)
    if not (freedom > 0).any():
        return moved
    unknown = dilate(freedom > 0, unique_edges(faces), _MARGIN)
    laplacian, mass = cotangent_laplacian(vertices, faces)
    trust = mass * np.maximum(1 - freedom, _LEAST_TRUST)
    around = laplacian[:, unknown]
    depth = np.asarray(vertices[:, 2], dtype=np.float64)
    bending = around.T @ diags_array(_STIFFNESS**4 / mass) @ around
    system = (bending + diags_array(trust[unknown])).tocsc()
    # the change of depth, so that what lies around is held at none
    force = -(around.T @ (_STIFFNESS**4 / mass * (laplacian @ depth)))
    factors = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    moved[unknown, 2] += factors.solve(force).astype(np.float32)
    return moved
