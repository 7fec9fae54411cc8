# SPDX-License-Identifier: GPL-3.0-or-later
"""Avatars that are being made, that wait, and that failed."""

import bpy

from .. import session, thumbnails
from ..core.job_table import FIT, JobTable, JobView
from .common import DoppelPanel, draw_error
from .text import draw_text

_SHOWN = 4  # more than so many waiting jobs are only counted


class DOPPEL_PT_queue(DoppelPanel, bpy.types.Panel):
    bl_idname = "DOPPEL_PT_queue"
    bl_label = "Queue"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        current = session.current()
        table = current.table
        views = table.active()
        if not views and not table.failed():
            layout.label(text="Nothing is being made", icon="CHECKMARK")
            return
        if views:
            _draw_queue(layout, table)
            if current.state != "ready":
                draw_text(context, layout, "Waiting for the worker to be ready", "SORTTIME")
            for number, view in enumerate(views[:_SHOWN]):
                _draw_job(context, layout, view, large=number == 0)
            if len(views) > _SHOWN:
                layout.label(text=f"and {len(views) - _SHOWN} more", icon="BLANK1")
        for view in table.failed()[:_SHOWN]:
            _draw_failure(context, layout, view)


def _draw_queue(layout: bpy.types.UILayout, table: JobTable) -> None:
    """The first level: all that was asked for since the queue was last empty."""
    if len(table.batch) > 1:
        row = layout.row(align=True)
        row.progress(factor=table.fraction, text=f"{table.finished} of {len(table.batch)} done")
        row.operator("doppel.cancel_all", text="", icon="X")


def _draw_job(context: bpy.types.Context, layout: bpy.types.UILayout, view: JobView, large: bool) -> None:
    """The second level, the avatar, and the third, its present stage."""
    box = layout.box()
    row = box.row()
    row.label(text=view.title)
    row.operator("doppel.cancel_job", text="", icon="X").job = view.job
    picture = thumbnails.icon(view.job) if large else 0
    if picture:
        box.template_icon(icon_value=picture, scale=7.0)
    if view.state == "queued" and not view.cancelling:
        box.label(text=view.text, icon="SORTTIME")
        return
    if view.kind == FIT:  # one short stage
        box.label(text=f"{view.text}  {view.time_left}".rstrip(), icon="SORTTIME")
        return
    box.progress(factor=view.fraction, text=f"{view.fraction:.0%}  {view.time_left}".rstrip())
    box.progress(factor=view.detail, text=view.text)


def _draw_failure(context: bpy.types.Context, layout: bpy.types.UILayout, view: JobView) -> None:
    assert view.error is not None
    column = layout.column(align=True)
    column.label(text=view.title)
    box = draw_error(context, column, view.error)
    row = box.row(align=True)
    if view.request:
        row.operator("doppel.retry_job", icon="FILE_REFRESH").job = view.job
    row.operator("doppel.dismiss_job", icon="X").job = view.job


CLASSES = (DOPPEL_PT_queue,)
