"""Parts that touched while the mesh was made: the skin between them is cut, and both sides are closed again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .limbs import LEFT_LEG, RIGHT_LEG
from .mesh_graph import components, unique_edges

MAX_STRETCH = 4.0  # ratio of rest to posed length that still counts as skin
SHORT_EDGE = 0.002  # metres; what is shorter counts as this long, or every needle would be a bridge
NEAR = 0.05  # metres; cloth further off the body than this is no skin that touches
NEAR_LEG = 0.02  # the same between the legs, where skirts are
SMALLEST_CONTACT = 0.06  # metres; what is smaller is a vertex between fingers that is nearest to the wrong one
SMALLEST_PIECE = 0.005  # share of the surface; smaller pieces that a cut sets free are part of the bridge
LARGEST_HOLE = 500  # edges; closing a hole takes the cube of this

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Separated:
    """A closed surface without its bridges. Faces that stay keep their order; the caps come last."""

    faces: Int  # (F', 3) into the new vertices
    source_vertex: Int  # (V',) which vertex each one was
    source_face: Int  # (F',) which face each one was, -1 for those of a cap
    cut: int  # faces that were taken away
    caps: int  # holes that were closed


def bridge_faces(vertices: Float, faces: Int, rest: Float, distances: Float, limbs: Int) -> NDArray[np.bool_]:
    """Faces (F,) between parts that touch in the pose and are apart at rest; small patches are left to be relaxed.

    Args:
        vertices: (V, 3) posed; faces: (F, 3), without split seams.
        rest: (V, 3) where each vertex is at rest if it follows its nearest part of the body alone.
        distances: (V,) metres from the body; what is far from it is cloth that spans two parts, such as a skirt.
        limbs: (V,) the limb of `rigging.limbs` that each vertex is nearest to.
    """
    pairs = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2)  # (F, 3, 2)
    before = np.linalg.norm(vertices[pairs[..., 0]] - vertices[pairs[..., 1]], axis=2)
    after = np.linalg.norm(rest[pairs[..., 0]] - rest[pairs[..., 1]], axis=2)
    legs = np.isin(limbs[pairs], [LEFT_LEG, RIGHT_LEG]).all(axis=2) & (limbs[pairs[..., 0]] != limbs[pairs[..., 1]])
    close = distances[pairs].max(axis=2) < np.where(legs, NEAR_LEG, NEAR)
    apart = (close & (after > MAX_STRETCH * np.maximum(before, SHORT_EDGE))).any(axis=1)
    return apart & _wide(vertices, faces, apart)


def _wide(vertices: Float, faces: Int, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the patch of chosen faces that each face (F,) is in is no smaller than a contact."""
    patch = components(unique_edges(faces[chosen]), len(vertices))[faces[:, 0]]
    count = int(patch.max(initial=0)) + 1
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    corners = vertices[faces[chosen]]
    np.minimum.at(low, patch[chosen], corners.min(axis=1))
    np.maximum.at(high, patch[chosen], corners.max(axis=1))
    return np.linalg.norm(np.maximum(high - low, 0.0), axis=1)[patch] >= SMALLEST_CONTACT


def separate(vertices: Float, faces: Int, rest: Float, bridges: NDArray[np.bool_]) -> Separated | None:
    """Take bridges out of a closed surface and close each hole by the smallest surface in the rest pose.

    In the rest pose the two sides of a bridge are far apart, so the smallest surface closes each side by itself, and
    where they are one body, as at an armpit, passes from one to the other there.

    Args:
        vertices: (V, 3) posed; faces: (F, 3), without split seams; rest: (V, 3), as of `bridge_faces`.
        bridges: (F,) faces to take away.

    Returns:
        The surface, closed and each edge with two faces; None where that cannot be had: the input is not closed, a hole
        is too large, or nothing is left.
    """
    partner = _partners(faces)
    if partner is None:
        return None
    kept = _without_pinches(vertices, faces, ~bridges, partner)
    if not kept.any():
        return None
    source_face = np.flatnonzero(kept)
    source_vertex, numbers = np.unique(faces[kept], return_inverse=True)
    left = numbers.reshape(-1, 3)
    loops = _holes(left)
    if loops is None or max((len(loop) for loop in loops), default=0) > LARGEST_HOLE:
        return None
    place = rest[source_vertex]
    edges = unique_edges(left)
    used = set((edges[:, 0] * len(place) + edges[:, 1]).tolist())
    caps = [_cap(loop, place, used) for loop in loops]
    if any(cap is None for cap in caps):
        return None
    closed = np.concatenate([left, *(cap for cap in caps if cap is not None)])
    if _partners(closed) is None:
        return None
    source_face = np.concatenate([source_face, np.full(len(closed) - len(left), -1)])
    return Separated(closed, source_vertex, source_face, int((~kept).sum()), len(caps))


def _partners(faces: Int) -> Int | None:
    """For each directed edge (3F,), edge ``3 f + i`` from corner i of face f to the next, the same the other way round;
    None unless every edge has exactly these two."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    base = int(faces.max()) + 1
    there, back = start * base + end, end * base + start
    order = np.argsort(there)
    if (np.diff(there[order]) == 0).any():
        return None
    found = np.minimum(np.searchsorted(there, back, sorter=order), len(order) - 1)
    partner = order[found]
    return partner if (there[partner] == back).all() else None


def _loose(vertices: Float, faces: Int, kept: NDArray[np.bool_], partner: Int) -> NDArray[np.bool_]:
    """Faces (F,) of small pieces that hang together by an edge with nothing else."""
    own = np.repeat(np.arange(len(faces)), 3)
    joined = np.stack([own, partner // 3], axis=1)
    joined = joined[kept[joined].all(axis=1)]
    label = components(joined, len(faces))
    before = components(unique_edges(faces), len(vertices))[faces[:, 0]]
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return kept & (np.bincount(label, area)[label] < SMALLEST_PIECE * np.bincount(before, area)[before])


def _without_pinches(vertices: Float, faces: Int, kept: NDArray[np.bool_], partner: Int) -> NDArray[np.bool_]:
    """The kept faces (F,) of which those at each vertex hang together by edges, and the pieces are large.

    Where the cut leaves surfaces that touch at a vertex, the one with more faces there keeps it. (On vertices of their
    own both would still lie at one place in the pose, and an edge between two such places would have four faces.)
    """
    count = 3 * len(faces)
    onward = np.arange(count).reshape(-1, 3)[:, [1, 2, 0]].ravel()  # the corner at which a directed edge ends
    corner_vertex = faces.ravel()
    while True:
        kept = kept & ~_loose(vertices, faces, kept, partner)
        edge = np.flatnonzero(np.repeat(kept, 3) & kept[partner // 3])
        other = partner[edge]
        joined = np.concatenate([np.stack([edge, onward[other]], axis=1), np.stack([onward[edge], other], axis=1)])
        fan = components(joined, count)
        corner = np.flatnonzero(np.repeat(kept, 3))
        fans, first, sizes = np.unique(fan[corner], return_index=True, return_counts=True)
        at = corner_vertex[corner[first]]
        order = np.lexsort((fans, -sizes, at))
        lesser = fans[order[1:][at[order[1:]] == at[order[:-1]]]]
        if not len(lesser):
            return kept
        kept = kept & ~np.isin(fan, lesser).reshape(-1, 3).any(axis=1)


def _holes(faces: Int) -> list[list[int]] | None:
    """The border of each hole, vertices in the direction in which a face that closes it would go round; None where a
    border crosses itself."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    base = int(faces.max()) + 1
    border = ~np.isin(end * base + start, start * base + end)
    onward = dict(zip(end[border].tolist(), start[border].tolist(), strict=True))
    if len(onward) != border.sum():
        return None
    loops = []
    while onward:
        first, at = onward.popitem()
        loop = [first]
        while at != first:
            loop.append(at)
            at = onward.pop(at)
        loops.append(loop)
    return loops


def _cap(loop: list[int], place: Float, used: set[int]) -> Int | None:
    """The triangulation (N - 2, 3) of a hole with the smallest area; None where each would double an edge.

    Source: Barequet and Sharir, Filling gaps in the boundary of a polyhedron, Computer Aided Geometric Design 12, 1995.
    """
    count = len(loop)
    index = np.array(loop)
    points = place[index]
    low, high = np.minimum(index[:, None], index[None]), np.maximum(index[:, None], index[None])
    taken = np.isin(low * len(place) + high, list(used & set((low * len(place) + high).ravel().tolist())))
    cost = np.where(taken, np.inf, 0.0)
    ring = np.arange(count)
    cost[ring, (ring + 1) % count] = cost[(ring + 1) % count, ring] = 0.0
    best = np.where(np.arange(count)[None] == ring[:, None] + 1, 0.0, np.inf)
    via = np.zeros((count, count), np.int64)
    for gap in range(2, count):
        first = np.arange(count - gap)
        last = first + gap
        middle = first[:, None] + np.arange(1, gap)[None]
        corner = points[first][:, None]
        area = 0.5 * np.linalg.norm(np.cross(points[middle] - corner, (points[last] - points[first])[:, None]), axis=2)
        total = best[first[:, None], middle] + best[middle, last[:, None]] + area
        choice = total.argmin(axis=1)
        best[first, last] = total[first, choice] + cost[first, last]
        via[first, last] = middle[first, choice]
    if not np.isfinite(best[0, count - 1]):
        return None
    triangles, todo = [], [(0, count - 1)]
    while todo:
        i, j = todo.pop()
        if j - i > 1:
            k = int(via[i, j])
            triangles.append((i, k, j))
            todo += [(i, k), (k, j)]
    return index[np.array(triangles)]
