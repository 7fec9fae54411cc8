# SPDX-License-Identifier: GPL-3.0-or-later
"""What to make, and the button that makes it."""

import bpy

from ..operators.generate import worker_refusal
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
            for name in ("steps", "guidance_scale", "triangles", "texture_size"):
                body.prop(settings, name)
        row = layout.row()
        row.scale_y = 1.5
        row.operator("doppel.generate", icon="OUTLINER_OB_ARMATURE")
        reason = worker_refusal(context) if settings.prompt.strip() else "Describe the person first"
        if reason:
            draw_text(context, layout, reason, "INFO")


CLASSES = (DOPPEL_PT_prompt,)
