# SPDX-License-Identifier: GPL-3.0-or-later
"""The active avatar: its pose, where it comes from, its export."""

import bpy

from ..core import export_formats as formats
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


class DOPPEL_PT_pose_tools(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_pose_tools"
    bl_label = "Pose Tools"
    bl_parent_id = "DOPPEL_PT_character"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        row = layout.row(align=True)
        row.operator("doppel.copy_pose", text="Copy", icon="COPYDOWN")
        row.operator("doppel.paste_pose", text="Paste", icon="PASTEDOWN").mirrored = False
        row.operator("doppel.paste_pose", text="Mirrored", icon="PASTEFLIPDOWN").mirrored = True
        layout.operator_menu_enum("doppel.avatar_hands", "hand", text="Hands", icon="VIEW_PAN")
        row = layout.row(align=True)
        row.operator("doppel.load_pose_file", icon="FILE_FOLDER")
        row.operator("doppel.save_pose_file", icon="FILE_TICK")
        column = layout.column(align=True)
        column.operator("doppel.save_pose_asset", icon="ASSET_MANAGER")
        column.operator("doppel.add_pose_library", icon="POSE_HLT")
        layout.operator("doppel.apply_motion", icon="ANIM_DATA")


class DOPPEL_PT_export(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_export"
    bl_label = "Export"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active_avatar(context) is not None

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.operator("doppel.export_glb", text=formats.GLB.label, icon="EXPORT")
        column.operator("doppel.export_fbx", text=formats.FBX_UNREAL.label, icon="EXPORT").target = "UNREAL"
        column.operator("doppel.export_fbx", text=formats.FBX_UNITY.label, icon="EXPORT").target = "UNITY"
        column.operator("doppel.export_usd", text=formats.USD.label, icon="EXPORT")
        column.operator("doppel.export_vrm", text=formats.VRM.label, icon="EXPORT")
        column.operator("doppel.export_bvh", text=formats.BVH.label, icon="EXPORT")


CLASSES = (DOPPEL_PT_character, DOPPEL_PT_pose_tools, DOPPEL_PT_export)
