"""Normals and areas of triangles; those of vertices are in rigging.normals."""

from __future__ import annotations

import numpy as np


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Normals (F, 3) of faces (F, 3), counter-clockwise outward, as long as twice the area."""
    corners = vertices[faces]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def face_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Areas (F,)."""
    return np.linalg.norm(face_normals(vertices, faces), axis=1) / 2
