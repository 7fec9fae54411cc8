"""Names of the body parts that `part_ids` of the open body refer to."""

from __future__ import annotations

PART_NAMES: tuple[str, ...] = (
    "head",
    "neck",
    "torso",
    "hips",
    "left_upper_arm",
    "right_upper_arm",
    "left_lower_arm",
    "right_lower_arm",
    "left_hand",
    "right_hand",
    "left_upper_leg",
    "right_upper_leg",
    "left_lower_leg",
    "right_lower_leg",
    "left_foot",
    "right_foot",
    "left_eye",
    "right_eye",
    "tongue",
    "mouth",
)
"""Part names; the value of `part_ids` is the index here. `mouth` is the lining inside the lips."""

PART_INDEX: dict[str, int] = {name: index for index, name in enumerate(PART_NAMES)}
"""Part name -> id."""

_JOINT_TO_PART: dict[str, str] = {
    "pelvis": "hips",
    "spine1": "torso",
    "spine2": "torso",
    "spine3": "torso",
    "neck": "neck",
    "head": "head",
    "jaw": "head",
}
_LIMB_TO_PART: dict[str, str] = {
    "hip": "upper_leg",
    "knee": "lower_leg",
    "ankle": "foot",
    "foot": "foot",
    "shoulder": "upper_arm",
    "elbow": "lower_arm",
    "eye_smplhf": "eye",
}


def part_of_joint(joint: str) -> str:
    """The part that a vertex belongs to when `joint` (an SMPL-X name) has most of its weight."""
    if joint in _JOINT_TO_PART:
        return _JOINT_TO_PART[joint]
    side, _, limb = joint.partition("_")
    if limb == "collar":
        return "torso"
    return f"{side}_{_LIMB_TO_PART.get(limb, 'hand')}"
