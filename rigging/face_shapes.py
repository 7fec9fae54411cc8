"""Facial expressions for a character from those of the body inside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .closest_point import closest_points
from .mesh_graph import neighbour_mean, unique_edges
from .normals import vertex_normals

FULL_DISTANCE = 0.01  # metres from the body's face within which skin follows it fully
NO_DISTANCE = 0.03  # and beyond which it does not move: hair, glasses, collars
FULL_COSINE, NO_COSINE = 0.5, 0.0  # the same for the angle between the normals
SMALLEST_MOTION = 1e-4  # metres; vertices that move less in a shape are left out of it
SMOOTHING_PASSES = 2
SMOOTHING_STEP = 0.5

Shape = tuple[NDArray[np.integer], NDArray[np.floating]]


def transfer_face_shapes(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    body_vertices: NDArray[np.floating],
    body_faces: NDArray[np.integer],
    shapes: Mapping[str, Shape],
) -> dict[str, NDArray[np.float32]]:
    """Carry a body's facial shapes over to the mesh that wraps it.

    Each vertex takes the motion of its closest body point, fading out with the distance and with the angle between
    the surfaces, and lightly smoothed over the mesh.

    Args:
        vertices: (V, 3) of the character in the rest pose, metres, without split seams; faces: (F, 3).
        body_vertices: (B, 3) of the body in the same pose and shape; body_faces: (G, 3) those that can be followed.
        shapes: name -> indices (n,) into the body's vertices and their offsets (n, 3), metres.

    Returns:
        name -> (V, 3) offsets, in the order of ``shapes``; shapes that move no vertex are left out.
    """
    moved = np.zeros(len(body_vertices), bool)
    for indices, _ in shapes.values():
        moved[indices] = True
    reach = body_faces[moved[body_faces].any(axis=1)]
    if len(reach) == 0:
        return {}
    used = np.unique(reach)
    points: NDArray[np.float64] = np.asarray(vertices, np.float64)
    low, high = body_vertices[used].min(axis=0) - NO_DISTANCE, body_vertices[used].max(axis=0) + NO_DISTANCE
    near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
    if len(near) == 0:
        return {}
    # against the whole body, so that a hand or a collar near the chin does not follow the chin
    found = closest_points(points[near], body_vertices, body_faces, exact_within=NO_DISTANCE)
    normals = found.interpolate(body_faces, vertex_normals(body_vertices, body_faces))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    cosines = np.einsum("ij,ij->i", normals, vertex_normals(points, faces)[near])
    share = _fade(found.distances, FULL_DISTANCE, NO_DISTANCE) * _fade(-cosines, -FULL_COSINE, -NO_COSINE)
    follow = sparse.csr_array(
        (
            (found.barycentrics * share[:, None]).ravel(),
            (np.repeat(near, 3), body_faces[found.face_ids].ravel()),
        ),
        shape=(len(points), len(body_vertices)),
    )
    mean = neighbour_mean(unique_edges(faces), len(points))
    result = {}
    for name, (indices, offsets) in shapes.items():
        motion = np.zeros((len(body_vertices), 3))
        motion[indices] = offsets
        motion = follow @ motion
        for _ in range(SMOOTHING_PASSES):
            motion += SMOOTHING_STEP * (mean @ motion - motion)
        motion[np.linalg.norm(motion, axis=1) < SMALLEST_MOTION] = 0.0
        if motion.any():
            result[name] = motion.astype(np.float32)
    return result


def _fade(values: NDArray[np.float64], full: float, none: float) -> NDArray[np.float64]:
    """1 up to ``full``, 0 from ``none`` on, smooth in between."""
    t = np.clip((none - values) / (none - full), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
