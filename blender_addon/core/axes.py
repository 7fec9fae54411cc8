# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the body's frame (right-handed, Y up, facing +Z) becomes Blender's (Z up, facing -Y)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]

Y_UP_TO_Z_UP: FloatArray = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def to_blender(vectors: ArrayLike) -> FloatArray:
    """Points, directions or rotation vectors (..., 3) from Y up to Z up. Lengths and handedness are kept."""
    return np.asarray(vectors, dtype=np.float64) @ Y_UP_TO_Z_UP.T


def single_to_blender(vectors: SingleArray) -> SingleArray:
    """`to_blender` for many vectors (V, 3) in single precision. It is exact: axes are exchanged, nothing is added."""
    result = np.empty_like(vectors)
    result[:, 0], result[:, 1], result[:, 2] = vectors[:, 0], -vectors[:, 2], vectors[:, 1]
    return result


def to_body(vectors: ArrayLike) -> FloatArray:
    """The inverse of to_blender."""
    return np.asarray(vectors, dtype=np.float64) @ Y_UP_TO_Z_UP
