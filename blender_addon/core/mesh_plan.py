# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays of a rigged character as Blender wants them: seams welded, UVs per corner, weights per vertex, Z up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .axes import SingleArray, single_to_blender

IntArray = NDArray[np.int32]
MIN_WEIGHT = 1e-4  # smaller shares of a joint are dropped and the others scaled up to sum to one


@dataclass(frozen=True)
class Bindings:
    """Skin weights of V vertices, one vertex after the other: each one's weights sum to one."""

    counts: IntArray  # (V,) how many of the following belong to each vertex
    joints: IntArray  # (N,)
    weights: SingleArray  # (N,)

    @classmethod
    def of(cls, weights: SingleArray) -> "Bindings":
        """From dense weights (V, J): small shares are dropped."""
        vertices, joints = np.nonzero(weights >= MIN_WEIGHT)
        values = weights[vertices, joints]
        total = np.bincount(vertices, values, minlength=len(weights))
        counts = np.bincount(vertices, minlength=len(weights))
        return cls(counts.astype(np.int32), joints.astype(np.int32), (values / total[vertices]).astype(np.float32))


@dataclass
class MeshPlan:
    """One mesh in armature space: Blender's axes, metres, feet on z = 0."""

    vertices: SingleArray  # (V, 3)
    triangles: IntArray  # (F, 3)
    corner_uvs: SingleArray  # (F * 3, 2) origin lower left
    source: IntArray  # (V,) the character's vertex that each one came from
    weld: IntArray  # (V_character,) the vertex that each of the character's became
    bindings: Bindings
    morphs: dict[str, SingleArray] = field(default_factory=dict)  # name -> (V, 3) deltas


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
    points = np.asarray(vertices, dtype=np.float32) + np.float32(0.0)  # -0.0 and 0.0 are one place
    triangles = np.asarray(faces, dtype=np.int64)
    source, weld = _weld(points)
    welded = weld[triangles]
    proper = (welded[:, 0] != welded[:, 1]) & (welded[:, 1] != welded[:, 2]) & (welded[:, 2] != welded[:, 0])
    placed = (points[source] - np.array([0.0, floor, 0.0])).astype(np.float32)
    return MeshPlan(
        vertices=single_to_blender(placed),
        triangles=welded[proper].astype(np.int32),
        corner_uvs=np.asarray(uvs, dtype=np.float32).take(triangles[proper].reshape(-1), axis=0),
        source=source.astype(np.int32),
        weld=weld.astype(np.int32),
        bindings=Bindings.of(np.asarray(weights, dtype=np.float32).take(source, axis=0)),
        morphs={
            name: single_to_blender(np.asarray(deltas, dtype=np.float32).take(source, axis=0))
            for name, deltas in morphs.items()
        },
    )


def has_doubles(triangles: IntArray) -> bool:
    """Whether two triangles (F, 3) have the same corners, in any order; almost never says so of others."""
    numbers = np.random.default_rng(0).integers(0, 2**63, int(triangles.max(initial=0)) + 1, dtype=np.uint64)
    sums = np.sort(numbers[triangles].sum(axis=1, dtype=np.uint64))
    return bool((sums[1:] == sums[:-1]).any())


def _weld(points: SingleArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the vertices to keep, and for each vertex the place of its keeper. Order of first appearance."""
    x, y, z = points.view(np.uint32).T.astype(np.uint64)  # equal places have equal bits
    places = (x << np.uint64(32)) | y
    order = np.lexsort((z, places))  # stable: the first of equal places comes first
    first = np.ones(len(points), dtype=bool)
    first[1:] = (places[order[1:]] != places[order[:-1]]) | (z[order[1:]] != z[order[:-1]])
    keeper = np.empty(len(points), dtype=np.int64)
    keeper[order] = order[first][np.cumsum(first) - 1]
    kept = np.flatnonzero(keeper == np.arange(len(points)))
    return kept, np.searchsorted(kept, keeper)
