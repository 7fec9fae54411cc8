"""Twenty poses at the ends of what bodies do, where skin and cloth are put to the test."""

from __future__ import annotations

import numpy as np

from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX, mirror_name

Turn = tuple[float, float, float]


def _both(**left: Turn) -> dict[str, Turn]:
    """Rotations of left joints, in degrees, and the same mirrored on the right."""
    result = {}
    for joint, (x, y, z) in left.items():
        result[f"left_{joint}"] = (x, y, z)
        result[mirror_name(f"left_{joint}")] = (x, -y, -z)
    return result


def _spine(turn: Turn) -> dict[str, Turn]:
    return {"spine1": turn, "spine2": turn, "spine3": turn}


_POSES: dict[str, dict[str, Turn]] = {
    "arms up": _both(collar=(0, 0, 20), shoulder=(0, 0, 65)),
    "arms down": _both(collar=(0, 0, -8), shoulder=(0, 0, -72)),
    "arms forward": _both(shoulder=(0, -85, 0)),
    "arms back": _both(shoulder=(0, 50, -35)),
    "crossed arms": _both(shoulder=(15, -50, -50), elbow=(0, -105, 0)),
    "bent elbows": _both(shoulder=(0, 0, -40), elbow=(0, -140, 0)),
    "hands behind the head": _both(collar=(0, 0, 15), shoulder=(0, 10, 40), elbow=(0, 0, 125)),
    "squat": _both(hip=(-100, 0, 20), knee=(120, 0, 0), ankle=(-25, 0, 0)) | {"spine1": (20, 0, 0)},
    "side splits": _both(hip=(0, 0, 70)),
    "front splits": {"left_hip": (-80, 0, 0), "right_hip": (50, 0, 0)},
    "high knee": {"left_hip": (-110, 0, 0), "left_knee": (100, 0, 0)},
    "high kick": {"right_hip": (-100, 0, 0), "spine1": (-10, 0, 0)},
    "lunge": {"left_hip": (-80, 0, 0), "left_knee": (85, 0, 0), "right_hip": (30, 0, 0), "right_knee": (25, 0, 0)},
    "twist to the left": _spine((0, 22, 0)) | {"neck": (0, 20, 0), "head": (0, 20, 0)},
    "twist to the right": _spine((0, -22, 0)) | {"neck": (0, -20, 0), "head": (0, -20, 0)},
    "bow": _spine((22, 0, 0)) | _both(hip=(-45, 0, 0)) | {"neck": (20, 0, 0)},
    "back bend": _spine((-15, 0, 0)) | {"neck": (-20, 0, 0)} | _both(shoulder=(0, 0, 50)),
    "side bend": _spine((0, 0, 15)) | {"right_shoulder": (0, 0, -70), "left_shoulder": (0, 0, -60)},
    "cross-legged": _both(hip=(-85, 30, 45), knee=(115, 0, 0)),
    "star jump": _both(collar=(0, 0, 15), shoulder=(0, 0, 35), hip=(0, 0, 40)) | {"head": (-25, 0, 0)},
}

EXTREME_POSES: tuple[str, ...] = tuple(_POSES)


def extreme_pose(name: str) -> BodyParameters:
    """The pose of a name, from the T-pose."""
    pose = np.zeros((len(JOINT_INDEX), 3))
    for joint, degrees in _POSES[name].items():
        pose[JOINT_INDEX[joint]] = np.radians(degrees)
    return BodyParameters.from_full_pose(pose)
