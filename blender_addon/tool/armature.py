# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures: building them, and posing their bones by SMPL-X's rotations."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector
from numpy.typing import ArrayLike

from ...rigging.body_parameters import BodyParameters
from ...rigging.joints import JOINT_NAMES, PARENTS
from ...rigging.lbs import joints_at_rest, rigid_chain, rodrigues
from ..core import pose
from ..core.axes import Y_UP_TO_Z_UP, FloatArray, to_blender, to_body
from ..core.skeleton_plan import BonePlan
from . import mesh as mesh_tool
from . import visual


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


def note_rest(armature: bpy.types.Object, rest_pose: ArrayLike) -> None:
    """Remember how an armature that was just made rests: rotations (55, 3) from the T-pose, which poses count from."""
    rotations = np.asarray(rest_pose, dtype=np.float64)
    armature.doppel.rest_pose = json.dumps(rotations.tolist()) if rotations.any() else ""


def rest_rotations(armature: bpy.types.Object) -> FloatArray:
    """(55, 3, 3) how the joints of an avatar rest in the world, from the T-pose, Y up."""
    return _rest_rotations(armature.doppel.rest_pose)


@lru_cache(maxsize=16)
def _rest_rotations(document: str) -> FloatArray:
    rotations = np.array(json.loads(document)) if document else np.zeros((len(JOINT_NAMES), 3))
    return rigid_chain(rodrigues(rotations), np.zeros((len(rotations), 3)), PARENTS)[1][:, :3, :3]


def t_joints(armature: bpy.types.Object) -> FloatArray:
    """(55, 3) where the joints of an avatar are in the T-pose: metres, Y up, the floor of the rest pose at 0."""
    heads = to_body(np.array([armature.data.bones[name].head_local for name in JOINT_NAMES]))
    return joints_at_rest(heads, rest_rotations(armature), PARENTS)


def to_channel(armature: bpy.types.Object, joint: str, axis_angle: ArrayLike) -> FloatArray:
    """SMPL-X rotations (..., 3) of a joint as rotation vectors (..., 3) of its bone's own channel."""
    if armature.doppel.rest_pose and joint in JOINT_NAMES:
        axis_angle = pose.from_rest(axis_angle, *_turns_at_rest(armature, joint))
    return pose.to_bone(axis_angle, rest_axes(armature.data.bones[joint]))


def from_channel(armature: bpy.types.Object, joint: str, vector: ArrayLike) -> FloatArray:
    """The inverse of to_channel, for one rotation (3,)."""
    rotation = pose.from_bone(vector, rest_axes(armature.data.bones[joint]))
    if armature.doppel.rest_pose and joint in JOINT_NAMES:
        rotation = pose.from_t_pose(rotation, *_turns_at_rest(armature, joint))
    return rotation


def _turns_at_rest(armature: bpy.types.Object, joint: str) -> tuple[FloatArray, FloatArray]:
    world, index = rest_rotations(armature), JOINT_NAMES.index(joint)
    return (world[PARENTS[index]] if index else np.eye(3)), world[index]


def set_rotation(pose_bone: bpy.types.PoseBone, axis_angle: ArrayLike) -> None:
    """Turn a bone by an SMPL-X rotation (3,), whatever rotation mode the artist has given the bone."""
    local = to_channel(pose_bone.id_data, pose_bone.name, axis_angle)
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
    return from_channel(pose_bone.id_data, pose_bone.name, pose.rotation_vector(rotation))


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
    """The pose that is seen as SMPL-X's parameters: rotations of the 55 joints in the order of `names`, and the root's
    place."""
    bones = armature.pose.bones
    if visual.constrained(armature):
        seen = visual.channels(bpy.context, armature)
        full = [
            from_channel(armature, name, pose.rotation_vector(seen[name].to_quaternion()))
            if name in bones
            else np.zeros(3)
            for name in names
        ]
        place = seen[names[0]].translation
    else:
        full = [get_rotation(bones[name]) if name in bones else np.zeros(3) for name in names]
        place = bones[names[0]].location
    return BodyParameters.from_full_pose(
        np.array(full), transl=pose.from_bone(np.array(place), rest_axes(bones[names[0]].bone))
    )


def reset_pose(armature: bpy.types.Object) -> None:
    """All bones to their rest position."""
    for bone in armature.pose.bones:
        bone.matrix_basis = Matrix()


def rest_in_t_pose(armature: bpy.types.Object, meshes: Sequence[bpy.types.Object]) -> None:
    """Make the T-pose, on the floor, the rest of an armature and of the meshes bound to it, shape keys included."""
    to_rest = {}
    for name, joint, world in zip(JOINT_NAMES, to_blender(t_joints(armature)), rest_rotations(armature), strict=True):
        turn = Y_UP_TO_Z_UP @ world @ Y_UP_TO_Z_UP.T
        to_rest[name] = np.eye(4)
        to_rest[name][:3, :3] = turn
        to_rest[name][:3, 3] = np.array(armature.data.bones[name].head_local) - turn @ joint
    for mesh in meshes:
        mesh_tool.unskin(mesh, to_rest)
    _move_bones(armature, {name: np.linalg.inv(transform) for name, transform in to_rest.items()})
    down = Matrix.Translation((0.0, 0.0, -min(mesh_tool.lowest(mesh) for mesh in meshes)))
    for mesh in meshes:
        mesh.data.transform(down, shape_keys=True)
    armature.data.transform(down)
    armature.doppel.rest_pose = ""


def _move_bones(armature: bpy.types.Object, transforms: Mapping[str, FloatArray]) -> None:
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones = armature.data.edit_bones
    placed = {bone.name: bone.matrix.copy() for bone in bones}
    for name, transform in transforms.items():
        bones[name].matrix = Matrix(transform) @ placed[name]
    bpy.ops.object.mode_set(mode="OBJECT")
