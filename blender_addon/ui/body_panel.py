# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape and the face of the body to be generated."""

import bpy

from .. import prefs
from ..core.expression import GROUPS
from ..operators.presets import DOPPEL_PT_body_presets
from .common import DoppelPanel
from .text import draw_text


class DOPPEL_PT_body(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_body"
    bl_label = "Body"
    bl_order = 4

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        DOPPEL_PT_body_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        layout.prop(settings, "show_preview", toggle=True, icon="HIDE_OFF" if settings.show_preview else "HIDE_ON")
        layout.prop(settings, "shape_from_prompt")
        column = layout.column(align=True)
        for name in ("age", "gender", "height_cm", "weight", "muscle"):
            column.prop(settings.body, name, slider=True)
        if settings.photo and settings.photo_body != "FIT":
            draw_text(
                context, layout, "The reference image decides on the shape, until you fit the body to it.", "INFO"
            )
        elif settings.shape_from_prompt:
            draw_text(context, layout, "The prompt decides. Move a slider to take over.", "INFO")
        else:
            layout.operator("doppel.reset_body", icon="LOOP_BACK")
        header, body = layout.panel("doppel_betas", default_closed=True)
        header.label(text="Shape Coefficients")
        if body is not None:
            betas = body.column(align=True)
            for index in range(10):
                betas.prop(settings.body, "betas", index=index, text=f"Beta {index + 1}", slider=True)
        header, body = layout.panel("doppel_body_model", default_closed=True)
        header.label(text="Body Model")
        if body is not None:
            draw_text(context, body, "The open body, unless you choose a licensed SMPLX file. Used at the next start.")
            body.prop(prefs.get(context), "body_file", text="")


class DOPPEL_PT_face(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_face"
    bl_label = "Expression"
    bl_order = 5
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        layout.operator_menu_enum("doppel.apply_face", "face", icon="MONKEY")
        layout.prop(settings, "jaw", slider=True)
        for title, units in GROUPS.items():
            header, body = layout.panel(f"doppel_face_{title}", default_closed=True)
            header.label(text=title)
            if body is not None:
                column = body.column(align=True)
                for unit in units:
                    column.prop(settings.face, unit, slider=True)
        header, body = layout.panel("doppel_expression", default_closed=True)
        header.label(text="Expression Coefficients")
        if body is not None:
            column = body.column(align=True)
            for index in range(10):
                column.prop(settings, "expression", index=index, text=f"Expression {index + 1}", slider=True)


CLASSES = (DOPPEL_PT_body, DOPPEL_PT_face)
