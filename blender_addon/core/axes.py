# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the body's frame (right-handed, Y up, facing +Z) becomes Blender's (Z up, facing -Y)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

Y_UP_TO_Z_UP: FloatArray = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def to_blender(vectors: ArrayLike) -> FloatArray:
    """Points, directions or rotation vectors (..., 3) from Y up to Z up. Lengths and handedness are kept."""
    return np.asarray(vectors, dtype=np.float64) @ Y_UP_TO_Z_UP.T


def to_body(vectors: ArrayLike) -> FloatArray:
    """The inverse of to_blender."""
    return np.asarray(vectors, dtype=np.float64) @ Y_UP_TO_Z_UP
