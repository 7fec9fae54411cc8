# SPDX-License-Identifier: GPL-3.0-or-later
"""A motion as an action: keys on whole frames of the scene."""

from pathlib import Path

import bpy
import numpy as np

from ...backend.protocol.errors import DoppelError
from ...rigging.joints import JOINT_NAMES
from ...rigging.motion.errors import MotionError
from ...rigging.motion.fit import FittedMotion, fit_motion
from ...rigging.motion.load import load_motion
from ..core import pose
from ..core.axes import FloatArray
from ..core.resample import resample
from . import actions
from . import armature as armature_tool
from .armature import rest_axes

_ANKLES = ("left_ankle", "right_ankle")


def fitted(armature: bpy.types.Object, path: Path, plant_feet: bool, in_place: bool) -> FittedMotion:
    """A clip from a file, brought to the avatar's size and ground. Nothing in the scene is changed.

    Raises:
        DoppelError: the file is no motion that can be read, or the avatar has lost bones.
    """
    bones = armature.data.bones
    missing = [name for name in JOINT_NAMES if name not in bones]
    if missing:
        raise DoppelError("bones_missing", f"the avatar has no bone {missing[0]}", "import it again")
    joints = armature_tool.t_joints(armature)
    sole, standing = min((bones[ankle].head_local.z, ankle) for ankle in _ANKLES)  # the rest pose is on the floor
    ground = joints[JOINT_NAMES.index(standing), 1] - sole
    try:
        return fit_motion(load_motion(path), joints, float(ground), plant_feet, in_place)
    except MotionError as error:
        raise DoppelError("motion_unreadable", str(error).rstrip(".")) from None


def apply(armature: bpy.types.Object, motion: FittedMotion, scene: bpy.types.Scene, start: int) -> int:
    """Key the motion into a new action of the avatar from frame `start` on; returns the last frame."""
    rate = scene.render.fps / scene.render.fps_base
    poses, moved = resample(motion.poses, motion.transl, motion.frame_time, 1.0 / rate)
    frames = np.arange(start, start + len(poses))
    data = armature.animation_data or armature.animation_data_create()
    action = bpy.data.actions.new(motion.name)
    data.action = action
    for joint, name in enumerate(JOINT_NAMES):
        bone = armature.pose.bones[name]
        bone.rotation_mode = "QUATERNION"
        path = f'pose.bones["{name}"]'
        actions.set_keys(
            action, armature, f"{path}.rotation_quaternion", name, frames, _channels(bone, poses[:, joint])
        )
    root = armature.pose.bones[JOINT_NAMES[0]]
    local = pose.to_bone(moved, rest_axes(root.bone))
    actions.set_keys(action, armature, f'pose.bones["{root.name}"].location', root.name, frames, local)
    return int(frames[-1])


def _channels(bone: bpy.types.PoseBone, rotations: FloatArray) -> FloatArray:
    """Quaternions (T, 4) of a bone for SMPL-X rotations (T, 3), each on the side of the one before."""
    local = armature_tool.to_channel(bone.id_data, bone.name, rotations)
    result = np.array([pose.quaternion(rotation) for rotation in local])
    flips = np.cumprod(np.where((result[1:] * result[:-1]).sum(axis=1) < 0.0, -1.0, 1.0))
    result[1:] *= flips[:, None]
    return result
