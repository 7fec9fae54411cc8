# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses: between SMPL-X's axis-angle in the rest frame and a bone's own axes; mirroring.

A rotation vector w (axis times angle) seen from another orthonormal frame is the same rotation about the same axis
written in that frame's coordinates: with B the bone's rest matrix (3, 3) in armature space and C the change from Y up
to Z up, R_local = B^-1 (C R C^-1) B has the rotation vector B^T C w. So no rotation matrix is needed.
"""

import numpy as np
from numpy.typing import ArrayLike

from ...rigging.lbs import rodrigues
from ...rigging.rotations import axis_angle as axis_angles
from .axes import FloatArray, to_blender, to_body


def to_bone(axis_angle: ArrayLike, bone_rest: ArrayLike) -> FloatArray:
    """Axis-angle (..., 3) in the body's rest frame to the axis-angle (..., 3) of the bone's own rotation channel.

    bone_rest: (3, 3) rest orientation of the bone in armature space (Bone.matrix_local without its translation).
    The same holds for translations (..., 3) of the bone.
    """
    return to_blender(axis_angle) @ np.asarray(bone_rest, dtype=np.float64)


def from_bone(axis_angle: ArrayLike, bone_rest: ArrayLike) -> FloatArray:
    """The inverse of to_bone."""
    return to_body(np.asarray(bone_rest, dtype=np.float64) @ np.asarray(axis_angle, dtype=np.float64))


def from_rest(axis_angle: ArrayLike, above: ArrayLike, own: ArrayLike) -> FloatArray:
    """A joint's rotations (..., 3), counted from the T-pose, counted from another rest pose.

    above, own: (3, 3) how that rest turns the joint above and the joint itself, in the world, from the T-pose.
    """
    return _turned(np.asarray(above), axis_angle, np.asarray(own).T)


def from_t_pose(axis_angle: ArrayLike, above: ArrayLike, own: ArrayLike) -> FloatArray:
    """The inverse of from_rest."""
    return _turned(np.asarray(above).T, axis_angle, np.asarray(own))


def _turned(left: FloatArray, axis_angle: ArrayLike, right: FloatArray) -> FloatArray:
    vectors = np.asarray(axis_angle, dtype=np.float64)
    return axis_angles(left @ rodrigues(vectors).reshape(*vectors.shape, 3) @ right)


def quaternion(axis_angle: ArrayLike) -> FloatArray:
    """Axis-angle (3,) to a unit quaternion (w, x, y, z)."""
    vector = np.asarray(axis_angle, dtype=np.float64)
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.array([1.0, *(0.5 * vector)])
    return np.concatenate(([np.cos(0.5 * angle)], np.sin(0.5 * angle) / angle * vector))


def rotation_vector(quaternion_wxyz: ArrayLike) -> FloatArray:
    """Unit quaternion (w, x, y, z) to the axis-angle (3,) with the smallest angle, at most pi."""
    q = np.asarray(quaternion_wxyz, dtype=np.float64)
    q = q / np.linalg.norm(q)
    if q[0] < 0.0:
        q = -q
    sine = float(np.linalg.norm(q[1:]))
    if sine < 1e-12:
        return 2.0 * q[1:]
    return 2.0 * np.arctan2(sine, q[0]) / sine * q[1:]


def multiply(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """The product of two quaternions (w, x, y, z): the rotation b, then a."""
    p, q = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    scalar = p[0] * q[0] - p[1:] @ q[1:]
    return np.concatenate(([scalar], p[0] * q[1:] + q[0] * p[1:] + np.cross(p[1:], q[1:])))


def same_rotation(a: ArrayLike, b: ArrayLike, tolerance: float = 1e-4) -> bool:
    """Whether two axis-angles (3,) turn by the same amount: angles differing by a full turn count as equal."""
    return bool(1.0 - abs(float(quaternion(a) @ quaternion(b))) < 0.5 * tolerance * tolerance)


def mirror_pose(body_pose: ArrayLike, partner: ArrayLike, keep: str = "both") -> FloatArray:
    """Mirror a pose (J, 3) about the body's middle plane x = 0.

    partner: (J,) index of the joint on the other side, a joint of the middle being its own partner.
    keep: "both" swaps the sides; "left" copies the left side to the right and leaves the left and the middle as they
    are; "right" the other way round.
    A reflection keeps the part of a rotation vector along its normal and turns the rest round: (x, -y, -z).
    """
    pose = np.asarray(body_pose, dtype=np.float64)
    other = np.asarray(partner, dtype=np.int64)
    swapped = pose[other] * np.array([1.0, -1.0, -1.0])
    if keep == "both":
        return swapped
    if keep not in ("left", "right"):
        raise ValueError(f"keep must be 'both', 'left' or 'right', not {keep!r}")
    # In SMPL-X's order a left joint always comes before its right partner.
    index = np.arange(len(pose))
    overwritten = index > other if keep == "left" else index < other
    return np.where(overwritten[:, None], swapped, pose)
