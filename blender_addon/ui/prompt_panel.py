# SPDX-License-Identifier: GPL-3.0-or-later
"""What to make, and the button that makes it."""

import bpy

from ..operators.generate import DOPPEL_OT_generate
from ..operators.presets import DOPPEL_PT_request_presets
from .common import DoppelPanel
from .text import draw_text


class DOPPEL_PT_prompt(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_prompt"
    bl_label = "Prompt"
    bl_order = 1

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        DOPPEL_PT_request_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        row = layout.row(align=True)
        row.prop(settings, "prompt", text="", icon="OUTLINER_OB_FONT")
        row.operator_menu_enum("doppel.apply_style", "style", text="", icon="MATCLOTH")
        if settings.prompt:
            draw_text(context, layout, settings.prompt)  # the field shows only its beginning
        layout.prop(settings, "negative_prompt")
        row = layout.row(align=True)
        row.prop(settings, "seed")
        row.operator("doppel.random_seed", text="", icon="FILE_REFRESH")
        row.prop(settings, "lock_seed", text="", icon="LOCKED" if settings.lock_seed else "UNLOCKED")
        layout.prop(settings, "hypotheses")
        layout.row().prop(settings, "quality", expand=True)
        header, body = layout.panel("doppel_quality", default_closed=True)
        header.label(text="Details")
        if body is not None:
            body.use_property_split = True
            body.prop(settings, "steps")
            body.prop(settings, "guidance_scale")
            body.prop(settings, "topology")
            row = body.row()
            row.enabled = settings.topology == "FREE"
            row.prop(settings, "triangles")
            if settings.topology == "BODY":
                draw_text(context, body, "The body's own mesh has its own number of triangles.", "INFO")
            body.prop(settings, "texture_size")
            body.prop(settings, "rest")
        row = layout.row()
        row.scale_y = 1.5
        row.operator("doppel.generate", icon="OUTLINER_OB_ARMATURE")
        if settings.photo:
            draw_text(context, layout, "With the reference image below", "IMAGE_REFERENCE")
        reason = DOPPEL_OT_generate.refusal(context)
        if reason:
            draw_text(context, layout, reason, "INFO")


CLASSES = (DOPPEL_PT_prompt,)
