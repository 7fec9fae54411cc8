# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the body to be generated."""

import bpy

from .common import DoppelPanel


class DOPPEL_PT_body(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_body"
    bl_label = "Body"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        layout.prop(settings, "show_preview", toggle=True, icon="HIDE_OFF" if settings.show_preview else "HIDE_ON")
        column = layout.column(align=True)
        for name in ("age", "gender", "height_cm", "weight", "muscle"):
            column.prop(settings.body, name, slider=True)
        layout.operator("doppel.reset_body", icon="LOOP_BACK")
        header, body = layout.panel("doppel_betas", default_closed=True)
        header.label(text="Shape Coefficients")
        if body is not None:
            betas = body.column(align=True)
            for index in range(10):
                betas.prop(settings.body, "betas", index=index, text=f"Beta {index + 1}", slider=True)


CLASSES = (DOPPEL_PT_body,)
