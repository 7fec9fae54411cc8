"""From a character on SMPL-X's joints to another skeleton: bones renamed, turned, added, left out; skin merged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..character import RiggedCharacter
from ..joints import JOINT_INDEX, JOINT_NAMES, PARENTS
from .definition import DIRECTIONS, Bone, Frame, Place, Skeleton, region_of
from .rig import Rig

MAIN_CHILD = {"pelvis": "spine1", "spine3": "neck", "left_wrist": "left_middle1", "right_wrist": "right_middle1"}
"""Which child a joint with several points at."""

_LEAF_DIRECTION = {"head": "up", "jaw": "forward", "left_eye_smplhf": "forward", "right_eye_smplhf": "forward"}
_PARALLEL = 0.95  # cosine from which on a bone is too near to its second axis' direction to be rolled by it
_SPLIT_SOFTNESS = 0.5  # half width of the blend between two halves of a split bone, as a share of a half


class _Joints:
    """A character's SMPL-X joints: places, directions and rotations by name."""

    def __init__(self, character: RiggedCharacter) -> None:
        if character.joint_names != JOINT_NAMES:
            raise ValueError("Only a character on SMPL-X's 55 joints can be given another skeleton.")
        self.places = character.joints.astype(np.float64)
        self.rotations = character.turns(character.params.full_pose)
        self.floor = float(character.vertices[:, 1].min())

    def at(self, place: Place) -> NDArray[np.float64]:
        start, end = self.places[JOINT_INDEX[place.start]], self.places[JOINT_INDEX[place.end]]
        return start + place.share * (end - start)

    def direction(self, joint: str) -> NDArray[np.float64]:
        """Unit vector (3,) along the bone of a joint: to its main child; ends of chains go on as their flesh does."""
        index = JOINT_INDEX[joint]
        if joint in _LEAF_DIRECTION:
            return np.array(DIRECTIONS[_LEAF_DIRECTION[joint]])
        children = [JOINT_NAMES[child] for child in np.flatnonzero(PARENTS == index)]
        if joint.endswith("_foot"):  # toes lie flat, their joint is above the ground
            way = (self.places[index] - self.places[PARENTS[index]]) * (1.0, 0.0, 1.0)
        elif children:
            way = self.places[JOINT_INDEX[MAIN_CHILD.get(joint, children[0])]] - self.places[index]
        else:
            way = self.places[index] - self.places[PARENTS[index]]
        length = float(np.linalg.norm(way))
        return way / length if length > 1e-6 else np.array(DIRECTIONS["up"])


def convert(character: RiggedCharacter, skeleton: Skeleton) -> Rig:
    """The bones of ``skeleton`` inside ``character``, with its skin and its pose at generation.

    Posing the rig's own bones gives the same surface as posing the character, but for joints that the skeleton leaves
    out: they keep still against their parent.

    Raises:
        ValueError: the character does not have SMPL-X's 55 joints.
    """
    joints = _Joints(character)
    index = {bone.name: number for number, bone in enumerate(skeleton.bones)}
    count = len(skeleton.bones)
    heads, axes = np.empty((count, 3)), np.tile(np.eye(3), (count, 1, 1))
    rotations = np.tile(np.eye(3), (count, 1, 1))
    for number, bone in enumerate(skeleton.bones):
        heads[number] = _head(bone, joints)
        axes[number] = _axes(bone, skeleton, joints)
        if bone.joint:
            rotations[number] = joints.rotations[JOINT_INDEX[bone.joint]]
    return Rig(
        skeleton=skeleton.name,
        names=tuple(index),
        parents=np.array([index[bone.parent] if bone.parent else -1 for bone in skeleton.bones], np.int64),
        heads=heads,
        axes=axes,
        weights=_weights(character, skeleton, index, joints),
        rotations=rotations,
        translation=np.asarray(character.params.transl, np.float64),
        hips=index[skeleton.from_smplx["pelvis"]],
    )


def _head(bone: Bone, joints: _Joints) -> NDArray[np.float64]:
    if bone.joint:
        return joints.places[JOINT_INDEX[bone.joint]]
    return joints.at(bone.place) if bone.place else np.array([0.0, joints.floor, 0.0])


def _axes(bone: Bone, skeleton: Skeleton, joints: _Joints) -> NDArray[np.float64]:
    """Columns (3, 3): the bone's X, Y and Z at rest. An added bone continues the joint that it begins from."""
    joint = bone.joint or (bone.place.start if bone.place else None)
    frame = skeleton.frames.get(region_of(joint)) if joint else None
    if joint is None or frame is None:
        return np.eye(3)
    if bone.place and bone.place.share > 1.0:
        joint = bone.place.end
    return oriented(frame, joints.direction(joint))


def oriented(frame: Frame, direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """A right-handed basis (3, 3), axes as columns, with one axis along ``direction`` (3,) and rolled as asked."""
    towards = np.array(DIRECTIONS[frame.towards])
    if abs(float(direction @ towards)) > _PARALLEL:  # rolled by its own direction it would turn at random
        towards = np.array(DIRECTIONS["forward" if frame.towards in ("up", "down") else "up"])
    second = towards - (towards @ direction) * direction
    second /= np.linalg.norm(second)
    basis = np.zeros((3, 3))
    used = []
    for axis, vector in ((frame.aim, direction), (frame.other, second)):
        column = "XYZ".index(axis[1])
        basis[:, column] = vector if axis[0] == "+" else -vector
        used.append(column)
    last = 3 - sum(used)
    basis[:, last] = np.cross(basis[:, (last + 1) % 3], basis[:, (last + 2) % 3])
    return basis


def _weights(
    character: RiggedCharacter, skeleton: Skeleton, index: dict[str, int], joints: _Joints
) -> NDArray[np.float32]:
    """Skin (V, B): each joint's weight goes to the bone that keeps it, and in part to bones that are added below."""
    weights = np.zeros((len(character.vertices), len(skeleton.bones)), np.float32)
    for joint, name in enumerate(JOINT_NAMES):
        weights[:, index[skeleton.keeper(name)]] += character.weights[:, joint]
    for bone in skeleton.bones:
        if bone.takes and bone.place:
            giver = index[skeleton.keeper(bone.place.start)]
            share = _beyond(character, bone.place, joints) * weights[:, giver]
            weights[:, index[bone.name]] += share
            weights[:, giver] -= share
    return weights


def _beyond(character: RiggedCharacter, place: Place, joints: _Joints) -> NDArray[np.float32]:
    """How far (V,) each vertex lies past an added bone's beginning along its segment: 0 before, 1 after, smooth."""
    start, end = joints.places[JOINT_INDEX[place.start]], joints.places[JOINT_INDEX[place.end]]
    way = end - start
    along = (character.vertices - start) @ way / max(float(way @ way), 1e-12)
    soft = _SPLIT_SOFTNESS * min(place.share, 1.0 - place.share)
    t = np.clip((along - place.share + soft) / (2.0 * soft), 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t)).astype(np.float32)
