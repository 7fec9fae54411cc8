"""Rotation matrices and quaternions, vectorised, on numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .lbs import rodrigues

Float = NDArray[np.float64]


def quaternions_of(matrices: NDArray[np.floating]) -> Float:
    """Unit quaternions x, y, z, w (N, 4) of rotation matrices (N, 3, 3), w >= 0.

    Source: S. W. Shepperd, Quaternion from rotation matrix, Journal of Guidance and Control 1(3), 1978: of the four
    ways the one without cancellation.
    """
    m: Float = np.asarray(matrices, np.float64).reshape(-1, 3, 3)
    trace = np.trace(m, axis1=1, axis2=2)
    largest = np.concatenate([np.diagonal(m, axis1=1, axis2=2), trace[:, None]], axis=1).argmax(axis=1)
    result = np.empty((len(m), 4))
    for i in range(3):
        rows = np.flatnonzero(largest == i)
        j, k, r = (i + 1) % 3, (i + 2) % 3, m[rows]
        result[rows, i] = 1.0 - trace[rows] + 2.0 * r[:, i, i]
        result[rows, j] = r[:, j, i] + r[:, i, j]
        result[rows, k] = r[:, k, i] + r[:, i, k]
        result[rows, 3] = r[:, k, j] - r[:, j, k]
    rows = np.flatnonzero(largest == 3)
    r = m[rows]
    result[rows, :3] = np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], axis=1)
    result[rows, 3] = 1.0 + trace[rows]
    result *= np.where(result[:, 3:] < 0.0, -1.0, 1.0)
    return result / np.linalg.norm(result, axis=1, keepdims=True)


def matrices_of(quaternions: NDArray[np.floating]) -> Float:
    """Rotation matrices (N, 3, 3) of unit quaternions x, y, z, w (N, 4); the inverse of `quaternions_of`."""
    x, y, z, w = np.asarray(quaternions, np.float64).T
    rows = [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
        [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
        [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
    ]
    return np.array(rows).transpose(2, 0, 1)


def axis_angle(matrices: NDArray[np.floating]) -> Float:
    """Rotation matrices (..., 3, 3) -> axis-angle vectors (..., 3) of length <= pi; inverse of `lbs.rodrigues`."""
    shape = np.shape(matrices)[:-2]
    quaternion = quaternions_of(matrices)
    sine = np.linalg.norm(quaternion[:, :3], axis=1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, quaternion[:, 3:])
    scale = np.where(sine > 1e-12, angle / np.maximum(sine, 1e-12), 2.0)
    return (quaternion[:, :3] * scale).reshape(*shape, 3)


def between(first: NDArray[np.floating], second: NDArray[np.floating]) -> Float:
    """The smallest rotations (N, 3, 3) that turn the directions (N, 3) of ``first`` to those of ``second``."""
    a, b = _unit(first), _unit(second)
    cosine = np.einsum("ni,ni->n", a, b)
    axis = np.cross(a, b)
    opposite = cosine < -1.0 + 1e-9
    if opposite.any():  # any axis square to it will do
        other = np.eye(3)[np.abs(a[opposite]).argmin(axis=1)]
        axis[opposite] = np.cross(a[opposite], other)
    angle = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), cosine)
    return about(axis, angle)


def about(axes: NDArray[np.floating], angles: NDArray[np.floating]) -> Float:
    """Rotations (N, 3, 3) about axes (N, 3), of any length but zero, by angles (N,) in radians."""
    return rodrigues(_unit(axes) * np.asarray(angles)[:, None])


def halfway(first: NDArray[np.floating], second: NDArray[np.floating]) -> Float:
    """(N, 3, 3) rotations in the middle between two series (N, 3, 3)."""
    return first @ rodrigues(0.5 * axis_angle(np.swapaxes(first, -1, -2) @ second))


def _unit(vectors: NDArray[np.floating]) -> Float:
    vectors = np.asarray(vectors, np.float64).reshape(-1, 3)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
