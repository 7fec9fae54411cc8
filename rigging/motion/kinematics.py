"""Forward kinematics of many frames at once, and the two-bone leg that reaches for a place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..joints import JOINT_INDEX, PARENTS
from ..rotations import about, between

Float = NDArray[np.float64]

_LONGEST_REACH = 0.9995  # of the straight leg: beyond it the knee would snap


def forward(local: Float, pelvis: Float, rest_joints: Float) -> tuple[Float, Float]:
    """World rotations (T, J, 3, 3) and joint positions (T, J, 3).

    Args:
        local: (T, J, 3, 3) rotation of each joint relative to its parent; pelvis: (T, 3) the root's positions.
        rest_joints: (J, 3) in the T-pose.
    """
    world, joints = np.empty_like(local), np.empty(local.shape[:3])
    world[:, 0], joints[:, 0] = local[:, 0], pelvis
    for joint in range(1, local.shape[1]):
        parent = PARENTS[joint]
        world[:, joint] = world[:, parent] @ local[:, joint]
        joints[:, joint] = joints[:, parent] + world[:, parent] @ (rest_joints[joint] - rest_joints[parent])
    return world, joints


def leg(side: str) -> tuple[int, int, int]:
    """Joint indices of hip, knee and ankle."""
    return JOINT_INDEX[f"{side}_hip"], JOINT_INDEX[f"{side}_knee"], JOINT_INDEX[f"{side}_ankle"]


def reach(local: Float, pelvis: Float, rest_joints: Float, side: str, target: Float) -> Float:
    """Local rotations (T, J, 3, 3) in which the ankle of one leg is at ``target`` (T, 3), or as near as it gets.

    The knee keeps its plane, the foot its direction in the world.
    """
    world, joints = forward(local, pelvis, rest_joints)
    hip, knee, ankle = leg(side)
    thigh, shin = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
    a, b = np.linalg.norm(thigh, axis=1), np.linalg.norm(shin, axis=1)
    wanted = target - joints[:, hip]
    far = np.linalg.norm(wanted, axis=1).clip(np.abs(a - b) + 1e-3, (a + b) * _LONGEST_REACH)
    bend = np.arccos(((far**2 - a**2 - b**2) / (2.0 * a * b)).clip(-1.0, 1.0))
    present = np.arccos((np.einsum("ti,ti->t", thigh, shin) / (a * b)).clip(-1.0, 1.0))
    hinge = np.cross(thigh, shin)
    sine = np.linalg.norm(hinge, axis=1) / (a * b)
    own = world[:, knee, :, 0]  # knees bend about their x axis: it serves where the leg is straight
    hinge = np.where(sine[:, None] > 0.05, hinge, own * (a * b * np.maximum(sine, 1e-3))[:, None])
    present = np.where((sine <= 0.05), present * np.sign(np.einsum("ti,ti->t", hinge, np.cross(thigh, shin)) + 1e-12),
                       present)  # fmt: skip
    fold = about(hinge, bend - present)
    swing = between(thigh + np.einsum("tij,tj->ti", fold, shin), wanted)
    new_hip, new_knee = swing @ world[:, hip], swing @ fold @ world[:, knee]
    result = local.copy()
    result[:, hip] = np.swapaxes(world[:, PARENTS[hip]], 1, 2) @ new_hip
    result[:, knee] = np.swapaxes(new_hip, 1, 2) @ new_knee
    result[:, ankle] = np.swapaxes(new_knee, 1, 2) @ world[:, ankle]
    return result
