# SPDX-License-Identifier: GPL-3.0-or-later
"""The pose of the body to be generated."""

import bpy

from .common import DoppelPanel
from .limb_sliders import draw_limbs


class DOPPEL_PT_pose(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_pose"
    bl_label = "Pose"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        row = layout.row(align=True)
        row.operator("doppel.reset_pose", text="A-Pose").kind = "A"
        row.operator("doppel.reset_pose", text="T-Pose").kind = "T"
        layout.operator_menu_enum("doppel.mirror_pose", "keep", icon="MOD_MIRROR")
        layout.prop(settings, "relaxed_hands")
        draw_limbs(layout, settings.pose, "doppel_pose")


CLASSES = (DOPPEL_PT_pose,)
