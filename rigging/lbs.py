"""Linear blend skinning as pure functions on numpy arrays (Loper et al., SIGGRAPH Asia 2015)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_SMALL_ANGLE = 1e-8


class Influences(NamedTuple):
    """Skin weights by influence: what skinning needs, several times faster than the dense rows, on numpy alone."""

    joint: np.ndarray  # (V, K) indices
    weight: np.ndarray  # (V, K) weights; rows sum to 1, unused places are 0

    @classmethod
    def of(cls, weights: np.ndarray) -> Influences:
        """From dense rows (V, J); K is the largest number of joints that a row uses."""
        dense = np.asarray(weights, np.float64)
        count = max(1, int(np.count_nonzero(dense, axis=1).max(initial=1)))
        index = np.argsort(-dense, axis=1, kind="stable")[:, :count]
        return cls(index, np.take_along_axis(dense, index, axis=1))


def rodrigues(axis_angle: np.ndarray) -> np.ndarray:
    """Axis-angle vectors (N, 3), radians -> rotation matrices (N, 3, 3)."""
    vectors = np.asarray(axis_angle, np.float64).reshape(-1, 3)
    angles = np.linalg.norm(vectors, axis=1)
    axes = vectors / np.maximum(angles, _SMALL_ANGLE)[:, None]
    sine = np.sin(angles)[:, None, None]
    versine = (1.0 - np.cos(angles))[:, None, None]
    cross = np.zeros((len(vectors), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axes[:, 2], axes[:, 1], -axes[:, 0]
    cross -= cross.transpose(0, 2, 1)
    return np.eye(3) + sine * cross + versine * (cross @ cross)


def rigid_chain(rotations: np.ndarray, joints: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forward kinematics.

    Args:
        rotations: (J, 3, 3) rotation of each joint relative to its parent.
        joints: (J, 3) rest positions, metres.
        parents: (J,) parent indices, -1 for the root; parents come before their children.

    Returns:
        posed joints (J, 3) and transforms (J, 4, 4) that carry rest points along with each joint.
    """
    count = len(joints)
    world = np.empty((count, 3, 3))
    posed = np.empty((count, 3))
    for joint in range(count):
        parent = int(parents[joint])
        if parent < 0:
            world[joint], posed[joint] = rotations[joint], joints[joint]
        else:
            world[joint] = world[parent] @ rotations[joint]
            posed[joint] = posed[parent] + world[parent] @ (joints[joint] - joints[parent])
    transforms = np.zeros((count, 4, 4))
    transforms[:, :3, :3] = world
    transforms[:, :3, 3] = posed - np.einsum("jab,jb->ja", world, joints)
    transforms[:, 3, 3] = 1.0
    return posed, transforms


def joints_at_rest(posed: np.ndarray, world: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Where joints rest (J, 3) that stand at ``posed`` (J, 3) turned by ``world`` (J, 3, 3): the inverse of
    `rigid_chain`. The root stays where it is."""
    result = np.array(posed, np.float64)
    for joint in range(1, len(result)):
        parent = int(parents[joint])
        result[joint] = result[parent] + world[parent].T @ (posed[joint] - posed[parent])
    return result


def blend_transforms(weights: np.ndarray | Influences, transforms: np.ndarray) -> np.ndarray:
    """(V, J) weights and (J, 4, 4) affine transforms -> (V, 3, 4), each vertex's own mix of the top three rows."""
    rows = np.ascontiguousarray(transforms[:, :3].reshape(len(transforms), 12))
    if isinstance(weights, Influences):
        blended = np.zeros((len(weights.joint), 12), rows.dtype)
        for joint, weight in zip(weights.joint.T, weights.weight.T, strict=True):
            blended += rows[joint] * weight[:, None]
    else:
        blended = np.asarray(weights) @ rows
    return blended.reshape(-1, 3, 4)


def skin(vertices: np.ndarray, weights: np.ndarray | Influences, transforms: np.ndarray) -> np.ndarray:
    """Carry rest vertices along with the joints.

    Args:
        vertices: (V, 3) metres.
        weights: (V, J) rows summing to 1, or the same as Influences, which is faster.
        transforms: (J, 4, 4) rest -> posed.

    Returns:
        (V, 3) posed vertices.
    """
    blended = blend_transforms(weights, transforms)
    return np.einsum("vab,vb->va", blended[:, :, :3], vertices) + blended[:, :, 3]
