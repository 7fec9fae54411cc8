"""SMPL-X's own 55 joints: the character as it is."""

from ..joints import JOINT_NAMES, PARENTS
from .definition import Bone, Skeleton

SKELETON = Skeleton(
    name="smplx",
    title="SMPL-X",
    bones=tuple(
        Bone(name, JOINT_NAMES[parent] if parent >= 0 else None, joint=name)
        for name, parent in zip(JOINT_NAMES, PARENTS.tolist(), strict=True)
    ),
)
