"""Normals and areas of triangles."""

from __future__ import annotations

import numpy as np


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Normals (F, 3) of faces (F, 3), counter-clockwise outward, as long as twice the area."""
    corners = vertices[faces]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def face_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Areas (F,)."""
    return np.linalg.norm(face_normals(vertices, faces), axis=1) / 2


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3) float32, the mean of the faces' weighted by area; zeros where no face is."""
    of_face = face_normals(vertices, faces)
    corners = faces.ravel()
    total = np.stack(
        [np.bincount(corners, np.repeat(of_face[:, i], 3), minlength=len(vertices)) for i in range(3)], axis=1
    )
    return (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-20)).astype(np.float32)
