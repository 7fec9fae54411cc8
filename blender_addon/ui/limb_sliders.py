# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation sliders of the body's joints, for the pose to be generated and for an avatar's."""

import bpy

from ..core.limbs import LIMBS, short_label


def draw_limbs(layout: bpy.types.UILayout, pose: bpy.types.PropertyGroup, key: str) -> None:
    """Rotation sliders of the 21 body joints, folded by limb."""
    for title, joints in LIMBS:
        header, body = layout.panel(f"{key}_{title}", default_closed=True)
        header.label(text=title)
        if body is None:
            continue
        for joint in joints:
            column = body.column(align=True)
            column.label(text=short_label(joint))
            row = column.row(align=True)
            row.prop(pose, joint, text="")
