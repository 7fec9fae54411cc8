"""Merge MakeHuman's 163 bones into the 55 joints of SMPL-X."""

from __future__ import annotations

import numpy as np

from ..joints import JOINT_INDEX, JOINT_NAMES

_MIDLINE = {
    "root": "pelvis",
    "spine05": "pelvis",
    "spine04": "pelvis",
    "spine03": "spine1",
    "spine02": "spine2",
    "spine01": "spine3",
    "neck01": "neck",
    "neck02": "neck",
    "neck03": "neck",
    "head": "head",
    "jaw": "jaw",
}
_LIMBS = {
    "pelvis": "pelvis",
    "breast": "spine3",
    "upperleg01": "hip",
    "lowerleg01": "knee",
    "foot": "ankle",
    "clavicle": "collar",
    "upperarm01": "shoulder",
    "lowerarm01": "elbow",
    "wrist": "wrist",
    "eye": "eye_smplhf",
    **{f"toe{toe}-1": "foot" for toe in range(1, 6)},
    **{
        f"finger{digit}-{segment}": f"{finger}{segment}"
        for digit, finger in enumerate(("thumb", "index", "middle", "ring", "pinky"), start=1)
        for segment in (1, 2, 3)
    },
}
# The bone whose head is the joint, where it is not the first bone merged into it. SMPL-X's pelvis lies about
# 9 cm above its hip joints; the head of spine04 does, too.
_HEADS = {"pelvis": ("spine04",)}


def joint_of_bones(names: list[str], parents: list[int]) -> np.ndarray:
    """(163,) the joint that each bone merges into: its own, or that of its nearest kept ancestor."""
    result = np.full(len(names), -1)
    for bone, name in enumerate(names):
        stem, _, side = name.partition(".")
        if not side:
            joint = _MIDLINE.get(stem)
        elif (joint := _LIMBS.get(stem)) is not None and joint not in ("pelvis", "spine3"):
            joint = f"{'left' if side == 'L' else 'right'}_{joint}"
        result[bone] = JOINT_INDEX[joint] if joint else result[parents[bone]]
    return result


def joint_positions(names: list[str], parents: list[int], heads: np.ndarray) -> np.ndarray:
    """Joints (N, 55, 3) from bone heads (N, 163, 3); a joint with several first bones (the toes) is their mean."""
    merged = joint_of_bones(names, parents)
    joints = np.empty((len(heads), len(JOINT_NAMES), 3))
    for joint, joint_name in enumerate(JOINT_NAMES):
        if joint_name in _HEADS:
            bones = [names.index(name) for name in _HEADS[joint_name]]
        else:
            bones = [int(b) for b in np.flatnonzero(merged == joint) if merged[parents[b]] != joint]
            bones = [b for b in bones if not names[b].startswith("breast")]
        joints[:, joint] = heads[:, bones].mean(axis=1)
    return joints


def merge_weights(weights: np.ndarray, names: list[str], parents: list[int], influences: int = 4) -> np.ndarray:
    """(V, 163) bone weights -> (V, 55) joint weights with at most `influences` of them per vertex, summing to 1."""
    merged = joint_of_bones(names, parents)
    result = np.zeros((len(weights), len(JOINT_NAMES)))
    for bone, joint in enumerate(merged):
        result[:, joint] += weights[:, bone]
    # Of equals at the threshold (left and right on the midline) all go, so that the weights stay symmetric.
    first_dropped = np.sort(result, axis=1)[:, -influences - 1][:, None]
    result[result <= np.maximum(first_dropped, 1e-4)] = 0.0
    return result / result.sum(axis=1, keepdims=True)
