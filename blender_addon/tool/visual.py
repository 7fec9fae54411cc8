# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses as they are seen: what constraints make of a bone's own channels, which alone are copied and exported."""

from collections.abc import Mapping

import bpy
from mathutils import Matrix

from . import actions

_STILL = 1e-6  # metres: a bone that moves less has no keys of its location


def constrained(armature: bpy.types.Object) -> list[str]:
    """The names of the bones that a constraint may move."""
    return [
        bone.name
        for bone in armature.pose.bones
        if any(not constraint.mute and constraint.influence > 0.0 for constraint in bone.constraints)
    ]


def channels(context: bpy.types.Context, armature: bpy.types.Object) -> dict[str, Matrix]:
    """What each bone's own channels (`PoseBone.matrix_basis`) would have to be for the pose that is seen now."""
    context.view_layer.update()
    seen = armature.evaluated_get(context.evaluated_depsgraph_get())
    result = {}
    for bone in seen.pose.bones:
        above = {}
        if bone.parent:
            above = {"parent_matrix": bone.parent.matrix, "parent_matrix_local": bone.parent.bone.matrix_local}
        result[bone.name] = bone.bone.convert_local_to_pose(bone.matrix, bone.bone.matrix_local, invert=True, **above)
    return result


def wear(rig: bpy.types.Object, pose: Mapping[str, Matrix]) -> None:
    """Pose a copy by the channels that were seen, without any constraints."""
    for bone in rig.pose.bones:
        while bone.constraints:
            bone.constraints.remove(bone.constraints[0])
        bone.rotation_mode = "QUATERNION"
        bone.matrix_basis = pose[bone.name]


def bake(context: bpy.types.Context, armature: bpy.types.Object, rig: bpy.types.Object) -> bpy.types.Action:
    """Key the copy `rig` of an armature with what is seen of it in the scene's frames; it loses its constraints."""
    scene, current = context.scene, context.scene.frame_current
    frames = range(scene.frame_start, scene.frame_end + 1)
    poses = []
    try:
        for frame in frames:
            scene.frame_set(frame)
            poses.append(channels(context, armature))
    finally:
        scene.frame_set(current)
    own = armature.animation_data and armature.animation_data.action
    rig.animation_data_clear()
    action = bpy.data.actions.new(own.name if own else rig.name)
    rig.animation_data_create().action = action
    wear(rig, poses[0])
    for bone in rig.pose.bones:
        path = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"]'
        turns = [pose[bone.name].to_quaternion() for pose in poses]
        for before, after in zip(turns, turns[1:], strict=False):
            after.make_compatible(before)
        actions.set_keys(action, rig, f"{path}.rotation_quaternion", bone.name, frames, turns)
        places = [pose[bone.name].translation for pose in poses]
        if max((place - places[0]).length for place in places) > _STILL or places[0].length > _STILL:
            actions.set_keys(action, rig, f"{path}.location", bone.name, frames, places)
    return action
