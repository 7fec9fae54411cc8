"""One vertex per position: undoes the splits along texture seams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Weld:
    """A welded mesh and the way back: ``vertices[of_original]`` are the original positions."""

    vertices: NDArray[np.float64]  # (U, 3)
    faces: NDArray[np.int32]  # (F, 3), same order as the original faces
    of_original: NDArray[np.int64]  # (V,) welded index of each original vertex


def weld(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> Weld:
    """Merge vertices (V, 3) at exactly the same position, numbered by first appearance; faces keep their order."""
    vertices = np.asarray(vertices, np.float64) + 0.0  # -0.0 and 0.0 are one position
    _, first, inverse = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    of_original = rank[inverse.ravel()]
    return Weld(vertices[first[order]], of_original[np.asarray(faces)].astype(np.int32), of_original)
