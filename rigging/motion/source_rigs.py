"""Skeletons of motion files that are known by their bones' names, and what each bone stands for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..joints import BODY_JOINT_NAMES
from ..skeletons import SKELETONS

Bone = str | tuple[str, str]  # a bone, or halfway between two

SIDES = ("left", "right")


@dataclass(frozen=True)
class SourceRig:
    """How a skeleton's bones stand for SMPL-X's joints."""

    name: str
    bones: dict[str, Bone]  # SMPL-X joint -> bone; a file without one of them is not of this rig
    z_up: bool  # Z up facing -Y, else Y up facing +Z
    rest: str  # "makehuman" = the A-pose of the base mesh, "measured" = by the directions of its bones
    fingers: dict[str, str] = field(default_factory=dict)  # the same for finger joints, which a file may lack

    def missing(self, names: Iterable[str]) -> list[str]:
        """The bones that a file with these names lacks, in the order of `bones`."""
        wanted = [name for bone in self.bones.values() for name in ((bone,) if isinstance(bone, str) else bone)]
        return [name for name in dict.fromkeys(wanted) if name not in set(names)]


def _sided(pattern: dict[str, str], left: str, right: str) -> dict[str, str]:
    """SMPL-X joint -> source bone for both sides; `*` in the bone's name stands for the side's mark."""
    marks = dict(zip(SIDES, (left, right), strict=True))
    return {f"{side}_{joint}": bone.replace("*", marks[side]) for side in SIDES for joint, bone in pattern.items()}


MAKEHUMAN = SourceRig(
    "MakeHuman default rig",
    {
        "pelvis": "root",
        "spine1": "spine04",
        "spine2": "spine02",
        "spine3": "spine01",
        "neck": "neck02",
        "head": "head",
        **_sided(
            {
                "hip": "upperleg02.*",
                "knee": "lowerleg01.*",
                "ankle": "foot.*",
                "collar": "shoulder01.*",
                "shoulder": "upperarm02.*",
                "elbow": "lowerarm02.*",
                "wrist": "wrist.*",
            },
            "L",
            "R",
        ),
    },
    z_up=True,
    rest="makehuman",
    fingers=_sided(
        {
            f"{finger}{segment}": f"finger{number}-{segment}.*"
            for number, finger in enumerate(("thumb", "index", "middle", "ring", "pinky"), 1)
            for segment in (1, 2, 3)
        },
        "L",
        "R",
    ),
)
MAKEHUMAN_WALKS = SourceRig(
    "MakeHuman walk cycles",
    {
        "pelvis": "Root",
        "spine1": "Spine1",
        "spine2": "Spine2",
        "spine3": "Spine3",
        "neck": "Neck",
        "head": "Head",
        **_sided(
            {
                "hip": "UpLeg_*",
                "knee": "LoLeg_*",
                "ankle": "Foot_*",
                "foot": "Toe_*",
                "collar": "Clavicle_*",
                "shoulder": "UpArm_*",
                "elbow": "LoArm_*",
                "wrist": "Hand_*",
            },
            "L",
            "R",
        ),
    },
    z_up=True,
    rest="measured",
    fingers=_sided(
        {
            f"{finger.lower()}{segment}": f"{finger}{segment}_*"
            for finger in ("Thumb", "Index", "Middle", "Ring", "Pinky")
            for segment in (1, 2, 3)
        },
        "L",
        "R",
    ),
)
CMU = SourceRig(
    "CMU motion capture",
    {
        "pelvis": "hip",
        "spine1": "abdomen",
        "spine2": ("abdomen", "chest"),
        "spine3": "chest",
        "neck": "neck",  # its head bone is tilted back by some 35 degrees in every frame, so the head follows the neck
        **_sided(
            {
                "hip": "*Thigh",
                "knee": "*Shin",
                "ankle": "*Foot",
                "collar": "*Collar",
                "shoulder": "*Shldr",
                "elbow": "*ForeArm",
                "wrist": "*Hand",
            },
            "l",
            "r",
        ),
    },
    z_up=False,
    rest="measured",
)
EXPORTED = tuple(
    SourceRig(
        target.title,
        {joint: target.from_smplx[joint] for joint in BODY_JOINT_NAMES},
        z_up=False,
        rest="measured",
        fingers={joint: bone for joint, bone in target.from_smplx.items() if joint not in BODY_JOINT_NAMES},
    )
    for target in SKELETONS.values()
)
"""The skeletons that characters are exported with: their motions come back."""
RIGS = (MAKEHUMAN, MAKEHUMAN_WALKS, CMU, *EXPORTED)


def rig_of(names: Iterable[str]) -> SourceRig | None:
    """The known rig all of whose bones are among ``names``."""
    names = set(names)
    return next((rig for rig in RIGS if not rig.missing(names)), None)


def nearest_rig(names: Iterable[str]) -> SourceRig:
    """The known rig that lacks the smallest share of its bones, for messages."""
    names = set(names)
    return min(RIGS, key=lambda rig: len(rig.missing(names)) / len(rig.bones))
