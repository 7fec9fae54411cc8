"""Exact closest points on a triangle mesh, vectorised over a KD-tree of triangle centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

FIRST_CANDIDATES = 8
GROWTH = 4
SIZE_CLASSES = (3.0,)  # bounds between the size classes, in units of the median radius
CHUNK = 400_000  # point-triangle pairs at a time, some 100 MB of temporaries


@dataclass(frozen=True)
class SurfacePoints:
    """Where points landed on a mesh: triangle, barycentric weights of its corners, position and distance."""

    face_ids: NDArray[np.int64]  # (N,)
    barycentrics: NDArray[np.float64]  # (N, 3), nonnegative, sum 1
    points: NDArray[np.float64]  # (N, 3)
    distances: NDArray[np.float64]  # (N,) metres

    def interpolate(self, faces: NDArray[np.integer], values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Values (V, ...) given at the mesh's vertices, at these points: (N, ...)."""
        corners = np.asarray(values, np.float64)[faces[self.face_ids]]
        weights = self.barycentrics.reshape(self.barycentrics.shape + (1,) * (corners.ndim - 2))
        return (corners * weights).sum(axis=1)


def closest_barycentrics(points: NDArray[np.float64], triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric weights (N, 3) of the point of each triangle (N, 3, 3) that is closest to each point (N, 3).

    Degenerate triangles behave as the segment or point that they are.
    Source: the Voronoi regions of Ericson, Real-Time Collision Detection, 2005, section 5.1.5.
    """
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    ab_ab, ab_ac, ac_ac = _dot(ab, ab), _dot(ab, ac), _dot(ac, ac)
    d3, d4 = d1 - ab_ab, d2 - ab_ac
    d5, d6 = d1 - ab_ac, d2 - ac_ac
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2

    total = va + vb + vc
    with np.errstate(divide="ignore", invalid="ignore"):
        v, w = vb / total, vc / total
        weights = np.stack([1.0 - v - w, v, w], axis=1)
    # a needle's interior solution is noise: leave it to the edges, which are exact
    flat = ~(total > 1e-14 * ab_ab * ac_ac)
    outside = flat | ~((weights >= 0.0).all(axis=1))
    rows = np.flatnonzero(outside)
    if len(rows) == 0:
        return weights
    p, tri = points[rows], triangles[rows]
    best = np.full(len(rows), np.inf)
    chosen = np.zeros((len(rows), 3))
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, edge = tri[:, first], tri[:, second] - tri[:, first]
        length = _dot(edge, edge)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.clip(np.where(length > 0.0, _dot(p - start, edge) / length, 0.0), 0.0, 1.0)
        offset = start + t[:, None] * edge - p
        distance = _dot(offset, offset)
        better = np.flatnonzero(distance < best)
        best[better] = distance[better]
        chosen[better] = 0.0
        chosen[better, first] = 1.0 - t[better]
        chosen[better, second] = t[better]
    weights[rows] = chosen
    return weights


def closest_points(
    points: NDArray[np.floating],
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    exact_within: float = np.inf,
) -> SurfacePoints:
    """The closest point of a triangle mesh for each query point.

    Triangles are met in the order of their centres' distance; a query is done as soon as no triangle whose centre
    is further away can come closer than the best one found. Triangles of different sizes have trees of their own, or
    a single large one would make every query look far around.

    Args:
        points: (N, 3) queries, metres.
        vertices: (V, 3); faces: (F, 3), F >= 1.
        exact_within: metres. Queries further from the mesh than this get the best of the 32 triangles with the
            closest centres of each size: at most r^2 / (2 d) too far for triangles of radius r at distance d, and many
            times faster.

    Raises:
        ValueError: the mesh has no faces.
    """
    queries: NDArray[np.float64] = np.ascontiguousarray(points, np.float64)
    faces = np.asarray(faces)
    if len(faces) == 0:
        raise ValueError("closest_points needs a mesh with at least one face")
    triangles: NDArray[np.float64] = np.asarray(vertices, np.float64)[faces]
    centres = triangles.mean(axis=1)
    radii = np.linalg.norm(triangles - centres[:, None], axis=2).max(axis=1)
    best = SurfacePoints(
        np.zeros(len(queries), np.int64), np.zeros((len(queries), 3)), queries.copy(), np.full(len(queries), np.inf)
    )
    smallest = 0.0
    for largest in (*(np.median(radii) * np.array(SIZE_CLASSES)), np.inf):
        members = np.flatnonzero((radii > smallest) & (radii <= largest) | ((smallest == 0.0) & (radii == 0.0)))
        smallest = largest
        if len(members):
            _improve(best, queries, triangles, centres, radii, members, exact_within)
    best.points[:] = np.einsum("nc,ncx->nx", best.barycentrics, triangles[best.face_ids])
    return best


def _improve(
    best: SurfacePoints,
    points: NDArray[np.float64],
    triangles: NDArray[np.float64],
    centres: NDArray[np.float64],
    radii: NDArray[np.float64],
    members: NDArray[np.int64],
    exact_within: float,
) -> None:
    """Bring in the triangles ``members`` (M,), which are of similar size."""
    reach = float(radii[members].max())
    tree = KDTree(centres[members])
    pending = np.arange(len(points))
    done, k = 0, min(FIRST_CANDIDATES, len(members))
    while len(pending):
        unfinished = []
        for rows in np.array_split(pending, max(1, -(-len(pending) * k // CHUNK))):
            distance, ids = tree.query(points[rows], k=k)
            distance, ids = distance.reshape(len(rows), k), members[ids.reshape(len(rows), k)]
            bound = np.minimum(best.distances[rows], distance[:, 0])  # a centre lies on its triangle
            query, slot = np.nonzero(distance[:, done:] - radii[ids[:, done:]] <= bound[:, None])
            face = ids[query, slot + done]
            local = rows[query]
            weights = closest_barycentrics(points[local], triangles[face])
            offset = np.einsum("nc,ncx->nx", weights, triangles[face]) - points[local]
            gap = np.sqrt(_dot(offset, offset))
            order = np.lexsort((face, gap, query))  # ties go to the lowest face, so results do not depend on the tree
            winners = order[np.flatnonzero(np.diff(query[order], prepend=-1))]
            winners = winners[gap[winners] < best.distances[local[winners]]]
            target = local[winners]
            best.distances[target], best.face_ids[target] = gap[winners], face[winners]
            best.barycentrics[target] = weights[winners]
            open_rows = distance[:, -1] - reach <= best.distances[rows]
            if k >= FIRST_CANDIDATES * GROWTH:
                open_rows &= best.distances[rows] <= exact_within
            unfinished.append(rows[open_rows])
        if k == len(members):
            break
        pending = np.concatenate(unfinished)
        done, k = k, min(k * GROWTH, len(members))


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.einsum("ij,ij->i", a, b)
