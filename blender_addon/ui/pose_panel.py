# SPDX-License-Identifier: GPL-3.0-or-later
"""The pose of the body to be generated."""

import bpy

from .. import thumbnails
from ..core.hands import FINGERS, SIDES
from ..core.poses import POSES
from ..operators.library import identifier
from ..operators.presets import DOPPEL_PT_pose_presets
from .common import DoppelPanel
from .limb_sliders import draw_limbs


class DOPPEL_PT_pose_library(bpy.types.Panel):
    """The library, as a popover."""

    bl_idname = "DOPPEL_PT_pose_library"
    bl_label = "Pose Library"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"INSTANCED"}
    bl_ui_units_x = 22

    def draw(self, _context: bpy.types.Context) -> None:
        grid = self.layout.grid_flow(row_major=True, columns=4, even_columns=True, even_rows=True)
        for pose in POSES:
            cell = grid.column(align=True)
            picture = thumbnails.icon(thumbnails.pose_key(pose))
            if picture:
                cell.template_icon(icon_value=picture, scale=4.0)
            cell.operator("doppel.apply_pose", text=pose).pose = identifier(pose)


class DOPPEL_PT_pose(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_pose"
    bl_label = "Pose"
    bl_order = 6
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        DOPPEL_PT_pose_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        layout.popover("DOPPEL_PT_pose_library", icon="ARMATURE_DATA")
        row = layout.row(align=True)
        row.operator("doppel.reset_pose", text="A-Pose").kind = "A"
        row.operator("doppel.reset_pose", text="T-Pose").kind = "T"
        row.operator_menu_enum("doppel.mirror_pose", "keep", text="Mirror", icon="MOD_MIRROR")
        layout.operator("doppel.use_avatar_pose", text="From the Active Avatar", icon="COPYDOWN")
        draw_limbs(layout, settings.pose, "doppel_pose")
        header, body = layout.panel("doppel_hands", default_closed=True)
        header.label(text="Hands")
        if body is not None:
            body.operator_menu_enum("doppel.apply_hands", "hand", icon="VIEW_PAN")
            row = body.row()
            for side in SIDES:
                column = row.column(align=True)
                column.label(text=side.capitalize())
                for finger in FINGERS:
                    column.prop(settings.hands, f"{side}_{finger}", text=finger.capitalize(), slider=True)


CLASSES = (DOPPEL_PT_pose_library, DOPPEL_PT_pose)
