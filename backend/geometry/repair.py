"""Mends a mesh that decimation has pinched, so that it is again closed and 2-manifold."""

from __future__ import annotations

import numpy as np

from .topology import half_edges, undirected_edges, vertex_fans


def close_manifold(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A closed 2-manifold that differs from the mesh only around its faults.

    Collapsed and doubled faces go, faces at edges with more than two faces go, vertices where surfaces merely touch are
    split, and the holes that remain are filled.

    Args:
        vertices: (V, 3) float.
        faces: (F, 3) integer, consistently oriented apart from the faults.

    Returns:
        vertices (V', 3) and faces (F', 3) int64 in the same orientation.
    """
    faces = _without_doubles(np.asarray(faces, dtype=np.int64))
    faces = faces[~_at_crowded_edge(faces)]
    vertices, faces = _split_fans(vertices, faces)
    return _fill_holes(vertices, faces)


def is_closed_manifold(faces: np.ndarray) -> bool:
    """Whether every edge has two faces that agree about its direction, and every used vertex one fan."""
    _, _, counts = undirected_edges(faces)
    directed = half_edges(faces).astype(np.int64)
    keys = directed[:, 0] * (int(faces.max(initial=0)) + 1) + directed[:, 1]
    if not (counts == 2).all() or len(np.unique(keys)) < len(keys):
        return False
    return int(vertex_fans(faces).max(initial=-1)) + 1 == len(np.unique(faces))


def _without_doubles(faces: np.ndarray) -> np.ndarray:
    """Without faces that repeat a vertex, repeat another face, or lie back to back on another face."""
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    faces = np.take_along_axis(faces, (faces.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
    _, triangle = np.unique(np.sort(faces, axis=1), axis=0, return_inverse=True)
    turn = np.where(faces[:, 1] < faces[:, 2], 1, -1)
    side = np.sign(np.bincount(triangle, weights=turn))[triangle]
    candidates = np.flatnonzero(side == turn)
    return faces[candidates[np.unique(triangle[candidates], return_index=True)[1]]]


def _at_crowded_edge(faces: np.ndarray) -> np.ndarray:
    """Which faces (F,) touch an edge that has other than one or two faces, or two that run along it the same way."""
    directed = half_edges(faces)
    _, of_half_edge, counts = undirected_edges(faces)
    balance = np.bincount(of_half_edge, weights=np.where(directed[:, 0] < directed[:, 1], 1.0, -1.0))
    crowded = (counts > 2) | ((counts == 2) & (balance != 0))
    return crowded[of_half_edge].reshape(-1, 3).any(axis=1)


def _split_fans(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each fan of faces its own vertex."""
    _, corner, split = np.unique(vertex_fans(faces), return_index=True, return_inverse=True)
    return vertices[faces.ravel()[corner]], split.reshape(-1, 3)


def _fill_holes(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close the boundary loops of a mesh with one fan a vertex: triangles by one face, others about their middle."""
    directed = half_edges(faces)
    _, of_half_edge, counts = undirected_edges(faces)
    after = dict(directed[(counts == 1)[of_half_edge]].tolist())
    new_vertices: list[np.ndarray] = []
    new_faces: list[list[int]] = []
    while after:
        start, step = after.popitem()
        loop = [start]
        while step != start:
            loop.append(step)
            step = after.pop(step)
        if len(loop) == 3:
            new_faces.append(loop[::-1])
            continue
        middle = len(vertices) + len(new_vertices)
        new_vertices.append(vertices[loop].mean(axis=0))
        new_faces += [[b, a, middle] for a, b in zip(loop, [*loop[1:], loop[0]], strict=True)]
    if not new_faces:
        return vertices, faces
    vertices = np.concatenate([vertices, np.array(new_vertices, dtype=vertices.dtype).reshape(-1, 3)])
    return vertices, np.concatenate([faces, np.array(new_faces, dtype=np.int64)])
