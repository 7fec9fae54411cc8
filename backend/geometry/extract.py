"""From a signed distance field to one closed surface, with a few per cent of a dense grid's evaluations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..protocol.errors import DoppelError
from .marching_cubes import CORNERS, marching_cubes
from .topology import largest_component

Field = Callable[[Tensor], Tensor]

_FARTHEST = np.linalg.norm(np.where(CORNERS[:, None] == CORNERS[None], 0.5, 1.0), axis=2)
"""(8, 8) how far a point of a cell's octant [0] can be from the cell's corner [1], in cells."""


def extract_surface(
    sdf: Field,
    resolution: int = 256,
    coarse: int = 32,
    *,
    chunk: int = 1 << 18,
    device: torch.device | str = "cpu",
    lipschitz: float = 1.25,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The largest closed surface of ``sdf`` in the cube [-1, 1]^3.

    A coarse grid is halved until ``resolution``; of a cell's eight octants those are kept that may hold the surface,
    because the cell's corners differ in sign or because all of them are nearer to zero than ``lipschitz`` allows.
    Wherever the surface leaves the kept cells after all (a field steeper than ``lipschitz``), it is followed. The
    result equals dense marching cubes except for pieces that lie wholly between the coarse samples of a field that is
    no distance. Space outside the cube counts as outside.

    Args:
        sdf: maps [N, 3] float32 points on ``device`` to [N] (or [N, 1]) values, negative inside.
        resolution: cells along a side; rounded up to ``coarse``-like times a power of two.
        coarse: about the cells along a side of the first grid.
        chunk: points a call of ``sdf``.
        device: where the points are made.
        lipschitz: bound on the field's slope, 1 for a true distance; a distance that is clipped beyond 0.1 is as good.
        progress: called with (level done, levels).
        cancelled: looked at before every call of ``sdf``.

    Returns:
        vertices (V, 3) float32 in view space and faces (F, 3) int64: one component without cavities, closed,
        2-manifold, counter-clockwise from outside.

    Raises:
        DoppelError: ``no_surface``, ``field_not_finite`` or ``cancelled``.
    """
    levels = max(round(np.log2(resolution / coarse)), 0)
    n = -(-resolution // 2**levels)

    def evaluate(keys: np.ndarray, n: int) -> np.ndarray:
        return _evaluate(sdf, keys, n, chunk, device, cancelled)

    keys = np.arange((n + 1) ** 3)
    values = evaluate(keys, n)
    cells = np.indices((n, n, n)).reshape(3, -1).T
    for level in range(levels):
        if progress is not None:
            progress(level + 1, levels + 2)
        corner_values = values[_find(keys, _corner_keys(cells, n))]
        cells = _octants(cells, corner_values, lipschitz * 2.0 / n)
        old_keys = _key(np.stack(_coordinates(keys, n), 1) * 2, 2 * n)
        n *= 2
        new_keys = _missing(_corner_keys(cells, n), old_keys)
        keys, values = _merge(old_keys, values, new_keys, evaluate(new_keys, n))
    if progress is not None:
        progress(levels + 1, levels + 2)
    cells, keys, values = _follow_surface(cells, keys, values, n, evaluate)
    corner_keys = _corner_keys(cells, n)
    vertices, faces = marching_cubes(cells, corner_keys, values[_find(keys, corner_keys)])
    if not len(faces):
        raise DoppelError(
            "no_surface",
            "The 3D field holds no surface, so there is nothing to mesh.",
            "Try another seed; if it happens often, the lifting weights do not fit this build.",
        )
    vertices, faces = largest_component(vertices * (2.0 / n) - 1.0, faces)
    if progress is not None:
        progress(levels + 2, levels + 2)
    return vertices.astype(np.float32), faces


def _evaluate(
    sdf: Field, keys: np.ndarray, n: int, chunk: int, device: torch.device | str, cancelled: Callable[[], bool] | None
) -> np.ndarray:
    """The field at the grid points ``keys``; what touches the cube's wall is outside, so that the surface closes."""
    coordinates = np.stack(_coordinates(keys, n), axis=1)
    points = torch.from_numpy((coordinates * (2.0 / n) - 1.0).astype(np.float32))
    values = np.empty(len(keys), dtype=np.float32)
    with torch.no_grad():
        for start in range(0, len(keys), chunk):
            if cancelled is not None and cancelled():
                raise DoppelError("cancelled", "The extraction was cancelled.", "Start it again when you like.")
            part = sdf(points[start : start + chunk].to(device))
            values[start : start + chunk] = part.reshape(-1).float().cpu().numpy()
    if not np.isfinite(values).all():
        raise DoppelError(
            "field_not_finite",
            "The 3D field returned values that are not numbers.",
            "Use float32 instead of half precision, or other weights.",
        )
    on_wall = ((coordinates == 0) | (coordinates == n)).any(axis=1)
    values[on_wall] = np.maximum(values[on_wall], 0.1 / n)
    return values


def _octants(cells: np.ndarray, corner_values: np.ndarray, slope: float) -> np.ndarray:
    """The octants (M, 3), on the grid twice as fine, of ``cells`` that may hold the surface.

    ``slope``: the most that the field can change along one side of a cell.
    """
    inside = corner_values < 0
    mixed = np.asarray(inside.any(axis=1) & ~inside.all(axis=1))
    size = np.abs(corner_values)
    near = np.flatnonzero(mixed | (size.min(axis=1) <= _FARTHEST.min() * slope))
    reachable = np.all(size[near, None, :] <= _FARTHEST * slope, axis=2)
    owner, octant = np.nonzero(reachable | mixed[near][:, None])
    return cells[near[owner]] * 2 + CORNERS[octant]


def _follow_surface(
    cells: np.ndarray, keys: np.ndarray, values: np.ndarray, n: int, evaluate: Callable[[np.ndarray, int], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reduce ``cells`` to those that hold the surface, and add those that it runs into; returns cells, keys, values."""
    known = np.sort(_key(cells, n))
    found = []
    while len(cells):
        inside = values[_find(keys, _corner_keys(cells, n))] < 0
        active = inside.any(axis=1) & ~inside.all(axis=1)
        cells, inside = cells[active], inside[active]
        found.append(cells)
        neighbours = []
        for axis in range(3):
            for side in (0, 1):
                face = inside[:, CORNERS[:, axis] == side]
                crossed = face.any(axis=1) & ~face.all(axis=1)
                neighbours.append(cells[crossed] + (2 * side - 1) * np.eye(3, dtype=np.int64)[axis])
        reached = _missing(_key(np.concatenate(neighbours), n), known)
        known = np.sort(np.concatenate([known, reached]))
        cells = np.stack(_coordinates(reached, n), axis=1)
        new_keys = _missing(_corner_keys(cells, n), keys)
        if len(new_keys):
            keys, values = _merge(keys, values, new_keys, evaluate(new_keys, n))
    return np.concatenate(found), keys, values


def _merge(
    keys: np.ndarray, values: np.ndarray, new_keys: np.ndarray, new_values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint sorted sets of samples as one."""
    keys, values = np.concatenate([keys, new_keys]), np.concatenate([values, new_values])
    order = np.argsort(keys, kind="stable")
    return keys[order], values[order]


def _key(coordinates: np.ndarray, n: int) -> np.ndarray:
    """One number (...) for each grid point (..., 3) of a grid with ``n`` cells along a side."""
    return (coordinates[..., 0] * (n + 1) + coordinates[..., 1]) * (n + 1) + coordinates[..., 2]


def _coordinates(keys: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rest, z = np.divmod(keys, n + 1)
    x, y = np.divmod(rest, n + 1)
    return x, y, z


def _corner_keys(cells: np.ndarray, n: int) -> np.ndarray:
    """Keys (C, 8) of the corners of cells (C, 3)."""
    return _key(cells, n)[:, None] + _key(CORNERS, n)


def _missing(wanted: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Those of ``wanted`` that the sorted ``keys`` lack, sorted, each once. (Faster than numpy's own set routines.)"""
    wanted = np.sort(wanted, axis=None)
    wanted = wanted[np.diff(wanted, prepend=-1) > 0]
    found = np.searchsorted(keys, wanted)
    return wanted[keys[np.minimum(found, len(keys) - 1)] != wanted]


def _find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of ``wanted`` stands in the sorted ``keys``, all of which are there."""
    return np.searchsorted(keys, wanted)
