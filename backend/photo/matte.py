"""The cut-out of one person: the pose network's coarse mask, drawn to the photograph's own edges.

A guided filter (He, Sun & Tang 2010) moves the border to where the colours change.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, maximum_filter, uniform_filter

from ..protocol.errors import DoppelError
from .landmarks import Person
from .read import Photo

Map = NDArray[np.floating]

LEAST_SHARE = 0.004
"""Share of the picture that a person must cover."""
_RADIUS = 1 / 90  # of the person's square
_LEAST_PIECE = 0.03
"""Share of the largest piece from which another one is the person's, too, such as a hand beyond a thing they hold."""
_EDGE = 2e-4  # variance of the guide, in [0, 1]^2, that counts as an edge


def cut_out(photo: Photo, person: Person) -> NDArray[np.float32]:
    """Alpha (H, W) in [0, 1] of one person.

    A photo that has transparency keeps its own alpha, limited to the person.

    Raises:
        DoppelError: ``photo_tiny_person``.
    """
    height, width = photo.size
    coarse = person.square.paste(person.mask, height, width)
    share = float((coarse > 0.5).mean())
    if share < LEAST_SHARE:
        raise DoppelError(
            "photo_tiny_person",
            f"the person covers {share:.1%} of the photo, too little to tell how they look",
            "crop the photo to the person",
        )
    if photo.alpha is not None:
        near = _widened(coarse > 0.35, max(1, round(person.square.side / 40)))
        return (photo.alpha / 255 * near).astype(np.float32)
    alpha = _guided(photo.rgb.astype(np.float32) / 255, coarse, max(2, round(person.square.side * _RADIUS)))
    return _attached(_clean(alpha), max(1, round(person.square.side * _RADIUS)))


def _attached(alpha: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Without islands of the background, and without veils farther than ``reach`` pixels from what is solid."""
    pieces, count = label(alpha > 0.5)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    solid = (sizes >= max(1, _LEAST_PIECE * sizes.max()))[pieces]
    return (alpha * _widened(solid, reach)).astype(np.float32)


def _widened(mask: NDArray[np.bool_], reach: int) -> Map:
    """The mask widened by ``reach`` pixels, with a soft border."""
    return _box(maximum_filter(mask.astype(np.float32), 2 * reach + 1), max(1, reach // 2))


def _guided(guide: Map, target: Map, reach: int) -> Map:
    """Guided filter of a map (H, W) by the colours (H, W, 3): locally, the map is made linear in the colours."""
    mean, mean_target = _box(guide, reach), _box(target, reach)
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    spread = [
        _box(guide[..., i] * guide[..., j], reach) - mean[..., i] * mean[..., j] + _EDGE * (i == j) for i, j in pairs
    ]
    common = _box(guide * target[..., None], reach) - mean * mean_target[..., None]
    slope = _solve(spread, common)
    offset = mean_target - (slope * mean).sum(-1)
    return (_box(slope, reach) * guide).sum(-1) + _box(offset, reach)


def _solve(matrix: Sequence[Map], right: Map) -> Map:
    """The solution (H, W, 3) of symmetric systems, given by the upper triangle row by row, by cofactors."""
    xx, xy, xz, yy, yz, zz = matrix
    a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    p, q, r = right[..., 0], right[..., 1], right[..., 2]
    determinant = xx * a + xy * b + xz * c
    rows = [a * p + b * q + c * r, b * p + d * q + e * r, c * p + e * q + f * r]
    return np.stack(rows, axis=-1) / determinant[..., None]


def _box(values: Map, reach: int) -> Map:
    size = (2 * reach + 1, 2 * reach + 1) + (1,) * (values.ndim - 2)
    return uniform_filter(values, size, mode="nearest")


def _clean(alpha: Map, low: float = 0.2, high: float = 0.8) -> NDArray[np.float32]:
    """Near nothing becomes nothing, near solid solid."""
    return np.clip((alpha - low) / (high - low), 0, 1).astype(np.float32)
