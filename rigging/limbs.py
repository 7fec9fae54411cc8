"""The six limbs of the skeleton: coarse regions between which skin can touch but must not mix."""

from __future__ import annotations

import numpy as np

from .joints import JOINT_INDEX, JOINT_NAMES, PARENTS

TRUNK, LEFT_LEG, RIGHT_LEG, LEFT_ARM, RIGHT_ARM, HEAD = range(6)
LIMB_NAMES: tuple[str, ...] = ("trunk", "left_leg", "right_leg", "left_arm", "right_arm", "head")

_ROOTS = {
    "left_hip": LEFT_LEG,
    "right_hip": RIGHT_LEG,
    "left_shoulder": LEFT_ARM,
    "right_shoulder": RIGHT_ARM,
    "neck": HEAD,
}


def _limb_of_joint() -> np.ndarray:
    limbs = np.full(len(JOINT_NAMES), TRUNK, np.int64)
    for joint, name in enumerate(JOINT_NAMES):
        limbs[joint] = _ROOTS.get(name, limbs[PARENTS[joint]] if PARENTS[joint] >= 0 else TRUNK)
    return limbs


LIMB_OF_JOINT: np.ndarray = _limb_of_joint()
"""(55,) limb of each joint; pelvis, spine and collars are the trunk, the neck belongs to the head."""
LIMB_OF_JOINT.setflags(write=False)

HEAD_JOINT: int = JOINT_INDEX["head"]


def limb_labels(weights: np.ndarray) -> np.ndarray:
    """The limb (V,) with most of each vertex's skin weight (V, 55)."""
    totals = np.stack([weights[:, LIMB_OF_JOINT == limb].sum(axis=1) for limb in range(len(LIMB_NAMES))], axis=1)
    return totals.argmax(axis=1)
