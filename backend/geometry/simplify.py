"""Fewer triangles, and smoother ones: quadric decimation and Taubin smoothing for closed meshes."""

from __future__ import annotations

import threading

import fast_simplification
import numpy as np

from rigging.mesh_graph import neighbour_mean, unique_edges
from rigging.normals import vertex_normals

from .normals import face_areas
from .repair import close_manifold, is_closed_manifold
from .topology import largest_component, signed_volumes

_GENTLE_TO_ROUGH = (3.0, 7.0, 10.0)
_ONE_AT_A_TIME = threading.Lock()  # the decimator keeps its mesh in global variables


def simplify(vertices: np.ndarray, faces: np.ndarray, triangles: int) -> tuple[np.ndarray, np.ndarray]:
    """Decimate a closed mesh to about ``triangles`` by quadric error metrics (Garland & Heckbert 1997).

    Args:
        vertices: (V, 3) float.
        faces: (F, 3) integer.
        triangles: how many to leave; a mesh with fewer comes back as it is.

    Returns:
        vertices (V', 3) float32 and faces (F', 3) int64: one closed 2-manifold component. Where decimation pinches a
        thin part the place is cut and closed, so the count may differ from ``triangles`` by a few.
    """
    if len(faces) <= triangles:
        return np.asarray(vertices, dtype=np.float32), np.asarray(faces, dtype=np.int64)
    points, kept = np.ascontiguousarray(vertices, dtype=np.float64), np.ascontiguousarray(faces, dtype=np.int32)
    for aggression in _GENTLE_TO_ROUGH:
        with _ONE_AT_A_TIME:
            points, kept = fast_simplification.simplify(points, kept, target_count=triangles, agg=aggression)
        if len(kept) <= triangles:
            break
    kept = kept.astype(np.int64)
    if not is_closed_manifold(kept):
        points, kept = largest_component(*close_manifold(points, kept))
    return points.astype(np.float32), kept


def smooth(vertices: np.ndarray, faces: np.ndarray, iterations: int = 10, strength: float = 0.5) -> np.ndarray:
    """Taubin's smoothing (1995) of a closed mesh: noise goes, size stays.

    Each iteration is a step towards the neighbours' mean and a slightly longer one back; what volume is still lost is
    given back along the normals.

    Args:
        vertices: (V, 3) float.
        faces: (F, 3) integer.
        iterations: pairs of steps.
        strength: of the first step, 0..1.

    Returns:
        vertices (V, 3) float32.
    """
    mean = neighbour_mean(unique_edges(faces), len(vertices)).astype(np.float32)
    moved = np.asarray(vertices, dtype=np.float32)
    back = -1.0 / (1.0 / strength - 0.1)  # pass band 0.1
    for _ in range(iterations):
        for step in (strength, back):
            moved = moved + np.float32(step) * (mean @ moved - moved)
    return _with_volume(moved, faces, float(signed_volumes(vertices, faces).sum()))


def _with_volume(vertices: np.ndarray, faces: np.ndarray, volume: float) -> np.ndarray:
    """Move the vertices along their normals, all equally, until the mesh encloses ``volume``."""
    for _ in range(2):
        missing = volume - float(signed_volumes(vertices, faces).sum())
        offset = missing / float(face_areas(vertices, faces).sum())
        vertices = vertices + np.float32(offset) * vertex_normals(vertices, faces).astype(np.float32)
    return vertices
