# SPDX-License-Identifier: GPL-3.0-or-later
"""The pose library: named poses of the 21 body joints, written as turns that a person can read."""

from collections.abc import Mapping
from functools import cache, reduce

import numpy as np

from ...rigging.body_parameters import BodyParameters
from .axes import FloatArray
from .limbs import BODY_JOINTS
from .pose import multiply, quaternion, rotation_vector

_Turns = tuple[tuple[str, float], ...]

# Turns in degrees about the axes of the rest pose (x to the person's left, y up, z forward), the first applied first.
# A joint without a side stands for both, written for the left one and mirrored to the right.
# An arm hangs by z -75; it swings forward by x below 0, as does a thigh. A knee bends by x, an elbow by y below 0.
_LIBRARY: dict[str, Mapping[str, _Turns]] = {
    "Standing": {"collar": (("z", -6),), "shoulder": (("z", -66),), "elbow": (("y", -14),), "hip": (("z", 4),)},
    "Walking": {
        "shoulder": (("z", -70),),
        "left_shoulder": (("z", -72), ("x", 24)),
        "right_shoulder": (("z", 72), ("x", -24)),
        "elbow": (("y", -22),),
        "left_hip": (("x", -26),),
        "left_knee": (("x", 10),),
        "right_hip": (("x", 18),),
        "right_knee": (("x", 28),),
        "right_ankle": (("x", 12),),
        "spine3": (("y", -6),),
    },
    "Running": {
        "spine1": (("x", 10),),
        "left_shoulder": (("z", -74), ("x", 50)),
        "right_shoulder": (("z", 74), ("x", -40)),
        "elbow": (("y", -85),),
        "left_hip": (("x", -55),),
        "left_knee": (("x", 75),),
        "right_hip": (("x", 22),),
        "right_knee": (("x", 45),),
        "right_ankle": (("x", 20),),
        "spine3": (("y", -12),),
    },
    "Sitting": {
        "hip": (("z", 6), ("x", -85)),
        "knee": (("x", 85),),
        "shoulder": (("z", -74), ("x", -18)),
        "elbow": (("y", -38),),
    },
    "Waving": {
        "left_shoulder": (("z", -70),),
        "left_elbow": (("y", -12),),
        "right_shoulder": (("z", 10),),
        "right_elbow": (("z", -105),),
        "right_collar": (("z", -6),),
        "head": (("z", -5),),
    },
    "Hands on Hips": {
        "collar": (("z", -4),),
        "shoulder": (("z", -36), ("x", 14)),
        "elbow": (("z", -86), ("y", -22)),
        "wrist": (("z", 45),),
        "hip": (("z", 8),),
    },
    "Arms Raised": {"collar": (("z", 12),), "shoulder": (("z", 48),), "elbow": (("y", -8),), "hip": (("z", 5),)},
    "Fighting": {
        "spine2": (("y", -14),),
        "left_shoulder": (("z", -50), ("x", -35)),
        "right_shoulder": (("z", 60), ("x", -20)),
        "elbow": (("y", -115),),
        "left_hip": (("z", 8), ("x", -22)),
        "left_knee": (("x", 28),),
        "right_hip": (("z", -12), ("x", 14)),
        "right_knee": (("x", 22),),
    },
}
_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_MIRROR = np.array([1.0, -1.0, -1.0])

POSES: tuple[str, ...] = ("A-Pose", "T-Pose", *_LIBRARY)
"""Names of the poses, in the order in which they are offered."""


@cache
def body_pose(name: str) -> FloatArray:
    """Rotations (21, 3) of a pose in the order of BODY_JOINTS, axis-angle in radians. Do not write into it."""
    if name == "A-Pose":
        return BodyParameters.a_pose().body_pose
    pose = np.zeros((len(BODY_JOINTS), 3))
    turned = _LIBRARY.get(name, {})
    for row, joint in enumerate(BODY_JOINTS):
        side, _, part = joint.partition("_")
        if joint in turned:
            pose[row] = _combined(turned[joint])
        elif part in turned:
            pose[row] = _combined(turned[part]) * (1.0 if side == "left" else _MIRROR)
    return pose


def _combined(turns: _Turns) -> FloatArray:
    rotations = [quaternion(np.radians(degrees) * np.array(_AXES[axis])) for axis, degrees in turns]
    return rotation_vector(reduce(lambda before, after: multiply(after, before), rotations))
