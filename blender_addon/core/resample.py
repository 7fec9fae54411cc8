# SPDX-License-Identifier: GPL-3.0-or-later
"""A motion at another rate of frames."""

import numpy as np
from numpy.typing import ArrayLike

from ...rigging.lbs import rodrigues
from ...rigging.rotations import axis_angle
from .axes import FloatArray


def resample(poses: ArrayLike, moved: ArrayLike, frame_time: float, wanted: float) -> tuple[FloatArray, FloatArray]:
    """Rotations (S, J, 3) and positions (S, 3) every `wanted` seconds, of (T, J, 3) and (T, 3) every `frame_time`.

    The shortest turn between two frames is followed; the last frame is kept if it falls on one of the new ones.
    """
    rotations, places = np.asarray(poses, dtype=np.float64), np.asarray(moved, dtype=np.float64)
    last = len(rotations) - 1
    count = int(np.floor(last * frame_time / wanted + 1e-6)) + 1
    at = np.minimum(np.arange(count) * wanted / frame_time, last)
    before = np.minimum(np.floor(at + 1e-9).astype(np.int64), last)
    after = np.minimum(before + 1, last)
    share = (at - before)[:, None]
    joints = rotations.shape[1]
    first = rodrigues(rotations[before]).reshape(count, joints, 3, 3)
    second = rodrigues(rotations[after]).reshape(count, joints, 3, 3)
    between = axis_angle(np.swapaxes(first, -1, -2) @ second) * share[:, :, None]
    turned = first @ rodrigues(between).reshape(count, joints, 3, 3)
    return axis_angle(turned), places[before] + share * (places[after] - places[before])
