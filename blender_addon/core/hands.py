# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands by five curls each: from flat (0) over relaxed to a fist (1)."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ...rigging.body_parameters import BodyParameters
from ...rigging.joints import JOINT_NAMES
from .axes import FloatArray

FINGERS: tuple[str, ...] = ("thumb", "index", "middle", "ring", "pinky")
SIDES: tuple[str, ...] = ("left", "right")
CURLS: tuple[str, ...] = tuple(f"{side}_{finger}" for side in SIDES for finger in FINGERS)
"""The names of the ten curls."""

RELAXED = 0.2
"""The curl at which a finger is bent as in the A-pose."""

PRESETS: dict[str, tuple[float, ...]] = {
    "Flat": (0.0, 0.0, 0.0, 0.0, 0.0),
    "Relaxed": (RELAXED,) * 5,
    "Grip": (0.6, 0.6, 0.6, 0.6, 0.6),
    "Fist": (1.0, 1.0, 1.0, 1.0, 1.0),
    "Point": (0.8, 0.0, 1.0, 1.0, 1.0),
    "Victory": (0.9, 0.0, 0.0, 1.0, 1.0),
    "Thumb Up": (0.0, 1.0, 1.0, 1.0, 1.0),
}
"""Name -> curls in the order of FINGERS."""

# Rotations of the left hand's fist in degrees about (x, y, z), segment by segment; fingers bend about -z.
_FIST: dict[str, Sequence[tuple[float, float, float]]] = {
    "thumb": ((12.0, 34.0, -12.0), (0.0, 45.0, 4.0), (0.0, 50.0, 4.0)),
    "index": ((0.0, 0.0, -72.0), (0.0, 0.0, -95.0), (0.0, 0.0, -55.0)),
    "middle": ((0.0, 0.0, -76.0), (0.0, 0.0, -96.0), (0.0, 0.0, -55.0)),
    "ring": ((0.0, 0.0, -78.0), (0.0, 0.0, -96.0), (0.0, 0.0, -55.0)),
    "pinky": ((0.0, 0.0, -80.0), (0.0, 0.0, -95.0), (0.0, 0.0, -55.0)),
}
_FIRST = JOINT_NAMES.index("left_index1")
_JOINTS = tuple(name.removeprefix("left_") for name in JOINT_NAMES[_FIRST : _FIRST + 15])
_ROWS = {finger: [row for row, name in enumerate(_JOINTS) if name.startswith(finger)] for finger in FINGERS}
_BENT: FloatArray = np.radians([_FIST[name[:-1]][int(name[-1]) - 1] for name in _JOINTS])  # (15, 3)
_AT_REST: FloatArray = BodyParameters.a_pose().left_hand_pose  # (15, 3)
_MIRROR = np.array([1.0, -1.0, -1.0])


def hand_pose(side: str, curls: Mapping[str, float]) -> FloatArray:
    """Rotations (15, 3) of one hand, axis-angle, in SMPL-X's order; fingers that are not named are flat."""
    amount = np.zeros((15, 1))
    for finger in FINGERS:
        amount[_ROWS[finger]] = curls.get(f"{side}_{finger}", 0.0)
    pose = _AT_REST * np.minimum(amount / RELAXED, 1.0)
    pose = pose + (_BENT - _AT_REST) * np.maximum((amount - RELAXED) / (1.0 - RELAXED), 0.0)
    return pose if side == "left" else pose * _MIRROR


def curls_of(left_hand_pose: ArrayLike, right_hand_pose: ArrayLike) -> dict[str, float]:
    """The curls nearest to two hands (15, 3): exact for hands that curls made."""
    found = {}
    for side, pose in zip(SIDES, (left_hand_pose, right_hand_pose), strict=True):
        turned = np.asarray(pose, dtype=np.float64).reshape(15, 3) * (1.0 if side == "left" else _MIRROR)
        for finger in FINGERS:
            rows = _ROWS[finger]
            below = _along(turned[rows], _AT_REST[rows])
            above = _along(turned[rows] - _AT_REST[rows], (_BENT - _AT_REST)[rows])
            curl = RELAXED + (1.0 - RELAXED) * above if above > 1e-6 else RELAXED * below
            found[f"{side}_{finger}"] = float(np.clip(curl, 0.0, 1.0))
    return found


def _along(vector: FloatArray, direction: FloatArray) -> float:
    return float((vector * direction).sum() / (direction * direction).sum())
