# SPDX-License-Identifier: GPL-3.0-or-later
"""Resetting and mirroring the pose: of the body to be generated, or of the active avatar."""

import json

import bpy
import numpy as np
from bpy.props import EnumProperty

from ...rigging.body_parameters import BodyParameters
from ...rigging.joints import JOINT_NAMES, MIRROR
from ..core.limbs import BODY_JOINTS, BODY_MIRROR
from ..core.pose import mirror_pose
from ..tool import armature as armature_tool
from .base import DoppelOperator


def active_avatar(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature of the avatar that is active, or whose mesh is."""
    candidate = context.active_object
    if candidate is not None and candidate.type == "MESH":
        candidate = candidate.parent
    if candidate is not None and candidate.type == "ARMATURE" and candidate.doppel.is_avatar:
        return candidate
    return None


_POSES = [
    ("A", "A-Pose", "Arms lowered and legs slightly apart: good for animation and for reading clothes"),
    ("T", "T-Pose", "Arms stretched out to the sides"),
]


class DOPPEL_OT_reset_pose(DoppelOperator):
    bl_idname = "doppel.reset_pose"
    bl_label = "Reset Pose"
    bl_description = "Put the body to be generated into a standard pose"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(name="Pose", items=_POSES)

    def run(self, context: bpy.types.Context) -> None:
        pose = BodyParameters.a_pose().body_pose if self.kind == "A" else np.zeros((len(BODY_JOINTS), 3))
        context.scene.doppel.set_pose_values(pose)


_SIDES = [
    ("left", "Left to Right", "Copy the left side of the person to the right"),
    ("right", "Right to Left", "Copy the right side of the person to the left"),
    ("both", "Swap", "Exchange the two sides"),
]


class DOPPEL_OT_mirror_pose(DoppelOperator):
    bl_idname = "doppel.mirror_pose"
    bl_label = "Mirror Pose"
    bl_description = "Mirror the pose of the body to be generated"
    bl_options = {"REGISTER", "UNDO"}

    keep: EnumProperty(name="Direction", items=_SIDES)

    def run(self, context: bpy.types.Context) -> None:
        settings = context.scene.doppel
        settings.set_pose_values(mirror_pose(list(settings.pose_values().values()), BODY_MIRROR, self.keep))


class DOPPEL_OT_reset_body(DoppelOperator):
    bl_idname = "doppel.reset_body"
    bl_label = "Reset Shape"
    bl_description = "Back to the average body, and to the shape that the prompt implies"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        context.scene.doppel.body.betas = (0.0,) * 10
        context.scene.doppel.shape_from_prompt = True


class AvatarOperator:
    """For operators that need an active avatar."""

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return "" if active_avatar(context) else "Select an avatar made with Doppel: its armature or its mesh"


class DOPPEL_OT_reset_avatar(AvatarOperator, DoppelOperator):
    bl_idname = "doppel.reset_avatar"
    bl_label = "Reset Avatar Pose"
    bl_description = "Put the active avatar into a standard pose, fingers and face included"
    bl_options = {"REGISTER", "UNDO"}

    kind: EnumProperty(name="Pose", items=[("GENERATED", "As Generated", "The pose it was generated in"), *_POSES])

    def run(self, context: bpy.types.Context) -> None:
        armature = active_avatar(context)
        standard = {"A": BodyParameters.a_pose, "T": BodyParameters}
        if self.kind in standard:
            body = standard[self.kind]()
        else:
            body = BodyParameters.from_dict(json.loads(armature.doppel.generation_pose))
        armature_tool.reset_pose(armature)
        armature_tool.set_pose(armature, JOINT_NAMES, body.full_pose, body.transl)


class DOPPEL_OT_mirror_avatar(AvatarOperator, DoppelOperator):
    bl_idname = "doppel.mirror_avatar"
    bl_label = "Mirror Avatar Pose"
    bl_description = "Mirror the pose of the active avatar, fingers and eyes included"
    bl_options = {"REGISTER", "UNDO"}

    keep: EnumProperty(name="Direction", items=_SIDES)

    def run(self, context: bpy.types.Context) -> None:
        bones = active_avatar(context).pose.bones
        joints = JOINT_NAMES[1:]  # the pelvis keeps its heading
        pose = [armature_tool.get_rotation(bones[joint]) for joint in joints]
        for joint, rotation in zip(joints, mirror_pose(pose, MIRROR[1:] - 1, self.keep), strict=True):
            armature_tool.set_rotation(bones[joint], rotation)


class DOPPEL_OT_use_avatar_pose(AvatarOperator, DoppelOperator):
    bl_idname = "doppel.use_avatar_pose"
    bl_label = "Use for Generation"
    bl_description = "Take the active avatar's body pose over for the next avatar"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        bones = active_avatar(context).pose.bones
        context.scene.doppel.set_pose_values([armature_tool.get_rotation(bones[joint]) for joint in BODY_JOINTS])


CLASSES = (
    DOPPEL_OT_reset_pose,
    DOPPEL_OT_mirror_pose,
    DOPPEL_OT_reset_body,
    DOPPEL_OT_reset_avatar,
    DOPPEL_OT_mirror_avatar,
    DOPPEL_OT_use_avatar_pose,
)
