# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays of a rigged character as Blender wants them: seams welded, UVs per corner, weights per vertex, Z up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .axes import FloatArray, to_blender

IntArray = NDArray[np.int32]
MIN_WEIGHT = 1e-4  # smaller shares of a joint are dropped and the others scaled up to sum to one


@dataclass
class MeshPlan:
    """One mesh in armature space: Blender's axes, metres, feet on z = 0."""

    vertices: FloatArray  # (V, 3)
    triangles: IntArray  # (F, 3)
    corner_uvs: FloatArray  # (F * 3, 2) origin lower left
    source: IntArray  # (V,) the character's vertex that each one came from
    weld: IntArray  # (V_character,) the vertex that each of the character's became
    bindings: list[list[tuple[int, float]]]  # per vertex: (joint, weight), largest first
    morphs: dict[str, FloatArray] = field(default_factory=dict)  # name -> (V, 3) deltas


def plan_mesh(
    vertices: ArrayLike,
    faces: ArrayLike,
    uvs: ArrayLike,
    weights: ArrayLike,
    morphs: Mapping[str, ArrayLike],
    floor: float,
) -> MeshPlan:
    """Plan the mesh of a character whose vertices (V, 3) are split at UV seams (uvs (V, 2), one per vertex).

    Blender keeps UVs on the corners of faces, so vertices at one place with one binding become one again: smooth
    shading, sculpting and the armature then see a closed surface.
    floor: the height (Y up, metres) that becomes z = 0.
    """
    points = np.asarray(vertices, dtype=np.float64)
    triangles = np.asarray(faces, dtype=np.int64)
    binding = np.asarray(weights, dtype=np.float64)
    source, weld = _weld(points)
    welded = weld[triangles]
    proper = (welded[:, 0] != welded[:, 1]) & (welded[:, 1] != welded[:, 2]) & (welded[:, 2] != welded[:, 0])
    placed = points[source] - np.array([0.0, floor, 0.0])
    return MeshPlan(
        vertices=to_blender(placed),
        triangles=welded[proper].astype(np.int32),
        corner_uvs=np.asarray(uvs, dtype=np.float64)[triangles[proper].reshape(-1)],
        source=source.astype(np.int32),
        weld=weld.astype(np.int32),
        bindings=_bindings(binding[source]),
        morphs={name: to_blender(np.asarray(deltas)[source]) for name, deltas in morphs.items()},
    )


def _weld(points: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the vertices to keep, and for each vertex the place of its keeper. Order of first appearance."""
    _, first, inverse = np.unique(points, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse.reshape(-1)]


def _bindings(weights: FloatArray) -> list[list[tuple[int, float]]]:
    """(joint, weight) pairs per vertex from dense weights (V, J): small shares dropped, the rest summing to one."""
    kept = np.where(weights >= MIN_WEIGHT, weights, 0.0)
    total = kept.sum(axis=1, keepdims=True)
    kept = np.divide(kept, total, out=np.zeros_like(kept), where=total > 0.0)
    rows, joints = np.nonzero(kept)
    values = kept[rows, joints]
    order = np.lexsort((-values, rows))
    pairs = list(zip(joints[order].tolist(), values[order].tolist(), strict=True))
    ends = np.cumsum(np.bincount(rows, minlength=len(weights)))
    return [pairs[start:end] for start, end in zip(np.concatenate(([0], ends[:-1])), ends, strict=True)]
