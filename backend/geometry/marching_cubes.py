"""Marching cubes on a sparse set of cells, closed and 2-manifold by construction.

The case table is derived, not listed. On each face of a cell the inside corners form runs around the face; every run is
cut off by one segment, so two cells that share a face always draw the same segments on it (two diagonal inside corners
stay apart). The segments close into loops through the cell, each crossing of a grid edge lies on exactly one loop per
cell, and the loops are filled without a diagonal that lies within a face of the cell, where the neighbouring cell
could draw the same one. Hence every mesh edge has two triangles and every vertex one fan (Lorensen & Cline 1987; the
ambiguity rule is Montani's, 1994).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

CORNERS = np.array([[c >> 2 & 1, c >> 1 & 1, c & 1] for c in range(8)], dtype=np.int64)
"""Corner ``c`` of a cell as (x, y, z) offsets, (8, 3); bit 2 of ``c`` is x."""

EDGES = np.array([(c, axis) for axis in range(3) for c in range(8) if not CORNERS[c, axis]], dtype=np.int64)
"""The 12 edges of a cell as (lower corner, axis)."""

_MARGIN = 1e-3  # of an edge; keeps crossings off the grid points, where triangles would collapse


def marching_cubes(
    cells: np.ndarray, corner_keys: np.ndarray, corner_values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The zero surface in the given cells; negative is inside.

    Args:
        cells: (C, 3) integer lower corners of the cells.
        corner_keys: (C, 8) int64, one number per grid point.
        corner_values: (C, 8) float, the field at those points.

    Returns:
        vertices (V, 3) float64 in cells (grid coordinates) and faces (F, 3) int64, counter-clockwise from outside.
    """
    inside = corner_values < 0
    case = inside @ (1 << np.arange(8))
    triangles, counts = case_table()
    cell = np.repeat(np.arange(len(cells)), counts[case])
    nth = np.arange(len(cell)) - np.repeat(np.cumsum(counts[case]) - counts[case], counts[case])
    edge = triangles[case[cell], nth]  # (F, 3) in 0..11

    lower, axis = EDGES[edge, 0], EDGES[edge, 1]
    edge_keys = corner_keys[cell[:, None], lower] * 3 + axis
    _, first, faces = np.unique(edge_keys, return_index=True, return_inverse=True)
    owner, lower, axis = cell[first // 3], lower.ravel()[first], axis.ravel()[first]
    start = corner_values[owner, lower].astype(np.float64)
    end = corner_values[owner, lower | (4 >> axis)].astype(np.float64)
    vertices = (cells[owner] + CORNERS[lower]).astype(np.float64)
    vertices[np.arange(len(vertices)), axis] += np.clip(start / (start - end), _MARGIN, 1 - _MARGIN)
    return vertices, faces.reshape(-1, 3).astype(np.int64)


@lru_cache(maxsize=1)
def case_table() -> tuple[np.ndarray, np.ndarray]:
    """Triangles (256, T, 3) int64 as cell edges, padded with -1, and their number (256,) of each case.

    Bit ``c`` of a case is set when corner ``c`` is inside.
    """
    cases = [[t for loop in _loops(case) for t in _fill(loop)] for case in range(256)]
    counts = np.array([len(case) for case in cases])
    triangles = np.full((256, counts.max(), 3), -1, dtype=np.int64)
    for row, case in zip(triangles, cases, strict=True):
        row[: len(case)] = np.array(case).reshape(-1, 3)
    return triangles, counts


_EDGE_BETWEEN = {frozenset((int(c), int(c | 4 >> axis))): edge for edge, (c, axis) in enumerate(EDGES)}
_MIDDLES = CORNERS[EDGES[:, 0]] + np.eye(3)[EDGES[:, 1]] / 2
_ON_ONE_FACE = ((_MIDDLES[:, None] == _MIDDLES) & (_MIDDLES % 1 == 0)).any(axis=2)
_DIAGONAL_COST = (np.linalg.norm(_MIDDLES[:, None] - _MIDDLES, axis=2) + 1000.0 * _ON_ONE_FACE).tolist()


def _loops(case: int) -> list[list[int]]:
    """The directed loops of cell edges that the surface of a case runs through."""
    after: dict[int, int] = {}
    for axis in range(3):
        for side in (0, 1):
            u, v = [bit for bit in (4, 2, 1) if bit != 4 >> axis]
            base = (4 >> axis) * side
            ring = [base, base | u, base | u | v, base | v]
            # (u, v, axis) is right-handed for x and z; ring must be counter-clockwise seen from outside the cell.
            if (side == 1) != (axis != 1):
                ring.reverse()
            inside = [bool(case >> corner & 1) for corner in ring]
            for i in range(4):
                if inside[i] or not inside[(i + 1) % 4]:
                    continue
                j = (i + 1) % 4
                while inside[(j + 1) % 4]:
                    j = (j + 1) % 4
                entering = _EDGE_BETWEEN[frozenset((ring[i], ring[(i + 1) % 4]))]
                leaving = _EDGE_BETWEEN[frozenset((ring[j], ring[(j + 1) % 4]))]
                after[entering] = leaving
    loops = []
    while after:
        start, step = after.popitem()
        loop = [start]
        while step != start:
            loop.append(step)
            step = after.pop(step)
        loops.append(loop)
    return loops


def _fill(loop: list[int]) -> list[tuple[int, int, int]]:
    """Triangulate a loop with the shortest diagonals, none of which lies within a face of the cell."""
    n = len(loop)
    best: dict[tuple[int, int], tuple[float, list[tuple[int, int, int]]]] = {(i, i + 1): (0.0, []) for i in range(n)}
    for width in range(2, n):
        for i in range(n - width):
            j = i + width
            own = 0.0 if width == n - 1 else _DIAGONAL_COST[loop[i]][loop[j]]
            options = []
            for k in range(i + 1, j):
                (left, left_triangles), (right, right_triangles) = best[i, k], best[k, j]
                triangle = (loop[i], loop[k], loop[j])
                options.append((left + right + own, [*left_triangles, *right_triangles, triangle]))
            best[i, j] = min(options, key=lambda option: option[0])
    cost, triangles = best[0, n - 1]
    if cost >= 1000.0:
        raise AssertionError(f"loop {loop} has no triangulation inside its cell")
    return triangles
