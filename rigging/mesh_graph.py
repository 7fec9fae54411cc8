"""A triangle mesh as a graph: edges, components, shortest paths along edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph


def unique_edges(faces: NDArray[np.integer]) -> NDArray[np.int64]:
    """Undirected edges (E, 2) of faces (F, 3), smaller index first, sorted; repeated corners make no edge."""
    faces = np.asarray(faces, np.int64)
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs.sort(axis=1)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    base = int(pairs.max(initial=0)) + 1
    return np.stack(np.divmod(np.unique(pairs[:, 0] * base + pairs[:, 1]), base), axis=1)


def symmetric(edges: NDArray[np.int64], values: NDArray[np.float64], count: int) -> sparse.csr_array:
    """The symmetric (count, count) matrix with ``values`` (E,) at ``edges`` (E, 2), each edge given once."""
    rows = np.concatenate([edges[:, 0], edges[:, 1]])
    cols = np.concatenate([edges[:, 1], edges[:, 0]])
    return sparse.csr_array((np.concatenate([values, values]), (rows, cols)), shape=(count, count))


def neighbour_mean(edges: NDArray[np.int64], count: int) -> sparse.csr_array:
    """The matrix that replaces each vertex's value by its neighbours' mean; a vertex without any keeps its own."""
    adjacency = symmetric(edges, np.ones(len(edges)), count)
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    lonely = sparse.diags_array((degree == 0).astype(np.float64))
    return (sparse.diags_array(1.0 / np.maximum(degree, 1.0)) @ adjacency + lonely).tocsr()


def components(edges: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Connected component (count,) of each vertex, 0 .. K-1."""
    graph = sparse.coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return csgraph.connected_components(graph, directed=False)[1].astype(np.int64)


def edge_lengths(vertices: NDArray[np.floating], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Lengths (E,) in metres."""
    return np.linalg.norm(np.asarray(vertices, np.float64)[edges[:, 0]] - vertices[edges[:, 1]], axis=1)


def distance_from(
    sources: NDArray[np.bool_], edges: NDArray[np.int64], lengths: NDArray[np.float64], limit: float
) -> NDArray[np.float64]:
    """Shortest path (V,) along edges from the nearest vertex of ``sources`` (V,); inf beyond ``limit`` metres."""
    count = len(sources)
    inside = sources[edges]
    on_border = np.zeros(count, bool)
    on_border[edges[inside[:, 0] != inside[:, 1]]] = True
    start = np.flatnonzero(on_border & sources)
    outward = edges[~inside.all(axis=1)]  # paths between two sources never help
    result = np.where(sources, 0.0, np.inf)
    if len(start) == 0:
        return result
    # a zero-length edge would vanish from a sparse graph
    graph = symmetric(outward, np.maximum(lengths[~inside.all(axis=1)], 1e-9), count)
    reached = csgraph.dijkstra(graph, directed=False, indices=start, min_only=True, limit=limit)
    return np.minimum(result, reached)


def dilate(mask: NDArray[np.bool_], edges: NDArray[np.int64], rings: int) -> NDArray[np.bool_]:
    """``mask`` (V,) grown by that many rings of neighbours."""
    mask = mask.copy()
    for _ in range(rings):
        touched = mask[edges].any(axis=1)
        mask[edges[touched]] = True
    return mask
