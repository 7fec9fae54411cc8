# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of an avatar for one export, changed as the target wants it, while the artist's own stays untouched."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
from mathutils import Matrix

from ...rigging.skeletons import Skeleton
from . import actions, visual
from . import armature as armature_tool

Y_UP = Matrix(((1, 0, 0, 0), (0, 0, 1, 0), (0, -1, 0, 0), (0, 0, 0, 1)))
"""Blender's axes to Y up, facing +Z."""
UNCHANGED = Matrix.Identity(4)


@contextmanager
def export_copy(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    skeleton: Skeleton,
    turn: Matrix = UNCHANGED,
    scale: float = 1.0,
    name: str = "",
    keep_pose: bool = False,
    t_pose: bool = False,
) -> Iterator[bpy.types.Object]:
    """The avatar's copy, alone selected and active; it is gone afterwards, and the scene as it was.

    Its bones and vertex groups have the skeleton's names. Its data is turned and scaled while the object turns back, so
    that a file with these axes has neither turned nor scaled objects. It stands at the origin, at rest unless it is
    animated or `keep_pose`, with actions of its own; where there are constraints, with one of what is seen.
    t_pose: whether the T-pose becomes its rest, whatever the avatar's is; actions are not adapted.
    name: of the copied armature; empty for that of the original.
    """
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    objects = context.view_layer.objects
    active, selected = objects.active, [obj for obj in objects if obj.select_get()]
    meshes = [child for child in armature.children_recursive if child.type == "MESH"]
    names = [(block, block.name) for original in (armature, *meshes) for block in (original, original.data)]
    made: list[bpy.types.Object] = []
    own_actions: list[bpy.types.Action] = []
    try:
        for obj in selected:
            obj.select_set(False)
        for block, usual in names:  # the copies are to be called so in the file
            block.name = f"{usual} (original)"
        title = dict(names)
        # the artist's own turn and size of the object go into the data, its place does not
        shape = turn @ Matrix.Scale(scale, 4) @ _without_place(armature.matrix_world)
        rig = _copied(context, armature, name or title[armature], title[armature.data], made)
        copies = [_copied(context, mesh, title[mesh], title[mesh.data], made) for mesh in meshes]
        for copied, mesh in zip(copies, meshes, strict=True):
            copied.data.transform(armature.matrix_world.inverted() @ mesh.matrix_world, shape_keys=True)
        if t_pose and rig.doppel.rest_pose:
            armature_tool.rest_in_t_pose(rig, copies)
        rig.data.transform(shape)
        rig.parent = None
        rig.matrix_world = turn.inverted()
        for copied in copies:
            _bind_copy(copied, armature, rig, shape)
        size = scale * armature.matrix_world.median_scale
        if is_animated(rig) and visual.constrained(armature):
            own_actions.append(visual.bake(context, armature, rig))
            actions.scale_locations(own_actions[-1], size)
        else:
            if visual.constrained(armature):
                visual.wear(rig, visual.channels(context, armature))
            _take_actions(rig, size, own_actions)
        for bone in rig.pose.bones:
            if keep_pose or is_animated(rig):
                bone.location *= size
            else:
                bone.matrix_basis = Matrix()
        _rename_bones(rig, skeleton)
        objects.active = rig
        yield rig
    finally:
        for obj in made:
            data = obj.data
            bpy.data.objects.remove(obj)
            (bpy.data.armatures if isinstance(data, bpy.types.Armature) else bpy.data.meshes).remove(data)
        for action in own_actions:
            bpy.data.actions.remove(action)
        for block, usual in names:
            block.name = usual
        for obj in selected:
            obj.select_set(True)
        objects.active = active


def is_animated(armature: bpy.types.Object) -> bool:
    """Whether there is an action, or one in a track."""
    data = armature.animation_data
    return data is not None and (data.action is not None or len(data.nla_tracks) > 0)


def _without_place(matrix: Matrix) -> Matrix:
    result = matrix.copy()
    result.translation = (0.0, 0.0, 0.0)
    return result


def _copied(
    context: bpy.types.Context, original: bpy.types.Object, name: str, data_name: str, made: list[bpy.types.Object]
) -> bpy.types.Object:
    result = original.copy()
    result.data = original.data.copy()
    made.append(result)
    result.name, result.data.name = name, data_name
    context.scene.collection.objects.link(result)
    result.hide_set(False)
    result.select_set(True)
    return result


def _bind_copy(
    copied: bpy.types.Object,
    armature: bpy.types.Object,
    rig: bpy.types.Object,
    shape: Matrix,
) -> None:
    copied.data.transform(shape, shape_keys=True)
    copied.parent, copied.parent_type = rig, "OBJECT"
    copied.matrix_parent_inverse, copied.matrix_basis = Matrix(), Matrix()
    for modifier in copied.modifiers:
        if modifier.type == "ARMATURE" and modifier.object == armature:
            modifier.object = rig


def _take_actions(rig: bpy.types.Object, size: float, made: list[bpy.types.Action]) -> None:
    """Give the copy actions of its own, their distances in its size: renaming its bones rewrites their channels."""
    data = rig.animation_data
    if data is None:
        return
    for holder in (data, *(strip for track in data.nla_tracks for strip in track.strips)):
        if holder.action is None:
            continue
        slot = getattr(holder, "action_slot", None)
        identifier = slot.identifier if slot is not None else None
        action = holder.action.copy()
        made.append(action)
        holder.action = action
        if identifier is not None:
            holder.action_slot = action.slots[identifier]
        if abs(size - 1.0) > 1e-6:
            actions.scale_locations(action, size)


def _rename_bones(rig: bpy.types.Object, skeleton: Skeleton) -> None:
    """Blender renames the vertex groups and the action's channels along with a bone."""
    for bone in rig.data.bones:
        bone.name = skeleton.from_smplx.get(bone.name, bone.name)
