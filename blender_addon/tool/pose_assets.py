# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose assets: actions of one pose with a picture, to be dragged from the asset shelf onto any avatar."""

from collections.abc import Mapping, Sequence

import bpy
import numpy as np
from numpy.typing import ArrayLike

from ...rigging.body_parameters import BodyParameters
from ...rigging.joints import JOINT_NAMES
from ..core import body, pose, pose_picture
from . import actions
from . import armature as armature_tool

AUTHOR = "Doppel"


def add(
    armature: bpy.types.Object,
    name: str,
    rotations: Mapping[str, ArrayLike],
    tags: Sequence[str],
    description: str,
) -> bpy.types.Action:
    """A new asset in this file that holds SMPL-X rotations (3,) by joint, in the axes of this armature's bones."""
    channels = {
        joint: pose.quaternion(armature_tool.to_channel(armature, joint, rotation))
        for joint, rotation in rotations.items()
        if joint in armature.data.bones
    }
    action = actions.single_pose(armature, name, channels)
    action.use_frame_range = True
    action.frame_start = action.frame_end = 1.0
    action.asset_mark()
    about = action.asset_data
    about.description, about.author = description, AUTHOR
    for tag in tags:
        about.tags.new(tag, skip_if_exists=True)
    _set_picture(action, rotations)
    return action


def find(name: str) -> bpy.types.Action | None:
    """The pose asset of this file with this name."""
    action = bpy.data.actions.get(name)
    return action if action is not None and action.asset_data is not None else None


def _set_picture(action: bpy.types.Action, rotations: Mapping[str, ArrayLike]) -> None:
    full = np.zeros((len(JOINT_NAMES), 3))
    for joint, rotation in rotations.items():
        full[JOINT_NAMES.index(joint)] = rotation
    model = body.model()
    surface = body.posed_surface(BodyParameters.from_full_pose(full))
    shown = None
    fingers = [joint for joint in rotations if joint[-1].isdigit() and not joint.startswith("spine")]
    if len(fingers) == len(rotations):  # a hand alone is shown alone
        columns = [JOINT_NAMES.index(joint) for joint in fingers]
        shown = np.flatnonzero(model.weights[:, columns].sum(axis=1) > 0.2)
        surface = surface @ pose_picture.FROM_ABOVE.T
    picture = pose_picture.draw(surface, model.faces, body.suit(), shown)
    preview = action.preview_ensure()
    preview.image_size = picture.shape[:2]
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(picture).reshape(-1))
