# SPDX-License-Identifier: GPL-3.0-or-later
"""What to make."""

import bpy

from .common import DoppelPanel


class DOPPEL_PT_prompt(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_prompt"
    bl_label = "Prompt"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.doppel
        layout.prop(settings, "prompt", text="", icon="OUTLINER_OB_FONT")
        layout.prop(settings, "negative_prompt")
        row = layout.row(align=True)
        row.prop(settings, "seed")
        row.operator("doppel.random_seed", text="", icon="FILE_REFRESH")
        row.prop(settings, "lock_seed", text="", icon="LOCKED" if settings.lock_seed else "UNLOCKED")
        layout.prop(settings, "hypotheses")
        header, body = layout.panel("doppel_quality", default_closed=True)
        header.label(text="Quality")
        if body is not None:
            body.use_property_split = True
            for name in ("steps", "guidance_scale", "triangles", "texture_size"):
                body.prop(settings, name)


CLASSES = (DOPPEL_PT_prompt,)
