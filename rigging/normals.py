"""Vertex normals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> NDArray[np.float64]:
    """Area-weighted unit normals (V, 3) of a mesh with counter-clockwise outward faces (F, 3).

    A vertex without area (unused, or in needles only) gets +Y, so that every normal has unit length.
    """
    vertices = np.asarray(vertices, np.float64)
    faces = np.asarray(faces)
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    doubled_areas = np.cross(b - a, c - a)
    incidence = sparse.csr_array(
        (np.ones(faces.size), (faces.ravel(), np.repeat(np.arange(len(faces)), 3))), shape=(len(vertices), len(faces))
    )
    normals = incidence @ doubled_areas
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])
    return np.where(length > 1e-20, normals / np.maximum(length, 1e-20), up)
