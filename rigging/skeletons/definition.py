"""What a target skeleton is: its bones, which SMPL-X joint each one stands for, and how its axes lie.

A table says where bones are and which way their axes point in terms of the person, never in numbers of one character:
`convert` then builds it for a character of any proportions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ..joints import JOINT_INDEX, JOINT_NAMES, PARENTS

DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "left": (1.0, 0.0, 0.0),
    "right": (-1.0, 0.0, 0.0),
    "up": (0.0, 1.0, 0.0),
    "down": (0.0, -1.0, 0.0),
    "forward": (0.0, 0.0, 1.0),
    "backward": (0.0, 0.0, -1.0),
}
"""The person's own directions in the T-pose, in the rig's frame (Y up, facing +Z)."""

REGIONS = (
    "spine",
    *(f"{side}_{part}" for part in ("leg", "foot", "arm", "hand") for side in ("left", "right")),
)
"""Parts of the body whose bones share one orientation; fingers belong to the hands, jaw and eyes to the spine."""


@dataclass(frozen=True)
class Frame:
    """How the axes of a bone lie: ``aim`` points along the bone, ``other`` as near as it can towards ``towards``.

    Axes are written "+X", "-X", "+Y" ...; ``towards`` is one of DIRECTIONS.
    """

    aim: str
    other: str
    towards: str


@dataclass(frozen=True)
class Place:
    """Where an added bone begins: a share of the way from one joint to another, beyond it where it is above one."""

    start: str
    end: str
    share: float


@dataclass(frozen=True)
class Bone:
    """One bone of a target skeleton.

    It stands for an SMPL-X joint (``joint``) and has its skin, or is added at a ``place``, or, with neither, lies on
    the floor below the character. ``takes`` gives a bone that is added between two joints its part of the skin of the
    first.
    """

    name: str
    parent: str | None
    joint: str | None = None
    place: Place | None = None
    takes: bool = False


@dataclass(frozen=True)
class Skeleton:
    """A target skeleton. Construction checks the table: one root, parents before their children, no joint twice.

    SMPL-X joints that no bone stands for are left out: their skin goes to their nearest ancestor that is kept.
    """

    name: str
    title: str
    bones: tuple[Bone, ...]
    frames: Mapping[str, Frame] = field(default_factory=dict)  # region -> axes; bones of other regions stay unturned

    def __post_init__(self) -> None:
        names: list[str | None] = [None]
        joints: set[str] = set()
        for bone in self.bones:
            if bone.name in names or bone.parent not in names or (bone.parent is None and len(names) > 1):
                raise ValueError(f"{self.name}: {bone.name} is there twice, or its parent does not come before it")
            names.append(bone.name)
            used = {bone.joint} if bone.joint else {bone.place.start, bone.place.end} if bone.place else set()
            if not used <= set(JOINT_NAMES) or bone.joint in joints or (bone.joint and bone.place):
                raise ValueError(f"{self.name}: {bone.name} has no joint or place of its own")
            joints |= {bone.joint} if bone.joint else set()
        if not set(self.frames) <= set(REGIONS):
            raise ValueError(f"{self.name}: unknown regions {sorted(set(self.frames) - set(REGIONS))}")

    @cached_property
    def from_smplx(self) -> dict[str, str]:
        """SMPL-X joint -> bone, for the joints that this skeleton has."""
        return {bone.joint: bone.name for bone in self.bones if bone.joint}

    @cached_property
    def to_smplx(self) -> dict[str, str]:
        """Bone -> SMPL-X joint; added bones are not in it."""
        return {bone: joint for joint, bone in self.from_smplx.items()}

    def keeper(self, joint: str) -> str:
        """The bone that has the skin of an SMPL-X joint: its own, or that of its nearest kept ancestor."""
        index = JOINT_INDEX[joint]
        while JOINT_NAMES[index] not in self.from_smplx:
            index = int(PARENTS[index])
            if index < 0:
                raise ValueError(f"{self.name} keeps no joint above {joint}")
        return self.from_smplx[JOINT_NAMES[index]]


def region_of(joint: str) -> str:
    """The region of an SMPL-X joint."""
    side, _, part = joint.partition("_")
    if side not in ("left", "right") or part == "eye_smplhf":
        return "spine"
    if part in ("hip", "knee"):
        return f"{side}_leg"
    if part in ("ankle", "foot"):
        return f"{side}_foot"
    if part in ("collar", "shoulder", "elbow"):
        return f"{side}_arm"
    return f"{side}_hand"


def read_table(table: str, sides: tuple[str, str] = ("", ""), prefix: str = "") -> tuple[Bone, ...]:
    """Bones from a table of one row each: name, parent ("-" for the root), and what the bone is.

    The third column is an SMPL-X joint, ``start>end@share`` for a bone that is added on the way between two joints
    (with a ``+`` after it where it takes skin), or ``floor``. Rows with a ``*`` stand for two bones: in names it
    becomes one of ``sides``, in joints ``left_`` or ``right_``. ``prefix`` comes before every name.
    """
    bones = []
    for row in table.strip().splitlines():
        for side, word in zip(("left_", "right_"), sides, strict=True) if "*" in row else (("", ""),):
            name, parent, what = row.split()
            name, parent, what = name.replace("*", word), parent.replace("*", word), what.replace("*", side)
            above = None if parent == "-" else prefix + parent
            if what == "floor":
                bones.append(Bone(prefix + name, above))
            elif ">" in what:
                start, _, rest = what.rstrip("+").partition(">")
                end, _, share = rest.partition("@")
                bones.append(Bone(prefix + name, above, None, Place(start, end, float(share)), what.endswith("+")))
            else:
                bones.append(Bone(prefix + name, above, what))
    return tuple(bones)
