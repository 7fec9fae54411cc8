# SPDX-License-Identifier: GPL-3.0-or-later
"""The active avatar: its pose, where it comes from, its export."""

import bpy

from ..operators.pose import active_avatar
from ..tool.importer import PROVENANCE
from .common import DoppelPanel
from .limb_sliders import draw_limbs


class DOPPEL_PT_character(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_character"
    bl_label = "Character"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active_avatar(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        armature = active_avatar(context)
        layout.label(text=armature.name, icon="OUTLINER_OB_ARMATURE")
        row = layout.row(align=True)
        row.operator("doppel.reset_avatar", text="Generated").kind = "GENERATED"
        row.operator("doppel.reset_avatar", text="A-Pose").kind = "A"
        row.operator("doppel.reset_avatar", text="T-Pose").kind = "T"
        layout.operator_menu_enum("doppel.mirror_avatar", "keep", text="Mirror Pose", icon="MOD_MIRROR")
        layout.operator("doppel.use_avatar_pose", icon="COPYDOWN")
        draw_limbs(layout, armature.doppel.pose, "doppel_avatar")
        if PROVENANCE in armature:
            header, body = layout.panel("doppel_provenance", default_closed=True)
            header.label(text="Provenance")
            if body is not None:
                body.prop(armature, f'["{PROVENANCE}"]', text="")


class DOPPEL_PT_export(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_export"
    bl_label = "Export"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active_avatar(context) is not None

    def draw(self, _context: bpy.types.Context) -> None:
        row = self.layout.row(align=True)
        row.operator("doppel.export_glb", icon="EXPORT")
        row.operator("doppel.export_fbx", icon="EXPORT")


CLASSES = (DOPPEL_PT_character, DOPPEL_PT_export)
