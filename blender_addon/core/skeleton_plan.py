# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones for a skeleton of joints: where each bone ends and how it is rolled, so that animators can work with it.

A joint says where a bone begins and nothing else. A bone here points at its one child, or at the child named below
where there are several; the ends of chains go on in the direction of their flesh: feet and face forward, the head up,
fingertips straight on. Rolls are the same on both sides of the body, so that Blender's X-mirror works: elbows, knees
and fingers bend about their local X axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from .axes import Y_UP_TO_Z_UP, FloatArray, to_blender

MIN_BONE_LENGTH = 0.01  # metres; Blender deletes bones of no length

_MAIN_CHILD = {"pelvis": "spine1", "spine3": "neck", "left_wrist": "left_middle1", "right_wrist": "right_middle1"}
_FORWARD = (0.0, -1.0, 0.0)
_BACKWARD = (0.0, 1.0, 0.0)
_UP = (0.0, 0.0, 1.0)
# Leaf bones: direction in Blender's frame and a length as a share of the body's height.
_LEAVES = {
    "head": (_UP, 0.1),
    "jaw": (_FORWARD, 0.05),
    "left_eye_smplhf": (_FORWARD, 0.02),
    "right_eye_smplhf": (_FORWARD, 0.02),
    "left_foot": (_FORWARD, 0.05),
    "right_foot": (_FORWARD, 0.05),
}
_POINTS_FORWARD = ("jaw", "left_eye_smplhf", "right_eye_smplhf", "left_foot", "right_foot", "left_ankle", "right_ankle")
_ARM = ("collar", "shoulder", "elbow")


@dataclass(frozen=True)
class BonePlan:
    """One bone in armature space: Blender's axes, metres."""

    name: str
    parent: int  # index into the list of bones; -1 for the root
    head: FloatArray  # (3,)
    tail: FloatArray  # (3,)
    z_axis: FloatArray  # (3,) direction that the bone's local Z axis is rolled towards
    collection: str  # "Body", "Hands" or "Face"


def plan_bones(names: Sequence[str], parents: ArrayLike, joints: ArrayLike) -> list[BonePlan]:
    """Bones for `joints` (J, 3), rest positions in metres, Y up; in the joints' order, parents before children."""
    heads = to_blender(joints)
    parent_of = [int(parent) for parent in np.asarray(parents)]
    children = [[child for child, parent in enumerate(parent_of) if parent == joint] for joint in range(len(names))]
    height = max(float(np.ptp(heads[:, 2])), 0.1)
    tails = np.empty_like(heads)
    for joint in range(len(names)):  # parents first: a leaf may continue its parent's direction
        tails[joint] = heads[joint] + _bone_vector(joint, names, parent_of, children[joint], heads, tails, height)
    return [
        BonePlan(name, parent_of[j], heads[j], tails[j], _z_axis(name, tails[j] - heads[j]), collection_of(name))
        for j, name in enumerate(names)
    ]


def in_rest(bones: Sequence[BonePlan], joints: ArrayLike, rotations: ArrayLike) -> list[BonePlan]:
    """Bones that were planned in the T-pose, carried into another rest pose, so that they bend about the same axes.

    joints: (J, 3) rest positions, metres, Y up; rotations: (J, 3, 3) from the T-pose, Y up.
    """
    heads = to_blender(joints)
    turns = Y_UP_TO_Z_UP @ np.asarray(rotations) @ Y_UP_TO_Z_UP.T
    return [
        replace(bone, head=head, tail=head + turn @ (bone.tail - bone.head), z_axis=turn @ bone.z_axis)
        for bone, head, turn in zip(bones, heads, turns, strict=True)
    ]


def collection_of(name: str) -> str:
    """The bone collection a joint belongs to."""
    if name == "jaw" or "eye" in name:
        return "Face"
    if name[-1].isdigit() and not name.startswith("spine"):
        return "Hands"
    return "Body"


def _bone_vector(
    joint: int,
    names: Sequence[str],
    parents: Sequence[int],
    children: Sequence[int],
    heads: FloatArray,
    tails: FloatArray,
    height: float,
) -> FloatArray:
    name = names[joint]
    if name not in _LEAVES and children:
        wanted = _MAIN_CHILD.get(name)
        child = next((c for c in children if names[c] == wanted), children[0])
        vector = heads[child] - heads[joint]
    elif name in _LEAVES:
        direction, share = _LEAVES[name]
        vector = np.array(direction) * share * height
    elif parents[joint] >= 0:
        vector = 0.8 * (heads[joint] - heads[parents[joint]])
    else:
        vector = np.array(_UP) * 0.1 * height
    length = float(np.linalg.norm(vector))
    if length >= MIN_BONE_LENGTH:
        return vector
    if length > 1e-6:
        return vector * (MIN_BONE_LENGTH / length)
    along_parent = tails[parents[joint]] - heads[parents[joint]] if parents[joint] >= 0 else np.array(_UP)
    return along_parent * (MIN_BONE_LENGTH / float(np.linalg.norm(along_parent)))


def _z_axis(name: str, bone: FloatArray) -> FloatArray:
    if name in _POINTS_FORWARD or collection_of(name) == "Hands" or name.endswith("wrist"):
        wanted = _UP
    elif name.rpartition("_")[2] in _ARM:
        wanted = _BACKWARD
    else:
        wanted = _FORWARD
    direction = bone / np.linalg.norm(bone)
    if abs(float(direction @ np.array(wanted))) > 0.97:  # rolling towards the bone's own direction means nothing
        wanted = _BACKWARD if wanted == _UP else _UP
    return np.array(wanted)
