# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished avatars."""

import bpy

from .. import thumbnails
from .common import DoppelPanel, draw_text


class DOPPEL_UL_results(bpy.types.UIList):
    bl_idname = "DOPPEL_UL_results"

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active_data: object,
        _active_property: str,
        _index: int = 0,
        _filter: int = 0,
    ) -> None:
        variant = f" {chr(ord('a') + item.hypothesis)}" if item.hypothesis else ""
        picture = thumbnails.icon(item.folder)
        text = f"{item.prompt or 'Avatar'} ({item.seed}{variant})"
        if picture:
            layout.label(text=text, icon_value=picture)
        else:
            layout.label(text=text, icon="OUTLINER_OB_ARMATURE")


class DOPPEL_PT_results(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_results"
    bl_label = "Results"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        window = context.window_manager.doppel
        if not len(window.results):
            draw_text(context, layout, "Finished avatars appear here. They are kept on disk until you delete them.")
            layout.operator("doppel.refresh_results", icon="FILE_REFRESH")
            return
        row = layout.row()
        row.template_list("DOPPEL_UL_results", "", window, "results", window, "active_result", rows=4)
        column = row.column(align=True)
        column.operator("doppel.refresh_results", text="", icon="FILE_REFRESH")
        column.operator("doppel.delete_result", text="", icon="TRASH")
        if 0 <= window.active_result < len(window.results):
            picture = thumbnails.icon(window.results[window.active_result].folder)
            if picture:
                layout.template_icon(icon_value=picture, scale=8.0)
        layout.operator("doppel.import_result", icon="IMPORT")
        layout.operator("doppel.import_all_variants", icon="IMPORT")


CLASSES = (DOPPEL_UL_results, DOPPEL_PT_results)
