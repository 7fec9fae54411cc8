# SPDX-License-Identifier: GPL-3.0-or-later
"""What all panels share: their place, and how errors are drawn."""

import bpy

from ...backend.protocol.errors import DoppelError
from ..core.remedies import remedies
from .text import draw_text


class DoppelPanel:
    """Where all of our panels are: in the order of `bl_order`, those of the imported avatar last."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Doppel"
    bl_order = 10


def draw_error(context: bpy.types.Context, layout: bpy.types.UILayout, error: DoppelError) -> bpy.types.UILayout:
    """What went wrong, what to do about it, and the buttons that do it; returns the box, for more of them."""
    box = layout.box()
    draw_text(context, box, error.message[:1].upper() + error.message[1:], "ERROR")
    if error.hint:
        draw_text(context, box, error.hint[:1].upper() + error.hint[1:], "INFO")
    column = box.column(align=True)
    for remedy in remedies(error.code):
        column.operator(remedy.operator, text=remedy.text, icon=remedy.icon)
    row = box.row()
    row.active = False
    row.label(text=f"Code: {error.code}", icon="BLANK1")
    return box
