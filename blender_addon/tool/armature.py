# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures: building them, and posing their bones by SMPL-X's rotations."""

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector
from numpy.typing import ArrayLike

from ...rigging.body_parameters import BodyParameters
from ..core import pose
from ..core.axes import FloatArray
from ..core.skeleton_plan import BonePlan


def create(context: bpy.types.Context, name: str, bones: Sequence[BonePlan]) -> bpy.types.Object:
    """A new armature object in the active collection, active and in object mode, with one deform bone a plan."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    context.collection.objects.link(armature)
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    collections = {plan.collection: None for plan in bones}
    for collection in collections:
        collections[collection] = data.collections.new(collection)
    created = []
    for plan in bones:
        bone = data.edit_bones.new(plan.name)
        bone.head = plan.head
        bone.tail = plan.tail
        bone.align_roll(Vector(plan.z_axis))
        if plan.parent >= 0:
            bone.parent = created[plan.parent]
        created.append(bone)
        collections[plan.collection].assign(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.show_in_front = True
    data.display_type = "STICK"
    return armature


def rest_axes(bone: bpy.types.Bone) -> FloatArray:
    """(3, 3) rest orientation of a bone in armature space."""
    return np.array(bone.matrix_local.to_3x3())


def set_rotation(pose_bone: bpy.types.PoseBone, axis_angle: ArrayLike) -> None:
    """Turn a bone by an SMPL-X rotation (3,), whatever rotation mode the artist has given the bone."""
    local = pose.to_bone(axis_angle, rest_axes(pose_bone.bone))
    rotation = Quaternion(pose.quaternion(local))
    if pose_bone.rotation_mode == "QUATERNION":
        pose_bone.rotation_quaternion = rotation
    elif pose_bone.rotation_mode == "AXIS_ANGLE":
        axis, angle = rotation.to_axis_angle()
        pose_bone.rotation_axis_angle = (angle, *axis)
    else:
        pose_bone.rotation_euler = rotation.to_euler(pose_bone.rotation_mode, pose_bone.rotation_euler)


def get_rotation(pose_bone: bpy.types.PoseBone) -> FloatArray:
    """The SMPL-X rotation (3,) that a bone has now, from its own channels, in any rotation mode."""
    if pose_bone.rotation_mode == "QUATERNION":
        rotation = pose_bone.rotation_quaternion.normalized()
    elif pose_bone.rotation_mode == "AXIS_ANGLE":
        angle, *axis = pose_bone.rotation_axis_angle
        rotation = Quaternion(axis, angle)
    else:
        rotation = pose_bone.rotation_euler.to_quaternion()
    return pose.from_bone(pose.rotation_vector(rotation), rest_axes(pose_bone.bone))


def set_pose(
    armature: bpy.types.Object, names: Sequence[str], full_pose: ArrayLike, translation: ArrayLike = (0.0, 0.0, 0.0)
) -> None:
    """Pose all bones: full_pose (J, 3) axis-angle in the order of `names`, translation (3,) of the root in metres."""
    bones = armature.pose.bones
    for name, axis_angle in zip(names, np.asarray(full_pose), strict=True):
        if name in bones:
            set_rotation(bones[name], axis_angle)
    root = bones[names[0]]
    root.location = Vector(pose.to_bone(translation, rest_axes(root.bone)))


def get_pose(armature: bpy.types.Object, names: Sequence[str]) -> BodyParameters:
    """The pose as SMPL-X's parameters: rotations of the 55 joints in the order of `names`, and the root's place."""
    bones = armature.pose.bones
    full = [get_rotation(bones[name]) if name in bones else np.zeros(3) for name in names]
    root = bones[names[0]]
    return BodyParameters.from_full_pose(
        np.array(full), transl=pose.from_bone(np.array(root.location), rest_axes(root.bone))
    )


def reset_pose(armature: bpy.types.Object) -> None:
    """All bones to their rest position."""
    for bone in armature.pose.bones:
        bone.matrix_basis = Matrix()
