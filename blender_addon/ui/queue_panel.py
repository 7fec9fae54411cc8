# SPDX-License-Identifier: GPL-3.0-or-later
"""Making avatars: the button, and the jobs that are waiting or running."""

import bpy

from .. import session, thumbnails
from ..core.job_table import JobView
from .common import DoppelPanel, draw_error


class DOPPEL_PT_generate(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_generate"
    bl_label = "Generate"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        table = session.current().table
        row = layout.row()
        row.scale_y = 1.5
        row.operator("doppel.generate", icon="OUTLINER_OB_ARMATURE")
        for view in table.active():
            self._draw_job(layout, view)
        failure = table.last_failure()
        if failure is not None and failure.error is not None:
            draw_error(context, layout, failure.error)

    @staticmethod
    def _draw_job(layout: bpy.types.UILayout, view: JobView) -> None:
        box = layout.box()
        row = box.row()
        row.label(text=f"{view.prompt[:60]} ({view.seed})")
        row.operator("doppel.cancel_job", text="", icon="X").job = view.job
        picture = thumbnails.icon(view.job)
        if picture:
            box.template_icon(icon_value=picture, scale=8.0)
        box.progress(factor=view.fraction, text=view.text)


CLASSES = (DOPPEL_PT_generate,)
