"""The 55 joints of SMPL-X: names, order, tree and left/right mirror (Pavlakos et al., CVPR 2019)."""

from __future__ import annotations

import numpy as np

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


def _hand(side: str) -> tuple[str, ...]:
    return tuple(f"{side}_{finger}{segment}" for finger in _FINGERS for segment in (1, 2, 3))


BODY_JOINT_NAMES: tuple[str, ...] = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
)
"""Pelvis and the 21 joints of `body_pose`, in SMPL-X order."""

JOINT_NAMES: tuple[str, ...] = (
    *BODY_JOINT_NAMES,
    "jaw",
    "left_eye_smplhf",
    "right_eye_smplhf",
    *_hand("left"),
    *_hand("right"),
)
"""All 55 joint names in SMPL-X order."""

NUM_JOINTS = len(JOINT_NAMES)

JOINT_INDEX: dict[str, int] = {name: index for index, name in enumerate(JOINT_NAMES)}
"""Joint name -> index."""

_PARENT_NAMES: dict[str, str] = {
    "left_hip": "pelvis",
    "right_hip": "pelvis",
    "spine1": "pelvis",
    "left_knee": "left_hip",
    "right_knee": "right_hip",
    "spine2": "spine1",
    "left_ankle": "left_knee",
    "right_ankle": "right_knee",
    "spine3": "spine2",
    "left_foot": "left_ankle",
    "right_foot": "right_ankle",
    "neck": "spine3",
    "left_collar": "spine3",
    "right_collar": "spine3",
    "head": "neck",
    "left_shoulder": "left_collar",
    "right_shoulder": "right_collar",
    "left_elbow": "left_shoulder",
    "right_elbow": "right_shoulder",
    "left_wrist": "left_elbow",
    "right_wrist": "right_elbow",
    "jaw": "head",
    "left_eye_smplhf": "head",
    "right_eye_smplhf": "head",
    **{
        f"{side}_{finger}{segment}": f"{side}_wrist" if segment == 1 else f"{side}_{finger}{segment - 1}"
        for side in ("left", "right")
        for finger in _FINGERS
        for segment in (1, 2, 3)
    },
}

PARENTS: np.ndarray = np.array([JOINT_INDEX.get(_PARENT_NAMES.get(name, ""), -1) for name in JOINT_NAMES], np.int64)
"""(55,) index of each joint's parent; -1 for the pelvis. A parent always precedes its children."""
PARENTS.setflags(write=False)


def mirror_name(name: str) -> str:
    """The joint's counterpart on the other side of the body; midline joints are their own."""
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    if name.startswith("right_"):
        return "left_" + name.removeprefix("right_")
    return name


MIRROR: np.ndarray = np.array([JOINT_INDEX[mirror_name(name)] for name in JOINT_NAMES], np.int64)
"""(55,) permutation that swaps left and right joints."""
MIRROR.setflags(write=False)
