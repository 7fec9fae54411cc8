# SPDX-License-Identifier: GPL-3.0-or-later
"""Posing the active avatar: hands, copy and paste, pose files, pose assets, motion clips."""

from pathlib import Path

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...backend.protocol.errors import DoppelError
from ...rigging.body_parameters import BodyParameters
from ...rigging.joints import JOINT_NAMES, MIRROR
from ...rigging.motion.errors import MotionError
from ...rigging.motion.pose_file import load_pose, save_pose
from ..core import hands, poses
from ..core.limbs import BODY_JOINTS
from ..core.naming import file_stem
from ..core.pose import mirror_pose
from ..tool import armature as armature_tool
from ..tool import motion, pose_assets
from .base import DoppelOperator
from .library import identifier
from .pose import AvatarOperator, active_avatar

_SIDES = [("both", "Both", "Both hands"), ("left", "Left", "The left hand"), ("right", "Right", "The right hand")]
_copied: BodyParameters | None = None


def _hand_rotations(name: str, side: str) -> dict[str, np.ndarray]:
    """Rotations (3,) by joint of a hand preset."""
    curls = {f"{side}_{finger}": curl for finger, curl in zip(hands.FINGERS, hands.PRESETS[name], strict=True)}
    joints = [joint for joint in JOINT_NAMES[25:] if joint.startswith(side)]
    return dict(zip(joints, hands.hand_pose(side, curls), strict=True))


class DOPPEL_OT_avatar_hands(AvatarOperator, DoppelOperator):
    bl_idname = "doppel.avatar_hands"
    bl_label = "Avatar Hands"
    bl_description = "Bend the avatar's fingers in a known way"
    bl_options = {"REGISTER", "UNDO"}

    hand: EnumProperty(name="Hand", items=[(identifier(name), name, "") for name in hands.PRESETS])
    side: EnumProperty(name="Side", items=_SIDES)

    def run(self, context: bpy.types.Context) -> None:
        bones = active_avatar(context).pose.bones
        name = next(name for name in hands.PRESETS if identifier(name) == self.hand)
        for side in hands.SIDES if self.side == "both" else (self.side,):
            for joint, rotation in _hand_rotations(name, side).items():
                if joint in bones:
                    armature_tool.set_rotation(bones[joint], rotation)


class DOPPEL_OT_copy_pose(AvatarOperator, DoppelOperator):
    bl_idname = "doppel.copy_pose"
    bl_label = "Copy Pose"
    bl_description = "Remember the avatar's pose, fingers and face included, for pasting onto any avatar"

    def run(self, context: bpy.types.Context) -> str:
        global _copied
        _copied = armature_tool.get_pose(active_avatar(context), JOINT_NAMES)
        return "Copied the pose"


class DOPPEL_OT_paste_pose(AvatarOperator, DoppelOperator):
    bl_idname = "doppel.paste_pose"
    bl_label = "Paste Pose"
    bl_description = "Give the avatar the pose that was copied; it keeps its own proportions and place"
    bl_options = {"REGISTER", "UNDO"}

    mirrored: BoolProperty(name="Mirrored", description="Exchange left and right")

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        return super().refusal(context) or ("" if _copied is not None else "Copy a pose first")

    def run(self, context: bpy.types.Context) -> None:
        full = _copied.full_pose
        armature_tool.set_pose(
            active_avatar(context), JOINT_NAMES, mirror_pose(full, MIRROR) if self.mirrored else full, _copied.transl
        )


class DOPPEL_OT_save_pose_file(AvatarOperator, ExportHelper, DoppelOperator):
    bl_idname = "doppel.save_pose_file"
    bl_label = "Save Pose"
    bl_description = "Write the avatar's pose as .json or .npz with SMPL-X's parameters"

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json;*.npz", options={"HIDDEN"})

    def run(self, context: bpy.types.Context) -> str:
        armature = active_avatar(context)
        path = Path(bpy.path.abspath(self.filepath))
        path = path if path.suffix.lower() in (".json", ".npz") else path.with_name(path.name + ".json")
        try:
            save_pose(path, armature_tool.get_pose(armature, JOINT_NAMES))
        except (MotionError, OSError) as error:
            raise DoppelError("pose_unwritable", f"cannot write {path}: {error}", "choose another place") from None
        return f"Wrote {path}"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.filepath:
            self.filepath = file_stem(f"{active_avatar(context).name} pose") + self.filename_ext
        return ExportHelper.invoke(self, context, event)


class DOPPEL_OT_load_pose_file(AvatarOperator, ImportHelper, DoppelOperator):
    bl_idname = "doppel.load_pose_file"
    bl_label = "Load Pose"
    bl_description = "Pose the avatar from a .json or .npz with SMPL-X's parameters"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.json;*.npz", options={"HIDDEN"})

    def run(self, context: bpy.types.Context) -> None:
        try:
            body = load_pose(Path(bpy.path.abspath(self.filepath)))
        except MotionError as error:
            raise DoppelError("pose_unreadable", str(error).rstrip(".")) from None
        armature_tool.set_pose(active_avatar(context), JOINT_NAMES, body.full_pose, body.transl)


class DOPPEL_OT_save_pose_asset(AvatarOperator, DoppelOperator):
    bl_idname = "doppel.save_pose_asset"
    bl_label = "Save as Pose Asset"
    bl_description = (
        "Keep the avatar's pose in this file as an asset with a picture, to be dragged from the asset shelf"
    )
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(name="Name", default="Pose")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def run(self, context: bpy.types.Context) -> str:
        armature = active_avatar(context)
        name = self.name.strip()
        if not name:
            raise DoppelError("name_empty", "a pose asset needs a name", "type one")
        full = armature_tool.get_pose(armature, JOINT_NAMES).full_pose
        made = pose_assets.add(armature, name, dict(zip(JOINT_NAMES, full, strict=True)), ("doppel",), "Saved pose")
        return f"Saved the pose asset {made.name}"


class DOPPEL_OT_add_pose_library(AvatarOperator, DoppelOperator):
    bl_idname = "doppel.add_pose_library"
    bl_label = "Add Pose Library"
    bl_description = (
        "Put Doppel's poses and hands into this file as assets with pictures, for the asset shelf in Pose Mode"
    )
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> str:
        armature = active_avatar(context)
        wanted = {name: (dict(zip(BODY_JOINTS, poses.body_pose(name), strict=True)), "body") for name in poses.POSES}
        for name in hands.PRESETS:
            for side in hands.SIDES:
                wanted[f"{name} {side.title()}"] = (_hand_rotations(name, side), "hand")
        added = 0
        for name, (rotations, kind) in wanted.items():
            if pose_assets.find(name) is None:
                pose_assets.add(armature, name, rotations, ("doppel", kind), f"Doppel's {kind} pose")
                added += 1
        return f"Added {added} pose assets" if added else "The pose library is in this file already"


class DOPPEL_OT_apply_motion(AvatarOperator, ImportHelper, DoppelOperator):
    bl_idname = "doppel.apply_motion"
    bl_label = "Apply Motion Clip"
    bl_description = "Key a motion from .bvh, or an SMPL-X or AMASS .npz, into an action of the avatar"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.bvh;*.npz", options={"HIDDEN"})
    start: IntProperty(name="Start Frame", description="Where the motion begins", default=1)
    plant_feet: BoolProperty(
        name="Plant Feet", description="Hold standing feet where they are; else they slide", default=True
    )
    in_place: BoolProperty(name="In Place", description="Leave a clip that walks on the spot there")
    set_range: BoolProperty(name="Set Frame Range", description="Let the scene end with the motion", default=True)

    def run(self, context: bpy.types.Context) -> str:
        armature = active_avatar(context)
        clip = motion.fitted(armature, Path(bpy.path.abspath(self.filepath)), self.plant_feet, self.in_place)
        end = motion.apply(armature, clip, context.scene, self.start)
        if self.set_range:
            context.scene.frame_start, context.scene.frame_end = self.start, max(end, self.start)
        return f"{clip.name}: frames {self.start} to {end}; standing feet slide by {100.0 * clip.slide:.1f} cm at most"


CLASSES = (
    DOPPEL_OT_avatar_hands,
    DOPPEL_OT_copy_pose,
    DOPPEL_OT_paste_pose,
    DOPPEL_OT_save_pose_file,
    DOPPEL_OT_load_pose_file,
    DOPPEL_OT_save_pose_asset,
    DOPPEL_OT_add_pose_library,
    DOPPEL_OT_apply_motion,
)
