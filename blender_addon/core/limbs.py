# SPDX-License-Identifier: GPL-3.0-or-later
"""The 21 posable joints of the body as artists meet them: grouped by limb, with plain labels."""

from ...rigging.joints import JOINT_NAMES, MIRROR

BODY_JOINTS: tuple[str, ...] = JOINT_NAMES[1:22]
"""The joints of body_pose, in SMPL-X's order: left_hip ... right_wrist."""

BODY_MIRROR: tuple[int, ...] = tuple(int(joint) - 1 for joint in MIRROR[1:22])
"""For each of BODY_JOINTS, the index of its counterpart on the other side."""

LIMBS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Torso", ("spine1", "spine2", "spine3", "neck", "head")),
    ("Left Arm", ("left_collar", "left_shoulder", "left_elbow", "left_wrist")),
    ("Right Arm", ("right_collar", "right_shoulder", "right_elbow", "right_wrist")),
    ("Left Leg", ("left_hip", "left_knee", "left_ankle", "left_foot")),
    ("Right Leg", ("right_hip", "right_knee", "right_ankle", "right_foot")),
)

_LABELS = {"spine1": "Lower Spine", "spine2": "Middle Spine", "spine3": "Chest"}


def label(joint: str) -> str:
    """'left_shoulder' -> 'Left Shoulder'."""
    return _LABELS.get(joint) or joint.replace("_", " ").title()


def short_label(joint: str) -> str:
    """The label without its side, for rows below a limb's heading."""
    return _LABELS.get(joint) or joint.rpartition("_")[2].title()
