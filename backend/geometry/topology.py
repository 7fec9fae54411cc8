"""What triangles share: edges, neighbours, components; and the repair of a soup into a closed 2-manifold."""

from __future__ import annotations

import numpy as np

from rigging.mesh_graph import components


def half_edges(faces: np.ndarray) -> np.ndarray:
    """The directed edges (3F, 2) of faces (F, 3); edge ``3 f + i`` runs from corner i to corner i + 1 of face f."""
    return np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2)


def undirected_edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The edges of a mesh without direction.

    Returns:
        edges (E, 2), lower vertex first; of_half_edge (3F,) the edge of each half edge; counts (E,) faces at each.
    """
    pairs = half_edges(faces).astype(np.int64)
    pairs.sort(axis=1)
    base = int(pairs.max(initial=0)) + 1
    keys, of_half_edge, counts = np.unique(pairs[:, 0] * base + pairs[:, 1], return_inverse=True, return_counts=True)
    return np.stack(np.divmod(keys, base), axis=1), of_half_edge, counts


def adjacent_faces(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of faces (P, 2) that share an edge with no third face, and that edge's vertices (P, 2)."""
    edges, of_half_edge, counts = undirected_edges(faces)
    order = np.argsort(of_half_edge, kind="stable")
    first = np.cumsum(counts) - counts
    two = counts == 2
    return np.stack([order[first[two]], order[first[two] + 1]], axis=1) // 3, edges[two]


def component_labels(faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """A label (F,) 0.. for each face; faces that share a vertex have the same."""
    labels = components(np.concatenate([faces[:, :2], faces[:, 1:]]), vertex_count)
    return np.unique(labels[faces[:, 0]], return_inverse=True)[1]


def signed_volumes(vertices: np.ndarray, faces: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """The volume enclosed by each component (C,), positive when its faces look outward."""
    a, b, c = vertices[faces].astype(np.float64).transpose(1, 0, 2)
    tetrahedra = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0
    return np.bincount(np.zeros(len(faces), dtype=np.int64) if labels is None else labels, weights=tetrahedra)


def take_faces(
    vertices: np.ndarray, faces: np.ndarray, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ``chosen`` (F,) bool faces with only the vertices that they use; also returns those vertices' indices."""
    kept, renumbered = np.unique(faces[chosen], return_inverse=True)
    return vertices[kept], renumbered.reshape(-1, 3).astype(np.int64), kept


def largest_component(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the connected component with the largest signed volume, which drops crumbs and inner cavities alike."""
    labels = component_labels(faces, len(vertices))
    volumes = signed_volumes(vertices, faces, labels)
    return take_faces(vertices, faces, labels == volumes.argmax())[:2]


def vertex_fans(faces: np.ndarray) -> np.ndarray:
    """A label for each corner (F, 3): the same for corners at one vertex whose faces hang together by edges there.

    Only edges with two faces that agree about their direction join; a 2-manifold has one fan a vertex.
    """
    directed = half_edges(faces).astype(np.int64)
    _, of_half_edge, counts = undirected_edges(faces)
    order = np.argsort(of_half_edge, kind="stable")
    first = (np.cumsum(counts) - counts)[counts == 2]
    one, other = order[first], order[first + 1]
    agree = directed[one, 0] == directed[other, 1]
    one, other = one[agree], other[agree]
    # half edge h starts at corner h and ends at the next corner of its face
    end = np.arange(faces.size).reshape(-1, 3)[:, [1, 2, 0]].ravel()
    joined = np.stack([np.r_[one, end[one]], np.r_[end[other], other]], axis=1)
    return components(joined, faces.size).reshape(-1, 3)
