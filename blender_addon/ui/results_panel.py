# SPDX-License-Identifier: GPL-3.0-or-later
"""The gallery of finished avatars."""

import bpy

from .. import thumbnails
from ..operators.results import PAGE, chosen
from .common import DoppelPanel
from .text import draw_text

_COLUMNS = 3


class DOPPEL_PT_results(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_results"
    bl_label = "Results"
    bl_order = 7

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        self.layout.operator("doppel.refresh_results", text="", icon="FILE_REFRESH", emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        window = context.window_manager.doppel
        if not len(window.results):
            draw_text(context, layout, "Finished avatars appear here. They are kept on disk until you delete them.")
            return
        first = min(window.page * PAGE, len(window.results) - 1)
        shown = list(window.results)[first : first + PAGE]
        grid = layout.grid_flow(row_major=True, columns=_COLUMNS, even_columns=True, even_rows=True, align=True)
        for index, item in enumerate(shown, start=first):
            _draw_cell(grid.column(align=True), item, index)
        if len(window.results) > PAGE:
            row = layout.row(align=True)
            row.operator("doppel.turn_page", text="", icon="TRIA_LEFT").step = "NEWER"
            row.label(text=f"{first + 1} to {first + len(shown)} of {len(window.results)}")
            row.operator("doppel.turn_page", text="", icon="TRIA_RIGHT").step = "OLDER"
        _draw_chosen(context, layout)


def _draw_cell(cell: bpy.types.UILayout, item: bpy.types.PropertyGroup, index: int) -> None:
    picture = thumbnails.icon(item.folder)
    if picture:
        cell.template_icon(icon_value=picture, scale=4.5)
    else:
        cell.label(text="", icon="OUTLINER_OB_ARMATURE")
    variant = f" {chr(ord('a') + item.hypothesis)}" if item.hypothesis else ""
    button = cell.operator("doppel.choose_result", text=f"{item.seed}{variant}", depress=item.chosen)
    button.index = index


def _draw_chosen(context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
    items = chosen(context)
    if len(items) == 1:
        draw_text(context, layout, items[0].prompt or "Avatar")
    elif items:
        layout.label(text=f"{len(items)} chosen")
    row = layout.row()
    row.scale_y = 1.3
    row.operator("doppel.import_result", icon="IMPORT")
    if len(items) == 1 and sum(item.job == items[0].job for item in context.window_manager.doppel.results) > 1:
        layout.operator("doppel.import_all_variants", icon="IMPORT")
    row = layout.row(align=True)
    row.operator("doppel.recall_result", icon="LOOP_BACK")
    row.operator("doppel.compare_results", icon="IMAGE_REFERENCE")
    row.operator("doppel.open_result_folder", text="", icon="FILE_FOLDER")
    row.operator("doppel.delete_result", text="", icon="TRASH")


CLASSES = (DOPPEL_PT_results,)
