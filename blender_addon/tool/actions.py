# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions: keys on pose bones, in Blender's slotted actions (4.4 and later) as well as in older ones."""

from collections.abc import Iterator, Mapping

import bpy
import numpy as np
from numpy.typing import ArrayLike


def fcurves(action: bpy.types.Action) -> Iterator[bpy.types.FCurve]:
    """Every curve of an action."""
    if not hasattr(action, "layers"):
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves


def curve(action: bpy.types.Action, owner: bpy.types.Object, path: str, index: int, group: str) -> bpy.types.FCurve:
    """The curve of one channel, made where there is none; `action` must be assigned to `owner`."""
    if hasattr(action, "fcurve_ensure_for_datablock"):
        return action.fcurve_ensure_for_datablock(owner, path, index=index, group_name=group)
    return action.fcurves.find(path, index=index) or action.fcurves.new(path, index=index, action_group=group)


def set_keys(
    action: bpy.types.Action, owner: bpy.types.Object, path: str, group: str, frames: ArrayLike, values: ArrayLike
) -> None:
    """Linear keys at `frames` (T,) of a channel with as many parts as `values` (T, n) has columns."""
    times = np.asarray(frames, dtype=np.float32)
    columns = np.asarray(values, dtype=np.float32).reshape(len(times), -1)
    for index, column in enumerate(columns.T):
        made = curve(action, owner, path, index, group)
        points = made.keyframe_points
        points.clear()
        points.add(len(times))
        points.foreach_set("co", np.stack([times, column], axis=1).reshape(-1))
        points.foreach_set("interpolation", np.ones(len(times), dtype=np.int32))  # linear
        made.update()


def scale_locations(action: bpy.types.Action, factor: float) -> None:
    """Make every keyed location of a bone `factor` times as long."""
    for made in fcurves(action):
        if made.data_path.startswith("pose.bones") and made.data_path.endswith(".location"):
            for point in made.keyframe_points:
                for part in (point.co, point.handle_left, point.handle_right):
                    part[1] *= factor
            made.update()


def single_pose(
    armature: bpy.types.Object, name: str, rotations: Mapping[str, ArrayLike], frame: float = 1.0
) -> bpy.types.Action:
    """An action that holds one pose: a quaternion (4,) for each bone named, at one frame. The armature's own animation
    is as before."""
    data = armature.animation_data or armature.animation_data_create()
    before, slot = data.action, getattr(data, "action_slot", None)
    action = bpy.data.actions.new(name)
    data.action = action
    try:
        for bone, rotation in rotations.items():
            path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].rotation_quaternion'
            set_keys(action, armature, path, bone, [frame], np.reshape(rotation, (1, 4)))
    finally:
        data.action = before
        if before is not None and slot is not None:
            data.action_slot = slot
    return action
